"""What an administrator may declare beyond the defaults of a port: filtered ports, single checks of a certificate,
greeting codes, capabilities and the oldest version of TLS; and which of several unmet ones comes first.
"""

import pickle
from dataclasses import replace

import pytest

from exporter.judgement.expectation import ExpectationName, Judgement, judge
from exporter.results import (
    Capability,
    CertificateFault,
    CertificateVerdict,
    Findings,
    Outcome,
    Phase,
    ProbeResult,
    TlsFacts,
)
from exporter.targets import CertificateChecks, Expectation, IpFamily, PortState, Protocol, TlsMode, TlsVersion
from tests.judgement.sessions import EXPIRED, ONLY_IPV4, ended, expectation, healthy, target

FILTERED = target(expects=expectation(PortState.FILTERED))
ALL_FAULTS = CertificateVerdict(
    False,
    False,
    False,
    (CertificateFault.ISSUER_MISSING, CertificateFault.NAME_MISMATCH, CertificateFault.EXPIRED),
)
OFFERED = (Capability("PIPELINING"), Capability("AUTH", ("PLAIN", "Login")), Capability("SIZE", ("10240000",)))


def declaring(tls: TlsMode = TlsMode.STARTTLS, **declared: object) -> ProbeResult:
    """A healthy session on a port of which this is declared besides the usual."""
    expects = replace(expectation(), **declared)  # type: ignore[arg-type]  # the tests name fields of Expectation
    return healthy(target(tls=tls, expects=expects))


def judged(result: ProbeResult) -> Judgement:
    return judge(result, known_before=True)


def met(result: ProbeResult, name: ExpectationName) -> bool | None:
    """Whether this expectation is met; `None` where it was not judged."""
    return dict(judged(result).expectations).get(name)


