"""A target that somebody wants to know about now: sooner than its turn, and never twice within a minute."""

import asyncio
from collections.abc import Awaitable, Callable
from itertools import pairwise

import pytest

from exporter.judgement.variant import variant_target
from exporter.results import Outcome
from exporter.schedule.scheduler import Scheduler
from exporter.schedule.spread import phase
from exporter.targets import Target, Variant
from tests.manual_loop import START, run
from tests.schedule.world import World, now, run_for, target

REFERENCE = target("mx.example.net", 25, interval=300.0)


def story_of(world: World, *targets: Target, then: Callable[[Scheduler], Awaitable[None]]) -> None:
    """Run the schedule of `targets` while `then` happens."""

    async def story() -> None:
        scheduler = world.scheduler(*targets)
        async with asyncio.TaskGroup() as group:
            group.create_task(scheduler.run())
            await asyncio.sleep(0)
            await then(scheduler)
            await scheduler.stop(0.0)

    run(story())


def test_it_is_probed_at_once_and_stays_in_its_rhythm() -> None:
    world = World()
    asked = 0.0

    async def then(scheduler: Scheduler) -> None:
        nonlocal asked
        await asyncio.sleep(1050.0)
        asked = now()
        scheduler.hasten(REFERENCE.key)
        await asyncio.sleep(1000.0)

    story_of(world, REFERENCE, then=then)
    assert asked in world.begins(REFERENCE)
    after = [at for at in world.begins(REFERENCE) if at > asked]
    assert [(at - START) / 300.0 % 1 for at in after] == pytest.approx([phase(REFERENCE.key)] * len(after))


def test_however_often_it_is_asked_for_it_is_probed_once_a_minute() -> None:
    world = World()

    async def then(scheduler: Scheduler) -> None:
        for _ in range(600):
            scheduler.hasten(REFERENCE.key)
            scheduler.hasten(REFERENCE.key)
            await asyncio.sleep(1.0)

    story_of(world, REFERENCE, then=then)
    begins = world.begins(REFERENCE)
    assert begins[0] == START
    assert len(begins) == 10
    assert min(after - before for before, after in pairwise(begins)) >= 60.0
    assert not world.missed


def test_a_probe_under_way_is_not_joined_by_a_second_one() -> None:
    world = World(seconds=lambda _: 200.0)

    async def then(scheduler: Scheduler) -> None:
        await asyncio.sleep(61.0)
        for _ in range(120):
            scheduler.hasten(REFERENCE.key)
            await asyncio.sleep(1.0)

    story_of(world, REFERENCE, then=then)
    assert len(world.begins(REFERENCE)) == 1
    assert not world.missed


def test_a_server_that_asked_us_to_stay_away_is_not_asked_sooner() -> None:
    world = World(outcome=lambda _: Outcome.GREETING_REJECTED_TEMPORARILY, judge=lambda _: "")

    async def then(scheduler: Scheduler) -> None:
        for _ in range(7200):
            scheduler.hasten(REFERENCE.key)
            await asyncio.sleep(1.0)

    story_of(world, REFERENCE, then=then)
    begins = world.begins(REFERENCE)
    assert begins[0] == START
    # Twice, four times and six times 300 s, with a tenth of jitter.
    between = [after - before for before, after in pairwise(begins)]
    assert all(wait >= 0.9 * least for wait, least in zip(between, (600.0, 1200.0, 1800.0), strict=False))
    assert len(begins) == 6


def test_a_host_that_is_lost_may_be_asked_sooner() -> None:
    ports = [target("mx.example.net", port) for port in (25, 465)]
    world = World(outcome=lambda _: Outcome.CONNECT_TIMEOUT)
    asked = 0.0

    async def then(scheduler: Scheduler) -> None:
        nonlocal asked
        await asyncio.sleep(3600.0)
        assert scheduler.interval(ports[0]) == 540.0
        await asyncio.sleep(max(0.0, world.begins(ports[0])[-1] + 100.0 - now()))
        asked = now()
        scheduler.hasten(ports[0].key)
        await asyncio.sleep(1.0)

    story_of(world, *ports, then=then)
    assert world.begins(ports[0])[-1] == asked


def test_a_variant_is_hastened_once_a_day_however_often_its_port_shows_another_certificate() -> None:
    variant = variant_target(REFERENCE, Variant.RSA, 86_400.0)
    world = World()
    asked = 0.0

    async def then(scheduler: Scheduler) -> None:
        nonlocal asked
        await asyncio.sleep(7200.0)
        asked = now()
        for _ in range(3 * 720):
            scheduler.hasten(variant.key)
            await asyncio.sleep(120.0)

    story_of(world, REFERENCE, variant, then=then)
    begins = world.begins(variant)
    assert asked in begins
    # The first of its own accord, and one a day from then on.
    assert len(begins) in (4, 5)


def test_who_is_unknown_or_not_running_is_left_alone() -> None:
    world = World()
    scheduler = world.scheduler(REFERENCE)
    scheduler.hasten(REFERENCE.key)
    scheduler.hasten(target("nobody.example.net").key)
    run(run_for(scheduler, 60.0))
    assert world.begins(REFERENCE) == pytest.approx([START + phase(REFERENCE.key) * 60.0])
