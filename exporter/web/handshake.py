"""The first moments of a connection with TLS, until the connection that speaks HTTP takes over.

Each connection gets the context of its moment, so that a new certificate is shown to the next client; asyncio's own
servers keep the one they started with.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import cast

from exporter.web.tls import ServerTls

_log = logging.getLogger(__name__)

# Takes what is set while the kernel has everything that was sent.
Next = Callable[[asyncio.Event], asyncio.Protocol]


class Handshakes:
    """Owns the connections that have no agreement yet; `len` is how many."""

    def __init__(self, limit: float) -> None:
        """`limit` in seconds, for an agreement and for the goodbye after the last answer."""
        self._limit = limit
        self._running: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        return len(self._running)

    def protocol(self, tls: ServerTls, then: Next) -> asyncio.Protocol:
        """What a new connection begins with; `then` makes what it goes on with."""
        return _Handshake(tls, then, self._begin)

    async def close(self) -> None:
        """Cut off those that are not done."""
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)

    def _begin(self, early: "_Handshake", transport: asyncio.Transport) -> None:
        task = asyncio.get_running_loop().create_task(early.agree(transport, self._limit))
        self._running.add(task)
        task.add_done_callback(self._running.discard)


class _Handshake(asyncio.Protocol):
    """Agrees on TLS, and keeps what the client says before the next protocol is there to hear it."""

    def __init__(self, tls: ServerTls, then: Next, begin: "Callable[[_Handshake, asyncio.Transport], None]") -> None:
        self._tls = tls
        self._then = then
        self._begin = begin
        self._early = bytearray()
        self._lost = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called once, with the bare connection."""
        bare = cast(asyncio.Transport, transport)
        # Not a byte of the handshake may come here; it belongs to the engine that `start_tls` puts in between.
        bare.pause_reading()
        # An answer counts as taken when the kernel has all of it, below the TLS as well.
        bare.set_write_buffer_limits(high=0)
        self._begin(self, bare)

    def data_received(self, data: bytes) -> None:
        """A request that came with the end of the handshake."""
        self._early += data

    def connection_lost(self, exc: Exception | None) -> None:
        """The client has gone before anybody could talk with it."""
        self._lost = True

    async def agree(self, bare: asyncio.Transport, limit: float) -> None:
        """Shake hands within `limit` seconds and hand over; a client that does not is hung up on."""
        client = bare.get_extra_info("peername")
        try:
            secured = await asyncio.get_running_loop().start_tls(
                bare,
                self,
                self._tls.context,
                server_side=True,
                ssl_handshake_timeout=limit,
                ssl_shutdown_timeout=limit,
            )
        except OSError as error:
            # Faults of TLS are of this kind. They come from strangers who try a port, and are no fault of ours.
            _log.debug("no TLS with %s: %s", client, error)
            bare.abort()
            return
        if secured is None or self._lost:
            return
        if not self._tls.admits(secured.get_extra_info("ssl_object")):
            _log.debug("the certificate of %s has none of the names that are let in", client)
            secured.abort()
            return
        valve = _Valve(cast(asyncio.BufferedProtocol, bare.get_protocol()))
        bare.set_protocol(valve)
        connection = self._then(valve.taken)
        secured.set_protocol(connection)
        connection.connection_made(secured)
        if self._early:
            connection.data_received(bytes(self._early))


class _Valve(asyncio.BufferedProtocol):
    """Stands between the socket and the TLS engine, which does not pass on that the socket takes no more."""

    def __init__(self, engine: asyncio.BufferedProtocol) -> None:
        self._engine = engine
        self.taken = asyncio.Event()
        self.taken.set()

    def get_buffer(self, sizehint: int) -> bytearray:
        return cast(bytearray, self._engine.get_buffer(sizehint))

    def buffer_updated(self, nbytes: int) -> None:
        self._engine.buffer_updated(nbytes)

    def eof_received(self) -> bool | None:
        return self._engine.eof_received()

    def pause_writing(self) -> None:
        self.taken.clear()
        self._engine.pause_writing()

    def resume_writing(self) -> None:
        # Before the engine, which may have more to send and be stopped again at once.
        self.taken.set()
        self._engine.resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        self.taken.set()
        self._engine.connection_lost(exc)
