"""Long runs: a day at one address, more guests than an address has time for, and ten thousand targets."""

from collections import Counter

import pytest

from exporter.schedule.company import COMPANY_MOST
from exporter.schedule.limits import Limits
from tests.manual_loop import START, run
from tests.schedule.world import World, run_for, smallest_gaps, target

ADDRESS = "192.0.2.1"
DAY = 86400.0


def test_fifty_names_on_one_address_are_one_quiet_guest_all_day() -> None:
    names = [target(f"mail.customer{n}.example", 25, interval=300.0) for n in range(50)]
    world = World(address=lambda _: ADDRESS)
    scheduler = world.scheduler(*names)
    run(run_for(scheduler, DAY))

    assert world.most_sessions == 1
    assert smallest_gaps(world.sessions, lambda session: session.address)[ADDRESS] == pytest.approx(2.0)
    assert not world.missed
    # The first round may fall into the first interval beside its regular turn.
    assert set(Counter(session.key for session in world.sessions).values()) <= {DAY / 300.0, DAY / 300.0 + 1}
    assert scheduler.lag < 60.0


def test_more_guests_than_an_address_has_time_for_are_served_in_turn_and_the_lost_rounds_are_counted() -> None:
    ports = [target(f"mail.customer{n}.example", port) for n in range(50) for port in (25, 587)]
    world = World(address=lambda _: ADDRESS)
    run(run_for(world.scheduler(*ports), DAY / 12))

    assert smallest_gaps(world.sessions, lambda session: session.address)[ADDRESS] == pytest.approx(2.0)
    # A session of 1 s and a gap of 2 s: the address is never idle, and nobody is served twice before everybody is once.
    assert len(world.sessions) == pytest.approx(DAY / 12 / 3.0, abs=20)
    probes = Counter(session.key for session in world.sessions)
    assert max(probes.values()) - min(probes.values()) <= 1
    kept_and_missed = Counter(key for _, key in world.started) + Counter(key for _, key in world.missed)
    assert set(kept_and_missed.values()) <= {DAY / 12 / 120.0, DAY / 12 / 120.0 + 1}


def test_ten_thousand_targets_are_spread_evenly_and_none_is_forgotten() -> None:
    targets = [
        target(f"mx{n}.example.org", port, interval=300.0)
        for n in range(1250)
        for port in (25, 110, 143, 465, 587, 993, 995, 4190)
    ]
    world = World(seconds=lambda _: 0.5, address=lambda target: f"address of {target.host}")
    scheduler = world.scheduler(*targets)
    run(run_for(scheduler, 520.0))

    probes = Counter(key for _, key in world.started)
    assert len(probes) == 10_000
    assert min(probes.values()) >= 2
    assert not world.missed
    assert world.most_sessions <= Limits().max_sessions
    assert scheduler.first_round_done
    per_second = Counter(int(at - START) for at, _ in world.started)
    # A sixtieth in each second of the first round, four standard deviations, and who began early, with the last of it.
    most = 10_000 / 60 + 4 * (10_000 / 60) ** 0.5 + COMPANY_MOST
    assert max(per_second[second] for second in range(60)) <= most
