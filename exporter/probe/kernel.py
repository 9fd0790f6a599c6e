"""What Linux tells about a connection: when a segment arrived, how long the handshake took; and quick acknowledgements.

`SO_TIMESTAMPNS` of socket(7), `TCP_INFO` and `TCP_QUICKACK` of tcp(7). Elsewhere nothing is told, and the event loop's
clock has to do.
"""

import socket
import struct
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Final

# Whether what was received may lie for a moment without anybody's latency being the longer for it.
TELLS_ARRIVALS: Final = sys.platform == "linux"

# Linux <asm-generic/socket.h>; Python's socket module does not name it.
_SO_TIMESTAMPNS = 35
_STAMP = (socket.SOL_SOCKET, _SO_TIMESTAMPNS)
_TIMESPEC = struct.Struct("@ll")
_ANCILLARY_BYTES = socket.CMSG_SPACE(_TIMESPEC.size)

# Linux <linux/tcp.h>, struct tcp_info: tcpi_rtt in microseconds at byte 68, tcpi_total_retrans at byte 100.
_TCP_INFO_BYTES = 104
_TCP_INFO_RTT = 68
_TCP_INFO_RETRANSMITS = 100

# Linux alone has it.
_QUICKACK = getattr(socket, "TCP_QUICKACK", None)

# The wall clock was set when it moved by more than this against the monotonic one; both are slewed alike.
_STEP_SECONDS = 0.001


@contextmanager
def stamping() -> Iterator[None]:
    """Keep the kernel's stamping on: it begins lazily with the first socket that asks for it, and misses segments."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        ask_for_stamps(sock)
        yield


def ask_for_stamps(sock: socket.socket) -> None:
    """Have the arrival of what is read from `sock` told, where the system can."""
    with suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)


def acknowledge_at_once(sock: socket.socket) -> None:
    """Send the acknowledgement of what was read now; for what is read next Linux forgets it.

    What is answered carries its acknowledgement with the answer. Where we wait for more instead, our delayed
    acknowledgement against the server's Nagle algorithm adds 40 ms that are nobody's fault (seen with Postfix after a
    TLS 1.3 handshake).
    """
    if _QUICKACK is not None:
        with suppress(OSError):
            sock.setsockopt(socket.IPPROTO_TCP, _QUICKACK, 1)


def handshake_round_trip(sock: socket.socket) -> float | None:
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


class Stamps:
    """Reads one socket and tells when the kernel received what was read.

    Stamps are on the wall clock and results on the event loop's; one that the wall clock was set around is not
    believed.
    """

    def __init__(self, sock: socket.socket, clock: Callable[[], float]) -> None:
        """`clock` is the loop's."""
        self._sock = sock
        self._clock = clock
        self._offset = time.time() - clock()

    def read(self, size: int) -> tuple[bytes, float, float | None]:
        """Up to `size` bytes, when they were read, and when the last segment among them arrived.

        Both are on the loop's clock; the latter is `None` where it was not told. Raises OSError, BlockingIOError among
        them.
        """
        data, ancillary, _, _ = self._sock.recvmsg(size, _ANCILLARY_BYTES)
        now = self._clock()
        before, self._offset = self._offset, time.time() - now
        if abs(self._offset - before) > _STEP_SECONDS:
            return data, now, None
        for level, kind, value in ancillary:
            if (level, kind) == _STAMP and len(value) == _TIMESPEC.size:
                seconds, nanoseconds = _TIMESPEC.unpack(value)
                return data, now, seconds + nanoseconds / 1e9 - self._offset
        return data, now, None
