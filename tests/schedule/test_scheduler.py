"""When targets are probed: rhythm, first round, back-off, confirmation, reload, stop."""

import asyncio
from collections import Counter
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.probe.seams import Hold
from exporter.results import Outcome, ProbeResult
from exporter.schedule.limits import Limits
from exporter.schedule.pacing import SILENT_GAP
from exporter.schedule.scheduler import Scheduler
from exporter.schedule.spread import phase
from exporter.targets import IpFamily, PortState, Target
from tests.manual_loop import START, ManualLoop, run
from tests.schedule.world import WITHOUT_SESSION, World, now, run_for, smallest_gaps, target

OK = Outcome.OK
REFUSED = Outcome.CONNECT_REFUSED
TIMEOUT = Outcome.CONNECT_TIMEOUT
COME_BACK_LATER = Outcome.GREETING_REJECTED_TEMPORARILY


def hosts(count: int, interval: float = 120.0) -> list[Target]:
    """As many hosts with one port each."""
    return [target(f"mx{n}.example.org", interval=interval) for n in range(count)]


def waits(begins: list[float]) -> list[float]:
    """The time from each probe to the next."""
    return [after - before for before, after in pairwise(begins)]


# Rhythm


def test_every_target_is_probed_within_the_first_round_and_then_in_its_own_rhythm() -> None:
    world, targets = World(), hosts(40, 300.0)
    run(run_for(world.scheduler(*targets), 3600.0))
    for one in targets:
        first, *regular = world.begins(one)
        assert first - START == pytest.approx(phase(one.key) * 60.0)
        assert [(at - START) / 300.0 % 1 for at in regular] == pytest.approx([phase(one.key)] * len(regular))
        assert waits(regular) == pytest.approx([300.0] * (len(regular) - 1))
        assert 150.0 <= regular[0] - first <= 450.0
    assert not world.missed


def test_a_restart_finds_every_target_in_the_same_place() -> None:
    worlds = World(), World()
    for world in worlds:
        run(run_for(world.scheduler(*hosts(20)), 1000.0))
    assert worlds[0].started == worlds[1].started


def test_a_target_that_is_probed_more_often_than_the_first_round_lasts_has_no_other_first_round() -> None:
    world, one = World(), target(interval=20.0)
    run(run_for(world.scheduler(one), 200.0))
    assert waits(world.begins(one)) == pytest.approx([20.0] * 9)


def test_a_shorter_first_round_is_kept() -> None:
    world, targets = World(), hosts(30)
    run(run_for(world.scheduler(*targets, limits=Limits(first_round=10.0)), 10.0))
    assert {key for _, key in world.started} == {one.key for one in targets}


@pytest.mark.parametrize(
    ("finished", "done", "progress"),
    [
        pytest.param(0.0, False, (0, 10), id="at-the-start"),
        pytest.param(70.0, True, (10, 10), id="after-the-first-round"),
    ],
)
def test_the_first_round_is_told_while_it_goes_on(finished: float, done: bool, progress: tuple[int, int]) -> None:
    async def story() -> None:
        scheduler = World().scheduler(*hosts(10))
        async with asyncio.TaskGroup() as group:
            group.create_task(scheduler.run())
            await asyncio.sleep(finished)
            assert scheduler.first_round_done is done
            assert scheduler.first_round_progress == progress
            await scheduler.stop(0.0)

    run(story())


def test_a_name_that_fails_completes_the_first_round_as_well() -> None:
    world = World(resolves=lambda _: Outcome.DNS_NXDOMAIN)
    scheduler = world.scheduler(*hosts(5))
    run(run_for(scheduler, 70.0))
    assert scheduler.first_round_done


def test_without_targets_there_is_nothing_to_do_until_some_are_configured() -> None:
    async def story() -> None:
        world = World()
        scheduler = world.scheduler()
        async with asyncio.TaskGroup() as group:
            group.create_task(scheduler.run())
            await asyncio.sleep(1000.0)
            assert scheduler.first_round_done
            scheduler.configure([target()], Limits())
            assert not scheduler.first_round_done
            await asyncio.sleep(60.0)
            assert len(world.delivered) == 1
            await scheduler.stop()

    run(story())


# Places and lateness


