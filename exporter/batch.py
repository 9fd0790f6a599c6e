"""What comes in one turn of the event loop, or in a moment, and is dealt with together.

Whoever deals with many alike, one right after the other, finds the code and the data of the one before in the
processor's caches, and pays once for what is owed for each time.
"""

import asyncio
from collections.abc import Callable
from typing import Generic, TypeVar

Item = TypeVar("Item")


class Batch(Generic[Item]):
    """Gathers items, and hands them to `deal` in the order in which they came; never none, and never from `add`."""

    __slots__ = ("_deal", "_items", "_seconds")

    def __init__(self, deal: Callable[[list[Item]], None], seconds: float = 0.0) -> None:
        """`seconds`: how long the first one waits for others; 0: until the turn is over."""
        self._deal = deal
        self._seconds = seconds
        self._items: list[Item] = []

    def add(self, item: Item) -> None:
        """Have it dealt with when all that the loop has to do now is done, or its seconds are over; on the loop."""
        if not self._items:
            loop = asyncio.get_running_loop()
            if self._seconds:
                loop.call_later(self._seconds, self.close)
            else:
                loop.call_soon(self.close)
        self._items.append(item)

    def close(self) -> None:
        """Deal now with what has come so far. What comes from here on is another batch."""
        items, self._items = self._items, []
        if items:
            self._deal(items)
