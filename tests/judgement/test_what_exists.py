"""The table "What exists", by outcome and by what the port should be, and the rules for families without an address."""

from dataclasses import replace

import pytest

from exporter.judgement.expectation import ExpectationName, judge
from exporter.results import Outcome, Phase, ProbeResult, Resolution
from exporter.targets import IpFamily, PortState, Target
from tests.judgement.sessions import BOTH_FAMILIES, ONLY_IPV4, ONLY_IPV6, STARTED, ended, expectation, target

# The outcome as exposed, and success.
Cell = tuple[Outcome, bool | None]
# For `open`, `closed`, `filtered` and `any`.
Row = tuple[Cell, Cell, Cell, Cell]


def session_fault(outcome: Outcome) -> Row:
    """It was connected, and then something went wrong."""
    return (outcome, False), (Outcome.UNEXPECTED_OPEN, False), (Outcome.UNEXPECTED_OPEN, False), (outcome, False)


def refused(outcome: Outcome) -> Row:
    """The host said that nothing is there, so it was reached."""
    return (outcome, False), (Outcome.CLOSED_AS_EXPECTED, True), (Outcome.EXPECTATION_FAILED, False), (outcome, None)


def unanswered(outcome: Outcome) -> Row:
    """The host itself said nothing."""
    return (outcome, False), (Outcome.CLOSED_AS_EXPECTED, True), (Outcome.CLOSED_AS_EXPECTED, True), (outcome, None)


def no_answer(outcome: Outcome) -> Row:
    """DNS left it open whether the port is."""
    return (outcome, False), (outcome, False), (outcome, False), (outcome, False)


def unknown(outcome: Outcome) -> Row:
    return (outcome, None), (outcome, None), (outcome, None), (outcome, None)


# The outcomes that a probe never yields are not here: see `NEVER_FROM_A_PROBE`.
TABLE: dict[Outcome, Row] = {
    Outcome.OK: (
        (Outcome.OK, True),
        (Outcome.UNEXPECTED_OPEN, False),
        (Outcome.UNEXPECTED_OPEN, False),
        (Outcome.OK, True),
    ),
    Outcome.DNS_NXDOMAIN: no_answer(Outcome.DNS_NXDOMAIN),
    Outcome.DNS_ERROR: no_answer(Outcome.DNS_ERROR),
    Outcome.DNS_NO_ADDRESS: no_answer(Outcome.DNS_NO_ADDRESS),
    Outcome.NO_ROUTE: unknown(Outcome.NO_ROUTE),
    Outcome.LOCAL_ERROR: unknown(Outcome.LOCAL_ERROR),
    Outcome.CONNECT_REFUSED: refused(Outcome.CONNECT_REFUSED),
    Outcome.CONNECT_TIMEOUT: unanswered(Outcome.CONNECT_TIMEOUT),
    Outcome.NETWORK_UNREACHABLE: unanswered(Outcome.NETWORK_UNREACHABLE),
    Outcome.CONNECTION_RESET: session_fault(Outcome.CONNECTION_RESET),
    Outcome.GREETING_TIMEOUT: session_fault(Outcome.GREETING_TIMEOUT),
    Outcome.GREETING_REJECTED_TEMPORARILY: session_fault(Outcome.GREETING_REJECTED_TEMPORARILY),
    Outcome.GREETING_REJECTED: session_fault(Outcome.GREETING_REJECTED),
    Outcome.GREETING_INVALID: session_fault(Outcome.GREETING_INVALID),
    Outcome.EHLO_REJECTED: session_fault(Outcome.EHLO_REJECTED),
    Outcome.REPLY_TIMEOUT: session_fault(Outcome.REPLY_TIMEOUT),
    Outcome.STARTTLS_REJECTED: session_fault(Outcome.STARTTLS_REJECTED),
    Outcome.STARTTLS_PLAINTEXT_INJECTED: session_fault(Outcome.STARTTLS_PLAINTEXT_INJECTED),
    Outcome.TLS_ON_PLAIN_PORT: session_fault(Outcome.TLS_ON_PLAIN_PORT),
    Outcome.PLAIN_ON_TLS_PORT: session_fault(Outcome.PLAIN_ON_TLS_PORT),
    Outcome.TLS_HANDSHAKE_FAILED: session_fault(Outcome.TLS_HANDSHAKE_FAILED),
    Outcome.TLS_TIMEOUT: session_fault(Outcome.TLS_TIMEOUT),
    Outcome.PROTOCOL_ERROR: session_fault(Outcome.PROTOCOL_ERROR),
    Outcome.REPLY_TOO_LONG: session_fault(Outcome.REPLY_TOO_LONG),
    Outcome.CLOSED_EARLY: session_fault(Outcome.CLOSED_EARLY),
    Outcome.TOTAL_TIMEOUT: session_fault(Outcome.TOTAL_TIMEOUT),
    Outcome.INTERNAL_ERROR: unknown(Outcome.INTERNAL_ERROR),
}
NEVER_FROM_A_PROBE = {
    Outcome.CLOSED_AS_EXPECTED,
    Outcome.UNEXPECTED_OPEN,
    Outcome.STARTTLS_MISSING,
    Outcome.EXPECTATION_FAILED,
}


