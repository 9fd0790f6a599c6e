"""Who begins together: many that are due within a moment; where they are few, each begins at its own instant."""

from collections import Counter

import pytest

from exporter.schedule.company import COMPANY_LEAST, COMPANY_MOST, COMPANY_SECONDS
from exporter.schedule.limits import Limits
from exporter.schedule.spread import phase
from exporter.targets import Target
from tests.manual_loop import START, run
from tests.schedule.world import World, run_for, target

INTERVAL = 10.0
ROUNDS = 6
LIMITS = Limits(first_round=INTERVAL, max_sessions=100_000, min_gap=0.0)


def probed(count: int, seconds: float = 0.5) -> tuple[World, list[Target], float]:
    """A world in which so many hosts were probed for some rounds, and how late their sessions began in the end."""
    targets = [target(f"mx{n}.example.org", interval=INTERVAL) for n in range(count)]
    world = World(seconds=lambda _: seconds)
    scheduler = world.scheduler(*targets, limits=LIMITS)
    run(run_for(scheduler, ROUNDS * INTERVAL))
    return world, targets, scheduler.lag


def test_many_that_are_due_within_a_moment_begin_together() -> None:
    world, _, _ = probed(1000)
    together = Counter(at for at, _ in world.started)
    assert len(world.started) / len(together) == pytest.approx(1000 / INTERVAL * COMPANY_SECONDS, rel=0.2)


def test_nobody_begins_late_or_more_than_a_moment_early_or_leaves_its_rhythm() -> None:
    world, targets, _ = probed(1000)
    for one in targets:
        early = [(START + phase(one.key) * INTERVAL - at) % INTERVAL for at in world.begins(one)]
        # The last moment of the story may have room for a round that is due after it.
        assert len(early) in {ROUNDS, ROUNDS + 1}
        assert all(-1e-6 <= by <= COMPANY_SECONDS + 1e-6 or by == pytest.approx(INTERVAL) for by in early)


def test_no_more_begin_together_than_is_of_use() -> None:
    world, _, _ = probed(5000)
    together = Counter(at for at, _ in world.started)
    assert max(together.values()) == COMPANY_MOST + 1


def test_few_begin_each_at_its_own_instant() -> None:
    world, targets, _ = probed(40)
    for one in targets:
        places = [(at - START) % INTERVAL for at in world.begins(one)]
        assert places == pytest.approx([phase(one.key) * INTERVAL] * ROUNDS)


def test_a_round_is_not_missed_because_it_would_have_begun_early() -> None:
    # The round before is over a moment before the next one is due, and not a quarter of a second before.
    world, _, _ = probed(1000, INTERVAL - 0.01)
    assert len({at for at, _ in world.started}) < len(world.started) / COMPANY_LEAST
    assert not world.missed


def test_a_session_that_began_early_did_not_begin_late() -> None:
    _, _, lag = probed(1000)
    assert lag == 0.0
