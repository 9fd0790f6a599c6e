"""One HTTP connection: aiohttp's, with limits for slow readers and with answers of our own to faults.

aiohttp bounds how long a request may take to arrive and how large its head may be, but waits for ever for a client
that does not read the answer, holds a copy of all of it meanwhile, and describes faults in HTML.
"""

import asyncio
import logging
import socket
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final, cast

from aiohttp import hdrs, payload, web
from aiohttp.abc import AbstractStreamWriter

from exporter.web.headers import harden

_log = logging.getLogger(__name__)

# RFC 9110 §15.6.4 and §10.2.3: overloaded, and for how many seconds; a scraper comes again after its interval anyway.
_TOO_MANY: Final = (
    b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 30\r\nConnection: close\r\n"
    b"Content-Type: text/plain; charset=utf-8\r\nX-Content-Type-Options: nosniff\r\nContent-Length: 31\r\n\r\n"
    b"503: too many HTTP connections\n"
)


@dataclass(frozen=True, slots=True)
class Limits:
    """What clients may take, in seconds, bytes and pieces.

    idle          until the head of a request is complete, counted from the connection or from the answer before it;
                  longer than a minute, the usual scrape interval, so that a scraper keeps its connection
    handshake     until TLS is agreed on; as long as a probe waits for a mail server's
    send          until the client has taken an answer; three times Prometheus' default scrape timeout (10 s)
    stop          for the answers in flight when the daemon ends; it has five seconds for everything
    held          bytes of all answers together that clients have not taken yet; an answer of the largest installations
                  is a few megabytes when compressed, and one that many take at the same time counts once
    connections   at once, idle ones as well: a thousand clients, and some to spare for Prometheus. Each costs about
                  20 KiB, and what of an answer stands in the kernel
    refusals      beyond these, to be told so; more of them are hung up on
    refusal       for a refused client to ask, and to go when it has its answer
    head_line     of the request line and of each header; 8 KiB is what the common web servers allow
    head_lines    headers of a request; browsers send about 20
    """

    idle: float = 75.0
    handshake: float = 10.0
    send: float = 30.0
    stop: float = 1.0
    held: int = 64 * 1024 * 1024
    connections: int = 1200
    refusals: int = 64
    refusal: float = 2.0
    head_line: int = 8190
    head_lines: int = 64


# Bytes that are handed over at once, of which asyncio copies what the kernel does not take; and what the kernel is
# asked to take of each connection. Linux takes the double for its own needs, and would go up to 4 MiB by itself.
_PIECE: Final = 64 * 1024


