"""The stream of changes: tells browsers which ports were probed, so that they ask for what they show.

Server-sent events, as the HTML standard has them (§9.2). Two kinds:

    changed   a list of [host, port, ip_family], each probed since the last event
    reload    everything may be different: another configuration, or a reader that fell too far behind

What is new about a port is not in the stream but on the page. So all readers share one list of what changed last,
which is bounded, and each is no more than its place in it: a reader that is slow costs what a fast one costs.
"""

import asyncio
import json
import secrets
from collections import deque
from dataclasses import dataclass, field
from http import HTTPStatus
from itertools import islice
from typing import Final

from aiohttp import hdrs, web

from exporter.targets import TargetKey
from exporter.web.connection import Limits
from exporter.web.descriptors import affordable

# What a reader may miss before it is told to load everything: half a minute of ten thousand targets at the usual
# interval of 120 s, and 32 KiB of memory for all readers together.
REMEMBERED: Final = 4096

# Ports in one event. A page shows a few hundred; who hears of more does as well to ask for the page.
MOST_NAMED: Final = 512

# The head of `Last-Event-ID` comes from a stranger: a mark is not longer.
_MARK_LENGTH: Final = 64


@dataclass(frozen=True, slots=True)
class Pace:
    """What streams may take, in seconds and pieces.

    streams   at once; half of the connections that are served, so that the other half is left to Prometheus. One that
              does not read costs its event twice, usually some 30 KiB
    between   from one event to the next one of a stream; as fast as people read
    quiet     until a comment shows that the stream lives; proxies cut what is silent for a minute or even half of one
    send      until a reader has taken an event, as with every other answer
    life      of a stream; the browser comes again by itself, and a password that was taken away counts from then on
    """

    streams: int = field(default_factory=lambda: affordable(Limits().connections) // 2)
    between: float = 1.0
    quiet: float = 20.0
    send: float = 30.0
    life: float = 3600.0


class Changes:
    """What changed, by number; filled by the daemon, read by the streams. Belongs to the event loop."""

    def __init__(self) -> None:
        # Tells the numbers of this process from those of the one before, which readers come back with.
        self._origin = secrets.token_hex(4)
        self._last = 0
        self._keys: deque[TargetKey] = deque(maxlen=REMEMBERED)
        self._reload_since = 0

    @property
    def number(self) -> int:
        """Of the last change."""
        return self._last

    @property
    def mark(self) -> str:
        """Where the list ends now, as a page or an event remembers it."""
        return f"{self._origin}-{self._last}"

    def note(self, key: TargetKey) -> None:
        """A target was probed."""
        self._last += 1
        self._keys.append(key)

    def note_reload(self) -> None:
        """Targets came or went: who shows any of them must load them all."""
        self._last += 1
        self._reload_since = self._last
        self._keys.clear()

    def place(self, mark: str) -> int | None:
        """The number that `mark` stands for; `None` of a mark that is not ours."""
        origin, _, number = mark[:_MARK_LENGTH].partition("-")
        if origin != self._origin or not (number.isascii() and number.isdecimal()):
            return None
        return int(number) if int(number) <= self._last else None

    def since(self, place: int | None) -> list[TargetKey] | None:
        """What changed after `place`, each target once; `None`: so much that everything may be different."""
        if place is None or place < self._reload_since:
            return None
        missed = self._last - place
        if missed > len(self._keys):
            return None
        return list(dict.fromkeys(islice(reversed(self._keys), missed)))


class Streams:
    """Serves `Changes` to everybody who listens."""

    def __init__(self, changes: Changes, pace: Pace | None = None) -> None:
        self._changes = changes
        self._pace = pace or Pace()
        self._open = 0
        self._closed = asyncio.Event()

    async def close(self, _app: web.Application) -> None:
        """End all streams: a daemon that stops does not wait for readers."""
        self._closed.set()

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """One stream, from the mark that the page or the last event gave (`since`, `Last-Event-ID`) onwards."""
        mark = request.headers.get("Last-Event-ID", request.query.get("since", self._changes.mark))
        headers = {
            hdrs.CONTENT_TYPE: "text/event-stream; charset=utf-8",
            # nginx would gather events until its buffer is full.
            "X-Accel-Buffering": "no",
        }
        if self._open >= self._pace.streams or self._closed.is_set():
            return web.Response(
                status=HTTPStatus.SERVICE_UNAVAILABLE,
                text="503: as many streams as are served at once\n",
                headers={hdrs.RETRY_AFTER: "30"},
            )
        response = web.StreamResponse(headers=headers)
        if request.method == hdrs.METH_HEAD:
            return response
        self._open += 1
        try:
            await response.prepare(request)
            await self._stream(request, response, self._changes.place(mark))
        finally:
            self._open -= 1
        return response

    async def _stream(self, request: web.Request, response: web.StreamResponse, place: int | None) -> None:
        loop = asyncio.get_running_loop()
        ends, spoken = loop.time() + self._pace.life, loop.time()
        # After a stream that broke the browser waits so long, in milliseconds, before it comes again.
        text = "retry: 5000\n: mailprobe\n\n"
        while True:
            now = loop.time()
            if place is None or place != self._changes.number:
                text += self._event(place)
                place = self._changes.number
            elif now - spoken >= self._pace.quiet:
                text = ": still here\n\n"
            if text:
                # Not kept beside it: what a slow reader costs is this, and what asyncio has copied of it.
                data, text = text.encode(), ""
                if not await self._sent(request, response, data):
                    return
                spoken = loop.time()
            if self._closed.is_set() or now >= ends or request.transport is None or request.transport.is_closing():
                return
            # Each stream in its own beat, counted from when it was opened: a thousand of them are a thousand short
            # moments and not a long one, in which no probe would be served.
            try:
                async with asyncio.timeout(self._pace.between):
                    await self._closed.wait()
            except TimeoutError:
                continue

    def _event(self, place: int | None) -> str:
        keys = self._changes.since(place)
        if keys is None or len(keys) > MOST_NAMED:
            return f"event: reload\nid: {self._changes.mark}\ndata: {{}}\n\n"
        # In ASCII, so that no name can end a line.
        data = json.dumps([(key.host, key.port, key.ip_family) for key in keys], separators=(",", ":"))
        return f"event: changed\nid: {self._changes.mark}\ndata: {data}\n\n"

    async def _sent(self, request: web.Request, response: web.StreamResponse, data: bytes) -> bool:
        """Whether the reader has taken it; one that does not is cut off."""
        transport = request.transport
        try:
            async with asyncio.timeout(self._pace.send):
                await response.write(data)
        except TimeoutError:
            if transport is not None:
                transport.abort()
            return False
        except ConnectionError:
            return False
        return True
