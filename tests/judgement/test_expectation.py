"""What a session is worth, measured by what was declared about its port."""

from dataclasses import replace

import pytest

from exporter.judgement.expectation import ExpectationName, Judgement, judge
from exporter.results import CertificateFault, CertificateVerdict, Findings, Outcome, Phase, ProbeResult
from exporter.targets import AuthRule, Expectation, PortState, Protocol, StarttlsRule, TlsMode
from tests.judgement.sessions import EXPIRED, ended, expectation, healthy, target


def judged(result: ProbeResult) -> Judgement:
    return judge(result, known_before=True)


def with_findings(result: ProbeResult, **changed: bool | None) -> ProbeResult:
    return replace(result, findings=replace(result.findings, **changed))  # type: ignore[arg-type]  # names vary by case


def without_starttls(expects: Expectation, *, cleartext_auth: bool = False) -> ProbeResult:
    """A finished session with a server that offered no STARTTLS."""
    result = healthy(target(expects=expects))
    findings = Findings(greeting_code=220, starttls_advertised=False, cleartext_auth=cleartext_auth)
    return replace(result, findings=findings, tls=None, certificates=(), verdict=None)


def test_a_session_that_shows_all_that_was_declared_is_a_success() -> None:
    assert judged(healthy(target())) == Judgement(
        Outcome.OK,
        True,
        (
            (ExpectationName.OPEN, True),
            (ExpectationName.STARTTLS, True),
            (ExpectationName.VALID_CERTIFICATE, True),
            (ExpectationName.AUTH_BEFORE_TLS, True),
        ),
    )


def test_nothing_is_judged_that_was_not_declared() -> None:
    nothing = expectation(PortState.ANY, StarttlsRule.OPTIONAL, False, AuthRule.ALLOWED)
    result = replace(with_findings(healthy(target(expects=nothing)), cleartext_auth=True), verdict=EXPIRED)
    assert judged(result) == Judgement(Outcome.OK, True)


def test_nothing_is_judged_that_is_not_known() -> None:
    result = ended(target(), Outcome.GREETING_TIMEOUT)
    assert judged(result).expectations == ((ExpectationName.OPEN, True),)


def test_an_unknown_port_state_is_not_judged() -> None:
    for state in PortState:
        result = ended(target(expects=expectation(state)), Outcome.DNS_ERROR)
        assert judged(result).expectations == ()


@pytest.mark.parametrize(
    ("rule", "advertised", "met"),
    [
        pytest.param(StarttlsRule.REQUIRED, True, True, id="required-and-offered"),
        pytest.param(StarttlsRule.REQUIRED, False, False, id="required-and-missing"),
        pytest.param(StarttlsRule.REQUIRED, None, None, id="required-and-not-asked"),
        pytest.param(StarttlsRule.FORBIDDEN, True, False, id="forbidden-and-offered"),
        pytest.param(StarttlsRule.FORBIDDEN, False, True, id="forbidden-and-missing"),
        pytest.param(StarttlsRule.FORBIDDEN, None, None, id="forbidden-and-not-asked"),
        pytest.param(StarttlsRule.OPTIONAL, True, None, id="optional-and-offered"),
        pytest.param(StarttlsRule.OPTIONAL, False, None, id="optional-and-missing"),
    ],
)
def test_starttls_is_judged_by_its_rule(rule: StarttlsRule, advertised: bool | None, met: bool | None) -> None:
    result = with_findings(healthy(target(expects=expectation(starttls=rule))), starttls_advertised=advertised)
    assert dict(judged(result).expectations).get(ExpectationName.STARTTLS) is met


@pytest.mark.parametrize("mode", [TlsMode.NONE, TlsMode.IMPLICIT], ids=str)
def test_starttls_is_judged_only_where_a_session_is_upgraded(mode: TlsMode) -> None:
    result = with_findings(healthy(target(tls=mode)), starttls_advertised=False)
    assert ExpectationName.STARTTLS not in dict(judged(result).expectations)
    assert judged(result).outcome is Outcome.OK


def test_a_missing_starttls_has_an_outcome_of_its_own() -> None:
    judgement = judged(without_starttls(expectation()))
    assert (judgement.outcome, judgement.success) == (Outcome.STARTTLS_MISSING, False)
    assert judgement.detail == "STARTTLS is not offered"


def test_a_missing_starttls_comes_before_everything_else_that_is_unmet() -> None:
    judgement = judged(without_starttls(expectation(), cleartext_auth=True))
    assert judgement.outcome is Outcome.STARTTLS_MISSING
    assert judgement.detail == "STARTTLS is not offered; passwords are accepted before TLS"


def test_a_forbidden_starttls_is_an_unmet_expectation() -> None:
    judgement = judged(healthy(target(expects=expectation(starttls=StarttlsRule.FORBIDDEN))))
    assert (judgement.outcome, judgement.success) == (Outcome.EXPECTATION_FAILED, False)
    assert judgement.detail == "STARTTLS is offered and forbidden"


def test_an_expired_certificate_fails_where_a_valid_one_is_declared() -> None:
    judgement = judged(replace(healthy(target()), verdict=EXPIRED))
    assert (judgement.outcome, judgement.success) == (Outcome.EXPECTATION_FAILED, False)
    assert dict(judgement.expectations)[ExpectationName.VALID_CERTIFICATE] is False
    assert judgement.detail == "the certificate is not valid: dates (expired)"


def test_all_faults_of_a_certificate_are_named_with_the_checks_that_they_fail() -> None:
    faults = (CertificateFault.EXPIRED, CertificateFault.NAME_MISMATCH)
    judgement = judged(replace(healthy(target()), verdict=CertificateVerdict(True, False, False, faults)))
    assert judgement.detail == "the certificate is not valid: name (name_mismatch), dates (expired)"


