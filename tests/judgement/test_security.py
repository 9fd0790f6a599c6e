"""What a session shows about the way into TLS, and what is remembered of it from one session to the next."""

from dataclasses import replace

import pytest

from exporter.judgement.security import SEVERITY, Severity, StarttlsMemory, TlsFinding, tls_findings
from exporter.results import Capability, Findings, Outcome, Phase, ProbeResult
from exporter.targets import AuthRule, PortState, Protocol, StarttlsRule, Target, TlsMode
from tests.judgement.sessions import STARTED, ended, expectation, healthy, target

OFFERED = (Capability("SIZE"), Capability("STARTTLS"))
NOT_OFFERED = (Capability("SIZE"),)
NEVER = StarttlsMemory()


def offering(of: Target, at: float = STARTED) -> ProbeResult:
    """A session in which STARTTLS was offered."""
    return replace(healthy(of, at), findings=Findings(capabilities=OFFERED, starttls_advertised=True))


def missing(of: Target, at: float = STARTED, *listed: str, greeting: str = "mail.example.org ESMTP") -> ProbeResult:
    """A session in which it was not; `listed` was offered as well."""
    found = Findings(
        greeting_code=220,
        greeting=greeting,
        capabilities=(*NOT_OFFERED, *(Capability(name) for name in listed)),
        starttls_advertised=False,
        cleartext_auth=False,
    )
    return replace(healthy(of, at), findings=found, tls=None, certificates=(), verdict=None)


def alone(result: ProbeResult) -> tuple[TlsFinding, ...]:
    """What a first session shows, of which nothing was known before."""
    return tls_findings(result, NEVER.after(result))


def broken(outcome: Outcome, phase: Phase, of: Target) -> ProbeResult:
    """A session that was offered STARTTLS and ended so."""
    return replace(offering(of), outcome=outcome, phase=phase, tls=None, certificates=(), verdict=None)


def remembered(*results: ProbeResult) -> StarttlsMemory:
    memory = NEVER
    for result in results:
        memory = memory.after(result)
    return memory


STARTTLS = target()
FORBIDDEN = target(expects=expectation(starttls=StarttlsRule.FORBIDDEN))
UNUSED = target(tls=TlsMode.NONE)
IMPLICIT = target(port=465, tls=TlsMode.IMPLICIT)
IMAP = target(port=143, protocol=Protocol.IMAP)
IMAPS = target(port=993, protocol=Protocol.IMAP, tls=TlsMode.IMPLICIT)


@pytest.mark.parametrize("of", [STARTTLS, IMPLICIT, UNUSED, IMAP, IMAPS], ids=lambda of: str(of.service.port))
def test_a_healthy_session_shows_nothing(of: Target) -> None:
    assert alone(healthy(of)) == ()


def test_starttls_that_was_never_offered_is_missing_and_not_lost() -> None:
    result = missing(STARTTLS)
    assert NEVER.after(result) == NEVER
    assert alone(result) == ()


def test_starttls_is_lost_since_the_first_probe_that_missed_it() -> None:
    memory = remembered(offering(STARTTLS, 100.0), missing(STARTTLS, 200.0))
    assert memory == StarttlsMemory(last_offered=100.0, lost_since=200.0)
    later = missing(STARTTLS, 300.0)
    assert memory.after(later) == memory
    assert tls_findings(later, memory.after(later)) == (TlsFinding.STARTTLS_LOST,)


def test_starttls_that_is_offered_again_is_not_lost_any_more_and_can_be_lost_anew() -> None:
    lost = (offering(STARTTLS, 100.0), missing(STARTTLS, 200.0))
    back = offering(STARTTLS, 300.0)
    assert remembered(*lost, back) == StarttlsMemory(last_offered=300.0)
    assert tls_findings(back, remembered(*lost, back)) == ()
    assert remembered(*lost, back, missing(STARTTLS, 400.0)).lost_since == 400.0