def test_every_outcome_has_its_row() -> None:
    assert TABLE.keys() | NEVER_FROM_A_PROBE == set(Outcome)
    assert not TABLE.keys() & NEVER_FROM_A_PROBE


@pytest.mark.parametrize("state", PortState, ids=str)
@pytest.mark.parametrize("outcome", TABLE, ids=str)
def test_outcome_and_success_follow_the_table(outcome: Outcome, state: PortState) -> None:
    expected = dict(zip(PortState, TABLE[outcome], strict=True))[state]
    judgement = judge(ended(target(expects=expectation(state)), outcome), known_before=True)
    assert (judgement.outcome, judgement.success) == expected
    assert judgement.exists is (outcome is not Outcome.NO_ROUTE)


@pytest.mark.parametrize("outcome", TABLE, ids=str)
def test_an_open_port_is_judged_exactly_where_it_is_known(outcome: Outcome) -> None:
    result = ended(target(), outcome)
    met = dict(judge(result, known_before=True).expectations).get(ExpectationName.OPEN)
    assert met is result.port_open


@pytest.mark.parametrize("state", PortState, ids=str)
@pytest.mark.parametrize("outcome", TABLE, ids=str)
def test_outcome_and_success_follow_the_same_table_where_the_family_is_required(
    outcome: Outcome, state: PortState
) -> None:
    expected = dict(zip(PortState, TABLE[outcome], strict=True))[state]
    required = replace(target(expects=expectation(state)), family_required=True)
    judgement = judge(ended(required, outcome), known_before=False)
    assert (judgement.outcome, judgement.success) == expected
    assert judgement.exists is (outcome is not Outcome.NO_ROUTE)


def test_a_timeout_before_any_connection_is_a_failure_without_a_port_state() -> None:
    for state in PortState:
        timeout = ProbeResult(target(expects=expectation(state)), STARTED, 60.0, Outcome.TOTAL_TIMEOUT, Phase.RESOLVE)
        judgement = judge(timeout, known_before=False)
        assert (judgement.outcome, judgement.success, judgement.exists) == (Outcome.TOTAL_TIMEOUT, False, True)
        assert judgement.expectations == ()


def unresolved(of: Target, outcome: Outcome, resolution: Resolution | None) -> ProbeResult:
    return ProbeResult(of, STARTED, 0.1, outcome, Phase.RESOLVE, resolution=resolution)


V4, V6 = target(), target(family=IpFamily.IPV6)
REQUIRED_V4, REQUIRED_V6 = replace(V4, family_required=True), replace(V6, family_required=True)
NXDOMAIN = Resolution(Outcome.DNS_NXDOMAIN, (), (), 0.1)
FAILED = Resolution(Outcome.DNS_ERROR, (), (), 5.0, failed=(IpFamily.IPV4, IpFamily.IPV6))
EMPTY = Resolution(Outcome.DNS_NO_ADDRESS, (), (), 0.1)
IPV6_FAILED = replace(ONLY_IPV4, failed=(IpFamily.IPV6,))


