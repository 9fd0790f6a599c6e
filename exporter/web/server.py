"""Listening: owns the sockets and the connections from the first to the last.

What is answered is `application`'s; who is let in is `access`'.
"""

import asyncio
import logging
import os
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace

from aiohttp import web

from exporter.web.access import Access
from exporter.web.address import ListenAddress, open_sockets, parse_address
from exporter.web.connection import Connection, HangUp, Limits, Outbox, Refusals
from exporter.web.descriptors import affordable
from exporter.web.guard import HEALTH_PATHS, guard, send_headers
from exporter.web.handshake import Handshakes
from exporter.web.inherited import inherited_sockets
from exporter.web.prefix import mounted

_log = logging.getLogger(__name__)

# Connections that nobody has accepted yet: asyncio's own default.
_QUEUE = 100


@dataclass(frozen=True, slots=True)
class Service:
    """How the pages are served.

    addresses    where to listen: `:10125`, `127.0.0.1:10125`, `[::1]:10125`, …
    systemd      serve the sockets that systemd handed over, and none of the addresses
    access       the web file; None: everybody is let in, without TLS
    open_health  health and readiness need no password
    prefix       the path under which everything is, as in `/mailprobe`; empty: none
    """

    addresses: Sequence[str] = ()
    systemd: bool = False
    access: Access | None = None
    open_health: bool = False
    prefix: str = ""


@asynccontextmanager
async def serve(app: web.Application, service: Service, limits: Limits | None = None) -> AsyncIterator[tuple[str, ...]]:
    """Serve `app` in the way of `service` for as long as the context is open.

    Yields the addresses as they were bound, with the real ports, as `http://…` or `https://…` texts. Raises
    `ListenError` before anything is served when one of them cannot be had. On leaving, answers in flight get
    `limits.stop` seconds.
    """
    limits = limits or Limits()
    limits = _within_descriptors(limits)
    whole = _guarded(app, service)
    wanted = [parse_address(text) for text in service.addresses]
    async with AsyncExitStack() as owned:
        sockets = inherited_sockets(os.environ, os.getpid()) if service.systemd else await open_sockets(wanted)
        for sock in sockets:
            owned.callback(sock.close)
        # Signals are the daemon's, and so is the log of requests: there is none.
        # aiohttp takes this time twice: for the answer, and again for the handler that it cancels then.
        runner = web.AppRunner(whole, handle_signals=False, shutdown_timeout=limits.stop / 2)
        await runner.setup()
        server = runner.server
        assert server is not None  # `setup` makes it
        owned.push_async_callback(_stop, runner, server)
        handshakes = Handshakes(limits.handshake)
        owned.push_async_callback(handshakes.close)
        reception = _Reception(server, handshakes, service.access, limits)
        for sock in sockets:
            owned.callback((await _accepting(sock, reception)).close)
        scheme = "https" if service.access is not None and service.access.rules.tls is not None else "http"
        yield tuple(_url(scheme, sock) + service.prefix for sock in sockets)


@asynccontextmanager
async def listen(
    app: web.Application, addresses: Sequence[str], limits: Limits | None = None
) -> AsyncIterator[tuple[str, ...]]:
    """Serve `app` at `addresses` to everybody, without TLS; otherwise as `serve`."""
    async with serve(app, Service(addresses), limits) as urls:
        yield urls


async def _accepting(sock: socket.socket, reception: "_Reception") -> asyncio.Server:
    # `backlog` is also how often asyncio accepts in a row, and where descriptors are short it logs every time and comes
    # again as many times: a hundred lines become thousands within seconds. Once each time is enough.
    server = await asyncio.get_running_loop().create_server(reception.welcome, sock=sock, backlog=1)
    # The queue of the kernel is as long as asyncio would have made it.
    sock.listen(_QUEUE)
    return server


class _Reception:
    """Decides what a new connection becomes."""

    def __init__(self, server: web.Server, handshakes: Handshakes, access: Access | None, limits: Limits) -> None:
        self._server = server
        self._handshakes = handshakes
        self._access = access
        self._limits = limits
        self._outbox = Outbox(limits.held)
        self._refusals = Refusals(limits.refusals, limits.refusal)
        self._full = False

    def welcome(self) -> asyncio.Protocol:
        """The protocol of the next connection."""
        was_full = self._full
        self._full = len(self._server.connections) + len(self._handshakes) >= self._limits.connections
        if self._full and not was_full:
            # Once, and not for each: strangers must not be able to fill the log.
            _log.warning("%d HTTP connections at once: further ones are refused", self._limits.connections)
        tls = None if self._access is None else self._access.rules.tls
        if self._full:
            # With TLS a word would cost the handshake that was to be saved.
            return self._refusals.protocol() if tls is None else HangUp()
        return self._connection() if tls is None else self._handshakes.protocol(tls, self._connection)

    def _connection(self, taken: asyncio.Event | None = None) -> Connection:
        return Connection(self._server, self._limits, self._outbox, taken)


def _within_descriptors(limits: Limits) -> Limits:
    connections = affordable(limits.connections)
    if connections < limits.connections:
        _log.warning(
            "too few file descriptors: %d HTTP connections at once are served instead of %d "
            "(raise the hard limit: LimitNOFILE= in systemd, --ulimit nofile= of containers)",
            connections,
            limits.connections,
        )
    return replace(limits, connections=connections)


def _guarded(app: web.Application, service: Service) -> web.Application:
    access = service.access
    if access is None:
        return mounted(app, service.prefix)
    # Of two applications the inner one has the last word on an answer, and nothing can be added once it is mounted.
    send_headers(app, access)
    whole = mounted(app, service.prefix)
    if whole is not app:
        send_headers(whole, access)
    guard(whole, access, {service.prefix + path for path in HEALTH_PATHS} if service.open_health else ())
    return whole


async def _stop(runner: web.AppRunner, server: web.Server) -> None:
    """End the connections: idle ones at once, busy ones after their grace, those that do not read by force."""
    connections = [connection for connection in server.connections if isinstance(connection, Connection)]
    await runner.cleanup()
    for connection in connections:
        connection.cut()


def _url(scheme: str, sock: socket.socket) -> str:
    where = sock.getsockname()
    if sock.family == socket.AF_UNIX:
        # A socket of systemd may be a file, or a name without one (unix(7)), which is written with @ as in its unit.
        return f"unix:{where}" if isinstance(where, str) else f"unix:@{os.fsdecode(where[1:])}"
    return f"{scheme}://{ListenAddress(*where[:2])}"
