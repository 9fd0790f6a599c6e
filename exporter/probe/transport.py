"""One TCP connection on a non-blocking socket of the asyncio loop, with the kernel's clock where Linux gives it.

Not asyncio's streams: their TLS buffers cost 300 KiB a connection, they hide when a segment arrived, and they blur
what came before and after a handshake. Latencies come from `SO_TIMESTAMPNS` and `TCP_INFO`, so that a busy loop
does not lengthen a server's greeting; elsewhere from the loop's clock.

It knows nothing of protocols or TLS, makes one attempt to one address and never retries.
"""

import asyncio
import errno
import os
import socket
import struct
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from exporter.results import LatencyClock, Outcome

# Linux <asm-generic/socket.h>; Python's socket module names only the option for datagrams on some platforms.
_SO_TIMESTAMPNS = 35
_TIMESPEC = struct.Struct("@ll")
_ANCILLARY_BYTES = socket.CMSG_SPACE(_TIMESPEC.size) if hasattr(socket, "CMSG_SPACE") else 0

# Linux <linux/tcp.h>, struct tcp_info: tcpi_rtt in microseconds at byte 68, tcpi_total_retrans at byte 100.
_TCP_INFO_BYTES = 104
_TCP_INFO_RTT = 68
_TCP_INFO_RETRANSMITS = 100

# Larger than any reply a dialog accepts in one read, and four TLS records.
_READ_BYTES = 65536

# What the kernel answers at once, without a packet, when no route or no local address fits the family.
_NO_ROUTE = frozenset({errno.ENETUNREACH, errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT})

_OUTCOMES = {
    errno.ECONNREFUSED: Outcome.CONNECT_REFUSED,
    errno.ECONNRESET: Outcome.CONNECTION_RESET,
    errno.ECONNABORTED: Outcome.CONNECTION_RESET,
    errno.EPIPE: Outcome.CONNECTION_RESET,
    errno.ETIMEDOUT: Outcome.CONNECT_TIMEOUT,
    errno.EHOSTUNREACH: Outcome.NETWORK_UNREACHABLE,
    errno.ENETUNREACH: Outcome.NETWORK_UNREACHABLE,
    # A local firewall that rejects what goes out.
    errno.EACCES: Outcome.NETWORK_UNREACHABLE,
    errno.EPERM: Outcome.NETWORK_UNREACHABLE,
}


class TransportError(Exception):
    """The network failed: `outcome` from the closed list, `detail` for people."""

    def __init__(self, outcome: Outcome, detail: str) -> None:
        super().__init__(detail)
        self.outcome = outcome
        self.detail = detail


class DeadlineExceeded(Exception):
    """The deadline that was handed in has passed."""


@dataclass(frozen=True, slots=True)
class Segment:
    """What one read returned: `data` is empty at the end of the stream, `arrived` is on the loop's clock."""

    data: bytes
    arrived: float


def _failure(number: int, doing: str) -> TransportError:
    outcome = _OUTCOMES.get(number, Outcome.NETWORK_UNREACHABLE)
    return TransportError(outcome, f"{doing}: {os.strerror(number)}")


class Connection:
    """An established connection. Close it with `close`, which never blocks."""

    def __init__(self, sock: socket.socket, started: float, established: float, clock: LatencyClock) -> None:
        self._sock = sock
        self._loop = asyncio.get_running_loop()
        self.started = started
        self.established = established
        # KERNEL only as long as every figure so far came from it.
        self.clock = clock

    @property
    def local_address(self) -> str:
        """The numeric address on our side, without a zone."""
        address: str = self._sock.getsockname()[0]
        return address.partition("%")[0]

    async def send(self, data: bytes, deadline: float) -> None:
        """Write all of `data`; TransportError or DeadlineExceeded otherwise."""
        view = memoryview(data)
        while view:
            try:
                view = view[self._sock.send(view) :]
            except BlockingIOError:
                await _ready(self._loop, self._sock, deadline, writing=True)
            except OSError as error:
                raise _failure(error.errno or 0, "sending") from error

    async def receive(self, deadline: float) -> Segment:
        """Wait for the next bytes or the end of the stream; TransportError or DeadlineExceeded otherwise."""
        while True:
            await _ready(self._loop, self._sock, deadline, writing=False)
            segment = self.receive_now()
            if segment is not None:
                return segment

    def receive_now(self) -> Segment | None:
        """What has already arrived, without waiting; `None` where nothing has."""
        try:
            data, ancillary, _, _ = self._sock.recvmsg(_READ_BYTES, _ANCILLARY_BYTES)
        except BlockingIOError:
            return None
        except OSError as error:
            raise _failure(error.errno or 0, "receiving") from error
        now = self._loop.time()
        if data:
            _acknowledge_at_once(self._sock)
        arrived = _arrival(ancillary, now)
        if data and (arrived is None or not self.started <= arrived <= now):
            # No stamp, or the wall clock was set while the segment waited.
            self.clock = LatencyClock.LOOP
            arrived = None
        return Segment(data, now if arrived is None else arrived)

    def close(self) -> None:
        """Close at once. What was sent before is still delivered."""
        self._sock.close()


