"""How the status page says numbers, findings and foreign text: short, in plain words, and harmless.

`mailprobe check` takes the words for findings from here, so that both say the same.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Final

from markupsafe import Markup

from exporter.judgement.security import TlsFinding
from exporter.results import Outcome, Phase
from exporter.targets import IpFamily, Protocol, TlsMode, Variant

FAMILY: Final[Mapping[IpFamily, str]] = MappingProxyType({IpFamily.IPV4: "IPv4", IpFamily.IPV6: "IPv6"})

FINDING: Final[Mapping[TlsFinding, str]] = MappingProxyType(
    {
        TlsFinding.STARTTLS_LOST: "STARTTLS is no longer offered",
        TlsFinding.STARTTLS_MANGLED: "something on the way overwrites STARTTLS",
        TlsFinding.GREETING_MASKED: "something on the way masks the greeting",
        TlsFinding.STARTTLS_REFUSED: "STARTTLS is offered and refused",
        TlsFinding.STARTTLS_FAILED: "STARTTLS is offered and fails",
        TlsFinding.STARTTLS_PLAINTEXT_INJECTED: "unencrypted bytes come before the handshake",
        TlsFinding.STARTTLS_OFFERED_AGAIN: "STARTTLS is offered again inside TLS",
        TlsFinding.PREAUTHENTICATED: "a session without TLS begins logged in",
        TlsFinding.CLEARTEXT_AUTH: "passwords are accepted before TLS",
    }
)

# The reason of a state where there is no room for the detail; the label's value stands beside the detail elsewhere.
OUTCOME: Final[Mapping[Outcome, str]] = MappingProxyType(
    {
        Outcome.OK: "all as it should be",
        Outcome.CLOSED_AS_EXPECTED: "closed, as it should be",
        Outcome.UNEXPECTED_OPEN: "open, and should not be",
        Outcome.DNS_NXDOMAIN: "the name does not exist",
        Outcome.DNS_ERROR: "DNS does not answer",
        Outcome.DNS_NO_ADDRESS: "the name has no address",
        Outcome.NO_ROUTE: "no route from here",
        Outcome.LOCAL_ERROR: "a fault of this machine",
        Outcome.CONNECT_REFUSED: "connection refused",
        Outcome.CONNECT_TIMEOUT: "no answer to the connection",
        Outcome.NETWORK_UNREACHABLE: "network unreachable",
        Outcome.CONNECTION_RESET: "connection reset",
        Outcome.GREETING_TIMEOUT: "no greeting",
        Outcome.GREETING_REJECTED_TEMPORARILY: "turned away for now",
        Outcome.GREETING_REJECTED: "turned away",
        Outcome.GREETING_INVALID: "the greeting is none",
        Outcome.EHLO_REJECTED: "EHLO refused",
        Outcome.REPLY_TIMEOUT: "no reply",
        Outcome.STARTTLS_MISSING: "STARTTLS is not offered",
        Outcome.STARTTLS_REJECTED: "STARTTLS refused",
        Outcome.STARTTLS_PLAINTEXT_INJECTED: "unencrypted bytes before TLS",
        Outcome.TLS_ON_PLAIN_PORT: "TLS where none is expected",
        Outcome.PLAIN_ON_TLS_PORT: "no TLS where it is expected",
        Outcome.TLS_HANDSHAKE_FAILED: "TLS handshake failed",
        Outcome.TLS_TIMEOUT: "TLS handshake takes too long",
        Outcome.PROTOCOL_ERROR: "breaks the protocol",
        Outcome.REPLY_TOO_LONG: "the reply is too long",
        Outcome.CLOSED_EARLY: "hung up early",
        Outcome.EXPECTATION_FAILED: "not as expected",
        Outcome.TOTAL_TIMEOUT: "takes too long in all",
        Outcome.INTERNAL_ERROR: "a fault of mailprobe",
    }
)

PHASE: Final[Mapping[Phase, str]] = MappingProxyType(
    {
        Phase.RESOLVE: "name lookup",
        Phase.CONNECT: "connection",
        Phase.GREETING_FIRST_BYTE: "first byte of the greeting",
        Phase.GREETING: "greeting",
        Phase.CAPABILITIES: "capabilities",
        Phase.STARTTLS: "STARTTLS",
        Phase.TLS: "TLS handshake",
        Phase.CAPABILITIES_TLS: "capabilities inside TLS",
        Phase.GOODBYE: "goodbye",
    }
)

PROTOCOL: Final[Mapping[Protocol, str]] = MappingProxyType(
    {Protocol.SMTP: "SMTP", Protocol.IMAP: "IMAP", Protocol.POP3: "POP3", Protocol.SIEVE: "SIEVE"}
)

TLS: Final[Mapping[TlsMode, str]] = MappingProxyType(
    {TlsMode.NONE: "none", TlsMode.STARTTLS: "STARTTLS", TlsMode.IMPLICIT: "implicit"}
)

# Who makes such a handshake; `DEFAULT` is what the ordinary certificate is for.
CLIENTS: Final[Mapping[Variant, str]] = MappingProxyType(
    {
        Variant.DEFAULT: "most clients",
        Variant.NO_SNI: "clients without SNI",
        Variant.RSA: "RSA clients",
        Variant.ECDSA: "ECDSA clients",
    }
)

STALE: Final = "older than on other ports of the group"

# Longer than what a dialog keeps of a greeting (512 characters), so that only what nobody would read is lost.
_TEXT = 600

_MINUTE, _HOUR, _DAY = 60.0, 3600.0, 86400.0


@dataclass(frozen=True, slots=True)
class Moment:
    """A time ago, in words and exactly."""

    text: str
    instant: str


def visible(value: object) -> object:
    """Text with everything that prints as nothing, or moves what stands around it, written as an escape.

    Control characters, right-to-left overrides and lone surrogates would hide or turn around what a server said; the
    last could not even be sent. Escaping for HTML comes after this and is the template's.
    """
    if not isinstance(value, str) or isinstance(value, Markup):
        return value
    text = value if len(value) <= _TEXT else value[:_TEXT] + "…"
    if text.isprintable():
        return text
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape", "surrogatepass").decode() for char in text
    )


def span(seconds: float) -> str:
    """A length of time in its largest whole unit, rounded down; what has not begun yet is 0 s."""
    if seconds < _MINUTE:
        return f"{max(0, int(seconds))} s"
    if seconds < _HOUR:
        return f"{int(seconds // _MINUTE)} min"
    if seconds < 2 * _DAY:
        return f"{int(seconds // _HOUR)} h"
    return f"{int(seconds // _DAY)} days"


def latency(seconds: float) -> str:
    """A latency with as many digits as anybody compares."""
    if seconds < 0.0095:
        return f"{seconds * 1000:.1f} ms"
    return f"{seconds * 1000:.0f} ms" if seconds < 0.9995 else f"{seconds:.1f} s"


def instant(timestamp: float) -> str:
    """Unix seconds as ISO 8601 in UTC, for machines and for the tooltip of a relative time."""
    return datetime.fromtimestamp(timestamp, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def clock(timestamp: float) -> str:
    """Unix seconds as people write them, in UTC."""
    return datetime.fromtimestamp(timestamp, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def moment(timestamp: float | None, now: float) -> Moment | None:
    """How long before `now` it was; both in Unix seconds."""
    return None if timestamp is None else Moment(span(now - timestamp), instant(timestamp))