@pytest.mark.parametrize(
    "outcome", [Outcome.DNS_ERROR, Outcome.CONNECT_TIMEOUT, Outcome.GREETING_TIMEOUT, Outcome.INTERNAL_ERROR], ids=str
)
def test_a_session_that_was_not_told_neither_reports_a_loss_nor_forgets_it(outcome: Outcome) -> None:
    memory = remembered(offering(STARTTLS, 100.0), missing(STARTTLS, 200.0))
    untold = ended(STARTTLS, outcome, 300.0)
    assert memory.after(untold) == memory
    assert tls_findings(untold, memory.after(untold)) == ()
    assert remembered(offering(STARTTLS, 100.0), untold) == StarttlsMemory(last_offered=100.0)


@pytest.mark.parametrize("of", [FORBIDDEN, UNUSED], ids=["forbidden", "never used"])
def test_nobody_misses_an_offer_that_should_not_be_made_or_is_not_used(of: Target) -> None:
    result = missing(of, 200.0, "XXXXXXXA")
    memory = remembered(offering(of, 100.0), result)
    assert memory == StarttlsMemory(last_offered=100.0)
    assert tls_findings(result, memory) == ()


def test_forbidding_what_was_lost_ends_the_loss() -> None:
    memory = remembered(offering(STARTTLS, 100.0), missing(STARTTLS, 200.0), missing(FORBIDDEN, 300.0))
    assert memory.lost_since is None


def test_a_loss_ends_when_the_configuration_forbids_the_offer_and_not_when_it_says_the_same() -> None:
    memory = remembered(offering(STARTTLS, 100.0), missing(STARTTLS, 200.0))
    assert memory.under(STARTTLS) == memory
    assert memory.under(FORBIDDEN) == StarttlsMemory(last_offered=100.0)


def test_an_offer_that_may_be_made_or_not_is_lost_all_the_same() -> None:
    of = target(expects=expectation(starttls=StarttlsRule.OPTIONAL))
    result = missing(of, 200.0)
    assert tls_findings(result, remembered(offering(of, 100.0), result)) == (TlsFinding.STARTTLS_LOST,)


@pytest.mark.parametrize(
    "name", ["XXXXXXXX", "XXXXXXXA", "XXXXXXXB", "XXXXXXLS", "XXXXXTLS", "XTARTTLS"], ids=lambda name: name
)
def test_a_keyword_of_the_same_length_that_is_overwritten_is_mangled(name: str) -> None:
    assert alone(missing(STARTTLS, STARTED, name)) == (TlsFinding.STARTTLS_MANGLED,)


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("XXXB", id="a shorter one, which was DSN or ETRN"),
        pytest.param("XXXXXXXXXXXXXXXXXC", id="a longer one, which was ENHANCEDSTATUSCODES"),
        pytest.param("CHUNKING", id="another word of that length"),
        pytest.param("XSTARTTLS", id="with a letter before it"),
        pytest.param("XCLIENTX", id="a private extension of that length"),
        pytest.param("XFORWARD", id="Postfix' XFORWARD"),
        pytest.param("STARTTLX", id="overwritten at its end"),
    ],
)
def test_a_keyword_that_was_something_else_is_not_mangled(name: str) -> None:
    assert alone(missing(STARTTLS, STARTED, name)) == ()


def test_a_mangled_keyword_beside_the_offer_was_another_one() -> None:
    result = offering(STARTTLS)
    listed = (*OFFERED, Capability("XXXXXXXA"))
    assert alone(replace(result, findings=replace(result.findings, capabilities=listed))) == ()


def test_only_smtp_is_rewritten_with_x() -> None:
    assert alone(missing(IMAP, STARTED, "XXXXXXXX")) == ()


def test_what_was_lost_may_be_mangled_as_well() -> None:
    result = missing(STARTTLS, 200.0, "XXXXXXXA", greeting="*" * 20)
    assert tls_findings(result, remembered(offering(STARTTLS, 100.0), result)) == (
        TlsFinding.STARTTLS_LOST,
        TlsFinding.STARTTLS_MANGLED,
        TlsFinding.GREETING_MASKED,
    )


