"""What a result means: the session as it went, against what the administrator declared about the port.

Pure: a result goes in, a judgement comes out; no clock, no memory. It does not decide what is exposed (that is the
catalogue of `metrics`) and does not compare one port with another.

Three rules come before all others. A port that should not be open and let us in is an unexpected open port, whatever
its session was like. A fault of this program or of its machine says nothing about the server, so nothing is claimed:
success is unknown. And a family that has no address, or no way out of this machine, has no target, and so neither
succeeds nor fails; unless that family is required, whose lack of an address is the failure.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from exporter.results import Capability, CertificateFault, CertificateVerdict, Outcome, Phase, ProbeResult
from exporter.targets import AuthRule, CertificateChecks, PortState, StarttlsRule, TlsMode, TlsVersion


class ExpectationName(StrEnum):
    """What can be declared about a port; the values are label values."""

    OPEN = "open"
    CLOSED = "closed"
    FILTERED = "filtered"
    GREETING_CODE = "greeting_code"
    STARTTLS = "starttls"
    VALID_CERTIFICATE = "valid_certificate"
    AUTH_BEFORE_TLS = "auth_before_tls"
    CAPABILITIES_MUST = "capabilities_must"
    CAPABILITIES_MUST_NOT = "capabilities_must_not"
    MIN_TLS = "min_tls"


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a result is worth.

    outcome       the session's own, unless what should be decides otherwise
    success       everything declared was found; `None` where nothing was promised or nothing can be said
    expectations  met or not, of those that are declared and could be judged, in the order of their enumeration
    exists        the target has samples at all
    phase         where the outcome was decided; of unmet expectations, the phase that showed the first of them
    detail        free text for logs, the status page and `check`; names what is unmet, in the order of the session
    """

    outcome: Outcome
    success: bool | None
    expectations: tuple[tuple[ExpectationName, bool], ...] = ()
    exists: bool = True
    detail: str = ""
    phase: Phase = Phase.GOODBYE


@dataclass(frozen=True, slots=True)
class _Judged:
    """One declared expectation that the session came to.

    shown_in   the phase that showed whether it is met
    complaint  what to say where it is not; empty where the outcome of the session says it already
    outcome    what its being unmet is called
    """

    name: ExpectationName
    met: bool
    shown_in: Phase
    complaint: str = ""
    outcome: Outcome = Outcome.EXPECTATION_FAILED


@dataclass(frozen=True, slots=True)
class _Verdict:
    """The part of a judgement that weighs everything."""

    outcome: Outcome
    success: bool | None
    phase: Phase
    detail: str


DNS_FAILURES = frozenset({Outcome.DNS_NXDOMAIN, Outcome.DNS_ERROR, Outcome.DNS_NO_ADDRESS})

# Faults of this program and of its machine.
_OURS = frozenset({Outcome.INTERNAL_ERROR, Outcome.LOCAL_ERROR, Outcome.NO_ROUTE})

# Where the host itself said nothing: it was silent, or somebody on the way called it unreachable.
_UNANSWERED = frozenset({Outcome.CONNECT_TIMEOUT, Outcome.NETWORK_UNREACHABLE})

# What the dialog calls an SMTP greeting other than 220.
_OTHER_GREETINGS = frozenset(
    {Outcome.GREETING_REJECTED, Outcome.GREETING_REJECTED_TEMPORARILY, Outcome.GREETING_INVALID}
)

# The phases that show expectations, in the order of a session; with implicit TLS the handshake precedes the greeting.
_ORDER = (Phase.CONNECT, Phase.GREETING, Phase.CAPABILITIES, Phase.TLS, Phase.CAPABILITIES_TLS)
_IMPLICIT_ORDER = (Phase.CONNECT, Phase.TLS, Phase.GREETING, Phase.CAPABILITIES, Phase.CAPABILITIES_TLS)

# Which check of a certificate a fault belongs to: to the chain, unless it is of a name or of a date.
_OF_A_NAME = frozenset(
    {CertificateFault.NAME_MISMATCH, CertificateFault.NAME_ONLY_IN_COMMON_NAME, CertificateFault.NO_NAMES}
)
_OF_DATES = frozenset({CertificateFault.EXPIRED, CertificateFault.NOT_YET_VALID})
_OF_THE_CHAIN = frozenset(CertificateFault) - _OF_A_NAME - _OF_DATES
# In a malformed certificate no name can be read.
_OF_NO_NAME = _OF_A_NAME | {CertificateFault.MALFORMED}


def judge(result: ProbeResult, known_before: bool, *, host_known: bool = False) -> Judgement:
    """Judge one result by the expectation of its target.

    `known_before` says that the target once had an address, `host_known` that the host had one in any family. While a
    whole name fails, a target without either is reported only on the host's first family, and on one that is required.
    """
    judged = tuple(_judged(result))
    verdict = _verdict(result, judged)
    judgement = Judgement(
        outcome=verdict.outcome,
        success=verdict.success,
        expectations=tuple((one.name, one.met) for one in judged),
        exists=_exists(result, known_before=known_before, host_known=host_known),
        detail=verdict.detail,
        phase=verdict.phase,
    )
    return _common(judgement)


