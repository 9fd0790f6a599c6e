"""What is exposed after each kind of result, and what is not: absent is never zero."""

from dataclasses import replace

import pytest

from exporter.metrics.catalogue import TARGET_METRICS
from exporter.metrics.state import TargetState
from exporter.results import (
    Capability,
    CertificateFault,
    CertificateVerdict,
    Durations,
    Findings,
    Outcome,
    Phase,
    ProbeResult,
    TlsFacts,
)
from exporter.targets import (
    AuthRule,
    CertificateChecks,
    Expectation,
    IpFamily,
    PortState,
    Protocol,
    StarttlsRule,
    TlsMode,
)
from tests.judgement.sessions import (
    BOTH_FAMILIES,
    EXPIRED,
    GOOD,
    LEAF,
    ONLY_IPV4,
    STARTED,
    ended,
    expectation,
    healthy,
    target,
)
from tests.metrics.world import World

FINDINGS = {
    "mailprobe_greeting_code",
    "mailprobe_message_size_limit_bytes",
    "mailprobe_starttls_advertised",
    "mailprobe_tls_established",
    "mailprobe_tls_info",
    "mailprobe_cleartext_auth_advertised",
}
CERTIFICATE = {
    "mailprobe_certificate_not_after_timestamp_seconds",
    "mailprobe_certificate_not_before_timestamp_seconds",
    "mailprobe_certificate_chain_not_after_timestamp_seconds",
    "mailprobe_certificate_valid",
    "mailprobe_certificate_info",
    "mailprobe_certificate_observed_timestamp_seconds",
}
TARGET = target()


def delivered(*results: ProbeResult) -> World:
    world = World(*dict.fromkeys(result.target for result in results))
    world.deliver(*results)
    return world


def test_a_target_that_was_never_probed_has_no_samples() -> None:
    assert World(TARGET).names(port="587") == set()


def test_a_state_without_a_result_reads_as_nothing_but_its_configuration() -> None:
    unprobed = TargetState(TARGET)
    assert [row.name for row in TARGET_METRICS if list(row.samples(unprobed))] == ["mailprobe_port_expected_open"]


def test_a_healthy_submission_port_shows_every_finding() -> None:
    names = delivered(healthy(TARGET)).names(port="587")
    assert names >= FINDINGS | CERTIFICATE | {"mailprobe_success", "mailprobe_port_open", "mailprobe_expectation_met"}
    assert "mailprobe_certificate_error_info" not in names


def test_a_healthy_target_has_45_series() -> None:
    everything = replace(
        target(address="192.0.2.25", labels=(("site", "milan"),)), certificate_group="mail.example.org"
    )
    world = delivered(healthy(everything))
    # What is said of a port over all hosts together has no host.
    of_target = {"host": "mail.example.org", "port": "587"}.items()
    series = [sample for family in world.families() for sample in family.samples if of_target <= sample.labels.items()]
    assert set(Phase) == {labels["phase"] for labels, _ in world.samples("mailprobe_phase_duration_seconds")}
    assert len(series) == 45


# Rows of the design's table: what the target expects, how the probe ended, and success and port_open as exposed.
TABLE = [
    pytest.param(PortState.OPEN, Outcome.OK, 1, 1, id="all-met"),
    pytest.param(PortState.OPEN, Outcome.GREETING_REJECTED_TEMPORARILY, 0, 1, id="connected-something-unmet"),
    pytest.param(PortState.OPEN, Outcome.CONNECT_REFUSED, 0, 0, id="refused"),
    pytest.param(PortState.OPEN, Outcome.CONNECT_TIMEOUT, 0, 0, id="timeout"),
    pytest.param(PortState.OPEN, Outcome.NETWORK_UNREACHABLE, 0, 0, id="unreachable"),
    pytest.param(PortState.CLOSED, Outcome.CONNECT_REFUSED, 1, 0, id="closed-as-expected"),
    pytest.param(PortState.CLOSED, Outcome.OK, 0, 1, id="unexpectedly-open"),
    pytest.param(PortState.ANY, Outcome.CONNECT_REFUSED, None, 0, id="absent"),
    pytest.param(PortState.ANY, Outcome.OK, 1, 1, id="present"),
    pytest.param(PortState.OPEN, Outcome.DNS_NXDOMAIN, 0, None, id="dns-failure"),
    pytest.param(PortState.CLOSED, Outcome.DNS_ERROR, 0, None, id="dns-failure-of-a-closed-port"),
    pytest.param(PortState.OPEN, Outcome.NO_ROUTE, None, None, id="no-route"),
    pytest.param(PortState.OPEN, Outcome.INTERNAL_ERROR, None, None, id="internal-error"),
]


