"""A new configuration touches what is new in it, and nothing else."""

from collections.abc import Iterator
from dataclasses import replace

from exporter.metrics.line import Sample
from exporter.metrics.metric import Kind, Metric, Scope
from exporter.metrics.table import Table
from exporter.results import Outcome
from exporter.targets import IpFamily, Target
from tests.judgement.sessions import ended, expectation, healthy, target
from tests.metrics.world import World


def counting(read: list[str]) -> Metric[str]:
    """A metric that notes of whom it was read."""

    def samples(state: str) -> Iterator[Sample]:
        read.append(state)
        yield Sample(1)

    return Metric("mailprobe_one", Kind.GAUGE, Scope.TARGET, "One.", samples)


def document(table: Table[str]) -> list[str]:
    return [line for _, rows in table.families() for lines in rows for line in lines.decode().splitlines()]


def test_the_row_of_an_owner_that_left_is_given_to_the_next_one() -> None:
    table = Table([counting([])])
    first, second = table.add((("host", "a"),)), table.add((("host", "b"),))
    table.write(first, "a")
    table.write(second, "b")
    table.remove(first)
    assert document(table) == ['mailprobe_one{host="b"} 1.0']
    third = table.add((("host", "c"),))
    assert third == first
    assert document(table) == ['mailprobe_one{host="b"} 1.0']
    table.write(third, "c")
    assert document(table) == ['mailprobe_one{host="c"} 1.0', 'mailprobe_one{host="b"} 1.0']


def test_a_row_is_written_under_its_new_labels_and_nobody_else_is_read() -> None:
    read: list[str] = []
    table = Table([counting(read)])
    first, second = table.add((("host", "a"),)), table.add((("host", "b"),))
    table.write(first, "a")
    table.write(second, "b")
    table.rename(first, (("host", "a"), ("site", "milan")))
    table.write(first, "a")
    assert read == ["a", "b", "a"]
    assert document(table) == ['mailprobe_one{host="a",site="milan"} 1.0', 'mailprobe_one{host="b"} 1.0']


def many() -> list[Target]:
    return [target(host=f"mx{number}.example.org") for number in range(5)]


def test_a_target_that_is_equal_keeps_the_very_state_it_had() -> None:
    targets = many()
    world = World(*targets)
    world.deliver(*map(healthy, targets))
    before = world.store.states()
    world.configure([replace(one, host="new.example.org") if one is targets[2] else replace(one) for one in targets])
    after = world.store.states()
    assert [new is old for new, old in zip(after, before, strict=True)] == [True, True, False, True, True]
    assert after[2].target.host == "new.example.org"
    assert world.names(host="mx2.example.org") == set()


def test_states_and_hosts_follow_the_order_of_the_new_configuration() -> None:
    targets = many()
    world = World(*targets)
    world.deliver(*map(healthy, targets))
    other = target(host="other.example.org")
    order = [targets[4], other, targets[0]]
    world.configure(order)
    assert [state.target for state in world.store.states()] == order
    assert [state.host for state in world.store.hosts()] == [one.host for one in order]
    world.deliver(healthy(other))
    assert {labels["host"] for labels, _ in world.samples("mailprobe_success")} == {one.host for one in order}


def test_a_row_that_changed_its_owner_shows_nothing_of_the_former_one() -> None:
    world = World(target())
    world.deliver(healthy(target()))
    fresh = target(host="fresh.example.org")
    world.configure([fresh])
    assert world.names(host="fresh.example.org") == {"mailprobe_missed_rounds_total"}
    world.deliver(ended(fresh, Outcome.CONNECT_REFUSED))
    assert world.names(host="mail.example.org") == set()
    assert world.value("mailprobe_port_open", host="fresh.example.org") == 0


def test_a_host_shows_the_labels_that_its_targets_share_now() -> None:
    one, two = target(labels=(("site", "milan"),)), target(port=25, labels=(("site", "milan"),))
    world = World(one)
    world.store.missed(one)
    assert world.value("mailprobe_missed_rounds_total", site="milan") == 1
    world.configure([one, two])
    assert world.value("mailprobe_missed_rounds_total", site="milan") == 1
    world.configure([one, replace(two, labels=())])
    ((labels, value),) = world.samples("mailprobe_missed_rounds_total")
    assert (labels, value) == ({"host": "mail.example.org"}, 1)


def test_a_family_is_not_said_to_be_routed_by_a_target_that_left() -> None:
    v4, v6 = target(), target(family=IpFamily.IPV6)
    world = World(v4, v6)
    world.deliver(healthy(v4), healthy(v6))
    world.configure([v4])
    assert world.value("mailprobe_ip_family_routed", ip_family="ipv6") is None
    assert world.value("mailprobe_ip_family_routed", ip_family="ipv4") == 1


def test_capabilities_come_and_go_with_their_switch_and_the_state_stays() -> None:
    world = World(target())
    world.deliver(healthy(target()))
    state = world.store.state(target().key)
    world.configure([target()], capability_metrics=True)
    assert world.store.state(target().key) == state
    assert world.value("mailprobe_success") == 1


def test_a_changed_expectation_rewrites_the_target_at_once() -> None:
    world = World(target())
    world.deliver(healthy(target()))
    world.configure([target(expects=expectation(valid_certificate=False))])
    assert world.value("mailprobe_success") == 1
    assert world.value("mailprobe_probes_total", outcome="ok") == 1