async def connect(address: str, port: int, *, source: str | None, deadline: float) -> Connection:
    """Open one connection to a numeric `address`; `source` is the local address or `None` for the system's choice.

    Raises TransportError(NO_ROUTE) where this machine has no way into the address family, other TransportErrors by
    what the network answered, and DeadlineExceeded.
    """
    loop = asyncio.get_running_loop()
    sock = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        with suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
        _bind(sock, source)
        started = loop.time()
        number = sock.connect_ex((address, port))
        if number in _NO_ROUTE:
            raise TransportError(Outcome.NO_ROUTE, f"no route from this machine: {os.strerror(number)}")
        if number == errno.EINPROGRESS:
            await _ready(loop, sock, deadline, writing=True)
            number = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if number:
            raise _failure(number, "connecting")
        established = loop.time()
        # One command is in flight at a time, so nothing is gained by holding small segments back.
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        round_trip = _handshake_round_trip(sock)
    except BaseException:
        sock.close()
        raise
    if round_trip is None or started + round_trip > established:
        return Connection(sock, started, established, LatencyClock.LOOP)
    return Connection(sock, started, started + round_trip, LatencyClock.KERNEL)


def _bind(sock: socket.socket, source: str | None) -> None:
    if source is None:
        return
    try:
        sock.bind((source, 0))
    except OSError as error:
        reason = os.strerror(error.errno or 0)
        raise TransportError(Outcome.NETWORK_UNREACHABLE, f"source address {source}: {reason}") from error


def _handshake_round_trip(sock: socket.socket) -> float | None:
    """Seconds between SYN and its answer as the kernel measured them; `None` where it did not.

    With a repeated SYN the kernel's figure leaves out the wait before the repetition, so it is not used then.
    """
    if not hasattr(socket, "TCP_INFO"):
        return None
    try:
        info = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _TCP_INFO_BYTES)
    except OSError:
        return None
    if len(info) < _TCP_INFO_BYTES:
        return None
    round_trip: int = struct.unpack_from("@I", info, _TCP_INFO_RTT)[0]
    retransmits: int = struct.unpack_from("@I", info, _TCP_INFO_RETRANSMITS)[0]
    return round_trip / 1e6 if round_trip and not retransmits else None


def _acknowledge_at_once(sock: socket.socket) -> None:
    # Without it, our delayed acknowledgement against the server's Nagle algorithm adds 40 ms that are nobody's fault
    # (seen with Postfix after a TLS 1.3 handshake). Linux forgets the option, so it is set after each read.
    if hasattr(socket, "TCP_QUICKACK"):
        with suppress(OSError):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)


def _arrival(ancillary: list[tuple[int, int, bytes]], now: float) -> float | None:
    """When the kernel received the last segment of a read, on the loop's clock."""
    for level, kind, data in ancillary:
        if level == socket.SOL_SOCKET and kind == _SO_TIMESTAMPNS and len(data) == _TIMESPEC.size:
            seconds, nanoseconds = _TIMESPEC.unpack(data)
            waited: float = time.time() - (seconds + nanoseconds / 1e9)
            return now - waited
    return None


async def _ready(loop: asyncio.AbstractEventLoop, sock: socket.socket, deadline: float, *, writing: bool) -> None:
    """Return when the socket can be read (or written); raise DeadlineExceeded at `deadline` on the loop's clock."""
    ready: asyncio.Future[None] = loop.create_future()
    watch: Callable[..., None] = loop.add_writer if writing else loop.add_reader
    unwatch: Callable[[int], bool] = loop.remove_writer if writing else loop.remove_reader
    descriptor = sock.fileno()
    watch(descriptor, _settle, ready)
    timer = loop.call_at(deadline, _expire, ready)
    try:
        await ready
    finally:
        timer.cancel()
        unwatch(descriptor)


def _settle(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


def _expire(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_exception(DeadlineExceeded())