@pytest.mark.parametrize(("state", "outcome", "success", "port_open"), TABLE)
def test_success_and_port_open_follow_the_table(
    state: PortState, outcome: Outcome, success: int | None, port_open: int | None
) -> None:
    world = delivered(ended(target(expects=expectation(state)), outcome))
    assert world.value("mailprobe_success") == success
    assert world.value("mailprobe_port_open") == port_open


@pytest.mark.parametrize(("state", "outcome", "success", "port_open"), TABLE)
def test_findings_are_absent_where_no_session_came_to_them(
    state: PortState, outcome: Outcome, success: int | None, port_open: int | None
) -> None:
    world = delivered(ended(target(expects=expectation(state)), outcome))
    shown = world.names(port="587") & (FINDINGS | CERTIFICATE)
    assert shown == (FINDINGS | CERTIFICATE if outcome is Outcome.OK else set())


@pytest.mark.parametrize(
    ("state", "value"), [(PortState.OPEN, 1), (PortState.CLOSED, 0), (PortState.ANY, None)], ids=str
)
def test_the_expected_state_is_exposed_as_declared(state: PortState, value: int | None) -> None:
    world = delivered(healthy(target(expects=expectation(state))))
    assert world.value("mailprobe_port_expected_open") == value


def test_a_family_without_a_route_has_no_samples_but_is_told_of() -> None:
    other = target(family=IpFamily.IPV6)
    world = delivered(healthy(TARGET), ended(other, Outcome.NO_ROUTE))
    assert world.names(ip_family="ipv6", port="587") == set()
    assert world.value("mailprobe_ip_family_routed", ip_family="ipv4") == 1
    assert world.value("mailprobe_ip_family_routed", ip_family="ipv6") == 0


def test_one_target_with_a_route_is_enough_for_its_family() -> None:
    world = delivered(ended(TARGET, Outcome.NO_ROUTE), ended(target(host="other.example.org"), Outcome.CONNECT_REFUSED))
    assert world.value("mailprobe_ip_family_routed", ip_family="ipv4") == 1


@pytest.mark.parametrize("outcome", [Outcome.DNS_ERROR, Outcome.INTERNAL_ERROR], ids=str)
def test_a_family_that_was_never_tried_has_no_route_to_tell_of(outcome: Outcome) -> None:
    assert delivered(ended(TARGET, outcome)).samples("mailprobe_ip_family_routed") == []


def test_outcome_and_phase_are_told_in_one_series() -> None:
    world = delivered(ended(TARGET, Outcome.CONNECT_REFUSED))
    ((labels, value),) = world.samples("mailprobe_outcome_info")
    assert (labels["outcome"], labels["phase"], value) == ("connect_refused", "connect", 1)


def test_what_judgement_decides_is_the_outcome_that_is_exposed() -> None:
    world = delivered(ended(target(expects=expectation(PortState.CLOSED)), Outcome.CONNECT_REFUSED))
    assert world.value("mailprobe_outcome_info", outcome="closed_as_expected", phase="connect") == 1
    assert world.value("mailprobe_probes_total", outcome="closed_as_expected") == 1


def test_probes_are_counted_by_outcome_and_the_good_one_from_zero() -> None:
    world = delivered(ended(TARGET, Outcome.CONNECT_REFUSED))
    assert world.value("mailprobe_probes_total", outcome="ok") == 0
    world.deliver(ended(TARGET, Outcome.CONNECT_REFUSED), healthy(TARGET))
    assert world.value("mailprobe_probes_total", outcome="ok") == 1
    assert world.value("mailprobe_probes_total", outcome="connect_refused") == 2


@pytest.mark.parametrize("state", [PortState.CLOSED, PortState.FILTERED], ids=str)
def test_the_good_outcome_of_a_port_that_should_not_answer_is_that_it_does_not(state: PortState) -> None:
    world = delivered(healthy(target(expects=expectation(state))))
    assert world.value("mailprobe_probes_total", outcome="closed_as_expected") == 0
    assert world.value("mailprobe_probes_total", outcome="unexpected_open") == 1


