"""Whose greeting a line is: what to say to somebody who configured the wrong protocol or port.

Guesses for people, from the first line alone. Nothing is decided on them.
"""

# Compared with a line that ends in a space, so that a word must be whole.
_OPENINGS = (
    (b"* OK ", "IMAP"),
    (b"* PREAUTH ", "IMAP"),
    (b"* BYE ", "IMAP"),
    (b"+OK ", "POP3"),
    (b"-ERR ", "POP3"),
    (b'"IMPLEMENTATION" ', "ManageSieve"),
    (b"HTTP/", "HTTP"),
    (b"SSH-", "SSH"),
    (b"220 ", "SMTP or FTP"),
    (b"220-", "SMTP or FTP"),
    (b"421 ", "SMTP or FTP"),
    (b"554 ", "SMTP"),
)


def speaker(line: bytes) -> str | None:
    """The protocol that greets like this, or `None`."""
    opening = line[:32].upper() + b" "
    return next((name for start, name in _OPENINGS if opening.startswith(start)), None)
