"""Which sockets of a loop may be read or written now: one selector for all of them, which the loop looks at as at one.

asyncio's own watching makes a handle for every change and for every event, and keeps two lists of them: with a dozen of
both in a session that is a twentieth of its processor time with TLS and a tenth without (measured in turns, with this
and with asyncio's). Here a socket is entered once, changed once and struck out, and what is ready is called at once.

Connecting, speaking and hanging up wait until all that is ready was read, and are then done for all sockets in a row:
the kernel's way out is walked again and again, and a server that is near is woken once for many of us. That saves a
tenth of a session's processor time, with TLS and without, and hanging up a twentieth more without (measured likewise).
What is ready may itself have to wait for others, as `gathering` has it.
"""

import asyncio
import selectors
from collections.abc import Callable
from typing import Final, Protocol
from weakref import WeakKeyDictionary

from exporter.batch import Batch
from exporter.probe.gathering import Gathering
from exporter.probe.kernel import TELLS_ARRIVALS

READ: Final = selectors.EVENT_READ
WRITE: Final = selectors.EVENT_WRITE


class Watched(Protocol):
    """What waits for a socket. `heard`: when the socket was last ready, on the loop's clock, or when it was made."""

    heard: float

    def settle(self) -> None:
        """The socket is ready."""


class Watch:
    """The watched sockets of one loop, by their descriptors. It lives as long as the loop does."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._selector = selectors.DefaultSelector()
        self._batch: Batch[Callable[[], object]] = Batch(_call_all)
        self._gathering = Gathering()
        # What Linux, the BSDs and macOS have can itself be waited for: it is readable while something in it is ready.
        loop.add_reader(self._selector, self._ready)

    def enter(self, descriptor: int, event: int, watched: Watched) -> None:
        """Settle `watched` in each turn of the loop in which `event` holds, until it is changed or struck out."""
        self._selector.register(descriptor, event, watched)

    def change(self, descriptor: int, event: int, watched: Watched) -> None:
        """From now on for this `event` instead of the one before."""
        self._selector.modify(descriptor, event, watched)

    def strike(self, descriptor: int) -> None:
        """Watch it no more; before it is closed, since another socket may then get its descriptor."""
        self._selector.unregister(descriptor)

    def __contains__(self, descriptor: int) -> bool:
        return descriptor in self._selector.get_map()

    def afterwards(self, call: Callable[[], object]) -> None:
        """Call `call` when everything that is ready now was called, with all others that asked for it meanwhile."""
        self._batch.add(call)

    def look(self) -> None:
        """Settle everything that is ready now, whether or not it should wait for others."""
        time, answered = asyncio.get_running_loop().time, self._gathering.answered
        now = time()
        for key, _ in self._selector.select(0):
            watched = key.data
            answered(now - watched.heard)
            watched.heard = now
            watched.settle()
        self._gathering.looked(time())

    def _ready(self) -> None:
        loop = asyncio.get_running_loop()
        wait = self._gathering.wait(loop.time()) if TELLS_ARRIVALS else 0.0
        if wait > 0:
            # Or the loop would tell again and again until then.
            loop.remove_reader(self._selector)
            loop.call_later(wait, self._gathered)
        else:
            self.look()

    def _gathered(self) -> None:
        asyncio.get_running_loop().add_reader(self._selector, self._ready)
        self.look()


def _call_all(calls: list[Callable[[], object]]) -> None:
    for call in calls:
        call()


_watches: WeakKeyDictionary[asyncio.AbstractEventLoop, Watch] = WeakKeyDictionary()


def watch() -> Watch:
    """That of the running loop."""
    loop = asyncio.get_running_loop()
    found = _watches.get(loop)
    if found is None:
        found = _watches[loop] = Watch(loop)
    return found