def test_expectations_are_exposed_as_judged() -> None:
    allowed = expectation(valid_certificate=False, auth_before_tls=AuthRule.ALLOWED)
    world = delivered(healthy(target(expects=allowed)))
    samples = {labels["expectation"]: value for labels, value in world.samples("mailprobe_expectation_met")}
    assert samples == {"open": 1, "starttls": 1}


def test_phases_are_exposed_as_far_as_they_were_completed() -> None:
    partial = replace(
        ended(TARGET, Outcome.GREETING_TIMEOUT), durations=Durations.of([(Phase.RESOLVE, 0.25), (Phase.CONNECT, 0.5)])
    )
    samples = delivered(partial).samples("mailprobe_phase_duration_seconds")
    assert {labels["phase"]: value for labels, value in samples} == {"resolve": 0.25, "connect": 0.5}


def test_the_last_success_outlives_a_failure() -> None:
    world = delivered(ended(TARGET, Outcome.CONNECT_REFUSED, STARTED))
    assert world.value("mailprobe_last_success_timestamp_seconds") is None
    world.deliver(healthy(TARGET, STARTED + 120), ended(TARGET, Outcome.CONNECT_REFUSED, STARTED + 240))
    assert world.value("mailprobe_last_success_timestamp_seconds") == STARTED + 120
    assert world.value("mailprobe_last_probe_timestamp_seconds") == STARTED + 240


def test_duration_and_effective_interval_are_those_of_the_last_probe() -> None:
    world = World(TARGET)
    world.deliver(healthy(TARGET), interval=240.0)
    assert world.value("mailprobe_duration_seconds") == 0.25
    assert world.value("mailprobe_interval_seconds") == 240


STARTTLS_RESULT = replace(healthy(TARGET), tls=None, findings=Findings(starttls_advertised=True))
IMPLICIT_RESULT = replace(healthy(target(tls=TlsMode.IMPLICIT)), tls=None, findings=Findings())
PLAIN_RESULT = replace(healthy(target(tls=TlsMode.NONE)), tls=None, findings=Findings(starttls_advertised=False))


@pytest.mark.parametrize(
    ("result", "value"),
    [
        pytest.param(healthy(TARGET), 1, id="upgraded"),
        pytest.param(healthy(target(tls=TlsMode.IMPLICIT)), 1, id="implicit"),
        pytest.param(
            replace(healthy(TARGET), outcome=Outcome.REPLY_TIMEOUT, phase=Phase.CAPABILITIES_TLS), 1, id="failed-inside"
        ),
        pytest.param(
            replace(STARTTLS_RESULT, outcome=Outcome.STARTTLS_REJECTED, phase=Phase.STARTTLS), 0, id="refused"
        ),
        pytest.param(
            replace(STARTTLS_RESULT, outcome=Outcome.TLS_HANDSHAKE_FAILED, phase=Phase.TLS), 0, id="handshake-failed"
        ),
        pytest.param(
            replace(IMPLICIT_RESULT, outcome=Outcome.PLAIN_ON_TLS_PORT, phase=Phase.TLS), 0, id="plain-on-tls-port"
        ),
        pytest.param(replace(STARTTLS_RESULT, findings=Findings(starttls_advertised=False)), 0, id="not-offered"),
        pytest.param(
            replace(STARTTLS_RESULT, outcome=Outcome.GREETING_TIMEOUT, phase=Phase.GREETING, findings=Findings()),
            None,
            id="never-asked",
        ),
        pytest.param(PLAIN_RESULT, None, id="no-tls-wanted"),
        pytest.param(
            replace(STARTTLS_RESULT, outcome=Outcome.INTERNAL_ERROR, phase=Phase.TLS), None, id="internal-error"
        ),
        pytest.param(ended(TARGET, Outcome.CONNECT_REFUSED), None, id="refused-connection"),
    ],
)
def test_tls_is_0_only_where_it_was_asked_for_or_is_missing(result: ProbeResult, value: int | None) -> None:
    assert delivered(result).value("mailprobe_tls_established") == value


@pytest.mark.parametrize("advertised", [True, False, None])
def test_starttls_is_0_only_where_the_server_answered_without_it(advertised: bool | None) -> None:
    result = replace(STARTTLS_RESULT, findings=Findings(starttls_advertised=advertised))
    assert delivered(result).value("mailprobe_starttls_advertised") == advertised