# Most targets are judged alike, and each keeps its judgement: all of them keep one. What has a detail of its own passes
# through; an entry is some 400 bytes.
@lru_cache(maxsize=1024)
def _common(judgement: Judgement) -> Judgement:
    return judgement


def holds(judgement: Judgement, last: ProbeResult, result: ProbeResult) -> bool:
    """Whether the `judgement` of the result `last` is also that of `result`, which is `beside` it.

    No judgement depends on a time. But whether a target exists while its name fails is a matter of what is known of its
    host by then, so that is judged anew.
    """
    return result.outcome not in DNS_FAILURES and result.repeats(last)


def _verdict(result: ProbeResult, judged: Sequence[_Judged]) -> _Verdict:
    state = result.target.expectation.state
    if state in (PortState.CLOSED, PortState.FILTERED) and result.port_open is True:
        detail = _joined(f"the port should be {state} and is open", result.detail)
        return _Verdict(Outcome.UNEXPECTED_OPEN, False, Phase.CONNECT, detail)
    if result.outcome in _OURS:
        return _Verdict(result.outcome, None, result.phase, result.detail)
    if result.port_open is False:
        return _verdict_unopened(result, judged)
    if result.outcome is Outcome.DNS_NO_ADDRESS and result.target.family_required:
        # Other hosts without such an address are well: say why this one is not.
        detail = _joined(f"an {result.target.ip_family} address is required", result.detail)
        return _Verdict(result.outcome, False, result.phase, detail)
    if result.outcome is not Outcome.OK and not _turned_away_as_declared(result):
        return _Verdict(result.outcome, False, result.phase, result.detail)
    return _first_unmet(result, judged) or _Verdict(Outcome.OK, True, result.phase, result.detail)


def _verdict_unopened(result: ProbeResult, judged: Sequence[_Judged]) -> _Verdict:
    """Of a port that could not be connected to."""
    state = result.target.expectation.state
    if state is PortState.OPEN:
        return _Verdict(result.outcome, False, result.phase, result.detail)
    if state is PortState.ANY:
        return _Verdict(result.outcome, None, result.phase, result.detail)
    # Silence that should be is told like any other closed port that should be: what it was is in the detail.
    as_declared = _Verdict(Outcome.CLOSED_AS_EXPECTED, True, result.phase, result.detail)
    return _first_unmet(result, judged) or as_declared


def _first_unmet(result: ProbeResult, judged: Sequence[_Judged]) -> _Verdict | None:
    """The verdict that the first unmet expectation of the session decides; `None` where all are met."""
    order = _IMPLICIT_ORDER if result.target.service.tls is TlsMode.IMPLICIT else _ORDER
    unmet = sorted((one for one in judged if not one.met), key=lambda one: order.index(one.shown_in))
    if not unmet:
        return None
    detail = _joined(*(one.complaint for one in unmet), result.detail)
    return _Verdict(unmet[0].outcome, False, unmet[0].shown_in, detail)


def _turned_away_as_declared(result: ProbeResult) -> bool:
    """The session ended with a greeting other than 220, and one that is declared to be well."""
    return (
        result.outcome in _OTHER_GREETINGS
        # A 421 in the place of a later reply has an outcome of this set as well.
        and result.phase is Phase.GREETING
        and result.findings.greeting_code in result.target.expectation.greeting_codes
    )


def _judged(result: ProbeResult) -> Iterator[_Judged]:
    """What is declared and known, in the order of the names; what the session did not come to is not judged."""
    yield from _reachability(result)
    yield from _greeting(result)
    yield from _starttls(result)
    yield from _certificate(result)
    # RFC 8314 §4.1: no passwords over a connection that is not encrypted.
    cleartext_auth, rule = result.findings.cleartext_auth, result.target.expectation.auth_before_tls
    if rule is AuthRule.FORBIDDEN and cleartext_auth is not None:
        complaint = "passwords are accepted before TLS"
        yield _Judged(ExpectationName.AUTH_BEFORE_TLS, not cleartext_auth, Phase.CAPABILITIES, complaint)
    yield from _capabilities(result)
    yield from _min_tls(result)


def _reachability(result: ProbeResult) -> Iterator[_Judged]:
    found = result.port_open
    if found is None:
        return
    match result.target.expectation.state:
        case PortState.OPEN:
            yield _Judged(ExpectationName.OPEN, found, Phase.CONNECT)
        case PortState.CLOSED:
            yield _Judged(ExpectationName.CLOSED, not found, Phase.CONNECT)
        case PortState.FILTERED:
            met = not found and result.outcome in _UNANSWERED
            complaint = "the port should be filtered and answers"
            yield _Judged(ExpectationName.FILTERED, met, Phase.CONNECT, complaint)