@pytest.mark.parametrize(
    ("result", "known_before", "host_known", "exists"),
    [
        pytest.param(
            unresolved(V6, Outcome.DNS_NO_ADDRESS, ONLY_IPV4), False, True, False, id="family-without-address"
        ),
        pytest.param(
            unresolved(V6, Outcome.DNS_NO_ADDRESS, ONLY_IPV4), True, True, False, id="family-lost-its-address"
        ),
        pytest.param(unresolved(V4, Outcome.DNS_NO_ADDRESS, ONLY_IPV6), True, True, False, id="first-family-lost-it"),
        pytest.param(
            unresolved(V6, Outcome.DNS_ERROR, IPV6_FAILED), False, True, False, id="family-failed-never-known"
        ),
        pytest.param(unresolved(V6, Outcome.DNS_ERROR, IPV6_FAILED), True, True, True, id="family-failed-known"),
        pytest.param(
            unresolved(V6, Outcome.DNS_NO_ADDRESS, IPV6_FAILED), True, True, True, id="family-failed-as-empty"
        ),
        pytest.param(unresolved(V4, Outcome.DNS_NXDOMAIN, NXDOMAIN), False, False, True, id="nxdomain-first-family"),
        pytest.param(unresolved(V6, Outcome.DNS_NXDOMAIN, NXDOMAIN), False, False, False, id="nxdomain-other-family"),
        pytest.param(unresolved(V6, Outcome.DNS_NXDOMAIN, NXDOMAIN), True, True, True, id="nxdomain-known-before"),
        pytest.param(unresolved(V4, Outcome.DNS_ERROR, FAILED), False, False, True, id="error-first-family"),
        pytest.param(unresolved(V6, Outcome.DNS_ERROR, FAILED), False, False, False, id="error-other-family"),
        pytest.param(unresolved(V6, Outcome.DNS_ERROR, FAILED), True, True, True, id="error-known-before"),
        pytest.param(unresolved(V4, Outcome.DNS_ERROR, FAILED), False, True, False, id="error-only-other-family-known"),
        pytest.param(unresolved(V4, Outcome.DNS_NO_ADDRESS, EMPTY), False, False, True, id="no-address-first-family"),
        pytest.param(unresolved(V6, Outcome.DNS_NO_ADDRESS, EMPTY), False, False, False, id="no-address-other-family"),
        pytest.param(unresolved(V6, Outcome.DNS_NO_ADDRESS, EMPTY), True, True, True, id="no-address-known-before"),
        pytest.param(unresolved(V4, Outcome.DNS_ERROR, None), False, False, True, id="error-without-resolution"),
        pytest.param(unresolved(V6, Outcome.DNS_NO_ADDRESS, None), False, False, False, id="empty-without-resolution"),
        pytest.param(unresolved(V4, Outcome.NO_ROUTE, BOTH_FAMILIES), True, True, False, id="no-route"),
        pytest.param(unresolved(V6, Outcome.TOTAL_TIMEOUT, None), False, False, True, id="timeout"),
    ],
)
def test_a_target_exists_as_dns_and_the_routes_have_it(
    result: ProbeResult, known_before: bool, host_known: bool, exists: bool
) -> None:
    assert judge(result, known_before, host_known=host_known).exists is exists


@pytest.mark.parametrize("known_before", [False, True], ids=["never-known", "known-before"])
@pytest.mark.parametrize(
    ("result", "exists"),
    [
        pytest.param(unresolved(REQUIRED_V6, Outcome.DNS_NO_ADDRESS, ONLY_IPV4), True, id="family-without-address"),
        pytest.param(unresolved(REQUIRED_V4, Outcome.DNS_NO_ADDRESS, ONLY_IPV6), True, id="first-family-without"),
        pytest.param(unresolved(REQUIRED_V6, Outcome.DNS_NO_ADDRESS, EMPTY), True, id="no-address-at-all"),
        pytest.param(unresolved(REQUIRED_V6, Outcome.DNS_ERROR, IPV6_FAILED), True, id="family-failed"),
        pytest.param(unresolved(REQUIRED_V6, Outcome.DNS_ERROR, FAILED), True, id="error"),
        pytest.param(unresolved(REQUIRED_V6, Outcome.DNS_NXDOMAIN, NXDOMAIN), True, id="nxdomain"),
        pytest.param(unresolved(REQUIRED_V6, Outcome.NO_ROUTE, BOTH_FAMILIES), False, id="no-route"),
    ],
)
def test_a_required_family_has_its_target_whatever_dns_says(
    result: ProbeResult, known_before: bool, exists: bool
) -> None:
    assert judge(result, known_before, host_known=True).exists is exists


@pytest.mark.parametrize("state", PortState, ids=str)
def test_a_required_family_without_an_address_fails_and_nothing_is_said_about_the_port(state: PortState) -> None:
    required = replace(target(family=IpFamily.IPV6, expects=expectation(state)), family_required=True)
    result = unresolved(required, Outcome.DNS_NO_ADDRESS, ONLY_IPV4)
    judgement = judge(result, known_before=False, host_known=True)
    assert (judgement.outcome, judgement.success, judgement.exists) == (Outcome.DNS_NO_ADDRESS, False, True)
    assert (judgement.phase, judgement.expectations, result.port_open) == (Phase.RESOLVE, (), None)
