"""What a result means: the session as it went, against what the administrator declared about the port.

Pure: a result goes in, a judgement comes out; no clock, no memory. It does not decide what is exposed (that is the
catalogue of `metrics`) and does not compare one port with another.

Three rules come before all others. A port that should be closed and let us in is an unexpected open port, whatever
its session was like. A fault of this program or of its machine says nothing about the server, so nothing is claimed:
success is unknown. And a family that has no address, or no way out of this machine, has no target, and so neither
succeeds nor fails.
"""

from dataclasses import dataclass
from enum import StrEnum

from exporter.results import Outcome, Phase, ProbeResult
from exporter.targets import AuthRule, PortState, StarttlsRule, TlsMode


class ExpectationName(StrEnum):
    """What can be declared about a port; the values are label values."""

    OPEN = "open"
    CLOSED = "closed"
    STARTTLS = "starttls"
    VALID_CERTIFICATE = "valid_certificate"
    AUTH_BEFORE_TLS = "auth_before_tls"


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a result is worth.

    outcome       the session's own, unless what should be decides otherwise
    success       everything declared was found; `None` where nothing was promised or nothing can be said
    expectations  met or not, of those that are declared and could be judged, in the order of their enumeration
    exists        the target has samples at all
    phase         where the outcome was decided; of an unmet expectation, the phase that showed it
    detail        free text for logs, the status page and `check`; names what is unmet
    """

    outcome: Outcome
    success: bool | None
    expectations: tuple[tuple[ExpectationName, bool], ...] = ()
    exists: bool = True
    detail: str = ""
    phase: Phase = Phase.GOODBYE


DNS_FAILURES = frozenset({Outcome.DNS_NXDOMAIN, Outcome.DNS_ERROR, Outcome.DNS_NO_ADDRESS})


def judge(result: ProbeResult, known_before: bool, *, host_known: bool = False) -> Judgement:
    """Judge one result by the expectation of its target.

    `known_before` says that the target once had an address, `host_known` that the host had one in any family. While a
    whole name fails, a target without either is reported only on the host's first family.
    """
    expectations = _expectations(result)
    outcome, success, detail = _verdict(result, expectations)
    exists = _exists(result, known_before=known_before, host_known=host_known)
    return Judgement(outcome, success, expectations, exists, detail, _phase(outcome, result, expectations))


def _verdict(
    result: ProbeResult, expectations: tuple[tuple[ExpectationName, bool], ...]
) -> tuple[Outcome, bool | None, str]:
    """Outcome, success and detail."""
    state = result.target.expectation.state
    if state is PortState.CLOSED and result.port_open is True:
        return Outcome.UNEXPECTED_OPEN, False, _joined("the port should be closed and is open", result.detail)
    if result.outcome in (Outcome.INTERNAL_ERROR, Outcome.LOCAL_ERROR, Outcome.NO_ROUTE):
        return result.outcome, None, result.detail
    if state is PortState.CLOSED and result.port_open is False:
        return Outcome.CLOSED_AS_EXPECTED, True, result.detail
    if state is PortState.ANY and result.port_open is False:
        return result.outcome, None, result.detail
    if result.outcome is not Outcome.OK:
        return result.outcome, False, result.detail
    unmet = tuple(name for name, met in expectations if not met)
    if not unmet:
        return Outcome.OK, True, result.detail
    outcome = Outcome.STARTTLS_MISSING if _starttls_missing(result) else Outcome.EXPECTATION_FAILED
    return outcome, False, _joined(*(_complaint(name, result) for name in unmet), result.detail)


# What shows whether an expectation is met, in a session that came to its end.
_SHOWN_IN = {
    ExpectationName.STARTTLS: Phase.CAPABILITIES,
    ExpectationName.AUTH_BEFORE_TLS: Phase.CAPABILITIES,
    ExpectationName.VALID_CERTIFICATE: Phase.TLS,
}


def _phase(outcome: Outcome, result: ProbeResult, expectations: tuple[tuple[ExpectationName, bool], ...]) -> Phase:
    if outcome is Outcome.UNEXPECTED_OPEN:
        return Phase.CONNECT
    if outcome in (Outcome.STARTTLS_MISSING, Outcome.EXPECTATION_FAILED):
        shown_in = (_SHOWN_IN[name] for name, met in expectations if not met and name in _SHOWN_IN)
        return next(shown_in, result.phase)
    return result.phase


def _expectations(result: ProbeResult) -> tuple[tuple[ExpectationName, bool], ...]:
    """What is declared and known, each met or not; a finding that the session did not come to is not judged."""
    expectation, findings = result.target.expectation, result.findings
    judged: list[tuple[ExpectationName, bool]] = []
    if expectation.state is PortState.OPEN and result.port_open is not None:
        judged.append((ExpectationName.OPEN, result.port_open))
    if expectation.state is PortState.CLOSED and result.port_open is not None:
        judged.append((ExpectationName.CLOSED, not result.port_open))
    advertised = findings.starttls_advertised
    if result.target.service.tls is TlsMode.STARTTLS and advertised is not None:
        if expectation.starttls is StarttlsRule.REQUIRED:
            judged.append((ExpectationName.STARTTLS, advertised))
        if expectation.starttls is StarttlsRule.FORBIDDEN:
            judged.append((ExpectationName.STARTTLS, not advertised))
    if expectation.valid_certificate and result.verdict is not None:
        judged.append((ExpectationName.VALID_CERTIFICATE, result.verdict.valid))
    # RFC 8314 §4.1: no passwords over a connection that is not encrypted.
    if expectation.auth_before_tls is AuthRule.FORBIDDEN and findings.cleartext_auth is not None:
        judged.append((ExpectationName.AUTH_BEFORE_TLS, not findings.cleartext_auth))
    return tuple(judged)


def _starttls_missing(result: ProbeResult) -> bool:
    """STARTTLS is required and not offered; one that is offered and forbidden is a mere unmet expectation."""
    return (
        result.target.service.tls is TlsMode.STARTTLS
        and result.target.expectation.starttls is StarttlsRule.REQUIRED
        and result.findings.starttls_advertised is False
    )


def _exists(result: ProbeResult, *, known_before: bool, host_known: bool) -> bool:
    """Whether the target has samples: targets come from the configuration, families from DNS and from the routes."""
    if result.outcome is Outcome.NO_ROUTE:
        return False
    if result.outcome not in DNS_FAILURES:
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


def _complaint(name: ExpectationName, result: ProbeResult) -> str:
    """One unmet expectation of a finished session in words."""
    if name is ExpectationName.STARTTLS:
        return "STARTTLS is not offered" if _starttls_missing(result) else "STARTTLS is offered and forbidden"
    if name is ExpectationName.AUTH_BEFORE_TLS:
        return "passwords are accepted before TLS"
    faults = result.verdict.faults if result.verdict is not None else ()
    return _joined("the certificate is not valid", ", ".join(faults), separator=": ")


def _joined(*parts: str, separator: str = "; ") -> str:
    """The parts that say something."""
    return separator.join(part for part in parts if part)