@pytest.mark.parametrize("outcome", sorted(WITHOUT_SESSION), ids=lambda outcome: outcome.value)
def test_a_probe_that_never_comes_to_a_session_waits_for_nobody(outcome: Outcome) -> None:
    world = World(resolves=lambda target: OK if target.service.port == 25 else outcome, seconds=lambda _: 1000.0)
    ports = [target(port=port) for port in (25, 143, 465, 587, 993)]
    run(run_for(world.scheduler(*ports), 70.0))
    assert len(world.delivered) == 4


def test_a_connection_that_never_left_this_machine_costs_the_host_no_gap() -> None:
    sixes = [target(port=port, family=IpFamily.IPV6) for port in range(1, 41)]
    fours = [target(port=port) for port in (25, 587)]
    world = World(
        outcome=lambda target: Outcome.NO_ROUTE if target.ip_family is IpFamily.IPV6 else OK,
        seconds=lambda target: 0.0 if target.ip_family is IpFamily.IPV6 else 1.0,
    )
    scheduler = world.scheduler(*sixes, *fours, limits=Limits(first_round=0.001))
    run(run_for(scheduler, 7.0))
    assert len(world.delivered) == 42
    assert smallest_gaps(
        [visit for visit in world.sessions if visit.key in {four.key for four in fours}], lambda v: v.host
    ) == {"mail.example.org": pytest.approx(2.0)}


def test_waiting_and_flying_probes_are_told_apart() -> None:
    async def story() -> None:
        world = World(seconds=lambda _: 1000.0)
        scheduler = world.scheduler(*(target(port=port) for port in (25, 465, 587)), target("other.example.org"))
        async with asyncio.TaskGroup() as group:
            group.create_task(scheduler.run())
            assert (scheduler.in_flight, scheduler.waiting) == (0, 0)
            await asyncio.sleep(61.0)
            assert (scheduler.in_flight, scheduler.waiting) == (2, 2)
            await scheduler.stop()
        assert (scheduler.in_flight, scheduler.waiting) == (0, 0)

    run(story())


def test_no_more_sessions_in_all_than_allowed() -> None:
    world, targets = World(seconds=lambda _: 5.0), hosts(60)
    run(run_for(world.scheduler(*targets, limits=Limits(max_sessions=3)), 130.0))
    assert world.most_sessions == 3


def test_lag_is_zero_while_everybody_begins_on_time() -> None:
    world = World()
    scheduler = world.scheduler(*hosts(20))
    assert scheduler.lag == 0.0
    run(run_for(scheduler, 600.0))
    assert scheduler.lag == pytest.approx(0.0, abs=1e-6)


def test_lag_tells_how_long_sessions_waited_for_their_turn() -> None:
    world = World(address=lambda _: "192.0.2.1", seconds=lambda _: 1.0)
    scheduler = world.scheduler(*hosts(2, 10.0), limits=Limits(min_gap=8.0))
    run(run_for(scheduler, 36000.0))
    due = Counter(key for _, key in world.missed)
    assert due  # two sessions of nine seconds each do not fit into ten
    assert 5.0 < scheduler.lag < 20.0


def test_rounds_that_a_busy_machine_slept_through_are_counted() -> None:
    async def story() -> None:
        world = World()
        scheduler = world.scheduler(target(interval=60.0))
        async with asyncio.TaskGroup() as group:
            group.create_task(scheduler.run())
            await asyncio.sleep(130.0)
            assert not world.missed
            loop = asyncio.get_running_loop()
            assert isinstance(loop, ManualLoop)
            loop.advance(300.0)
            await asyncio.sleep(10.0)
            assert len(world.missed) == 4
            assert scheduler.lag > 60.0
            await scheduler.stop()

    run(story())


def test_a_probe_that_outlasts_its_interval_is_not_joined_by_a_second_one_and_the_rounds_count_as_missed() -> None:
    world, one = World(seconds=lambda _: 290.0), target(interval=60.0, port=25)
    other = target("other.example.org", interval=60.0)
    world.seconds = lambda target: 290.0 if target == one else 1.0
    run(run_for(world.scheduler(one, other), 1200.0 + phase(one.key) * 60.0 - 1.0))
    assert waits(world.begins(one)) == pytest.approx([300.0] * 3)
    assert [key for _, key in world.missed] == [one.key] * 16
    assert waits([at for at, _ in world.missed][:4]) == pytest.approx([60.0] * 3)
    assert waits(world.begins(other)) == pytest.approx([60.0] * (len(world.begins(other)) - 1))


