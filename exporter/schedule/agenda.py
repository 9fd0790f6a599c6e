"""What is due next: a heap in which an item can be moved and struck out.

Every operation costs the logarithm of the number of items, so ten thousand targets are as cheap as ten. It knows
nothing of clocks; instants are numbers.
"""

import heapq
import itertools
from collections.abc import Hashable
from typing import Generic, TypeVar

Item = TypeVar("Item", bound=Hashable)


class Agenda(Generic[Item]):
    """Items by the instant at which they are due; each item stands in it once at most."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Item]] = []
        self._valid: dict[Item, int] = {}
        self._tickets = itertools.count()

    def __len__(self) -> int:
        return len(self._valid)

    def put(self, item: Item, due: float) -> None:
        """Enter `item`, or move it to another instant."""
        # A line that was moved or struck stays in the heap and is skipped when its turn comes: finding it would cost a
        # walk through everything.
        ticket = next(self._tickets)
        self._valid[item] = ticket
        heapq.heappush(self._heap, (due, ticket, item))

    def drop(self, item: Item) -> None:
        """Strike `item` out, if it is there."""
        self._valid.pop(item, None)

    def first(self) -> float | None:
        """The earliest instant at which something is due; `None` when nothing is."""
        while self._heap:
            due, ticket, item = self._heap[0]
            if self._valid.get(item) == ticket:
                return due
            heapq.heappop(self._heap)
        return None

    def take(self, now: float) -> Item | None:
        """Remove and return the item that is due first, if its instant has come."""
        due = self.first()
        if due is None or due > now:
            return None
        _, _, item = heapq.heappop(self._heap)
        del self._valid[item]
        return item
