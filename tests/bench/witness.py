"""When a server's greetings really came, from the packets themselves: as a capture on the loopback tells it.

The latency of a greeting begins when the client has the server's answer to its SYN, and ends when it has the first
bytes. A server knows neither moment: it is told of a connection when it gets round to accepting it, and whoever answers
hundreds of handshakes a second on one core gets round to that a millisecond late. The kernel stamps both packets when
they arrive, whatever either process is doing at that time.

Linux only, and for root (CAP_NET_RAW) only.
"""

import ctypes
import socket
import struct
from collections.abc import Iterator
from contextlib import suppress
from typing import Final

# linux/if_ether.h, linux/if_packet.h, bits/socket.h and asm-generic/socket.h.
_ETH_P_IP: Final = 0x0800
_SO_ATTACH_FILTER: Final = 26
_SO_RCVBUFFORCE: Final = 33
_SO_TIMESTAMPNS: Final = 35
_SOL_PACKET: Final = 263
_PACKET_IGNORE_OUTGOING: Final = 23

_TIMESPEC: Final = struct.Struct("@ll")
_ANCILLARY_BYTES: Final = socket.CMSG_SPACE(_TIMESPEC.size)

# A second of the highest rate, should the server not read so long.
_BUFFER_BYTES: Final = 1 << 24

# The headers of IP and TCP, and the first bytes of what they carry.
_PACKET_BYTES: Final = 96

_SYN: Final = 0x02
_IP_HEADER_BYTES: Final = 20


class Witness:
    """Sees every packet that leaves `port` of this machine over the loopback; raises PermissionError."""

    def __init__(self, port: int) -> None:
        self._sock = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, 0)
        _filter(self._sock, port)
        self._sock.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
        # On the loopback each packet is seen when it leaves and when it arrives: the second is what its reader stamps.
        self._sock.setsockopt(_SOL_PACKET, _PACKET_IGNORE_OUTGOING, 1)
        with suppress(PermissionError):
            self._sock.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _BUFFER_BYTES)
        self._sock.setblocking(False)
        self._sock.bind(("lo", _ETH_P_IP))
        # By both ends of the connection: when its SYN was answered.
        self._begun: dict[bytes, float] = {}

    def fileno(self) -> int:
        """For a poll."""
        return self._sock.fileno()

    def greetings(self) -> Iterator[tuple[str, float]]:
        """The server's address and the seconds until the greeting, of every connection greeted since the last call."""
        while True:
            try:
                packet, ancillary, _, _ = self._sock.recvmsg(_PACKET_BYTES, _ANCILLARY_BYTES)
            except BlockingIOError:
                return
            seconds, nanoseconds = _TIMESPEC.unpack(ancillary[0][2])
            moment = seconds + nanoseconds / 1e9
            # RFC 791 §3.1, RFC 9293 §3.1: addresses, ports, flags, and where the data begins. Nothing that this machine
            # sends to itself has options of IP.
            connection = packet[12:24]
            if packet[33] & _SYN:
                self._begun[connection] = moment
            elif int.from_bytes(packet[2:4]) > _IP_HEADER_BYTES + (packet[32] >> 4) * 4:
                begun = self._begun.pop(connection, None)
                if begun is not None:
                    yield socket.inet_ntoa(packet[12:16]), moment - begun


def _filter(sock: socket.socket, port: int) -> None:
    """Let the kernel hand over nothing but what leaves this port by TCP, and of that the SYN and what carries data."""
    # linux/filter.h: code, jump if true, jump if false, operand. Offsets are from the header of IP.
    program = (
        (0x30, 0, 0, 9),  # A = protocol
        (0x15, 0, 5, socket.IPPROTO_TCP),  # TCP, or reject
        (0x28, 0, 0, 20),  # A = source port
        (0x15, 0, 3, port),  # this one, or reject
        (0x30, 0, 0, 33),  # A = flags
        (0x45, 0, 1, 0x0A),  # SYN or PSH, or reject
        (0x06, 0, 0, _PACKET_BYTES),  # take so many bytes
        (0x06, 0, 0, 0),  # reject
    )
    code = b"".join(struct.pack("@HBBI", *instruction) for instruction in program)
    buffer = ctypes.create_string_buffer(code, len(code))
    # struct sock_fprog: how many instructions, and where they are.
    sock.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, struct.pack("@HP", len(program), ctypes.addressof(buffer)))