# Back-off


@pytest.mark.parametrize("host", [f"mx{n}.example.org" for n in range(8)])
def test_a_refusal_slows_the_target_down_and_a_success_brings_it_back_into_its_rhythm(host: str) -> None:
    world, one = World(outcome=lambda _: COME_BACK_LATER, judge=lambda _: ""), target(host)

    async def story() -> None:
        scheduler = world.scheduler(one)
        async with asyncio.TaskGroup() as group:
            group.create_task(scheduler.run())
            assert scheduler.interval(one) == 120.0
            await asyncio.sleep(5000.0)
            assert scheduler.interval(one) == 960.0
            world.outcome = lambda _: OK
            await asyncio.sleep(3000.0)
            assert scheduler.interval(one) == 120.0
            await scheduler.stop()

    run(story())
    assert not world.missed
    intervals, between = world.intervals(one), waits(world.begins(one))
    slow = intervals.index(120.0)
    assert intervals[:slow] == [240.0, 480.0] + [960.0] * (slow - 2)
    jitter = [(wait - 1.0) / interval for wait, interval in zip(between[:slow], intervals[:slow], strict=True)]
    assert 0.9 <= min(jitter) < max(jitter) <= 1.1
    # Not at once after the server let us in again, and then as ever.
    assert 60.0 <= between[slow] <= 182.0
    assert between[slow + 1 :] == pytest.approx([120.0] * len(between[slow + 1 :]))
    assert [(at - START) / 120.0 % 1 for at in world.begins(one)[slow + 1 :]] == pytest.approx(
        [phase(one.key)] * len(between[slow:])
    )


def test_a_single_refused_port_never_backs_off() -> None:
    ports = [target(port=port) for port in (25, 465, 587)]
    world = World(outcome=lambda target: REFUSED if target.service.port == 587 else OK)
    run(run_for(world.scheduler(*ports), 3600.0))
    assert {interval for _, _, interval in world.delivered} == {120.0}
    assert len(world.begins(ports[2])) == len(world.begins(ports[0]))


def test_a_slowed_probe_that_outlasts_its_slow_round_is_missed_once() -> None:
    world, one = World(outcome=lambda _: COME_BACK_LATER, judge=lambda _: ""), target()

    async def story() -> None:
        scheduler = world.scheduler(one)
        async with asyncio.TaskGroup() as group:
            group.create_task(scheduler.run())
            await asyncio.sleep(61.0)
            world.seconds = lambda _: 250.0
            await asyncio.sleep(540.0)
            await scheduler.stop(0.0)

    run(story())
    begun = world.begins(one)[1]
    assert [at for at, _ in world.missed] == pytest.approx([begun + 240.0])


PORTS = [target(port=25), target(port=587), target(port=993), target(port=110, state=PortState.CLOSED)]
SIXES = [target(port=port, family=IpFamily.IPV6) for port in (25, 587)]


@pytest.mark.parametrize("outcome", [REFUSED, TIMEOUT, Outcome.NETWORK_UNREACHABLE], ids=lambda o: o.value)
def test_a_lost_host_is_probed_more_slowly_and_its_return_is_seen_within_ten_minutes(outcome: Outcome) -> None:
    world = World(seconds=lambda _: 0.1, judge=lambda _: "")
    back = 0.0

    async def story() -> None:
        nonlocal back
        scheduler = world.scheduler(*PORTS, *SIXES)
        async with asyncio.TaskGroup() as group:
            group.create_task(scheduler.run())
            world.outcome = lambda target: outcome if target.ip_family is IpFamily.IPV4 else OK
            await asyncio.sleep(7200.0)
            assert {scheduler.interval(port) for port in PORTS} == {540.0}
            assert {scheduler.interval(port) for port in SIXES} == {120.0}
            back = now()
            world.outcome = lambda _: OK
            await asyncio.sleep(600.0)
            assert {scheduler.interval(port) for port in PORTS} == {120.0}
            await asyncio.sleep(600.0)
            await scheduler.stop()

    run(story())
    seen = min(at for at, key in world.started if at >= back and key.ip_family is IpFamily.IPV4)
    assert seen - back <= 600.0
    # Then nobody waits for the end of its slow round.
    for port in PORTS:
        again = [at for at in world.begins(port) if at > back]
        assert again[0] - seen <= 125.0
        assert max(waits(again)) <= 181.0
    assert not world.missed


