"""What comes in one turn of the event loop and is dealt with together, at the end of the turn.

Whoever deals with many alike, one right after the other, finds the code and the data of the one before in the
processor's caches, and pays once for what is owed for each time.
"""

import asyncio
from collections.abc import Callable
from typing import Generic, TypeVar

Item = TypeVar("Item")


class Batch(Generic[Item]):
    """Gathers items, and hands them to `deal` in the order in which they came; never none, and never from `add`."""

    __slots__ = ("_alarm", "_deal", "_items", "_soon")

    def __init__(self, deal: Callable[[list[Item]], None]) -> None:
        self._deal = deal
        self._items: list[Item] = []
        self._soon = False
        self._alarm: asyncio.TimerHandle | None = None

    def add(self, item: Item, within: float = 0.0) -> None:
        """Have it dealt with when all that the loop has to do now is done; on the loop.

        One that has time is dealt with `within` so many seconds, or with the next that has none.
        """
        self._items.append(item)
        if not within:
            if not self._soon:
                self._soon = True
                asyncio.get_running_loop().call_soon(self.close)
        elif self._alarm is None and not self._soon:
            self._alarm = asyncio.get_running_loop().call_later(within, self.close)

    def close(self) -> None:
        """Deal now with what has come so far. What comes from here on is another batch."""
        items, self._items = self._items, []
        self._soon = False
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        if items:
            self._deal(items)
