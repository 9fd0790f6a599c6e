"""Turns at an address: one at a time, in the order of arrival, a gap apart; and none is lost."""

import asyncio

import pytest

from exporter.schedule.spacing import Spacing
from tests.manual_loop import START, run
from tests.schedule.world import now

GAP = 600.0


class Guests:
    """Whoever holds a session of a second at an address, and when it began."""

    def __init__(self, spacing: Spacing) -> None:
        self.spacing = spacing
        self.begins: list[tuple[str, float]] = []

    async def visit(self, name: str, *addresses: str, session: bool = True) -> None:
        """Come to the addresses one after the other, and hold a session at the last one."""
        async with self.spacing.turn() as turn:
            for address in addresses:
                await turn.at(address)
            if session:
                self.begins.append((name, now() - START))
                await asyncio.sleep(1.0)
                turn.used()


def test_guests_of_one_address_come_in_their_order_and_each_a_gap_after_the_one_before() -> None:
    guests = Guests(Spacing(GAP))

    async def story() -> None:
        async with asyncio.TaskGroup() as group:
            for name in "cab":
                group.create_task(guests.visit(name, "192.0.2.1"))
            await asyncio.sleep(0.5)
            assert guests.spacing.waiting == 2
        assert guests.spacing.waiting == 0

    run(story())
    assert guests.begins == [("c", 0.0), ("a", 601.0), ("b", 1202.0)]


def test_guests_of_different_addresses_do_not_wait_for_each_other() -> None:
    guests = Guests(Spacing(GAP))

    async def story() -> None:
        async with asyncio.TaskGroup() as group:
            for number in range(3):
                group.create_task(guests.visit(str(number), f"192.0.2.{number}"))

    run(story())
    assert {begin for _, begin in guests.begins} == {0.0}


def test_a_guest_who_held_no_session_leaves_no_gap() -> None:
    guests = Guests(Spacing(GAP))

    async def story() -> None:
        await guests.visit("silent", "192.0.2.1", session=False)
        await guests.visit("next", "192.0.2.1")

    run(story())
    assert guests.begins == [("next", 0.0)]


def test_who_finds_the_host_moved_waits_at_the_new_address_and_frees_the_old_one() -> None:
    guests = Guests(Spacing(GAP))

    async def story() -> None:
        await guests.visit("first", "192.0.2.2")
        async with asyncio.TaskGroup() as group:
            group.create_task(guests.visit("moved", "192.0.2.1", "192.0.2.2"))
            await asyncio.sleep(1.0)
            group.create_task(guests.visit("stays", "192.0.2.1"))

    run(story())
    assert guests.begins == [("first", 0.0), ("stays", 2.0), ("moved", 601.0)]


def test_two_who_change_places_do_not_wait_for_each_other_for_ever() -> None:
    guests = Guests(Spacing(GAP))

    async def story() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(guests.visit("one", "192.0.2.1", "192.0.2.2"))
            group.create_task(guests.visit("other", "192.0.2.2", "192.0.2.1"))

    run(story())
    assert sorted(name for name, _ in guests.begins) == ["one", "other"]


@pytest.mark.parametrize("leaves_at", [10.0, 300.0], ids=["in the queue", "first in the gap"])
def test_a_guest_who_gives_up_holds_nobody_up(leaves_at: float) -> None:
    guests = Guests(Spacing(GAP))

    async def story() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(guests.visit("first", "192.0.2.1"))
            await asyncio.sleep(0)
            leaves = group.create_task(guests.visit("leaves", "192.0.2.1"))
            await asyncio.sleep(0)
            group.create_task(guests.visit("last", "192.0.2.1"))
            await asyncio.sleep(leaves_at)
            leaves.cancel()
            await asyncio.sleep(1.0)
            assert guests.spacing.waiting == 1

    run(story())
    assert guests.begins == [("first", 0.0), ("last", 601.0)]


def test_a_gap_that_is_over_is_not_remembered_and_a_new_one_holds_from_the_next_session_on() -> None:
    guests = Guests(Spacing(GAP))

    async def story() -> None:
        await guests.visit("first", "192.0.2.1")
        guests.spacing.gap = 10.0
        await guests.visit("second", "192.0.2.1")
        await guests.visit("third", "192.0.2.1")
        await asyncio.sleep(GAP)
        await guests.visit("much later", "192.0.2.1")

    run(story())
    assert [begin for _, begin in guests.begins] == [0.0, 601.0, 612.0, 1213.0]


def test_addresses_that_nobody_asks_for_any_more_are_forgotten() -> None:
    spacing = Spacing(GAP)
    guests = Guests(spacing)

    async def story() -> None:
        for n in range(1000):
            await guests.visit("guest", f"192.0.2.{n}")
            await asyncio.sleep(GAP / 10)

    run(story())
    assert len(guests.begins) == 1000
    # Nothing that anybody can see tells it, except the memory of a daemon after a year.
    assert len(spacing._lanes) <= 64