@pytest.mark.parametrize("lasts", [240.0, 500.0, 1500.0])
def test_a_probe_under_way_when_its_host_returns_goes_back_to_its_rhythm_as_well(lasts: float) -> None:
    world = World(outcome=lambda _: REFUSED, seconds=lambda _: 0.1, judge=lambda _: "")
    one, other = target(port=25), target(port=587)
    world.address = lambda target: str(target.service.port)

    async def story() -> None:
        # Two places, so that one port can answer while the other is still being connected to.
        scheduler = world.scheduler(one, other, limits=Limits(sessions_per_address=2))
        async with asyncio.TaskGroup() as group:
            group.create_task(scheduler.run())
            await asyncio.sleep(3600.0)
            world.seconds = lambda target: 0.1 if target == one or is_back() else lasts
            world.outcome = lambda target: (
                OK if target == one and (is_back() or other.key in world.running) else REFUSED
            )
            await asyncio.sleep(5400.0)
            assert scheduler.interval(other) == 120.0
            await scheduler.stop()

    def is_back() -> bool:
        return any(result.outcome is OK for _, result, _ in world.delivered)

    run(story())
    back = next(at for at, result, _ in world.delivered if result.outcome is OK)
    after = [at for at in world.begins(other) if at > back]
    assert any(session.key == other.key and session.begin < back < session.end for session in world.sessions)
    assert [(at - START) / 120.0 % 1 for at in after] == pytest.approx([phase(other.key)] * len(after))
    assert waits(after)[-5:] == pytest.approx([120.0] * 5)


def test_a_refusing_port_of_a_host_that_returns_keeps_its_own_distance() -> None:
    ports = [target(port=port) for port in (25, 587)]
    world = World(outcome=lambda _: COME_BACK_LATER, seconds=lambda _: 0.1, judge=lambda _: "")

    async def story() -> None:
        scheduler = world.scheduler(*ports)
        async with asyncio.TaskGroup() as group:
            group.create_task(scheduler.run())
            await asyncio.sleep(3600.0)
            world.outcome = lambda _: REFUSED
            await asyncio.sleep(7200.0)
            world.outcome = lambda target: OK if target == ports[0] else REFUSED
            await asyncio.sleep(1200.0)
            assert [scheduler.interval(port) for port in ports] == [120.0, 960.0]
            await scheduler.stop()

    run(story())
    assert min(waits(world.begins(ports[1]))[-5:]) >= 0.9 * 960.0


def test_a_filtered_host_is_neither_hammered_nor_in_the_way_of_others() -> None:
    silent = [target("silent.example.org", port) for port in (25, 110, 143, 465, 587, 993, 995, 4190)]
    others = hosts(10)
    world = World(
        outcome=lambda target: TIMEOUT if target in silent else OK,
        seconds=lambda target: 5.0 if target in silent else 1.0,
    )
    run(run_for(world.scheduler(*silent, *others, limits=Limits(max_sessions=2)), 120.0))
    connects = [session for session in world.sessions if session.host == "silent.example.org"]
    gaps = [after.begin - before.end for before, after in pairwise(connects)]
    assert len(gaps) >= 4
    assert min(gaps[1:]) >= SILENT_GAP - 1e-6
    assert all(world.begins(one) for one in others)
    assert not world.missed


@pytest.mark.parametrize("answer", [OK, REFUSED, Outcome.CONNECTION_RESET, COME_BACK_LATER], ids=lambda o: o.value)
def test_any_answer_ends_the_longer_gap_of_an_address(answer: Outcome) -> None:
    ports = [target(port=port, state=PortState.ANY) for port in range(1, 60)]
    world = World(seconds=lambda _: 0.5)
    world.outcome = lambda _: TIMEOUT if len(world.sessions) < 4 else answer
    run(run_for(world.scheduler(*ports, limits=Limits(first_round=1.0)), 100.0))
    gaps = [after.begin - before.end for before, after in pairwise(world.sessions)]
    assert gaps[:8] == pytest.approx([2.0, 10.0, 10.0, 10.0, 2.0, 2.0, 2.0, 2.0])


