"""The one timer of the schedule: it rings at the earliest instant that it was set to.

It calls, instead of waking a task that sleeps: that would turn the loop once more, and make a future, at every probe.
"""

import asyncio
import math
from collections.abc import Callable


class Alarm:
    """Calls `ring` on the running loop; once, and then it is to be set anew."""

    def __init__(self, ring: Callable[[], None]) -> None:
        self._ring = ring
        self._timer: asyncio.TimerHandle | None = None
        self._instant = math.inf

    def set(self, instant: float) -> None:
        """Ring at `instant` on the loop's clock, or before if it was set to an earlier one."""
        if instant < self._instant:
            self.clear()
            self._instant = instant
            self._timer = asyncio.get_running_loop().call_at(instant, self._rung)

    def clear(self) -> None:
        """Do not ring."""
        self._instant = math.inf
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _rung(self) -> None:
        self._instant = math.inf
        self._timer = None
        self._ring()
