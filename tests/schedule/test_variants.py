"""Other handshakes: once a day where they are worth it, far from each other, and beside everything else."""

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from itertools import pairwise

import pytest

from exporter.judgement.variant import VariantSeen, VariantStanding, variant_seen, variant_target, worth_making
from exporter.results import CertificateFacts, Outcome, ProbeResult
from exporter.schedule.limits import Limits
from exporter.schedule.spread import phase
from exporter.targets import IpFamily, Target, TargetKey, Variant
from tests.manual_loop import START, run
from tests.schedule.world import Session, World, now, run_for, smallest_gaps, target

HOUR = 3600.0
DAY = 24 * HOUR
GAP = Limits().variant_gap
EIGHT_PORTS = (25, 110, 143, 465, 587, 993, 995, 2525)


def ordinary(host: str = "mail.example.org", families: tuple[IpFamily, ...] = tuple(IpFamily)) -> list[Target]:
    """A host with eight ports over both families."""
    return [
        target(host, port, family=family, interval=300.0 if port == 25 else 120.0)
        for port in EIGHT_PORTS
        for family in families
    ]


def variants(targets: list[Target], interval: float = DAY) -> list[Target]:
    """Every variant that is configured unless told: all three of port 25, and both key types of the others."""
    return [
        variant_target(one, variant, interval)
        for one in targets
        for variant in (Variant.NO_SNI, Variant.RSA, Variant.ECDSA)
        if variant is not Variant.NO_SNI or one.service.port == 25
    ]


def of_variants(world: World) -> list[Session]:
    """The sessions that were not ordinary, in the order of their begin."""
    sessions = [session for session in world.sessions if session.key.variant is not Variant.DEFAULT]
    return sorted(sessions, key=lambda session: session.begin)


def test_in_a_day_each_variant_of_eight_ports_is_made_once_and_never_two_within_ten_minutes() -> None:
    targets = ordinary()
    all_of_them = variants(targets)
    world = World()
    run(run_for(world.scheduler(*targets, *all_of_them), DAY))

    made = of_variants(world)
    assert Counter(session.key for session in made) == {one.key: 1 for one in all_of_them}
    assert len(made) == 2 * 17
    gaps = smallest_gaps(made, lambda session: session.address)
    assert set(gaps) == {"ipv4 of mail.example.org", "ipv6 of mail.example.org"}
    assert min(gaps.values()) >= GAP - 1e-6
    # All of them are through within three hours: 17 at an address, ten minutes apart.
    assert max(session.begin for session in made) <= START + GAP + HOUR + 17 * (GAP + 60.0)


def test_day_after_day_each_variant_comes_once() -> None:
    targets = ordinary(families=(IpFamily.IPV4,))
    all_of_them = variants(targets)
    world = World()
    run(run_for(world.scheduler(*targets, *all_of_them), 4 * DAY))

    made = of_variants(world)
    assert Counter(session.key for session in made) == {one.key: 4 for one in all_of_them}
    for one in all_of_them:
        begins = [session.begin for session in made if session.key == one.key]
        between = [after - before for before, after in pairwise(begins)]
        assert min(between) >= DAY
        # Nobody waits for another one after the first day, but for the moment that an ordinary session takes.
        assert max(between) <= DAY + 60.0
    assert min(smallest_gaps(made, lambda session: session.address).values()) >= GAP - 1e-6


def test_fifty_names_on_one_address_are_one_guest_and_none_of_their_variants_is_forgotten() -> None:
    names = [target(f"mail.customer{number}.example", 587, interval=300.0) for number in range(50)]
    all_of_them = variants(names)
    world = World(address=lambda _: "192.0.2.1")
    run(run_for(world.scheduler(*names, *all_of_them), DAY))

    made = of_variants(world)
    assert set(Counter(session.key for session in made)) == {one.key for one in all_of_them}
    assert smallest_gaps(made, lambda session: session.address)["192.0.2.1"] >= GAP - 1e-6
    assert not world.missed


def test_ordinary_probes_keep_their_rhythm_beside_variants() -> None:
    def begins(*more: Target) -> list[tuple[float, TargetKey]]:
        world = World()
        run(run_for(world.scheduler(*ordinary(), *more), 2 * HOUR))
        assert not world.missed
        return [(at, key) for at, key in world.started if key.variant is Variant.DEFAULT]

    assert begins(*variants(ordinary())) == begins()