def test_what_says_nothing_about_an_address_neither_stretches_its_gap_nor_ends_that() -> None:
    ports = [target(port=port, state=PortState.ANY) for port in range(1, 60)]
    world = World(seconds=lambda _: 0.5)
    script = [TIMEOUT, Outcome.INTERNAL_ERROR, Outcome.NETWORK_UNREACHABLE, Outcome.INTERNAL_ERROR, TIMEOUT, TIMEOUT]
    world.outcome = lambda _: script[min(len(world.sessions), 5)]
    run(run_for(world.scheduler(*ports, limits=Limits(first_round=1.0)), 60.0))
    gaps = [after.begin - before.end for before, after in pairwise(world.sessions)]
    assert gaps[:6] == pytest.approx([2.0, 2.0, 10.0, 10.0, 10.0, 10.0])


# Confirmation


def changing(*states: str) -> World:
    """A world in which a target is judged to be in one state after the other, and at last stays in the last one."""
    world = World(seconds=lambda _: 0.5)
    world.judge = lambda result: states[min(len(world.intervals(result.target)), len(states)) - 1]
    return world


@pytest.mark.parametrize(
    ("states", "sooner"),
    [
        pytest.param("aaaaaa", [], id="no-change"),
        pytest.param("abbbbb", [1], id="a-change-is-confirmed-once"),
        pytest.param("aabaaa", [2], id="what-does-not-hold-is-not-chased"),
        pytest.param("abbbaaa", [1, 4], id="each-lasting-change"),
        pytest.param("abababab", [1, 3, 5, 7], id="a-flapping-target-costs-at-most-double"),
    ],
)
def test_after_a_change_of_state_the_next_probe_comes_sooner_once(states: str, sooner: list[int]) -> None:
    world, one = changing(*states), target()
    run(run_for(world.scheduler(one), 1500.0))
    for number, wait in enumerate(waits(world.begins(one))):
        if number in sooner:
            assert 13.5 + 0.5 <= wait <= 16.5 + 0.5
        else:
            assert wait > 60.0
    # However the confirmations fell, the rhythm is the same as ever.
    last = world.begins(one)[-3:]
    assert [(at - START) / 120.0 % 1 for at in last] == pytest.approx([phase(one.key)] * 3)
    assert {interval for _, _, interval in world.delivered} == {120.0}


def test_a_regular_probe_that_comes_sooner_than_the_confirmation_is_not_put_off() -> None:
    world, one = changing("a", "b"), target(interval=10.0)
    run(run_for(world.scheduler(one), 100.0))
    assert waits(world.begins(one)) == pytest.approx([10.0] * 9)


def test_a_server_that_asks_us_to_stay_away_is_not_asked_again_sooner() -> None:
    world, one = World(), target()
    world.outcome = lambda _: OK if len(world.sessions) < 2 else COME_BACK_LATER
    run(run_for(world.scheduler(one), 1200.0))
    assert min(waits(world.begins(one))[2:]) > 200.0


def test_the_loss_of_a_host_is_confirmed_before_it_is_slowed_down() -> None:
    ports = [target(port=port) for port in (25, 587)]
    world = World(seconds=lambda _: 0.1)

    async def story() -> None:
        scheduler = world.scheduler(*ports)
        async with asyncio.TaskGroup() as group:
            group.create_task(scheduler.run())
            await asyncio.sleep(600.0)
            world.outcome = lambda _: REFUSED
            await asyncio.sleep(3600.0)
            await scheduler.stop()

    run(story())
    for port in ports:
        lost = [at for at, result, _ in world.delivered if result.target == port and result.outcome is REFUSED]
        assert waits(lost)[0] < 20.0
        assert max(waits(lost)) > 400.0


# Reload


def test_a_reload_leaves_unchanged_targets_in_their_rhythm_and_back_off() -> None:
    async def story(reload: bool) -> list[tuple[float, str]]:
        one, refused = target("one.example.org"), target("refused.example.org")
        world = World(outcome=lambda target: OK if target.host == "one.example.org" else COME_BACK_LATER)
        scheduler = world.scheduler(one, refused)
        async with asyncio.TaskGroup() as group:
            group.create_task(scheduler.run())
            await asyncio.sleep(1000.0)
            if reload:
                scheduler.configure([replace(refused), replace(one), target("new.example.org")], Limits())
                assert scheduler.interval(refused) > 120.0
            await asyncio.sleep(1000.0)
            await scheduler.stop()
        return [(at, key.host) for at, key in world.started]

    before, after = run(story(False)), run(story(True))
    assert [start for start in after if start[1] != "new.example.org"] == before
    assert 1000.0 <= min(at for at, host in after if host == "new.example.org") - START <= 1060.0


