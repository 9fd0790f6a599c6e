"""What the store remembers, and what it forgets."""

from dataclasses import replace

import pytest

from exporter.metrics.store import Store
from exporter.results import Outcome, Phase, ProbeResult, Resolution
from exporter.targets import IpFamily, PortState, StarttlsRule, TlsMode
from tests.judgement.sessions import (
    BOTH_FAMILIES,
    LEAF,
    ONLY_IPV4,
    ONLY_IPV6,
    STARTED,
    ended,
    expectation,
    healthy,
    target,
)
from tests.metrics.world import DAY, World

TARGET = target()
OTHER = target(port=25)
V6 = target(family=IpFamily.IPV6)
NOT_AFTER = "mailprobe_certificate_not_after_timestamp_seconds"


def no_address(resolution: Resolution, started: float = STARTED) -> ProbeResult:
    return ProbeResult(V6, started, 0.1, Outcome.DNS_NO_ADDRESS, Phase.RESOLVE, resolution=resolution)


def test_a_removed_target_vanishes_at_the_next_scrape() -> None:
    world = World(TARGET, OTHER)
    world.deliver(healthy(TARGET), healthy(OTHER))
    world.configure([OTHER])
    assert world.names(port="587") == set()
    assert world.value("mailprobe_success", port="25") == 1
    assert world.store.state(TARGET.key) is None


def test_a_removed_host_vanishes_with_its_dns_facts_and_its_routes() -> None:
    world = World(TARGET)
    world.deliver(healthy(TARGET))
    world.configure([])
    assert world.names() == {"mailprobe_build_info"}


def test_a_removed_target_that_comes_back_begins_anew() -> None:
    world = World(TARGET)
    world.deliver(healthy(TARGET), healthy(TARGET))
    world.configure([])
    world.configure([TARGET])
    assert world.names(port="587") == set()
    world.deliver(healthy(TARGET))
    assert world.value("mailprobe_probes_total", outcome="ok") == 1


def test_an_unchanged_target_keeps_its_state_over_a_reload() -> None:
    world = World(TARGET)
    world.deliver(healthy(TARGET), ended(TARGET, Outcome.CONNECT_REFUSED, STARTED + 120))
    before = world.text()
    world.configure([OTHER, TARGET])
    shown = [line for line in world.text().splitlines() if 'port="587"' in line]
    assert shown == [line for line in before.splitlines() if 'port="587"' in line]


def test_a_host_keeps_its_missed_rounds_over_a_reload() -> None:
    world = World(TARGET)
    world.store.missed(TARGET)
    world.configure([TARGET, OTHER])
    assert world.value("mailprobe_missed_rounds_total") == 1


def test_a_target_with_another_expectation_keeps_its_counters() -> None:
    world = World(TARGET)
    world.deliver(healthy(TARGET))
    closed = target(expects=expectation(PortState.CLOSED))
    world.configure([closed])
    assert world.value("mailprobe_probes_total", outcome="ok") == 1
    assert world.value("mailprobe_port_expected_open") == 0
    world.deliver(healthy(closed))
    assert world.value("mailprobe_probes_total", outcome="unexpected_open") == 1


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param(target(labels=(("site", "milan"),)), id="labels"),
        pytest.param(target(tls=TlsMode.IMPLICIT), id="service"),
    ],
)
def test_a_target_with_other_labels_begins_anew(changed: object) -> None:
    world = World(TARGET)
    world.deliver(healthy(TARGET))
    assert isinstance(changed, type(TARGET))
    world.configure([changed])
    assert world.names(port="587") == set()


def test_a_result_that_comes_after_the_reload_is_left_aside() -> None:
    world = World(OTHER)
    world.deliver(healthy(TARGET))
    assert world.names(port="587") == set()
    world.configure([target(expects=expectation(starttls=StarttlsRule.OPTIONAL))])
    world.deliver(healthy(TARGET))
    assert world.names(port="587") == set()


def test_a_missed_round_is_counted_for_its_host_from_zero() -> None:
    world = World(TARGET, OTHER, target(host="other.example.org"))
    assert world.value("mailprobe_missed_rounds_total", host="mail.example.org") == 0
    world.store.missed(TARGET)
    world.store.missed(OTHER)
    assert world.value("mailprobe_missed_rounds_total", host="mail.example.org") == 2
    assert world.value("mailprobe_missed_rounds_total", host="other.example.org") == 0