def test_the_first_ones_come_after_the_gap_and_within_an_hour_each_in_its_place() -> None:
    hosts = [target(f"mx{number}.example.org") for number in range(30)]
    all_of_them = [variant_target(one, Variant.RSA, DAY) for one in hosts]
    world = World()
    run(run_for(world.scheduler(*hosts, *all_of_them), GAP + HOUR))

    for one in all_of_them:
        (begin,) = world.begins(one)
        assert begin - START == pytest.approx(GAP + phase(one.key) * HOUR)
    # Not all variants of a port in one place of the hour.
    places = {phase(variant_target(hosts[0], variant, DAY).key) for variant in Variant}
    assert len(places) == len(Variant)


def test_a_short_interval_is_kept_and_spreads_the_first_ones_over_itself() -> None:
    one = target()
    rsa = variant_target(one, Variant.RSA, 30.0)
    world = World()
    run(run_for(world.scheduler(one, rsa, limits=Limits(variant_gap=0.0)), 300.0))

    begins = world.begins(rsa)
    assert begins[0] - START == pytest.approx(phase(rsa.key) * 30.0)
    assert [after - before for before, after in pairwise(begins)] == pytest.approx([31.0] * 9, abs=3.0)


def test_what_is_not_wanted_is_asked_again_a_round_later_and_keeps_nobody_waiting() -> None:
    one = target()
    rsa, ecdsa = (variant_target(one, variant, HOUR) for variant in (Variant.RSA, Variant.ECDSA))
    world = World(wanted=lambda target: target.variant is Variant.ECDSA or now() > START + 5 * HOUR)
    run(run_for(world.scheduler(one, rsa, ecdsa), 9 * HOUR))

    assert [(at - START) // HOUR for at in world.begins(ecdsa)] == list(range(9))
    assert [(at - START) // HOUR for at in world.begins(rsa)] == [5, 6, 7, 8]
    assert not world.missed


def test_what_is_no_longer_wanted_when_its_turn_has_come_is_not_made() -> None:
    one = target()
    rsa, ecdsa = (variant_target(one, variant, DAY) for variant in (Variant.RSA, Variant.ECDSA))
    world = World()
    # The first one that is made tells that the other one is not worth it.
    world.wanted = lambda _: not of_variants(world)
    run(run_for(world.scheduler(one, rsa, ecdsa, limits=Limits(variant_gap=2 * HOUR)), 12 * HOUR))

    assert len(of_variants(world)) == 1


def test_a_host_that_moved_while_its_variant_waited_is_visited_at_its_new_address_a_gap_after_the_last_one() -> None:
    hosts = [target(f"{name}.example.org") for name in ("here", "there", "moves")]
    all_of_them = [variant_target(one, Variant.RSA, DAY) for one in hosts]
    world = World()

    def address(target: Target) -> str:
        moved = target.host == "moves.example.org" and target.variant is Variant.RSA
        return "there" if moved else target.host.removesuffix(".example.org")

    world.address = address
    run(run_for(world.scheduler(*hosts, *all_of_them), DAY))

    made = of_variants(world)
    assert Counter(session.address for session in made) == {"here": 1, "there": 2}
    assert smallest_gaps(made, lambda session: session.address)["there"] >= GAP - 1e-6


def test_a_variant_is_no_part_of_the_first_round() -> None:
    async def story() -> None:
        one = target()
        scheduler = World().scheduler(one, *variants([one]))
        async with asyncio.TaskGroup() as group:
            group.create_task(scheduler.run())
            assert scheduler.first_round_progress == (0, 1)
            await asyncio.sleep(61.0)
            assert scheduler.first_round_done
            await asyncio.sleep(3 * HOUR)
            assert scheduler.first_round_progress == (1, 1)
            scheduler.configure([one], Limits())
            assert scheduler.first_round_progress == (1, 1)
            await scheduler.stop()

    run(story())


def test_a_variant_that_fails_neither_makes_an_outage_nor_ends_one_nor_is_confirmed() -> None:
    ports = [target(port=port) for port in (25, 587)]
    all_of_them = [variant_target(port, Variant.RSA, 1200.0) for port in ports]
    world = World()
    world.outcome = lambda target: (
        Outcome.OK if (target.variant is Variant.DEFAULT) is (now() < START + 2 * HOUR) else Outcome.CONNECT_REFUSED
    )

    async def story() -> None:
        scheduler = world.scheduler(*ports, *all_of_them)
        async with asyncio.TaskGroup() as group:
            group.create_task(scheduler.run())
            await asyncio.sleep(2 * HOUR)
            assert {scheduler.interval(port) for port in ports} == {120.0}
            await asyncio.sleep(2 * HOUR)
            assert {scheduler.interval(port) for port in ports} == {540.0}
            assert {scheduler.interval(one) for one in all_of_them} == {1200.0}
            await scheduler.stop()

    run(story())
    for one in all_of_them:
        begins = world.begins(one)
        assert min(after - before for before, after in pairwise(begins)) >= 1200.0


def test_waiting_variants_are_neither_in_flight_nor_late() -> None:
    async def story() -> None:
        targets = ordinary(families=(IpFamily.IPV4,))
        world = World()
        scheduler = world.scheduler(*targets, *variants(targets))
        async with asyncio.TaskGroup() as group:
            group.create_task(scheduler.run())
            await asyncio.sleep(GAP + HOUR)
            assert scheduler.waiting > 5
            assert scheduler.in_flight == len(world.running)
            assert scheduler.lag < 5.0
            # Nobody who waits for hours keeps the daemon from stopping.
            asked = now()
            await scheduler.stop()
            assert now() - asked <= 5.0
        assert (scheduler.in_flight, scheduler.waiting) == (0, 0)

    run(story())


def test_a_variant_that_left_the_configuration_while_it_waited_gives_up_its_turn() -> None:
    async def story() -> None:
        one = target()
        rsa, ecdsa = (variant_target(one, variant, DAY) for variant in (Variant.RSA, Variant.ECDSA))
        world = World()
        limits = Limits(variant_gap=HOUR)
        scheduler = world.scheduler(one, rsa, ecdsa, limits=limits)
        async with asyncio.TaskGroup() as group:
            group.create_task(scheduler.run())
            await asyncio.sleep(2 * HOUR)
            (first,) = of_variants(world)
            assert scheduler.waiting == 1
            scheduler.configure([one, *(each for each in (rsa, ecdsa) if each.key == first.key)], limits)
            await asyncio.sleep(DAY - 2 * HOUR)
            assert (scheduler.waiting, len(of_variants(world))) == (0, 1)
            await scheduler.stop()

    run(story())


RSA_LEAF = CertificateFacts(0, "aa" * 32, 0.0, 1e9, key_type="rsa")


@dataclass
class Memory:
    """What the exporter remembers of its targets, for the rule that says which variants are worth their session."""

    ordinary: dict[TargetKey, ProbeResult] = field(default_factory=dict)
    seen: dict[TargetKey, VariantSeen] = field(default_factory=dict)
    clock: Callable[[], float] = now

    def take(self, result: ProbeResult) -> None:
        """A server with one RSA certificate, of which an ECDSA handshake finds nothing and all others the same."""
        key = result.target.key
        refused = key.variant is Variant.ECDSA
        told = replace(result, started=self.clock(), certificates=() if refused else (RSA_LEAF,))
        if key.variant is Variant.DEFAULT:
            self.ordinary[key] = told
        else:
            self.seen[key] = variant_seen(replace(told, tls_alert=40 if refused else None), RSA_LEAF)

    def wants(self, target: Target) -> bool:
        """Whether the variant is worth it now."""
        before = self.ordinary.get(replace(target.key, variant=Variant.DEFAULT))
        return worth_making(target.variant, before, self.seen.get(target.key), self.clock())


def test_a_server_without_a_key_type_is_asked_for_it_once_a_week() -> None:
    one = target(port=25, interval=300.0)
    memory = Memory()
    world = World(judge=memory.take, wanted=memory.wants)
    all_of_them = {
        variant: variant_target(one, variant, DAY) for variant in (Variant.NO_SNI, Variant.RSA, Variant.ECDSA)
    }
    run(run_for(world.scheduler(one, *all_of_them.values()), 15 * DAY))

    times = {variant: len(world.begins(each)) for variant, each in all_of_them.items()}
    assert times == {Variant.NO_SNI: 15, Variant.RSA: 0, Variant.ECDSA: 2}
    assert memory.seen[all_of_them[Variant.ECDSA].key].standing is VariantStanding.NOT_INSTALLED
    assert memory.seen[all_of_them[Variant.NO_SNI].key].standing is VariantStanding.SAME
    asked = world.begins(all_of_them[Variant.ECDSA])
    assert asked[1] - asked[0] >= 7 * DAY


def test_the_addresses_of_one_host_do_not_queue_behind_each_other() -> None:
    addresses = [f"192.0.2.{number}" for number in range(20)]
    each = [target(address=address, interval=60.0) for address in addresses]
    world = World(address=lambda target: target.address, seconds=lambda _: 30.0)
    scheduler = world.scheduler(*each, limits=Limits(first_round=0.001))
    run(run_for(scheduler, 45.0))

    # A second and a half for one lane of them would be twenty times as long.
    assert {session.address for session in world.sessions} == set(addresses)
    assert world.most_sessions == 20