def test_what_was_negotiated_is_told_without_what_openssl_does_not_tell() -> None:
    world = delivered(replace(healthy(TARGET), tls=TlsFacts("TLSv1.2", "AES256-SHA")))
    ((labels, _),) = world.samples("mailprobe_tls_info")
    assert (labels["version"], labels["cipher"], "group" in labels) == ("TLSv1.2", "AES256-SHA", False)


def test_the_greeting_latency_falls_into_its_bucket() -> None:
    world = World(TARGET)
    for seconds in (0.1, 0.3, 6.0, 25.0):
        world.deliver(replace(healthy(TARGET), durations=Durations.of([(Phase.GREETING, seconds)])))
    buckets = {labels["le"]: value for labels, value in world.samples("mailprobe_greeting_latency_seconds_bucket")}
    assert buckets == {"0.1": 1, "0.5": 2, "2.0": 2, "10.0": 3, "+Inf": 4}
    assert world.value("mailprobe_greeting_latency_seconds_count") == 4
    assert world.value("mailprobe_greeting_latency_seconds_sum") == pytest.approx(31.4)


def test_a_greeting_that_never_came_is_not_in_the_histogram() -> None:
    silent = replace(
        ended(TARGET, Outcome.GREETING_TIMEOUT), durations=Durations.of([(Phase.GREETING_FIRST_BYTE, 0.1)])
    )
    world = delivered(silent)
    assert world.value("mailprobe_greeting_latency_seconds_count") is None
    world.deliver(healthy(TARGET), silent)
    assert world.value("mailprobe_greeting_latency_seconds_count") == 1


def test_the_three_checks_of_a_certificate_are_exposed_one_by_one() -> None:
    faults = (CertificateFault.EXPIRED, CertificateFault.NAME_MISMATCH, CertificateFault.EXPIRED)
    world = delivered(replace(healthy(TARGET), verdict=CertificateVerdict(True, False, False, faults)))
    checks = {labels["check"]: value for labels, value in world.samples("mailprobe_certificate_valid")}
    assert checks == {"chain": 1, "name": 0, "dates": 0}
    reasons = [labels["reason"] for labels, _ in world.samples("mailprobe_certificate_error_info")]
    assert reasons == ["expired", "name_mismatch"]
    assert world.value("mailprobe_certificate_chain_not_after_timestamp_seconds") is None


@pytest.mark.parametrize(
    ("declared", "waived"),
    [
        pytest.param(expectation(), [], id="all-checks-count"),
        pytest.param(
            replace(expectation(), certificate_checks=CertificateChecks(chain=False, dates=False)),
            ["chain", "dates"],
            id="two-do-not",
        ),
        pytest.param(
            replace(expectation(valid_certificate=False), certificate_checks=CertificateChecks(dates=False)),
            [],
            id="nothing-declared",
        ),
    ],
)
def test_the_checks_that_a_declaration_leaves_out_are_told(declared: Expectation, waived: list[str]) -> None:
    bound = target(expects=declared)
    # Even after a failure: a rule about a certificate that is still shown must know it.
    samples = delivered(healthy(bound), ended(bound, Outcome.CONNECT_REFUSED)).samples(
        "mailprobe_certificate_waived_info"
    )
    assert [labels["check"] for labels, _ in samples] == waived


def test_facts_of_a_bad_certificate_are_exposed_all_the_same() -> None:
    world = delivered(replace(healthy(TARGET), verdict=EXPIRED))
    assert world.value("mailprobe_certificate_not_after_timestamp_seconds") == LEAF.not_after
    assert world.value("mailprobe_certificate_not_before_timestamp_seconds") == LEAF.not_before
    assert world.value("mailprobe_certificate_chain_not_after_timestamp_seconds") == EXPIRED.chain_not_after


def test_a_certificate_without_a_verdict_claims_no_validity() -> None:
    names = delivered(replace(healthy(TARGET), verdict=None)).names(port="587")
    assert "mailprobe_certificate_not_after_timestamp_seconds" in names
    assert not names & {"mailprobe_certificate_valid", "mailprobe_certificate_chain_not_after_timestamp_seconds"}


