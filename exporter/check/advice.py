"""Which port and security a person should enter in a mail client, and why.

RFC 8314 §3 prefers implicit TLS for sending and for reading, and STARTTLS where there is none; §3.3 names 465 for
submission. That 465 is outdated, as many articles say, was true of an older use of the number. Port 2525 stands in
no standard: it is for networks that block 587. Port 25 is for servers among themselves (RFC 6409 §3.1). Only what
was probed is judged, never whether a password would work.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from exporter.check.verdict import Checked
from exporter.targets import Protocol, TlsMode


class Purpose(StrEnum):
    """What a person wants of a mail client."""

    SENDING = "sending"
    READING = "reading"


@dataclass(frozen=True, slots=True)
class Setting:
    """What to enter: `security` in the words of most clients, `reason` for the choice."""

    purpose: Purpose
    host: str
    port: int
    protocol: Protocol
    security: str
    reason: str


# In the order of preference; the security follows from the mode.
_SENDING = ((465, TlsMode.IMPLICIT), (587, TlsMode.STARTTLS), (2525, TlsMode.STARTTLS))
_IMAP = ((993, TlsMode.IMPLICIT), (143, TlsMode.STARTTLS))
_POP3 = ((995, TlsMode.IMPLICIT), (110, TlsMode.STARTTLS))

CLIENT_PORTS = frozenset(port for port, _ in (*_SENDING, *_IMAP, *_POP3))

_SECURITY = {TlsMode.IMPLICIT: "SSL/TLS", TlsMode.STARTTLS: "STARTTLS"}


def advise(host: str, checked: Sequence[Checked]) -> tuple[Setting, ...]:
    """The best setting for each purpose that `host` serves well; nothing for one that it does not."""
    own = [item for item in checked if item.result.target.host == host]
    return tuple(_settings(own))


def _settings(checked: Sequence[Checked]) -> Iterator[Setting]:
    # IMAP leaves mail on the server, so it comes before POP3 for reading.
    for purpose, ports in ((Purpose.SENDING, _SENDING), (Purpose.READING, _IMAP), (Purpose.READING, _POP3)):
        for place, (port, tls) in enumerate(ports):
            at_port = [item for item in checked if item.result.target.service.port == port]
            if not at_port or not all(_usable(item, tls) for item in at_port):
                continue
            first = ports[0][0]
            service = at_port[0].result.target.service
            yield Setting(
                purpose,
                at_port[0].result.target.host,
                port,
                service.protocol,
                _SECURITY[tls],
                _reason(port, first, place, _answers(checked, 587)),
            )
            break


def _usable(checked: Checked, tls: TlsMode) -> bool:
    """A client that checks the certificate, as all do, gets through to the login, encrypted."""
    result = checked.result
    return (
        result.target.service.tls is tls
        and result.tls is not None
        and result.findings.capabilities_tls is not None
        and result.verdict is not None
        and result.verdict.valid
    )


def _answers(checked: Sequence[Checked], port: int) -> bool:
    return any(item.result.port_open is True for item in checked if item.result.target.service.port == port)


def _reason(port: int, first: int, place: int, submission_answers: bool) -> str:
    if place == 0:
        return "encrypted from the first byte, which RFC 8314 §3 prefers"
    if port == 2525:
        why = "587 answers, but not as it should" if submission_answers else "587 is closed"
        return f"in no standard and only the way round a blocked 587; here {why}"
    return f"implicit TLS on {first} would be better (RFC 8314 §3), but it cannot be used here"