def test_a_reload_that_reads_the_same_targets_anew_leaves_them_in_their_rhythm() -> None:
    world, before = World(), hosts(10)

    async def story() -> None:
        scheduler = world.scheduler(*before)
        async with asyncio.TaskGroup() as group:
            group.create_task(scheduler.run())
            await asyncio.sleep(400.0)
            again = hosts(10)
            assert all(one is not other and one == other for one, other in zip(before, again, strict=True))
            scheduler.configure([*again[5:], *again[:5]], Limits())
            await asyncio.sleep(400.0)
            await scheduler.stop()

    run(story())
    undisturbed = World()
    run(run_for(undisturbed.scheduler(*before), 800.0))
    assert world.started == undisturbed.started


def test_a_reload_leaves_the_probe_of_an_unchanged_target_alone() -> None:
    async def story() -> None:
        world = World(seconds=lambda _: 100.0)
        scheduler = world.scheduler(target())
        async with asyncio.TaskGroup() as group:
            group.create_task(scheduler.run())
            await asyncio.sleep(61.0)
            scheduler.configure([target()], Limits())
            await asyncio.sleep(100.0)
            assert len(world.delivered) == 1
            await scheduler.stop()

    run(story())


def test_a_target_that_left_is_never_probed_again_and_its_session_ends_in_peace_and_unheard() -> None:
    async def story() -> None:
        world, gone, stays = World(seconds=lambda _: 100.0), target("gone.example.org"), target("stays.example.org")
        scheduler = world.scheduler(gone, stays)
        async with asyncio.TaskGroup() as group:
            group.create_task(scheduler.run())
            await asyncio.sleep(61.0)
            scheduler.configure([stays], Limits())
            assert scheduler.first_round_progress == (0, 1)
            assert scheduler.interval(gone) == 120.0
            await asyncio.sleep(200.0)
            ended = [session for session in world.sessions if session.key == gone.key]
            assert [session.end - session.begin for session in ended] == pytest.approx([100.0])
            assert {result.target for _, result, _ in world.delivered} == {stays}
            assert scheduler.first_round_progress == (1, 1)
            scheduler.configure([], Limits())
            assert scheduler.first_round_progress == (0, 0)
            await scheduler.stop(0.0)
        assert len(world.begins(gone)) == 1

    run(story())


def test_a_target_that_left_while_it_waited_gives_up_its_turn() -> None:
    async def story() -> None:
        ports = [target(port=port) for port in (25, 587)]
        world = World(seconds=lambda _: 100.0)
        scheduler = world.scheduler(*ports)
        async with asyncio.TaskGroup() as group:
            group.create_task(scheduler.run())
            await asyncio.sleep(61.0)
            assert scheduler.waiting == 1
            in_session = next(iter(world.running))
            scheduler.configure([port for port in ports if port.key == in_session], Limits())
            await asyncio.sleep(1.0)
            assert (scheduler.waiting, scheduler.in_flight) == (0, 1)
            await scheduler.stop(0.0)

    run(story())


def test_a_target_that_changed_is_probed_anew_after_the_session_that_goes_on() -> None:
    async def story() -> None:
        world, old, new = World(seconds=lambda _: 100.0), target(), target(labels=(("site", "milan"),))
        scheduler = world.scheduler(old)
        async with asyncio.TaskGroup() as group:
            group.create_task(scheduler.run())
            await asyncio.sleep(61.0)
            scheduler.configure([new], Limits())
            await asyncio.sleep(230.0)
            await scheduler.stop(0.0)
        assert [result.target for _, result, _ in world.delivered] == [new]
        assert smallest_gaps(world.sessions, lambda session: session.host) == {"mail.example.org": pytest.approx(2.0)}

    run(story())


