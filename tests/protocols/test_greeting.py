"""Whose greeting a line is."""

import pytest

from exporter.protocols.greeting import speaker


@pytest.mark.parametrize(
    ("line", "protocol"),
    [
        (b"220 mx.example.org ESMTP", "SMTP or FTP"),
        (b"220-mx.example.org ESMTP", "SMTP or FTP"),
        (b"220", "SMTP or FTP"),
        (b"421 busy", "SMTP or FTP"),
        (b"554 no", "SMTP"),
        (b"* OK ready", "IMAP"),
        (b"* preauth", "IMAP"),
        (b"* BYE", "IMAP"),
        (b"+OK", "POP3"),
        (b"-ERR [SYS/TEMP] no", "POP3"),
        (b'"Implementation" "x"', "ManageSieve"),
        (b"HTTP/1.0 400 Bad Request", "HTTP"),
        (b"SSH-2.0-dropbear", "SSH"),
        (b"", None),
        (b"2200", None),
        (b"+OKAY", None),
        (b"* OKAY", None),
        (b"hello 220 ", None),
        (b"\x16\x03\x01", None),
    ],
)
def test_a_first_line_gives_a_protocol_away(line: bytes, protocol: str | None) -> None:
    assert speaker(line) == protocol
