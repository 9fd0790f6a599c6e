"""When the collector of cyclic garbage looks at everything."""

import asyncio
import gc
import weakref

from exporter import cycles
from tests.manual_loop import run

# What survives is collected with the oldest generation after 700 · 10 · 10 of them, as long as the rest is small.
MANY = 400_000


def full_collections() -> int:
    return int(gc.get_stats()[2]["collections"])


def full_collections_while_much_is_made() -> int:
    # As at the start of a process that holds little, so that what is made is the larger part.
    gc.freeze()
    try:
        before = full_collections()
        kept = [[number] for number in range(MANY)]
        assert len(kept) == MANY
        return full_collections() - before
    finally:
        gc.unfreeze()


class Knot:
    """What refers to itself."""

    def __init__(self) -> None:
        self.me = self


def test_what_is_made_and_stays_starts_no_full_collection() -> None:
    assert full_collections_while_much_is_made() > 0
    with cycles.seldom():
        assert full_collections_while_much_is_made() == 0
    assert full_collections_while_much_is_made() > 0


def test_what_is_new_is_looked_at_less_often_and_before_it_is_much() -> None:
    def looks() -> int:
        before = gc.get_stats()[0]["collections"]
        kept = [[number] for number in range(MANY)]
        assert len(kept) == MANY
        return int(gc.get_stats()[0]["collections"] - before)

    often = looks()
    with cycles.seldom():
        seldom = looks()
    # 25,000 small objects are a few megabytes, and looked through in less than a millisecond.
    assert MANY / 25_000 <= seldom < often / 2


def test_garbage_with_cycles_that_has_grown_old_is_gone_within_the_hour() -> None:
    async def scenario() -> None:
        collecting = asyncio.ensure_future(cycles.collect())
        knot = Knot()
        # Twice survived is as old as it gets.
        gc.collect(0)
        gc.collect(1)
        left = weakref.ref(knot)
        del knot
        await asyncio.sleep(cycles.SECONDS - 1)
        assert left() is not None
        await asyncio.sleep(1.5)
        assert left() is None
        collecting.cancel()

    with cycles.seldom():
        run(scenario())
