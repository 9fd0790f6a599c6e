"""Listening: owns the sockets and the connections from the first to the last.

What is answered is `application`'s. TLS and passwords for the metrics are left to a reverse proxy.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

from aiohttp import web

from exporter.web.address import ListenAddress, open_sockets, parse_address
from exporter.web.connection import Connection, Limits, Refusal

_log = logging.getLogger(__name__)


@asynccontextmanager
async def listen(
    app: web.Application, addresses: Sequence[str], limits: Limits | None = None
) -> AsyncIterator[tuple[str, ...]]:
    """Serve `app` at `addresses` (`:10125`, `127.0.0.1:10125`, `[::1]:10125`, …) for as long as the context is open.

    Yields the addresses as they were bound, with the real ports, as `http://…` texts. Raises `ListenError` before
    anything is served when one of them cannot be had. On leaving, answers in flight get `limits.stop` seconds.
    """
    limits = limits or Limits()
    wanted = [parse_address(text) for text in addresses]
    async with AsyncExitStack() as owned:
        sockets = await open_sockets(wanted)
        for sock in sockets:
            owned.callback(sock.close)
        # Signals are the daemon's, and so is the log of requests: there is none.
        runner = web.AppRunner(app, handle_signals=False, shutdown_timeout=limits.stop)
        await runner.setup()
        server = runner.server
        assert server is not None  # `setup` makes it
        owned.push_async_callback(_stop, runner, server)
        loop = asyncio.get_running_loop()

        full = False

        def connection() -> asyncio.Protocol:
            nonlocal full
            was_full, full = full, len(server.connections) >= limits.connections
            if full and not was_full:
                # Once, and not for each: strangers must not be able to fill the log.
                _log.warning("%d HTTP connections at once: further ones are refused", limits.connections)
            return Refusal() if full else Connection(server, limits)

        for sock in sockets:
            owned.callback((await loop.create_server(connection, sock=sock)).close)
        yield tuple(_url(*sock.getsockname()[:2]) for sock in sockets)


async def _stop(runner: web.AppRunner, server: web.Server) -> None:
    """End the connections: idle ones at once, busy ones after their grace, those that do not read by force."""
    transports = [connection.transport for connection in server.connections]
    await runner.cleanup()
    for transport in transports:
        if transport is not None:
            transport.abort()


def _url(host: str, port: int) -> str:
    return f"http://{ListenAddress(host, port)}"