@pytest.mark.parametrize(
    ("greeting", "masked"),
    [
        pytest.param("****************0*******", True, id="with a zero"),
        pytest.param("*" * 40, True, id="whole"),
        pytest.param("********** ***** 02 **0**20", True, id="with spaces and more digits"),
        pytest.param("mail.example.org ESMTP", False, id="ordinary"),
        pytest.param("mail.example.org *** no spam ***", False, id="decorated"),
        pytest.param("*" * 20 + " ESMTP", False, id="a word behind it"),
        pytest.param("*" * 20 + "1", False, id="another digit"),
        pytest.param("2020 0220 *", False, id="more digits than asterisks"),
        pytest.param("", False, id="empty"),
        pytest.param(None, False, id="unknown"),
    ],
)
def test_a_greeting_of_asterisks_is_masked(greeting: str | None, masked: bool) -> None:
    result = offering(STARTTLS)
    result = replace(result, findings=replace(result.findings, greeting=greeting))
    assert alone(result) == ((TlsFinding.GREETING_MASKED,) if masked else ())


@pytest.mark.parametrize(
    ("of", "expected"),
    [
        pytest.param(UNUSED, (TlsFinding.GREETING_MASKED,), id="without TLS"),
        pytest.param(IMPLICIT, (), id="implicit TLS: nobody on the way could do it"),
        pytest.param(IMAP, (), id="IMAP: no such device is known"),
    ],
)
def test_only_smtp_in_the_clear_is_masked(of: Target, expected: tuple[TlsFinding, ...]) -> None:
    result = healthy(of)
    assert alone(replace(result, findings=replace(result.findings, greeting="*" * 30))) == expected


@pytest.mark.parametrize(
    ("outcome", "phase", "finding"),
    [
        (Outcome.STARTTLS_REJECTED, Phase.STARTTLS, TlsFinding.STARTTLS_REFUSED),
        (Outcome.STARTTLS_PLAINTEXT_INJECTED, Phase.STARTTLS, TlsFinding.STARTTLS_PLAINTEXT_INJECTED),
        (Outcome.STARTTLS_PLAINTEXT_INJECTED, Phase.TLS, TlsFinding.STARTTLS_PLAINTEXT_INJECTED),
        (Outcome.REPLY_TIMEOUT, Phase.STARTTLS, TlsFinding.STARTTLS_FAILED),
        (Outcome.CLOSED_EARLY, Phase.STARTTLS, TlsFinding.STARTTLS_FAILED),
        (Outcome.CONNECTION_RESET, Phase.STARTTLS, TlsFinding.STARTTLS_FAILED),
        (Outcome.PROTOCOL_ERROR, Phase.STARTTLS, TlsFinding.STARTTLS_FAILED),
        (Outcome.REPLY_TOO_LONG, Phase.STARTTLS, TlsFinding.STARTTLS_FAILED),
        (Outcome.TLS_HANDSHAKE_FAILED, Phase.TLS, TlsFinding.STARTTLS_FAILED),
        (Outcome.TLS_HANDSHAKE_FAILED, Phase.CAPABILITIES_TLS, TlsFinding.STARTTLS_FAILED),
        (Outcome.TLS_TIMEOUT, Phase.TLS, TlsFinding.STARTTLS_FAILED),
        (Outcome.CLOSED_EARLY, Phase.TLS, TlsFinding.STARTTLS_FAILED),
        (Outcome.CONNECTION_RESET, Phase.TLS, TlsFinding.STARTTLS_FAILED),
        (Outcome.CLOSED_EARLY, Phase.CAPABILITIES, None),
        (Outcome.REPLY_TIMEOUT, Phase.CAPABILITIES, None),
        (Outcome.CLOSED_EARLY, Phase.CAPABILITIES_TLS, None),
        (Outcome.PROTOCOL_ERROR, Phase.CAPABILITIES_TLS, None),
        (Outcome.GREETING_REJECTED_TEMPORARILY, Phase.STARTTLS, None),
        (Outcome.TOTAL_TIMEOUT, Phase.TLS, None),
        (Outcome.NETWORK_UNREACHABLE, Phase.TLS, None),
        (Outcome.INTERNAL_ERROR, Phase.TLS, None),
    ],
    ids=str,
)
def test_where_a_session_ended_tells_what_became_of_its_starttls(
    outcome: Outcome, phase: Phase, finding: TlsFinding | None
) -> None:
    assert alone(broken(outcome, phase, STARTTLS)) == (() if finding is None else (finding,))


