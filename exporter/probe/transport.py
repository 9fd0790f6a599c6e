"""One TCP connection on a non-blocking socket of the asyncio loop, with the kernel's clock where Linux gives it.

Not asyncio's streams: their TLS buffers cost 300 KiB a connection, they hide when a segment arrived, and they blur
what came before and after a handshake. Latencies come from the kernel, so that a busy loop does not lengthen a
server's greeting; elsewhere from the loop's clock.

It knows nothing of protocols or TLS, makes one attempt to one address and never retries.
"""

import asyncio
import errno
import os
import socket
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from exporter.probe.kernel import Stamps, acknowledge_at_once, ask_for_stamps, handshake_round_trip
from exporter.probe.readiness import DeadlineExceeded, Readiness
from exporter.probe.watch import watch
from exporter.results import LatencyClock, Outcome

# Larger than most replies, and one whole TLS record (RFC 8446 §5.2); it is allocated anew for each read.
_READ_BYTES = 16640

# What the kernel answers at once, without a packet, when this machine has no way into the address family.
_NO_ROUTE = frozenset({errno.ENETUNREACH, errno.EAFNOSUPPORT, errno.ENETDOWN})

# This machine has run out of something; none of it is the server's doing.
LOCAL_ERRORS = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.EAGAIN, errno.EADDRNOTAVAIL})

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


@dataclass(frozen=True, slots=True)
class Segment:
    """What one read returned: `data` is empty at the end of the stream, `arrived` is on the loop's clock."""

    data: bytes
    arrived: float


def _failure(number: int, doing: str) -> TransportError:
    outcome = Outcome.LOCAL_ERROR if number in LOCAL_ERRORS else _OUTCOMES.get(number, Outcome.NETWORK_UNREACHABLE)
    return TransportError(outcome, f"{doing}: {os.strerror(number)}")


class Connection:
    """An established connection. Close it with `close`, which never blocks."""

    def __init__(
        self,
        sock: socket.socket,
        readiness: Readiness,
        clock: Callable[[], float],
        started: float,
        broken: TransportError | None,
    ) -> None:
        """`clock` is the loop's."""
        self._sock = sock
        self._readiness = readiness
        self._time = clock
        now = clock()
        self._stamps = Stamps(sock, clock)
        # Something was read, and nothing has been sent since that acknowledges it.
        self._unacknowledged = False
        # A failure that was met while what the server had said before it is still to be read.
        self._broken = broken
        self._last_words = b""
        self.started = started
        round_trip = handshake_round_trip(sock)
        told = round_trip is not None and started + round_trip <= now
        # KERNEL only as long as every figure so far came from it.
        self.clock = LatencyClock.KERNEL if told else LatencyClock.LOOP
        self.established = started + round_trip if told and round_trip is not None else now

    @property
    def local_address(self) -> str:
        """The numeric address on our side, without a zone."""
        address: str = self._sock.getsockname()[0]
        return address.partition("%")[0]

    async def send(self, data: bytes, deadline: float) -> float:
        """Write all of `data`, and say when that began (on the loop's clock); else TransportError or DeadlineExceeded.

        A connection that the server has torn down is told by the next `receive` that finds nothing more to read: what
        the server said before it hung up, an alert or a refusal, is the better reason.
        """
        await self._readiness.turn()
        began = self._time()
        while data and self._broken is None:
            try:
                data = data[self._sock.send(data) :]
            except BlockingIOError:
                await self._readiness.writable(deadline)
            except (BrokenPipeError, ConnectionResetError) as error:
                self._broken = _failure(error.errno or 0, "sending")
            except OSError as error:
                raise _failure(error.errno or 0, "sending") from error
            else:
                self._unacknowledged = False
        return began

    def say_last(self, data: bytes) -> None:
        """Have `data` written before the end, as far as there is room; nobody waits for it."""
        self._last_words = data

    async def receive(self, deadline: float) -> Segment:
        """Wait for the next bytes or the end of the stream; TransportError or DeadlineExceeded otherwise."""
        if self._unacknowledged:
            acknowledge_at_once(self._sock)
            self._unacknowledged = False
        while True:
            await self._readiness.readable(deadline)
            segment = self.receive_now()
            if segment is not None:
                # A server that never stops sending keeps the socket readable, and no timer gets a turn.
                if segment.arrived > deadline:
                    raise DeadlineExceeded
                return segment

    def receive_now(self) -> Segment | None:
        """What has already arrived, without waiting; `None` where nothing has."""
        try:
            data, now, arrived = self._stamps.read(_READ_BYTES)
        except BlockingIOError:
            return None
        except OSError as error:
            raise self._broken or _failure(error.errno or 0, "receiving") from error
        if not data:
            if self._broken is not None:
                raise self._broken
            return Segment(data, now)
        self._unacknowledged = True
        if arrived is not None and self.started <= arrived <= now:
            return Segment(data, arrived)
        self.clock = LatencyClock.LOOP
        return Segment(data, now)

    def close(self) -> None:
        """Close when it is time to speak. What was sent before is still delivered."""
        self._readiness.close()
        watch().afterwards(self._hang_up)

    def _hang_up(self) -> None:
        if self._last_words:
            with suppress(OSError):
                self._sock.send(self._last_words)
        self._sock.close()