def test_a_host_of_which_lost_ports_remain_is_judged_by_those() -> None:
    """The port that still answered leaves, so the rest of the host is lost."""
    ports = [target(port=port) for port in (25, 587, 993)]
    world = World(outcome=lambda target: OK if target.service.port == 993 else REFUSED, judge=lambda _: "")

    async def story() -> None:
        scheduler = world.scheduler(*ports)
        async with asyncio.TaskGroup() as group:
            group.create_task(scheduler.run())
            await asyncio.sleep(600.0)
            assert scheduler.interval(ports[0]) == 120.0
            scheduler.configure(ports[:2], Limits())
            await asyncio.sleep(600.0)
            assert scheduler.interval(ports[0]) > 120.0
            await scheduler.stop()

    run(story())


def test_new_limits_hold_from_the_reload_on() -> None:
    async def story() -> None:
        world = World(seconds=lambda _: 1.0, address=lambda _: "192.0.2.1")
        targets = hosts(30, 60.0)
        scheduler = world.scheduler(*targets)
        async with asyncio.TaskGroup() as group:
            group.create_task(scheduler.run())
            await asyncio.sleep(600.0)
            assert world.missed
            scheduler.configure(targets, Limits(min_gap=0.1))
            await asyncio.sleep(300.0)
            world.missed.clear()
            await asyncio.sleep(600.0)
            assert not world.missed
            await scheduler.stop()

    run(story())


# Stop


@pytest.mark.parametrize(
    ("lasts", "delivered", "took"),
    [
        pytest.param(64.0, 1, 3.0, id="a-session-that-ends-in-time-delivers"),
        pytest.param(1000.0, 0, 5.0, id="one-that-does-not-is-cancelled"),
    ],
)
def test_a_stop_lets_sessions_end_but_not_for_ever(lasts: float, delivered: int, took: float) -> None:
    async def story() -> None:
        one = target()
        world = World(seconds=lambda _: lasts - phase(one.key) * 60.0)
        scheduler = world.scheduler(one)
        async with asyncio.TaskGroup() as group:
            running = group.create_task(scheduler.run())
            await asyncio.sleep(61.0)
            asked = now()
            await scheduler.stop()
            assert now() - asked == pytest.approx(took)
            await asyncio.sleep(0)
            assert running.done()
        assert len(world.delivered) == delivered
        assert len(world.sessions) == 1

    run(story())


def test_a_stop_starts_nothing_and_waits_for_nobody_who_waits() -> None:
    async def story() -> None:
        world = World(seconds=lambda _: 100.0)
        scheduler = world.scheduler(*(target(port=port) for port in range(1, 20)), *hosts(20))
        async with asyncio.TaskGroup() as group:
            group.create_task(scheduler.run())
            await asyncio.sleep(30.0)
            assert scheduler.waiting > 1
            probes = len(world.started)
            stop = group.create_task(scheduler.stop())
            await asyncio.sleep(1.0)
            assert scheduler.waiting == 0
            await stop
        assert len(world.started) == probes

    run(story())


def test_a_stop_without_sessions_returns_at_once() -> None:
    async def story() -> None:
        scheduler = World().scheduler()
        async with asyncio.TaskGroup() as group:
            group.create_task(scheduler.run())
            await asyncio.sleep(10.0)
            asked = now()
            await scheduler.stop()
            await scheduler.stop()
            assert now() == asked

    run(story())


def test_a_stop_before_the_start_means_that_nothing_starts() -> None:
    async def story() -> None:
        world = World()
        scheduler = world.scheduler(target())
        await scheduler.stop()
        await scheduler.run()
        assert not world.started

    run(story())


def test_cancelling_the_schedule_cancels_its_probes() -> None:
    async def story() -> None:
        world = World(seconds=lambda _: 1000.0)
        scheduler = world.scheduler(target())
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(61.0):
                await scheduler.run()
        assert [session.end - START for session in world.sessions] == pytest.approx([61.0])
        assert scheduler.in_flight == 0

    run(story())


def test_a_cancelled_schedule_starts_nothing_while_its_probes_come_to_their_end() -> None:
    started: list[Target] = []

    async def probe(target: Target, hold: Hold) -> ProbeResult:
        started.append(target)
        try:
            await asyncio.sleep(1000.0)
        finally:
            # It takes until the others are due.
            await asyncio.sleep(200.0)
        raise AssertionError

    async def story() -> None:
        world = World()
        scheduler = Scheduler(probe, world.deliver, limits=Limits(), missed=world.miss)
        scheduler.configure(hosts(20), Limits())
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(20.0):
                await scheduler.run()

    run(story())
    assert 0 < len(started) < 20