@pytest.mark.parametrize(
    "outcome",
    [Outcome.TLS_HANDSHAKE_FAILED, Outcome.TLS_TIMEOUT, Outcome.CLOSED_EARLY, Outcome.PLAIN_ON_TLS_PORT],
    ids=str,
)
def test_a_failed_handshake_without_starttls_is_no_failed_starttls(outcome: Outcome) -> None:
    result = replace(ended(IMPLICIT, Outcome.CLOSED_EARLY), outcome=outcome, phase=Phase.TLS)
    assert alone(result) == ()


@pytest.mark.parametrize("of", [STARTTLS, IMPLICIT], ids=["starttls", "implicit"])
def test_an_offer_inside_tls_is_one_too_many(of: Target) -> None:
    result = healthy(of)
    again = replace(result, findings=replace(result.findings, starttls_offered_again=True))
    assert alone(again) == (TlsFinding.STARTTLS_OFFERED_AGAIN,)


@pytest.mark.parametrize(
    ("tls", "expected"),
    [
        (TlsMode.STARTTLS, (TlsFinding.PREAUTHENTICATED,)),
        (TlsMode.NONE, (TlsFinding.PREAUTHENTICATED,)),
        # A client certificate, or a tunnel's end, may have told the server who comes.
        (TlsMode.IMPLICIT, ()),
    ],
    ids=str,
)
def test_preauth_is_found_where_nothing_is_encrypted(tls: TlsMode, expected: tuple[TlsFinding, ...]) -> None:
    of = target(port=143, protocol=Protocol.IMAP, tls=tls)
    assert alone(replace(healthy(of), findings=Findings(preauthenticated=True))) == expected


def test_preauth_says_nothing_about_starttls() -> None:
    preauth = replace(missing(IMAP, 200.0), findings=Findings(preauthenticated=True, starttls_advertised=False))
    memory = remembered(offering(IMAP, 100.0), preauth)
    assert memory == StarttlsMemory(last_offered=100.0)
    assert tls_findings(preauth, memory) == (TlsFinding.PREAUTHENTICATED,)


@pytest.mark.parametrize(
    ("accepted", "rule", "found"),
    [
        (True, AuthRule.FORBIDDEN, True),
        (True, AuthRule.ALLOWED, False),
        (False, AuthRule.FORBIDDEN, False),
        (None, AuthRule.FORBIDDEN, False),
    ],
)
def test_passwords_before_tls_are_found_unless_they_are_allowed(
    accepted: bool | None, rule: AuthRule, found: bool
) -> None:
    result = healthy(target(expects=expectation(auth_before_tls=rule)))
    result = replace(result, findings=replace(result.findings, cleartext_auth=accepted))
    assert alone(result) == ((TlsFinding.CLEARTEXT_AUTH,) if found else ())


@pytest.mark.parametrize("state", PortState, ids=str)
def test_findings_do_not_depend_on_the_state_in_which_the_port_should_be(state: PortState) -> None:
    result = healthy(target(expects=expectation(state=state)))
    result = replace(result, findings=replace(result.findings, cleartext_auth=True))
    assert alone(result) == (TlsFinding.CLEARTEXT_AUTH,)


def test_findings_come_in_the_order_of_their_enumeration() -> None:
    of = IMAP
    found = Findings(
        capabilities=NOT_OFFERED, starttls_offered_again=True, preauthenticated=True, cleartext_auth=True, greeting=""
    )
    result = replace(healthy(of), outcome=Outcome.STARTTLS_REJECTED, phase=Phase.STARTTLS, findings=found)
    assert alone(result) == (
        TlsFinding.STARTTLS_REFUSED,
        TlsFinding.STARTTLS_OFFERED_AGAIN,
        TlsFinding.PREAUTHENTICATED,
        TlsFinding.CLEARTEXT_AUTH,
    )


def test_every_finding_has_a_severity() -> None:
    assert set(SEVERITY) == set(TlsFinding)
    assert set(SEVERITY.values()) == set(Severity)


@pytest.mark.parametrize(
    "finding",
    [TlsFinding.STARTTLS_LOST, TlsFinding.STARTTLS_PLAINTEXT_INJECTED, TlsFinding.PREAUTHENTICATED],
    ids=str,
)
def test_what_nobody_would_notice_while_mail_flows_is_critical(finding: TlsFinding) -> None:
    assert SEVERITY[finding] is Severity.CRITICAL
