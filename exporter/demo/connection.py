"""One accepted connection, in plain text or inside TLS, with every byte under the server's own control.

The TLS records go through memory buffers and not through asyncio's transports, so that a server can do on purpose what
no library lets it do by mistake: speak plain text after agreeing to TLS, cut a reply into records, end without a close
alert, reset. The standard library's OpenSSL does the TLS here, which is another build than the one probes use.
"""

import asyncio
import contextlib
import socket
import ssl
import struct
from collections.abc import Callable
from dataclasses import dataclass

from exporter.demo.tls import ServerTls

# One read; larger than any TLS record (RFC 8446 §5.1: 2^14 bytes of content).
READ_SIZE = 65536

# RFC 5321 §4.5.3.1.4 allows 512 octets of command, RFC 7162 §4 wants 8192 of an IMAP server: the larger of the two.
LINE_LIMIT = 8192


class PeerGone(Exception):
    """The client ended or reset the connection."""


class LineTooLong(Exception):
    """The client sent more than `LINE_LIMIT` bytes without an end of line."""


class HandshakeFailed(Exception):
    """TLS did not come about; the message is OpenSSL's reason."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """Bytes that went one way, in the order in which the server wrote or read them. `sent` is the server's."""

    sent: bool
    data: bytes
    secured: bool


class Connection:
    """A connected, non-blocking socket and what stands between it and the lines of a protocol.

    `tap` is told every exchange in clear text. Whoever made a connection calls `close` (or `reset`) in the end.
    `server_name` is what the client asked for in its handshake, also in one that failed; `tls_version` is OpenSSL's
    name of what was negotiated; `close_alert_received` tells whether the client ended TLS as it should.
    """

    def __init__(self, sock: socket.socket, tap: Callable[[Exchange], None] | None = None) -> None:
        # Each write is to be a segment of its own, at once.
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._sock = sock
        self.tap = tap
        self._buffer = bytearray()
        self._ended = False
        self._tls: ssl.SSLObject | None = None
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self.server_name: str | None = None
        self.tls_version: str | None = None
        self.close_alert_received = False

    @property
    def secured(self) -> bool:
        """TLS is in use."""
        return self._tls is not None

    async def send(self, data: bytes) -> None:
        """Write `data`, inside TLS as one record where it fits; raises PeerGone."""
        self._take_pending()
        self._note(sent=True, data=data, secured=self.secured)
        if self._tls is None:
            await self._send_raw(data)
            return
        try:
            self._tls.write(data)
        except ssl.SSLError as error:
            raise PeerGone from error
        await self._flush()

    async def inject(self, data: bytes) -> None:
        """Write `data` past TLS, in plain text whatever was agreed; raises PeerGone."""
        self._take_pending()
        self._note(sent=True, data=data, secured=False)
        await self._send_raw(data)

    async def read_line(self) -> bytes:
        """The next line with its end; a bare LF ends one as well. Raises PeerGone, LineTooLong."""
        searched = 0
        while (end := self._buffer.find(b"\n", searched)) < 0:
            searched = len(self._buffer)
            if searched > LINE_LIMIT:
                raise LineTooLong
            if not await self._more():
                raise PeerGone
        return self._taken(end + 1)

    async def read_to_end(self) -> None:
        """Read, for the tap only, until the client has ended its side; a reset is an end as well."""
        self._buffer.clear()
        while await self._more():
            self._buffer.clear()

    async def start_tls(self, server_tls: ServerTls) -> None:
        """Do the server's part of a handshake; raises HandshakeFailed, after its alert was sent, or PeerGone."""
        # RFC 9051 §6.2.1: what came before its time belongs to TLS and is never taken for a command inside it.
        self._incoming.write(bytes(self._buffer))
        self._buffer.clear()
        tls = server_tls.wrap(self._incoming, self._outgoing)
        while True:
            try:
                tls.do_handshake()
            except ssl.SSLWantReadError:
                await self._flush()
                await self._fetch()
            except ssl.SSLError as error:
                with contextlib.suppress(PeerGone):
                    await self._flush()
                raise HandshakeFailed(error.reason or str(error)) from error
            else:
                break
            finally:
                self.server_name = server_tls.server_name(tls)
        self._tls = tls
        self.tls_version = tls.version()
        await self._flush()

    async def finish(self, *, alert: bool = True) -> None:
        """End our side in good order, then read until the client has ended its own.

        Closing at once would answer whatever is still under way with a reset, and a client might lose our last reply.
        """
        try:
            # RFC 8446 §6.1: a close alert before the end of the write side.
            if self._tls is not None and alert:
                await self._send_close_alert(self._tls)
            self._sock.shutdown(socket.SHUT_WR)
        except (OSError, PeerGone):
            return
        await self.read_to_end()

    def close(self) -> None:
        """Give the socket back to the system."""
        self._sock.close()

    def reset(self) -> None:
        """Close with a TCP reset instead of an orderly end."""
        self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._sock.close()

    async def _send_close_alert(self, tls: ssl.SSLObject) -> None:
        # The error only says that the client's answer to the alert is missing, and nobody waits for it.
        with contextlib.suppress(ssl.SSLError):
            tls.unwrap()
        await self._flush()

    async def _flush(self) -> None:
        if pending := self._outgoing.read():
            await self._send_raw(pending)

    async def _send_raw(self, data: bytes) -> None:
        try:
            await asyncio.get_running_loop().sock_sendall(self._sock, data)
        except OSError as error:
            raise PeerGone from error

    async def _fetch(self) -> None:
        """Read once from the socket into the TLS layer."""
        raw = await self._receive_raw()
        if raw:
            self._incoming.write(raw)
        else:
            self._incoming.write_eof()

    async def _receive_raw(self) -> bytes:
        if self._ended:
            return b""
        try:
            raw = await asyncio.get_running_loop().sock_recv(self._sock, READ_SIZE)
        except OSError:
            raw = b""
        self._ended = not raw
        return raw

    async def _more(self) -> bool:
        """Wait for more clear text in the buffer; False when there will be none."""
        if self._tls is None:
            data = await self._receive_raw()
            self._accept(data)
            return bool(data)
        while True:
            try:
                data = self._tls.read(READ_SIZE)
            except ssl.SSLWantReadError:
                await self._fetch()
            except ssl.SSLZeroReturnError:
                self.close_alert_received = True
                return False
            except ssl.SSLError:
                return False
            else:
                self.close_alert_received = not data
                self._accept(data)
                return bool(data)

    def _take_pending(self) -> None:
        """Take in what has already arrived, so that the tap learns of a client that spoke out of turn."""
        if self._ended:
            return
        try:
            raw = self._sock.recv(READ_SIZE)
        except OSError:
            return
        self._ended = not raw
        if self._tls is None:
            self._accept(raw)
            return
        if raw:
            self._incoming.write(raw)
        else:
            self._incoming.write_eof()
        try:
            self._accept(self._tls.read(READ_SIZE))
        except ssl.SSLError:
            return

    def _accept(self, data: bytes) -> None:
        if data:
            self._note(sent=False, data=data, secured=self.secured)
            self._buffer += data

    def _note(self, *, sent: bool, data: bytes, secured: bool) -> None:
        if self.tap is not None:
            self.tap(Exchange(sent, data, secured))

    def _taken(self, count: int) -> bytes:
        data = bytes(self._buffer[:count])
        del self._buffer[:count]
        return data