def test_an_expired_certificate_does_no_harm_where_none_is_declared() -> None:
    result = replace(healthy(target(expects=expectation(valid_certificate=False))), verdict=EXPIRED)
    assert judged(result).success is True
    assert ExpectationName.VALID_CERTIFICATE not in dict(judged(result).expectations)


@pytest.mark.parametrize("mode", [TlsMode.NONE, TlsMode.STARTTLS], ids=str)
def test_passwords_before_tls_fail_where_they_are_forbidden(mode: TlsMode) -> None:
    result = with_findings(healthy(target(tls=mode)), cleartext_auth=True)
    assert judged(result).outcome is Outcome.EXPECTATION_FAILED
    assert judged(result).detail == "passwords are accepted before TLS"
    allowed = expectation(auth_before_tls=AuthRule.ALLOWED)
    assert judged(with_findings(healthy(target(tls=mode, expects=allowed)), cleartext_auth=True)).success is True


def test_the_sessions_own_words_follow_what_is_unmet() -> None:
    result = replace(healthy(target()), verdict=EXPIRED, detail="closed without goodbye")
    assert judged(result).detail == "the certificate is not valid: dates (expired); closed without goodbye"


def test_a_fault_of_the_session_keeps_its_outcome_whatever_else_is_unmet() -> None:
    result = replace(without_starttls(expectation()), outcome=Outcome.REPLY_TIMEOUT, phase=Phase.CAPABILITIES)
    judgement = judged(replace(result, detail="no answer to EHLO within 10 s"))
    assert (judgement.outcome, judgement.success) == (Outcome.REPLY_TIMEOUT, False)
    assert judgement.detail == "no answer to EHLO within 10 s"
    assert dict(judgement.expectations)[ExpectationName.STARTTLS] is False


@pytest.mark.parametrize(
    "outcome", [Outcome.OK, Outcome.GREETING_TIMEOUT, Outcome.TLS_HANDSHAKE_FAILED, Outcome.INTERNAL_ERROR], ids=str
)
def test_a_port_that_should_be_closed_and_opened_is_unexpected_whatever_came_then(outcome: Outcome) -> None:
    result = replace(healthy(target(expects=expectation(PortState.CLOSED))), outcome=outcome, detail="then this")
    judgement = judged(result)
    assert (judgement.outcome, judgement.success) == (Outcome.UNEXPECTED_OPEN, False)
    assert dict(judgement.expectations)[ExpectationName.CLOSED] is False
    assert judgement.detail == "the port should be closed and is open; then this"


@pytest.mark.parametrize(
    "outcome",
    [
        Outcome.CONNECT_REFUSED,
        Outcome.CONNECT_TIMEOUT,
        Outcome.NETWORK_UNREACHABLE,
        Outcome.CONNECTION_RESET,
        Outcome.TOTAL_TIMEOUT,
    ],
    ids=str,
)
def test_whatever_keeps_a_closed_port_closed_is_a_success(outcome: Outcome) -> None:
    refused = ended(target(expects=expectation(PortState.CLOSED)), Outcome.CONNECT_REFUSED)
    judgement = judged(replace(refused, outcome=outcome, detail="refused"))
    assert judgement == Judgement(
        Outcome.CLOSED_AS_EXPECTED, True, ((ExpectationName.CLOSED, True),), detail="refused", phase=Phase.CONNECT
    )


@pytest.mark.parametrize(
    ("findings", "verdict", "phase"),
    [
        (Findings(starttls_advertised=False), None, Phase.CAPABILITIES),
        (Findings(starttls_advertised=True, cleartext_auth=True), None, Phase.CAPABILITIES),
        (Findings(starttls_advertised=True, cleartext_auth=False), EXPIRED, Phase.TLS),
    ],
    ids=["STARTTLS missing", "password before TLS", "expired certificate"],
)
def test_an_unmet_expectation_is_told_with_the_phase_that_showed_it(
    findings: Findings, verdict: CertificateVerdict | None, phase: Phase
) -> None:
    assert judged(replace(healthy(target()), findings=findings, verdict=verdict)).phase is phase


def test_an_unexpected_open_port_was_seen_when_it_was_connected_to() -> None:
    assert judged(healthy(target(expects=expectation(PortState.CLOSED)))).phase is Phase.CONNECT


def test_a_fault_of_the_exporter_says_nothing_about_the_server() -> None:
    for state in PortState:
        judgement = judged(ended(target(expects=expectation(state)), Outcome.INTERNAL_ERROR))
        assert (judgement.outcome, judgement.success, judgement.exists) == (Outcome.INTERNAL_ERROR, None, True)
        assert judgement.detail == "KeyError"


def test_the_names_of_expectations_are_label_values() -> None:
    assert [str(name) for name in ExpectationName] == [
        "open",
        "closed",
        "filtered",
        "greeting_code",
        "starttls",
        "valid_certificate",
        "auth_before_tls",
        "capabilities_must",
        "capabilities_must_not",
        "min_tls",
    ]


def test_a_required_family_that_has_an_address_is_judged_like_any_other() -> None:
    for outcome in (Outcome.OK, Outcome.CONNECT_REFUSED, Outcome.DNS_ERROR, Outcome.NO_ROUTE):
        result = ended(target(), outcome)
        required = replace(result, target=replace(result.target, family_required=True))
        assert judged(required) == judged(result)


def test_a_protocol_makes_no_difference() -> None:
    for protocol in Protocol:
        assert judged(healthy(target(protocol=protocol))).success is True