async def connect(address: str, port: int, *, source: str | None, deadline: float) -> Connection:
    """Open one connection to a numeric `address`; `source` is the local address or `None` for the system's choice.

    Raises TransportError(NO_ROUTE) where this machine has no way into the address family, LOCAL_ERROR where it cannot
    even try, other TransportErrors by what the network answered, and DeadlineExceeded.
    """
    sock = _socket(address)
    readiness = Readiness(sock)
    try:
        _bind(sock, source)
        clock = asyncio.get_running_loop().time
        await readiness.turn()
        started = clock()
        number = _begin(sock, address, port)
        if number == errno.EINPROGRESS:
            await readiness.writable(deadline)
            number = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        # A reset, unlike a refusal, follows an answer that opened the connection, and perhaps a greeting.
        broken = _failure(number, "connecting") if number == errno.ECONNRESET else None
        if number and broken is None:
            raise _failure(number, "connecting")
        # One command is in flight at a time, so nothing is gained by holding small segments back.
        with suppress(OSError):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return Connection(sock, readiness, clock, started, broken)
    except BaseException:
        readiness.close()
        sock.close()
        raise


def _socket(address: str) -> socket.socket:
    try:
        sock = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM)
    except OSError as error:
        number = error.errno or 0
        raise _no_route(number) if number in _NO_ROUTE else _failure(number, "opening a socket") from error
    sock.setblocking(False)
    ask_for_stamps(sock)
    return sock


def _bind(sock: socket.socket, source: str | None) -> None:
    if source is None:
        return
    try:
        sock.bind((source, 0))
    except OSError as error:
        reason = os.strerror(error.errno or 0)
        raise TransportError(Outcome.LOCAL_ERROR, f"source address {source}: {reason}") from error


def _begin(sock: socket.socket, address: str, port: int) -> int:
    """Send the first packet; the error number of what came of it at once."""
    try:
        number = sock.connect_ex((address, port))
    except OSError as error:
        # A zone of an IPv6 address that names no interface is looked up by the C library, with numbers of its own.
        raise TransportError(Outcome.LOCAL_ERROR, f"connecting: {error.strerror or error}") from error
    # The same number tells of a family without any address and of local ports that are used up.
    if number in _NO_ROUTE or (number == errno.EADDRNOTAVAIL and not _has_address(sock.family, address, port)):
        raise _no_route(number)
    return number


def _has_address(family: int, address: str, port: int) -> bool:
    """Whether this machine has an address from which it could reach `address`; sends nothing."""
    with socket.socket(family, socket.SOCK_DGRAM) as question:
        return question.connect_ex((address, port)) == 0


def _no_route(number: int) -> TransportError:
    return TransportError(Outcome.NO_ROUTE, f"no route from this machine: {os.strerror(number)}")