def test_a_missed_round_of_a_removed_host_is_left_aside() -> None:
    world = World(OTHER)
    world.store.missed(target(host="gone.example.org"))
    assert world.names(host="gone.example.org") == set()


def test_the_last_certificate_stays_when_a_later_probe_fails() -> None:
    world = World(TARGET)
    world.deliver(healthy(TARGET), ended(TARGET, Outcome.CONNECT_REFUSED, STARTED + 120))
    assert world.value(NOT_AFTER) == LEAF.not_after
    assert world.value("mailprobe_certificate_observed_timestamp_seconds") == STARTED
    assert len(world.samples("mailprobe_certificate_valid")) == 3


def test_a_kept_certificate_goes_when_its_time_is_over() -> None:
    world = World(TARGET, OTHER)
    world.deliver(healthy(TARGET), ended(TARGET, Outcome.CONNECT_REFUSED, STARTED + 120))
    world.deliver(healthy(OTHER, STARTED + 300), ended(OTHER, Outcome.CONNECT_REFUSED, STARTED + 600))
    world.clock.now = STARTED + DAY - 1
    assert world.value(NOT_AFTER, port="587") == LEAF.not_after
    world.clock.now = STARTED + DAY
    assert world.value(NOT_AFTER, port="587") is None
    assert world.value("mailprobe_port_open", port="587") == 0
    assert world.value(NOT_AFTER, port="25") == LEAF.not_after
    world.clock.now = STARTED + DAY + 300
    assert world.value(NOT_AFTER, port="25") is None


def test_the_status_page_sees_a_kept_certificate_go_as_well() -> None:
    world = World(TARGET)
    world.deliver(healthy(TARGET), ended(TARGET, Outcome.CONNECT_REFUSED, STARTED + 120))
    state = world.store.state(TARGET.key)
    assert state is not None
    assert state.certificate_retained
    world.clock.now = STARTED + DAY
    (state,) = world.store.states()
    assert state.certificate is None
    assert not state.certificate_retained


def test_the_certificate_of_the_last_probe_never_grows_old() -> None:
    world = World(TARGET, retention=0)
    world.deliver(healthy(TARGET))
    world.clock.now = STARTED + 10 * DAY
    assert world.value(NOT_AFTER) == LEAF.not_after
    world.deliver(ended(TARGET, Outcome.CONNECT_REFUSED, world.clock.now))
    assert world.value(NOT_AFTER) is None


def test_a_newer_certificate_replaces_a_kept_one() -> None:
    renewed = replace(LEAF, not_after=1_800_000_000.0)
    world = World(TARGET)
    world.deliver(healthy(TARGET), ended(TARGET, Outcome.CONNECT_REFUSED, STARTED + 120))
    world.deliver(replace(healthy(TARGET, STARTED + 240), certificates=(renewed,)))
    world.clock.now = STARTED + 2 * DAY
    assert world.value(NOT_AFTER) == 1_800_000_000
    assert world.value("mailprobe_certificate_observed_timestamp_seconds") == STARTED + 240


def test_a_shorter_retention_holds_from_the_reload_on() -> None:
    world = World(TARGET)
    world.deliver(healthy(TARGET), ended(TARGET, Outcome.CONNECT_REFUSED, STARTED + 120))
    world.clock.now = STARTED + 120
    world.configure([TARGET], 60.0)
    assert world.value(NOT_AFTER) is None


def test_a_family_that_lost_its_addresses_vanishes() -> None:
    world = World(TARGET, V6)
    world.deliver(healthy(TARGET), healthy(V6))
    assert world.value("mailprobe_success", ip_family="ipv6") == 1
    world.deliver(no_address(ONLY_IPV4, STARTED + 120))
    assert world.names(ip_family="ipv6", port="587") == set()
    assert world.value("mailprobe_dns_addresses", ip_family="ipv6") == 0
    assert world.value("mailprobe_success", ip_family="ipv4") == 1


def test_a_family_that_gets_its_address_back_goes_on_counting() -> None:
    world = World(TARGET, V6)
    world.deliver(healthy(V6), no_address(ONLY_IPV4), healthy(V6))
    assert world.value("mailprobe_probes_total", ip_family="ipv6", outcome="ok") == 2


def test_a_failing_name_keeps_the_targets_whose_address_was_known() -> None:
    world = World(TARGET, V6)
    world.deliver(healthy(TARGET), healthy(V6))
    world.deliver(ended(TARGET, Outcome.DNS_ERROR), ended(V6, Outcome.DNS_ERROR))
    assert world.value("mailprobe_success", ip_family="ipv4") == 0
    assert world.value("mailprobe_success", ip_family="ipv6") == 0
    assert world.value("mailprobe_outcome_info", ip_family="ipv6", outcome="dns_error") == 1


