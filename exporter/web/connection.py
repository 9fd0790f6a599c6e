"""One HTTP connection: aiohttp's, with a limit for slow readers and with answers of our own to faults.

aiohttp bounds how long a request may take to arrive and how large its head may be, but waits for ever for a client
that does not read the answer, and describes faults in HTML.
"""

import asyncio
import logging
from dataclasses import dataclass
from http import HTTPStatus
from typing import cast

from aiohttp import web

from exporter.web.headers import harden

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Limits:
    """What clients may take, in seconds, bytes and pieces.

    idle          until the head of a request is complete, counted from the connection or from the answer before it;
                  longer than a minute, the usual scrape interval, so that a scraper keeps its connection
    handshake     until TLS is agreed on; as long as a probe waits for a mail server's
    send          until the client has taken an answer; three times Prometheus' default scrape timeout (10 s)
    stop          for the answers in flight when the daemon ends; it has five seconds for everything
    connections   at once; exporters of the Prometheus family answer 40 requests at once, and here idle ones count too
    head_line     of the request line and of each header; 8 KiB is what the common web servers allow
    head_lines    headers of a request; browsers send about 20
    """

    idle: float = 75.0
    handshake: float = 10.0
    send: float = 30.0
    stop: float = 1.0
    connections: int = 64
    head_line: int = 8190
    head_lines: int = 64


class Connection(web.RequestHandler):
    """Serves the requests of one client, one after the other."""

    __slots__ = ("_send_limit", "_taken")

    def __init__(self, server: web.Server, limits: Limits, taken: asyncio.Event | None = None) -> None:
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
        self._taken = taken

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to serve."""
        super().connection_made(transport)
        # An answer counts as taken only when the kernel has all of it. A rest in asyncio's buffer would be out of
        # reach of the limit, and closing would wait for it as long as the client likes.
        cast(asyncio.Transport, transport).set_write_buffer_limits(high=0)

    async def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        """Send `resp`, and cut the connection when the client has not taken it in time. True: the client is gone."""
        transport = self.transport
        try:
            async with asyncio.timeout(self._send_limit):
                answer = await super().finish_response(request, resp, start_time)
                while self._taken is not None and not self._taken.is_set():
                    await self._taken.wait()
                return answer
        except TimeoutError:
            _log.debug("%s does not read its answer, cut off", request.remote)
        if transport is not None:
            # Closing would go on waiting, and keep the rest of the answer in memory.
            transport.abort()
        return resp, True

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
        response.force_close()
        return response


class Refusal(asyncio.Protocol):
    """Hangs up at once: what a client gets that comes when there are enough."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send nothing, not even a goodbye that would have to wait until it is read."""
        cast(asyncio.Transport, transport).abort()