class Outbox:
    """The answers that clients are taking: together no more than `most` bytes, or who takes longest is cut off."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._held = 0
        self._takers: Counter[int] = Counter()
        self._under_way: dict[object, tuple[bytes, Callable[[], None]]] = {}

    @contextmanager
    def sending(self, body: bytes, cut: Callable[[], None]) -> Iterator[None]:
        """For the length of the block `body` is taken; `cut` ends it."""
        mark = object()
        self._under_way[mark] = body, cut
        self._takers[id(body)] += 1
        if self._takers[id(body)] == 1:
            self._held += len(body)
        self._make_room()
        try:
            yield
        finally:
            self._done(mark)

    def _make_room(self) -> None:
        # The newest stays in any case: a daemon whose answer is larger than that must be able to give it.
        while self._held > self._most and len(self._under_way) > 1:
            oldest = next(iter(self._under_way))
            _, cut = self._under_way[oldest]
            self._done(oldest)
            cut()

    def _done(self, mark: object) -> None:
        if mark not in self._under_way:
            return
        body, _ = self._under_way.pop(mark)
        self._takers[id(body)] -= 1
        if not self._takers[id(body)]:
            del self._takers[id(body)]
            self._held -= len(body)


class Connection(web.RequestHandler):
    """Serves the requests of one client, one after the other."""

    __slots__ = ("_outbox", "_send_limit", "_taken", "_wire")

    def __init__(self, server: web.Server, limits: Limits, outbox: Outbox, taken: asyncio.Event | None = None) -> None:
        """`taken` is set while the kernel has everything that was sent, where the transport does not tell (TLS)."""
        super().__init__(
            server,
            loop=asyncio.get_running_loop(),
            logger=_log,
            keepalive_timeout=limits.idle,
            max_line_size=limits.head_line,
            max_field_size=limits.head_line,
            max_headers=limits.head_lines,
            access_log=None,  # type: ignore[arg-type]  # means 'no log', as in AppRunner; only the annotation forbids it
        )
        self._send_limit = limits.send
        self._outbox = outbox
        self._taken = taken
        # Until it is lost. aiohttp lets go of it as soon as it closes it, and what was sent may be on its way for long;
        # asyncio takes an `abort` amiss that comes after all of it has gone.
        self._wire: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to serve."""
        super().connection_made(transport)
        self._wire = cast(asyncio.Transport, transport)
        # An answer counts as taken only when the kernel has all of it. A rest in asyncio's buffer would be out of
        # reach of the limit, and closing would wait for it as long as the client likes.
        # With TLS a limit of 0 is met by an empty buffer too, and asyncio pauses the writer where it should resume.
        self._wire.set_write_buffer_limits(high=0 if self._taken is None else 1)
        sock: socket.socket = transport.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _PIECE)

    def connection_lost(self, exc: BaseException | None) -> None:
        """The client is gone, and with it all that was on its way."""
        self._wire = None
        super().connection_lost(exc)

    def cut(self) -> None:
        """End it now, and drop what the client has not taken; nothing happens where it has ended."""
        if self._wire is not None:
            self._wire.abort()

    async def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        """Send `resp`, and cut the connection when the client has not taken it in time. True: the client is gone."""
        try:
            with self._held(resp):
                async with asyncio.timeout(self._send_limit):
                    answer = await super().finish_response(request, resp, start_time)
                    while self._taken is not None and not self._taken.is_set():
                        await self._taken.wait()
                    return answer
        except TimeoutError:
            _log.debug("%s does not read its answer, cut off", request.remote)
        finally:
            if isinstance(resp, web.Response):
                # The connection remembers its last answer until there is another one.
                resp.body = None
        # Closing would go on waiting, and keep the rest of the answer in memory.
        self.cut()
        return resp, True

    def _held(self, resp: web.StreamResponse) -> AbstractContextManager[None]:
        if not isinstance(resp, web.Response) or not isinstance(body := resp.body, bytes) or len(body) <= _PIECE:
            return nullcontext()
        resp.body = _Pieces(body)
        return self._outbox.sending(body, self._cut)

    def _cut(self) -> None:
        _log.debug("too many answers are being read slowly, the slowest is cut off")
        self.cut()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answer a fault in a few plain words; only the log has the details.

        Requests that are no HTTP come from strangers who try a port, and are no fault of ours.
        """
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            _log.error("%s %s failed", request.method, request.path, exc_info=exc)
        else:
            _log.debug("bad request from %s: %s", request.remote, message)
        response = web.Response(status=status, text=f"{status}: {HTTPStatus(status).phrase}\n")
        harden(response.headers)
        # No signal is sent for this answer, so nobody takes out later what aiohttp puts in where it is missing.
        response.headers[hdrs.SERVER] = "mailprobe"
        response.force_close()
        return response


class _Pieces(payload.Payload):
    """A body that is handed over piece by piece, each when the one before it was taken."""

    def __init__(self, body: bytes) -> None:
        super().__init__(body)
        self._size = len(body)

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        return bytes(self._value).decode(encoding, errors)

    async def write(self, writer: AbstractStreamWriter) -> None:
        whole = memoryview(self._value)
        for start in range(0, len(whole), _PIECE):
            await writer.write(whole[start : start + _PIECE])
            await writer.drain()


class Refusals:
    """What clients get that come when there are enough: a short answer, or nothing when there are many of them."""

    def __init__(self, most: int, patience: float) -> None:
        """`patience` in seconds, for a refused client to ask, and to go."""
        self._most = most
        self._patience = patience
        self._open = 0

    def protocol(self) -> asyncio.Protocol:
        """For the next connection, if it is not for TLS."""
        return HangUp() if self._open >= self._most else _Refusal(self._patience, self._count)

    def _count(self, change: int) -> None:
        self._open += change


class HangUp(asyncio.Protocol):
    """Sends nothing, not even a goodbye that would have to wait until it is read."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Hang up at once."""
        cast(asyncio.Transport, transport).abort()


class _Refusal(asyncio.Protocol):
    """Says 503 to whatever is asked, and waits a moment for the client to go: an end before that would be a reset,
    which can overtake the answer."""

    def __init__(self, patience: float, count: Callable[[int], None]) -> None:
        self._patience = patience
        self._count = count
        self._answered = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Wait for the question: to an answer before it, clients are not prepared."""
        self._transport = cast(asyncio.Transport, transport)
        self._count(1)
        self._end = asyncio.get_running_loop().call_later(self._patience, self._transport.abort)

    def data_received(self, data: bytes) -> None:
        """Answer once; the rest of the question is not looked at."""
        if not self._answered:
            self._answered = True
            self._transport.write(_TOO_MANY)
            self._transport.write_eof()

    def connection_lost(self, exc: Exception | None) -> None:
        """There is room for another one."""
        self._end.cancel()
        self._count(-1)
