"""An event loop whose clock is moved by hand, so that a day of waiting takes as long as the work in it.

Whenever nothing is ready to run, the clock jumps to the next timer. Sockets of this process work as ever, since they
are looked at before each jump; threads and other machines do not, because the clock does not wait for them.

    def test_…() -> None:
        async def story() -> None:
            await asyncio.sleep(3600)  # returns at once, one hour later

        run(story())
"""

import asyncio
import selectors
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, TypeVar

Result = TypeVar("Result")

# Neither zero nor a round number: nobody may take the loop's time for a wall clock or for the time since the start.
START = 1234.5


class Stuck(Exception):
    """Every task waits, and no timer is set that could wake one."""


class ManualLoop(asyncio.SelectorEventLoop):
    """A loop with its own time; `advance` moves it, and so does having nothing to do."""

    def __init__(self) -> None:
        self._now = START
        super().__init__(_JumpingSelector(self.advance))

    def time(self) -> float:
        """Seconds on the clock that is moved by hand."""
        return self._now

    def advance(self, seconds: float) -> None:
        """Let time pass without anything happening, as it does for a loop that is busy or a machine that is slow.

        To wait while others go on, `await asyncio.sleep(seconds)`.
        """
        if seconds < 0:
            raise ValueError("time does not run backwards")
        self._now += seconds


def run(story: Coroutine[Any, Any, Result]) -> Result:
    """Run a coroutine on a `ManualLoop` of its own and return its result."""
    with asyncio.Runner(loop_factory=ManualLoop) as runner:
        return runner.run(story)


class _JumpingSelector(selectors.BaseSelector):
    """Looks at the real sockets without waiting; what it would have waited is handed to `jump`."""

    def __init__(self, jump: Callable[[float], None]) -> None:
        self._jump = jump
        self._sockets = selectors.DefaultSelector()

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = self._sockets.select(0)
        if ready or timeout == 0:
            return ready
        if timeout is None:
            raise Stuck("nothing is ready and no timer is set")
        self._jump(timeout)
        return []

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        return self._sockets.register(fileobj, events, data)

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        return self._sockets.unregister(fileobj)

    def modify(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        return self._sockets.modify(fileobj, events, data)

    def get_map(self) -> Mapping[Any, selectors.SelectorKey]:
        return self._sockets.get_map()

    def close(self) -> None:
        self._sockets.close()
