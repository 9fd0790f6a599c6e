"""When the collector of cyclic garbage looks: at everything once an hour, at what is new not at every other probe.

What is known of a target is made anew at every probe, without cycles, and yet a full collection follows each time that
a quarter of everything is new: several in each round, in which the loop stands still (measured: 0.16 s with 4,000
targets, and in proportion). The younger generations are collected, which is short and finds what exceptions leave
behind, but not after every seven hundred objects: sessions that have begun together hold more than that. This is about
CPython, and about its collector only: nearly all memory is freed without it.
"""

import asyncio
import gc
from collections.abc import Iterator
from contextlib import contextmanager

# What outlives the younger generations before it becomes garbage with cycles is what belongs to connections that stay
# open: some kilobytes each, of which an hour cannot bring many.
SECONDS = 3600.0

# New objects that are worth a look: more than sessions that begin together hold. 5,000 are not; with 20,000 a session
# takes 0.96 of the processor time (P-256, measured in turns), and a look still less than a millisecond.
_YOUNGEST = 20_000

# Collections of the generation before, which are hundreds of allocations each: the largest number that is taken.
_NEVER = 2**31 - 1


@contextmanager
def seldom() -> Iterator[None]:
    """Start no full collection in the block, which `collect` does, and look at what is new less often."""
    youngest, middle, oldest = gc.get_threshold()
    gc.set_threshold(_YOUNGEST, middle, _NEVER)
    try:
        yield
    finally:
        gc.set_threshold(youngest, middle, oldest)


async def collect() -> None:
    """Make a full collection once an hour, until cancelled."""
    while True:
        await asyncio.sleep(SECONDS)
        gc.collect()