def test_a_name_that_never_resolved_fails_on_the_first_family_only() -> None:
    world = World(TARGET, V6)
    world.deliver(ended(TARGET, Outcome.DNS_NXDOMAIN), ended(V6, Outcome.DNS_NXDOMAIN))
    assert world.value("mailprobe_success", ip_family="ipv4") == 0
    assert world.names(ip_family="ipv6", port="587") == set()


def test_a_name_that_had_only_ipv6_never_fails_on_ipv4() -> None:
    world = World(TARGET, V6)
    world.deliver(replace(no_address(ONLY_IPV6), target=TARGET), replace(healthy(V6), resolution=ONLY_IPV6))
    world.deliver(ended(TARGET, Outcome.DNS_ERROR), ended(V6, Outcome.DNS_ERROR))
    assert world.names(ip_family="ipv4", port="587") == set()
    assert world.value("mailprobe_success", ip_family="ipv6") == 0


def test_a_target_is_known_once_its_family_has_an_address() -> None:
    world = World(TARGET, V6)
    assert not world.store.known(TARGET.key)
    assert not world.store.host_known("mail.example.org")
    world.deliver(ended(TARGET, Outcome.CONNECT_REFUSED))
    assert world.store.known(TARGET.key)
    assert not world.store.known(V6.key)
    assert world.store.host_known("mail.example.org")


def test_a_target_without_a_route_is_known_by_its_resolution() -> None:
    world = World(V6)
    unrouted = ProbeResult(V6, STARTED, 0.0, Outcome.NO_ROUTE, Phase.CONNECT, resolution=BOTH_FAMILIES)
    world.deliver(unrouted)
    assert world.store.known(V6.key)


def test_a_target_stays_known_while_dns_fails_and_is_not_when_dns_takes_it_back() -> None:
    world = World(V6)
    world.deliver(healthy(V6), ended(V6, Outcome.DNS_ERROR))
    assert world.store.known(V6.key)
    world.deliver(no_address(ONLY_IPV4))
    assert not world.store.known(V6.key)


def test_what_is_not_configured_is_not_known() -> None:
    store = Store()
    assert not store.known(TARGET.key)
    assert not store.host_known("mail.example.org")
    assert store.states() == ()


def test_since_tells_when_the_state_began() -> None:
    world = World(TARGET)
    sinces = []
    for seconds, outcome in enumerate((Outcome.OK, Outcome.OK, Outcome.CONNECT_REFUSED, Outcome.CONNECT_REFUSED)):
        world.deliver(ended(TARGET, outcome, STARTED + seconds))
        state = world.store.state(TARGET.key)
        assert state is not None
        sinces.append(state.since)
    assert sinces == [STARTED, STARTED, STARTED + 2, STARTED + 2]


def test_an_outage_whose_reason_changes_is_still_the_same_outage() -> None:
    world = World(TARGET)
    turns = (Outcome.OK, Outcome.CONNECT_TIMEOUT, Outcome.CONNECT_REFUSED, Outcome.CONNECT_TIMEOUT, Outcome.OK)
    sinces = []
    for seconds, outcome in enumerate(turns):
        world.deliver(ended(TARGET, outcome, STARTED + seconds))
        state = world.store.state(TARGET.key)
        assert state is not None
        sinces.append(state.since)
    assert sinces == [STARTED, *[STARTED + 1] * 3, STARTED + 4]


def test_states_come_in_the_order_of_the_configuration_probed_or_not() -> None:
    world = World(OTHER, TARGET)
    world.deliver(healthy(TARGET))
    assert [(state.target, state.exists) for state in world.store.states()] == [(OTHER, False), (TARGET, True)]


def test_a_view_that_somebody_holds_does_not_change() -> None:
    world = World(TARGET)
    world.deliver(healthy(TARGET))
    held = world.store.state(TARGET.key)
    world.deliver(ended(TARGET, Outcome.CONNECT_REFUSED, STARTED + 120))
    assert held is not None
    assert held.result == healthy(TARGET)


def test_lines_stand_in_the_order_of_the_configuration() -> None:
    world = World(OTHER, TARGET)
    world.deliver(healthy(TARGET), healthy(OTHER))
    assert [labels["port"] for labels, _ in world.samples("mailprobe_success")] == ["25", "587"]
