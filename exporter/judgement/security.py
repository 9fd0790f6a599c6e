"""What is wrong with the way into TLS: STARTTLS lost, rewritten or broken, and what is said in the clear without it.

RFC 3207 §6 names the attack that all of this is about: whoever sits between two servers overwrites the offer, and both
go on in the clear as if there had never been one. The same section has a client remember that there was; that is
`StarttlsMemory`, which lives as long as the process does. Some middleboxes do the same by default and leave traces.

Pure: results in, findings out. Whether the port meets what was declared about it is decided in `expectation`, and a
certificate that does not hold is no matter of this module.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from exporter.results import Findings, Outcome, Phase, ProbeResult
from exporter.targets import AuthRule, Protocol, StarttlsRule, Target, TlsMode


class TlsFinding(StrEnum):
    """What can be found; the values are label values, and the list is closed.

    STARTTLS_LOST                not offered any more, and was by this target since the start of the exporter
    STARTTLS_MANGLED             not offered, but a keyword of its length is, overwritten with X
    GREETING_MASKED              a greeting of asterisks: a device on the way rewrites the session
    STARTTLS_REFUSED             offered, and refused when asked for (SMTP's 454, for instance)
    STARTTLS_FAILED              offered, and then neither refused nor brought to an end
    STARTTLS_PLAINTEXT_INJECTED  bytes in the clear where the handshake should have begun
    STARTTLS_OFFERED_AGAIN       offered inside TLS
    PREAUTHENTICATED             IMAP's PREAUTH in a session that is not encrypted, and can no longer become so
    CLEARTEXT_AUTH               passwords are taken before TLS, where that was not allowed
    """

    STARTTLS_LOST = "starttls_lost"
    STARTTLS_MANGLED = "starttls_mangled"
    GREETING_MASKED = "greeting_masked"
    STARTTLS_REFUSED = "starttls_refused"
    STARTTLS_FAILED = "starttls_failed"
    STARTTLS_PLAINTEXT_INJECTED = "starttls_plaintext_injected"
    STARTTLS_OFFERED_AGAIN = "starttls_offered_again"
    PREAUTHENTICATED = "preauthenticated"
    CLEARTEXT_AUTH = "cleartext_auth"


class Severity(StrEnum):
    """How much a finding matters by itself; what the users of the port notice is told by its success."""

    CRITICAL = "critical"
    WARNING = "warning"
    INFO = "info"


SEVERITY: Final[Mapping[TlsFinding, Severity]] = MappingProxyType(
    {
        # On port 25 TLS is opportunistic: senders go on in the clear, all mail still arrives, and nobody notices.
        TlsFinding.STARTTLS_LOST: Severity.CRITICAL,
        # Somebody rewrites the session, but perhaps beside the monitor and not beside the server; an offer that other
        # senders miss as well is also lost.
        TlsFinding.STARTTLS_MANGLED: Severity.WARNING,
        # Hides the software's name and harms nobody: such a device may let STARTTLS pass.
        TlsFinding.GREETING_MASKED: Severity.INFO,
        # On submission and retrieval, where TLS is needed, the probe fails and is alerted on as such. On port 25
        # senders try later or go on in the clear.
        TlsFinding.STARTTLS_REFUSED: Severity.WARNING,
        TlsFinding.STARTTLS_FAILED: Severity.WARNING,
        # No honest server does it; a client that falls for it takes an attacker's words for the server's.
        TlsFinding.STARTTLS_PLAINTEXT_INJECTED: Severity.CRITICAL,
        # Against the standards, but a client that is inside TLS already has no use for it.
        TlsFinding.STARTTLS_OFFERED_AGAIN: Severity.INFO,
        # Whoever connects is inside a mailbox, in the clear; or an attacker keeps clients out of TLS.
        TlsFinding.PREAUTHENTICATED: Severity.CRITICAL,
        # Nothing is revealed before a client is careless enough to use it.
        TlsFinding.CLEARTEXT_AUTH: Severity.WARNING,
    }
)

_KEYWORD: Final = "STARTTLS"

# Cisco's inspection writes asterisks over every character of a greeting that is none of 2, 0 and space, so that the
# code survives.
_MASKED_GREETING = re.compile(r"[*20 ]+")

# How a session ends that was on its way into TLS and did not get there. A refusal in good form and bytes in the clear
# are findings of their own. A total limit that ran out, or a network that went away, says nothing about TLS.
_BROKEN = frozenset(
    {
        Outcome.CLOSED_EARLY,
        Outcome.CONNECTION_RESET,
        Outcome.PROTOCOL_ERROR,
        Outcome.REPLY_TIMEOUT,
        Outcome.REPLY_TOO_LONG,
        Outcome.TLS_TIMEOUT,
    }
)


@dataclass(frozen=True, slots=True)
class StarttlsMemory:
    """What is remembered of the offers of one target.

    last_offered  Unix seconds of the newest probe that saw STARTTLS offered; `None`: never seen
    lost_since    Unix seconds of the first probe that missed it afterwards; `None`: it is not missed
    """

    last_offered: float | None = None
    lost_since: float | None = None

    def after(self, result: ProbeResult) -> "StarttlsMemory":
        """The memory with this result in it; a session that was not told of offers changes nothing."""
        offered = _offered(result)
        if offered is None:
            return self
        if offered:
            return StarttlsMemory(last_offered=result.started)
        if self.last_offered is None or not _is_wanted(result.target):
            return replace(self, lost_since=None)
        return self if self.lost_since is not None else replace(self, lost_since=result.started)

    def under(self, target: Target) -> "StarttlsMemory":
        """The memory when the configuration says `target` from now on: what nobody misses any more is not lost."""
        return self if _is_wanted(target) else replace(self, lost_since=None)


def tls_findings(result: ProbeResult, memory: StarttlsMemory) -> tuple[TlsFinding, ...]:
    """Everything that `result` shows, in the order of the enumeration; empty where nothing was found.

    `memory` must have `result` in it already (`StarttlsMemory.after`).
    """
    return tuple(_found(result, memory))


def _found(result: ProbeResult, memory: StarttlsMemory) -> Iterator[TlsFinding]:
    findings, target = result.findings, result.target
    missed = _offered(result) is False and _is_wanted(target)
    clear = target.service.tls is not TlsMode.IMPLICIT
    if missed and memory.lost_since is not None:
        yield TlsFinding.STARTTLS_LOST
    if missed and target.service.protocol is Protocol.SMTP and _has_mangled_keyword(findings):
        yield TlsFinding.STARTTLS_MANGLED
    if clear and target.service.protocol is Protocol.SMTP and _is_masked(findings.greeting or ""):
        yield TlsFinding.GREETING_MASKED
    if result.outcome is Outcome.STARTTLS_REJECTED:
        yield TlsFinding.STARTTLS_REFUSED
    if target.service.tls is TlsMode.STARTTLS and _failed(result):
        yield TlsFinding.STARTTLS_FAILED
    if result.outcome is Outcome.STARTTLS_PLAINTEXT_INJECTED:
        yield TlsFinding.STARTTLS_PLAINTEXT_INJECTED
    # RFC 3207 §4.2, RFC 9051 §6.2.1, RFC 2595 §4, RFC 5804 §2.2: not inside TLS.
    if findings.starttls_offered_again:
        yield TlsFinding.STARTTLS_OFFERED_AGAIN
    # RFC 9051 §7.1.4: only where the connection is protected otherwise, as one with implicit TLS is.
    if clear and findings.preauthenticated:
        yield TlsFinding.PREAUTHENTICATED
    # RFC 8314 §4.1: no passwords over a connection that is not encrypted.
    if findings.cleartext_auth and target.expectation.auth_before_tls is not AuthRule.ALLOWED:
        yield TlsFinding.CLEARTEXT_AUTH


def _offered(result: ProbeResult) -> bool | None:
    """Whether STARTTLS was offered; `None` where the session did not get to hear of it."""
    # RFC 9051 §6.2.1: STARTTLS belongs to the state before authentication. After PREAUTH its absence says nothing.
    return None if result.findings.preauthenticated else result.findings.starttls_advertised


def _is_wanted(target: Target) -> bool:
    """Whether anybody could miss the offer: the port is upgraded where it can be, and may be."""
    return target.service.tls is TlsMode.STARTTLS and target.expectation.starttls is not StarttlsRule.FORBIDDEN


def _failed(result: ProbeResult) -> bool:
    """The session ended between the request for TLS and what the server says first inside it."""
    # RFC 8446 §4.4: with TLS 1.3 a server's refusal may only be heard when the client's own handshake is over.
    if result.outcome is Outcome.TLS_HANDSHAKE_FAILED:
        return True
    return result.phase in (Phase.STARTTLS, Phase.TLS) and result.outcome in _BROKEN


def _has_mangled_keyword(findings: Findings) -> bool:
    return any(_is_mangled(offered.name) for offered in findings.capabilities or ())


def _is_mangled(name: str) -> bool:
    """A keyword as long as STARTTLS, overwritten with X whole, but for its end, or but for a letter that numbers it.

    Packets are rewritten in place, so the length stays. Cisco's inspection writes XXXXXXXA for the first keyword that
    it does not let pass, and XXXB for a second one of four letters: a longer or shorter one was never STARTTLS.
    """
    rest = name.lstrip("X")
    return len(name) == len(_KEYWORD) and (len(rest) == 1 or _KEYWORD.endswith(rest))


def _is_masked(greeting: str) -> bool:
    """Mostly asterisks, and for the rest only what Cisco's inspection leaves standing."""
    # Nearly no greeting has any.
    return (
        "*" in greeting and _MASKED_GREETING.fullmatch(greeting) is not None and greeting.count("*") * 2 > len(greeting)
    )