def greeted(result: ProbeResult, code: int) -> ProbeResult:
    """The session of a dialog that was greeted with this code."""
    findings = Findings(greeting_code=code, greeting="hello")
    if code == 220:
        return replace(result, findings=replace(result.findings, greeting_code=code))
    outcome = {4: Outcome.GREETING_REJECTED_TEMPORARILY, 5: Outcome.GREETING_REJECTED}
    return replace(
        result,
        outcome=outcome.get(code // 100, Outcome.GREETING_INVALID),
        phase=Phase.GREETING,
        detail=f"greeted with <{code} hello>",
        findings=findings,
        tls=None,
        certificates=(),
        verdict=None,
    )


@pytest.mark.parametrize("outcome", [Outcome.CONNECT_TIMEOUT, Outcome.NETWORK_UNREACHABLE], ids=str)
def test_a_filtered_port_of_which_the_host_says_nothing_is_a_success(outcome: Outcome) -> None:
    assert judged(replace(ended(FILTERED, outcome), detail="as it was")) == Judgement(
        Outcome.CLOSED_AS_EXPECTED,
        True,
        ((ExpectationName.FILTERED, True),),
        detail="as it was",
        phase=Phase.CONNECT,
    )


@pytest.mark.parametrize("outcome", [Outcome.CONNECT_REFUSED, Outcome.CONNECTION_RESET], ids=str)
def test_a_filtered_port_that_answers_with_a_refusal_is_reachable(outcome: Outcome) -> None:
    refused = ended(FILTERED, Outcome.CONNECT_REFUSED)
    assert judged(replace(refused, outcome=outcome, detail="Connection refused")) == Judgement(
        Outcome.EXPECTATION_FAILED,
        False,
        ((ExpectationName.FILTERED, False),),
        detail="the port should be filtered and answers; Connection refused",
        phase=Phase.CONNECT,
    )


@pytest.mark.parametrize("outcome", [Outcome.OK, Outcome.GREETING_TIMEOUT, Outcome.NETWORK_UNREACHABLE], ids=str)
def test_a_filtered_port_that_opened_is_unexpected_whatever_came_then(outcome: Outcome) -> None:
    judgement = judged(replace(healthy(FILTERED), outcome=outcome, detail="then this"))
    assert (judgement.outcome, judgement.success, judgement.phase) == (Outcome.UNEXPECTED_OPEN, False, Phase.CONNECT)
    assert judgement.detail == "the port should be filtered and is open; then this"
    assert dict(judgement.expectations)[ExpectationName.FILTERED] is False


CHECKS = {
    "all": (CertificateChecks(), ALL_FAULTS, "chain (issuer_missing), name (name_mismatch), dates (expired)"),
    "only the chain": (CertificateChecks(name=False, dates=False), ALL_FAULTS, "chain (issuer_missing)"),
    "only the name": (CertificateChecks(chain=False, dates=False), ALL_FAULTS, "name (name_mismatch)"),
    "only the dates": (CertificateChecks(chain=False, name=False), ALL_FAULTS, "dates (expired)"),
    "all but the one that fails": (CertificateChecks(dates=False), EXPIRED, None),
    "a malformed one has no name": (
        CertificateChecks(),
        CertificateVerdict(True, False, True, (CertificateFault.MALFORMED,)),
        "name (malformed)",
    ),
}


@pytest.mark.parametrize("case", CHECKS)
def test_a_certificate_is_judged_by_the_checks_that_are_wanted(case: str) -> None:
    checks, verdict, failed = CHECKS[case]
    judgement = judged(replace(declaring(certificate_checks=checks), verdict=verdict))
    assert dict(judgement.expectations)[ExpectationName.VALID_CERTIFICATE] is (failed is None)
    assert judgement.detail == ("" if failed is None else f"the certificate is not valid: {failed}")


@pytest.mark.parametrize("fault", CertificateFault, ids=str)
def test_every_fault_of_a_certificate_belongs_to_a_check(fault: CertificateFault) -> None:
    verdict = CertificateVerdict(False, False, False, (fault,))
    assert f"({fault})" in judged(replace(healthy(target()), verdict=verdict)).detail


@pytest.mark.parametrize("code", [421, 521, 554, 354])
def test_a_greeting_that_is_declared_to_be_well_is_a_success_though_it_ends_the_session(code: int) -> None:
    judgement = judged(greeted(declaring(greeting_codes=(220, code)), code))
    assert (judgement.outcome, judgement.success, judgement.phase) == (Outcome.OK, True, Phase.GREETING)
    assert judgement.expectations == ((ExpectationName.OPEN, True), (ExpectationName.GREETING_CODE, True))
    assert judgement.detail == f"greeted with <{code} hello>"


@pytest.mark.parametrize("codes", [(), (220,), (220, 421)], ids=["nothing", "220", "220 and 421"])
def test_a_greeting_that_is_not_declared_to_be_well_fails_as_it_always_did(codes: tuple[int, ...]) -> None:
    result = greeted(declaring(greeting_codes=codes), 554)
    judgement = judged(result)
    assert (judgement.outcome, judgement.success) == (Outcome.GREETING_REJECTED, False)
    assert met(result, ExpectationName.GREETING_CODE) is (False if codes else None)


def test_a_server_that_should_refuse_and_lets_us_in_is_an_unmet_expectation_of_the_greeting() -> None:
    judgement = judged(greeted(declaring(greeting_codes=(521, 554)), 220))
    assert (judgement.outcome, judgement.success) == (Outcome.EXPECTATION_FAILED, False)
    assert (judgement.phase, judgement.detail) == (Phase.GREETING, "greeted with 220 instead of 521 or 554")


def test_the_usual_greeting_is_judged_only_where_it_is_declared() -> None:
    assert met(declaring(), ExpectationName.GREETING_CODE) is None
    assert met(declaring(greeting_codes=(220,)), ExpectationName.GREETING_CODE) is True


def test_a_421_after_the_greeting_is_no_greeting() -> None:
    result = declaring(greeting_codes=(220, 421))
    shut_down = replace(result, outcome=Outcome.GREETING_REJECTED_TEMPORARILY, phase=Phase.CAPABILITIES)
    assert judged(shut_down).outcome is Outcome.GREETING_REJECTED_TEMPORARILY


def test_a_greeting_without_a_code_is_not_judged() -> None:
    result = declaring(greeting_codes=(554,))
    garbled = replace(result, outcome=Outcome.GREETING_INVALID, phase=Phase.GREETING, findings=Findings())
    assert judged(garbled).outcome is Outcome.GREETING_INVALID
    assert met(garbled, ExpectationName.GREETING_CODE) is None


def test_an_expected_refusal_does_not_excuse_a_bad_certificate_that_was_seen_before_it() -> None:
    refused = greeted(declaring(TlsMode.IMPLICIT, greeting_codes=(554,)), 554)
    judgement = judged(replace(refused, verdict=EXPIRED))
    assert (judgement.outcome, judgement.phase) == (Outcome.EXPECTATION_FAILED, Phase.TLS)


MUST, MUST_NOT = ExpectationName.CAPABILITIES_MUST, ExpectationName.CAPABILITIES_MUST_NOT


@pytest.mark.parametrize(
    ("entry", "offered"),
    [
        pytest.param("PIPELINING", True, id="name"),
        pytest.param("AUTH", True, id="name-of-one-with-parameters"),
        pytest.param("AUTH PLAIN", True, id="parameter"),
        pytest.param("AUTH LOGIN", True, id="parameter-in-another-case"),
        pytest.param("AUTH GSSAPI", False, id="missing-parameter"),
        pytest.param("PIPELINING PLAIN", False, id="parameter-of-another"),
        pytest.param("PIPE", False, id="beginning-of-a-name"),
        pytest.param("CHUNKING", False, id="missing"),
    ],
)
def test_a_capability_is_found_by_its_name_or_by_a_parameter_as_well(entry: str, offered: bool) -> None:
    result = declaring(capabilities_must=(entry,))
    listed = replace(result, findings=replace(result.findings, capabilities_tls=OFFERED))
    assert met(listed, MUST) is offered
    unwanted = replace(listed, target=declaring(capabilities_must_not=(entry,)).target)
    assert met(unwanted, MUST_NOT) is not offered


LISTS = {
    "inside TLS where it is known": ((), OFFERED, Outcome.OK, True, Phase.CAPABILITIES_TLS),
    "never both": (OFFERED, (), Outcome.OK, False, Phase.CAPABILITIES_TLS),
    "before TLS where there is none": (OFFERED, None, Outcome.OK, True, Phase.CAPABILITIES),
    "nothing offered": ((), None, Outcome.OK, False, Phase.CAPABILITIES),
    "on the way into TLS": (OFFERED, None, Outcome.TLS_HANDSHAKE_FAILED, None, None),
    "not asked": (None, None, Outcome.GREETING_TIMEOUT, None, None),
}


@pytest.mark.parametrize("case", LISTS)
def test_the_list_that_counts_is_the_last_one(case: str) -> None:
    before, inside, outcome, found, phase = LISTS[case]
    result = declaring(capabilities_must=("PIPELINING",))
    findings = replace(result.findings, capabilities=before, capabilities_tls=inside)
    listed = replace(result, findings=findings, outcome=outcome)
    assert met(listed, MUST) is found
    if found is False:
        assert judged(listed).phase is phase


def test_what_is_missing_and_what_is_unwanted_is_named() -> None:
    result = declaring(
        capabilities_must=("DSN", "PIPELINING", "AUTH GSSAPI"), capabilities_must_not=("AUTH PLAIN", "CHUNKING", "SIZE")
    )
    judgement = judged(replace(result, findings=replace(result.findings, capabilities_tls=OFFERED)))
    assert (judgement.outcome, judgement.success) == (Outcome.EXPECTATION_FAILED, False)
    assert judgement.detail == "not offered: DSN, AUTH GSSAPI; offered and unwanted: AUTH PLAIN, SIZE"


@pytest.mark.parametrize(
    ("oldest", "negotiated", "expected"),
    [
        pytest.param(TlsVersion.TLS_1_2, "TLSv1.3", True, id="newer"),
        pytest.param(TlsVersion.TLS_1_2, "TLSv1.2", True, id="the-same"),
        pytest.param(TlsVersion.TLS_1_2, "TLSv1.1", False, id="older"),
        pytest.param(TlsVersion.TLS_1_1, "TLSv1", False, id="oldest"),
        pytest.param(TlsVersion.TLS_1_2, "TLSv1.7", None, id="one-that-nobody-knows"),
        pytest.param(TlsVersion.TLS_1_2, None, None, id="no-tls"),
        pytest.param(None, "TLSv1", None, id="not-declared"),
    ],
)
def test_the_version_of_tls_is_judged_where_one_was_negotiated(
    oldest: TlsVersion | None, negotiated: str | None, expected: bool | None
) -> None:
    result = declaring(min_tls=oldest)
    tls = None if negotiated is None else TlsFacts(negotiated, "any cipher")
    assert met(replace(result, tls=tls), ExpectationName.MIN_TLS) is expected


def test_an_old_version_of_tls_is_told_with_what_was_wanted() -> None:
    judgement = judged(replace(declaring(min_tls=TlsVersion.TLS_1_3), tls=TlsFacts("TLSv1.2", "any cipher")))
    assert (judgement.outcome, judgement.phase) == (Outcome.EXPECTATION_FAILED, Phase.TLS)
    assert judgement.detail == "TLSv1.2 was negotiated, which is older than TLSv1.3"


def test_a_required_family_without_an_address_is_told_with_the_reason_why_it_is_missed() -> None:
    without = ended(replace(target(family=IpFamily.IPV6), family_required=True), Outcome.DNS_NO_ADDRESS)
    told = replace(without, resolution=ONLY_IPV4, detail="mail.example.org has no AAAA record")
    assert judged(told) == Judgement(
        Outcome.DNS_NO_ADDRESS,
        False,
        detail="an ipv6 address is required; mail.example.org has no AAAA record",
        phase=Phase.RESOLVE,
    )
    not_required = replace(told, target=target(family=IpFamily.IPV6))
    assert judged(not_required).detail == "mail.example.org has no AAAA record"


EVERYTHING_WRONG: dict[str, object] = {
    "greeting_codes": (554,),
    "min_tls": TlsVersion.TLS_1_3,
    "capabilities_must": ("DSN",),
}
# What is mended, and so no longer unmet, before each judgement: the first one left decides.
IN_ORDER: dict[TlsMode, tuple[tuple[ExpectationName, Outcome, Phase], ...]] = {
    TlsMode.STARTTLS: (
        (ExpectationName.GREETING_CODE, Outcome.EXPECTATION_FAILED, Phase.GREETING),
        (ExpectationName.STARTTLS, Outcome.STARTTLS_MISSING, Phase.CAPABILITIES),
        (ExpectationName.AUTH_BEFORE_TLS, Outcome.EXPECTATION_FAILED, Phase.CAPABILITIES),
        (ExpectationName.MIN_TLS, Outcome.EXPECTATION_FAILED, Phase.TLS),
        (ExpectationName.CAPABILITIES_MUST, Outcome.EXPECTATION_FAILED, Phase.CAPABILITIES_TLS),
    ),
    TlsMode.IMPLICIT: (
        (ExpectationName.MIN_TLS, Outcome.EXPECTATION_FAILED, Phase.TLS),
        (ExpectationName.GREETING_CODE, Outcome.EXPECTATION_FAILED, Phase.GREETING),
        (ExpectationName.CAPABILITIES_MUST, Outcome.EXPECTATION_FAILED, Phase.CAPABILITIES_TLS),
    ),
}


def mended(result: ProbeResult, name: ExpectationName) -> ProbeResult:
    """The same session with one thing less that is unmet."""
    findings, expects = result.findings, result.target.expectation
    match name:
        case ExpectationName.STARTTLS:
            return replace(result, findings=replace(findings, starttls_advertised=True))
        case ExpectationName.AUTH_BEFORE_TLS:
            return replace(result, findings=replace(findings, cleartext_auth=False))
        case ExpectationName.GREETING_CODE:
            expects = replace(expects, greeting_codes=(220,))
        case ExpectationName.MIN_TLS:
            expects = replace(expects, min_tls=None)
    return replace(result, target=replace(result.target, expectation=expects))


@pytest.mark.parametrize("mode", IN_ORDER, ids=str)
def test_the_first_unmet_expectation_of_the_session_decides_outcome_and_phase(mode: TlsMode) -> None:
    result = replace(declaring(mode, **EVERYTHING_WRONG), tls=TlsFacts("TLSv1.2", "any cipher"))
    upgraded = mode is TlsMode.STARTTLS
    findings = replace(
        result.findings,
        starttls_advertised=False if upgraded else None,
        cleartext_auth=True if upgraded else None,
    )
    result = replace(result, findings=findings)
    for name, outcome, phase in IN_ORDER[mode]:
        judgement = judged(result)
        assert met(result, name) is False
        assert (judgement.outcome, judgement.phase) == (outcome, phase), name
        result = mended(result, name)


def test_expectations_come_in_the_order_of_their_names() -> None:
    result = declaring(
        greeting_codes=(220,), capabilities_must=("DSN",), capabilities_must_not=("SIZE",), min_tls=TlsVersion.TLS_1_2
    )
    names = [name for name, _ in judged(result).expectations]
    assert names == sorted(names, key=list(ExpectationName).index)
    assert set(ExpectationName) - set(names) == {ExpectationName.CLOSED, ExpectationName.FILTERED}


@pytest.mark.parametrize("protocol", Protocol, ids=str)
def test_nothing_more_is_judged_by_default_than_the_four_usual_expectations(protocol: Protocol) -> None:
    assert len(judged(healthy(target(protocol=protocol))).expectations) == 4


def test_an_expectation_can_be_hashed_and_can_cross_a_process_border() -> None:
    expects: Expectation = replace(
        expectation(),
        certificate_checks=CertificateChecks(dates=False),
        greeting_codes=(554,),
        capabilities_must=("AUTH PLAIN",),
        capabilities_must_not=("VRFY",),
        min_tls=TlsVersion.TLS_1_2,
    )
    assert pickle.loads(pickle.dumps(expects)) == expects
    assert hash(pickle.loads(pickle.dumps(expects))) == hash(expects)
