"""The turnstile before all pages: lets one request in at a time, so that any number of them cannot hold up a probe.

The event loop does everything that is ready before it looks at a socket again. A thousand requests that are ready
together would be one long moment, in which no mail server is listened to; behind the turnstile they are a thousand
short ones. Each path has its own lane, and the lanes take turns: who looks whether the process lives does not wait
behind those who scrape.
"""

import asyncio
from collections import OrderedDict, deque
from collections.abc import Hashable
from http import HTTPStatus
from typing import Final

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler, Middleware

# Seconds from one request to the next one when several wait. An answer out of memory takes some 0.5 ms, so that clients
# get an eighth of the processor and probes the rest. 250 requests a second are fifteen times what a thousand
# scrapers need whose interval is a minute.
GAP: Final = 0.004

# Requests that wait; as many as are let in within eight seconds, and a scraper gives up after ten. Clients that leave
# are not counted as connections any more, so that the number of these does not bound it.
MOST_WAITING: Final = 2000

# When the request came, in seconds of the event loop's clock.
ASKED: Final = web.RequestKey("asked", float)


class Turnstile:
    """Belongs to the event loop."""

    def __init__(self, gap: float = GAP, most: int = MOST_WAITING) -> None:
        self._gap = gap
        self._most = most
        self._lanes: OrderedDict[Hashable, deque[asyncio.Future[None]]] = OrderedDict()
        self._waiting = 0
        self._opens = 0.0
        self._timer: asyncio.TimerHandle | None = None

    async def enter(self, lane: Hashable) -> bool:
        """Return when it is this one's turn; False, and at once, where too many wait already."""
        loop = asyncio.get_running_loop()
        if self._timer is None and loop.time() >= self._opens:
            self._opens = loop.time() + self._gap
            return True
        if self._waiting >= self._most:
            return False
        turn = loop.create_future()
        self._lanes.setdefault(lane, deque()).append(turn)
        self._waiting += 1
        if self._timer is None:
            self._timer = loop.call_at(self._opens, self._let_one_in)
        await turn
        return True

    def _let_one_in(self) -> None:
        loop = asyncio.get_running_loop()
        self._timer = None
        while self._lanes:
            lane, waiting = self._lanes.popitem(last=False)
            turn = waiting.popleft()
            self._waiting -= 1
            if waiting:
                # Behind the other lanes.
                self._lanes[lane] = waiting
            if turn.done():
                # Cancelled while it waited; nothing was done for it.
                continue
            turn.set_result(None)
            self._opens = loop.time() + self._gap
            self._timer = loop.call_at(self._opens, self._let_one_in) if self._lanes else None
            return


def one_by_one(turnstile: Turnstile) -> Middleware:
    """Put `turnstile` before every handler. A client that has gone while it waited is not answered."""

    @web.middleware
    async def wait(request: web.Request, handler: Handler) -> web.StreamResponse:
        request[ASKED] = asyncio.get_running_loop().time()
        if not await turnstile.enter(request.match_info.route.resource):
            return web.Response(
                status=HTTPStatus.SERVICE_UNAVAILABLE,
                text="503: too many requests are waiting\n",
                headers={hdrs.RETRY_AFTER: "5"},
            )
        if request.transport is None:
            raise ConnectionResetError
        return await handler(request)

    return wait
