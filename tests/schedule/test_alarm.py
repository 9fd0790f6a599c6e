"""The alarm: always the earliest instant, and one timer of the loop for all of them."""

import asyncio

import pytest

from exporter.schedule.alarm import Alarm
from tests.manual_loop import run
from tests.schedule.world import now


def rings(*instants: float, cleared: bool = False) -> list[float]:
    """When it rings, if it is set to each of these; on a clock that starts at 0."""
    rung: list[float] = []

    async def story() -> None:
        start = now()
        alarm = Alarm(lambda: rung.append(now() - start))
        for instant in instants:
            alarm.set(start + instant)
        if cleared:
            alarm.clear()
        await asyncio.sleep(100.0)

    run(story())
    return rung


@pytest.mark.parametrize(
    ("instants", "rung"),
    [
        pytest.param([], [], id="never-set"),
        pytest.param([10.0], [10.0], id="once"),
        pytest.param([10.0, 20.0], [10.0], id="a-later-one-changes-nothing"),
        pytest.param([20.0, 10.0], [10.0], id="an-earlier-one-takes-its-place"),
        pytest.param([-5.0], [0.0], id="what-is-past-rings-at-once"),
    ],
)
def test_it_rings_once_at_the_earliest_instant(instants: list[float], rung: list[float]) -> None:
    assert rings(*instants) == pytest.approx(rung)


def test_what_was_cleared_does_not_ring() -> None:
    assert rings(10.0, 20.0, cleared=True) == []


def test_it_can_be_set_anew_while_it_rings_and_after_it_was_cleared() -> None:
    async def story() -> None:
        start = now()
        rung: list[float] = []

        def ring() -> None:
            rung.append(now() - start)
            if len(rung) < 3:
                alarm.set(now() + 10.0)

        alarm = Alarm(ring)
        alarm.set(start + 5.0)
        alarm.clear()
        alarm.set(start + 10.0)
        await asyncio.sleep(100.0)
        assert rung == pytest.approx([10.0, 20.0, 30.0])

    run(story())