def test_what_a_malformed_certificate_does_not_say_is_absent() -> None:
    bare = replace(LEAF, not_before=None, not_after=None, subject=None, issuer=None, serial=None, key_bits=None)
    world = delivered(replace(healthy(TARGET), certificates=(bare,), verdict=GOOD))
    assert world.value("mailprobe_certificate_not_after_timestamp_seconds") is None
    assert world.value("mailprobe_certificate_not_before_timestamp_seconds") is None
    ((labels, _),) = world.samples("mailprobe_certificate_info")
    assert labels["fingerprint_sha256"] == LEAF.fingerprint_sha256
    assert not labels.keys() & {"subject", "issuer", "serial", "key_bits"}


CAPABILITIES = Findings(
    starttls_advertised=True,
    capabilities=(Capability("STARTTLS"), Capability("X-SECRET-4711"), Capability("SIZE", ("1",)), Capability("SIZE")),
    capabilities_tls=(Capability("AUTH", ("PLAIN",)),),
)


def test_capabilities_are_exposed_only_where_they_are_asked_for() -> None:
    result = replace(healthy(TARGET), findings=CAPABILITIES)
    assert delivered(result).samples("mailprobe_capability_info") == []
    world = World(TARGET, capability_metrics=True)
    world.deliver(result)
    found = [(labels["capability"], labels["secured"]) for labels, _ in world.samples("mailprobe_capability_info")]
    assert found == [("SIZE", "false"), ("STARTTLS", "false"), ("AUTH", "true")]


def test_capabilities_are_those_of_the_protocol() -> None:
    offered = Findings(capabilities_tls=(Capability("IDLE"), Capability("AUTH=PLAIN"), Capability("8BITMIME")))
    imap = target(port=993, protocol=Protocol.IMAP, tls=TlsMode.IMPLICIT)
    world = World(imap, capability_metrics=True)
    world.deliver(replace(healthy(imap), findings=offered))
    found = [labels["capability"] for labels, _ in world.samples("mailprobe_capability_info")]
    assert found == ["AUTH=PLAIN", "IDLE"]


def test_capability_metrics_of_an_unanswered_target_are_absent() -> None:
    world = World(TARGET, target(port=25), capability_metrics=True)
    world.deliver(ended(TARGET, Outcome.CONNECT_REFUSED))
    assert world.samples("mailprobe_capability_info") == []


def test_addresses_are_counted_for_each_family_of_a_host() -> None:
    world = delivered(replace(healthy(TARGET), resolution=ONLY_IPV4))
    assert world.value("mailprobe_dns_addresses", host="mail.example.org", ip_family="ipv4") == 1
    assert world.value("mailprobe_dns_addresses", host="mail.example.org", ip_family="ipv6") == 0
    assert world.value("mailprobe_dns_lookup_duration_seconds", host="mail.example.org") == ONLY_IPV4.duration


def test_a_family_that_was_not_asked_for_has_no_number_of_addresses() -> None:
    world = delivered(replace(healthy(TARGET), resolution=replace(BOTH_FAMILIES, ipv6=None)))
    assert world.value("mailprobe_dns_addresses", ip_family="ipv6") is None


def test_a_lookup_that_failed_counts_no_addresses() -> None:
    failed = replace(ONLY_IPV4, failed=(IpFamily.IPV6,))
    world = delivered(replace(healthy(TARGET), resolution=failed))
    assert world.value("mailprobe_dns_addresses", ip_family="ipv4") == 1
    assert world.value("mailprobe_dns_addresses", ip_family="ipv6") is None


def test_a_name_that_does_not_exist_has_no_addresses() -> None:
    world = delivered(ended(TARGET, Outcome.DNS_NXDOMAIN))
    assert world.value("mailprobe_dns_addresses", ip_family="ipv4") == 0


def test_an_address_literal_has_no_dns_facts() -> None:
    world = delivered(healthy(target(host="192.0.2.25")))
    assert (
        world.names(host="192.0.2.25") & {"mailprobe_dns_addresses", "mailprobe_dns_lookup_duration_seconds"} == set()
    )


def test_a_starttls_rule_does_not_change_what_is_seen() -> None:
    forbidden = target(expects=expectation(starttls=StarttlsRule.FORBIDDEN))
    assert delivered(healthy(forbidden)).value("mailprobe_starttls_advertised") == 1