# Faults of our own


class OurFault(Exception):
    pass


@pytest.mark.parametrize("where", ["probe", "deliver", "missed"])
def test_a_fault_of_our_own_stops_the_schedule_loudly(where: str) -> None:
    world = World(seconds=lambda _: 200.0)

    def fail(at: str) -> None:
        if at == where:
            raise OurFault

    async def probe(target: Target, hold: Hold) -> ProbeResult:
        fail("probe")
        return await world.probe(target, hold)

    def deliver(result: ProbeResult, interval: float) -> str:
        fail("deliver")
        return "the same"

    scheduler = Scheduler(probe, deliver, limits=Limits(), missed=lambda _: fail("missed"))
    scheduler.configure(hosts(3), Limits())
    with pytest.raises(ExceptionGroup) as stopped:
        run(scheduler.run())
    assert stopped.group_contains(OurFault)


def test_nothing_is_started_after_a_fault() -> None:
    world = World(seconds=lambda _: 1000.0)
    first, second = sorted((target(f"mx{n}.example.org", interval=60.0) for n in range(2)), key=lambda t: phase(t.key))

    async def probe(target: Target, hold: Hold) -> ProbeResult:
        if target == second:
            return await world.probe(target, hold)
        # Now the other one is due as well, before anybody can have heard of this.
        loop = asyncio.get_running_loop()
        assert isinstance(loop, ManualLoop)
        loop.advance(60.0)
        raise OurFault

    scheduler = Scheduler(probe, world.deliver, limits=Limits(), missed=world.miss)
    scheduler.configure([first, second], Limits())
    with pytest.raises(ExceptionGroup) as stopped:
        run(scheduler.run())
    assert stopped.group_contains(OurFault)
    assert not world.started


# Everything at once


@settings(max_examples=40)
@given(
    limits=st.builds(
        Limits,
        max_sessions=st.integers(1, 5),
        sessions_per_address=st.integers(1, 2),
        min_gap=st.sampled_from([0.0, 1.0, 2.0]),
    ),
    layout=st.lists(
        st.tuples(
            st.integers(0, 5), st.integers(1, 4), st.sampled_from(IpFamily), st.integers(0, 3), st.integers(0, 20)
        ),
        min_size=1,
        max_size=20,
        unique_by=lambda entry: entry[:3],
    ),
    outcomes=st.lists(
        st.sampled_from([OK, REFUSED, TIMEOUT, COME_BACK_LATER, Outcome.GREETING_TIMEOUT]),
        min_size=1,
    ),
)
def test_whatever_happens_places_are_kept_and_nobody_starves(
    limits: Limits, layout: list[tuple[int, int, IpFamily, int, int]], outcomes: list[Outcome]
) -> None:
    addresses, lengths = {}, {}
    targets = []
    for host, port, family, address, seconds in layout:
        one = target(f"mx{host}.example.org", port, family=family, interval=60.0)
        targets.append(one)
        addresses[one.key] = f"192.0.2.{address}"
        lengths[one.key] = float(seconds)
    world = World(seconds=lambda target: lengths[target.key], address=lambda target: addresses[target.key])
    world.outcome = lambda _: outcomes[len(world.started) % len(outcomes)]
    world.resolves = lambda _: Outcome.DNS_ERROR if len(world.started) % 7 == 0 else OK
    run(run_for(world.scheduler(*targets, limits=limits), 3600.0))

    assert world.most_sessions <= limits.max_sessions
    if limits.sessions_per_address == 1:
        for place in ("host", "address"):
            gaps = smallest_gaps(world.sessions, lambda session, place=place: getattr(session, place))  # type: ignore[misc]
            assert all(gap >= limits.min_gap - 1e-6 for gap in gaps.values())
    # The longest back-off of this interval with its jitter, a round, and twice the turn of everybody.
    turn = sum(length + max(limits.min_gap, SILENT_GAP) for length in lengths.values())
    for one in targets:
        last = [at for at, result, _ in world.delivered if result.target == one][-1]
        assert START + 3600.0 - last <= 8 * 60.0 * 1.1 + 60.0 + 2 * turn