def _greeting(result: ProbeResult) -> Iterator[_Judged]:
    wanted, found = result.target.expectation.greeting_codes, result.findings.greeting_code
    if wanted and found is not None:
        complaint = f"greeted with {found} instead of {' or '.join(map(str, wanted))}"
        yield _Judged(ExpectationName.GREETING_CODE, found in wanted, Phase.GREETING, complaint)


def _starttls(result: ProbeResult) -> Iterator[_Judged]:
    name, rule = ExpectationName.STARTTLS, result.target.expectation.starttls
    offered = result.findings.starttls_advertised
    if result.target.service.tls is not TlsMode.STARTTLS or offered is None:
        return
    if rule is StarttlsRule.REQUIRED:
        yield _Judged(name, offered, Phase.CAPABILITIES, "STARTTLS is not offered", Outcome.STARTTLS_MISSING)
    if rule is StarttlsRule.FORBIDDEN:
        yield _Judged(name, not offered, Phase.CAPABILITIES, "STARTTLS is offered and forbidden")


def _certificate(result: ProbeResult) -> Iterator[_Judged]:
    expectation, verdict = result.target.expectation, result.verdict
    if expectation.valid_certificate and verdict is not None:
        failed = tuple(_failed_checks(verdict, expectation.certificate_checks))
        complaint = f"the certificate is not valid: {', '.join(failed)}"
        yield _Judged(ExpectationName.VALID_CERTIFICATE, not failed, Phase.TLS, complaint)


def _failed_checks(verdict: CertificateVerdict, wanted: CertificateChecks) -> Iterator[str]:
    """The checks that are wanted and do not hold, each with its reasons."""
    checks = (
        ("chain", wanted.chain, verdict.chain_valid, _OF_THE_CHAIN),
        ("name", wanted.name, verdict.name_valid, _OF_NO_NAME),
        ("dates", wanted.dates, verdict.dates_valid, _OF_DATES),
    )
    for name, is_wanted, holds, reasons in checks:
        if is_wanted and not holds:
            yield f"{name} ({', '.join(fault for fault in verdict.faults if fault in reasons)})"


def _capabilities(result: ProbeResult) -> Iterator[_Judged]:
    expectation, findings = result.target.expectation, result.findings
    offered, shown_in = findings.capabilities_tls, Phase.CAPABILITIES_TLS
    # A session that failed on its way into TLS has not come to the list that counts.
    if offered is None and result.outcome is Outcome.OK:
        offered, shown_in = findings.capabilities, Phase.CAPABILITIES
    if offered is None:
        return
    if expectation.capabilities_must:
        missing = [entry for entry in expectation.capabilities_must if not _offers(offered, entry)]
        complaint = f"not offered: {', '.join(missing)}"
        yield _Judged(ExpectationName.CAPABILITIES_MUST, not missing, shown_in, complaint)
    if expectation.capabilities_must_not:
        unwanted = [entry for entry in expectation.capabilities_must_not if _offers(offered, entry)]
        complaint = f"offered and unwanted: {', '.join(unwanted)}"
        yield _Judged(ExpectationName.CAPABILITIES_MUST_NOT, not unwanted, shown_in, complaint)


def _offers(offered: Sequence[Capability], entry: str) -> bool:
    """Whether `entry`, a name or a name and a parameter in upper case, is in the list."""
    name, _, parameter = entry.partition(" ")
    # RFC 5321 §4.1.1.1: keywords are compared without case. Parameters are here as well: those that are worth an
    # expectation, SASL mechanisms above all, are registered in upper case.
    return any(
        one.name == name and (not parameter or parameter in (word.upper() for word in one.parameters))
        for one in offered
    )


def _min_tls(result: ProbeResult) -> Iterator[_Judged]:
    oldest, negotiated = result.target.expectation.min_tls, result.tls
    versions = list(TlsVersion)
    # A version that this list does not know cannot be compared.
    if oldest is not None and negotiated is not None and negotiated.version in versions:
        found = TlsVersion(negotiated.version)
        complaint = f"{found} was negotiated, which is older than {oldest}"
        yield _Judged(ExpectationName.MIN_TLS, versions.index(found) >= versions.index(oldest), Phase.TLS, complaint)


def _exists(result: ProbeResult, *, known_before: bool, host_known: bool) -> bool:
    """Whether the target has samples: targets come from the configuration, families from DNS and from the routes."""
    if result.outcome is Outcome.NO_ROUTE:
        return False
    # A required family has its target whatever DNS says: it would else come and go with the ways in which DNS fails.
    if result.outcome not in DNS_FAILURES or result.target.family_required:
        return True
    if has_no_address(result):
        return False
    return known_before or (result.target.first_family and not host_known)


def has_no_address(result: ProbeResult) -> bool:
    """The host has addresses, and DNS says that none of them is of this family."""
    resolution = result.resolution
    return (
        result.outcome is Outcome.DNS_NO_ADDRESS
        and resolution is not None
        and resolution.outcome is Outcome.OK
        and result.target.ip_family not in resolution.failed
    )


def _joined(*parts: str) -> str:
    """The parts that say something."""
    return "; ".join(part for part in parts if part)
