"""Addresses of one's own on the loopback network, and the state of their ports, seen without connecting.

All of 127.0.0.0/8 is this machine (RFC 1122 §3.2.1.3), so every server under test gets an address for itself: two
runs side by side do not meet, and a certificate can differ by address. Linux only.
"""

import secrets
from pathlib import Path

# A mail server's own ports may be in use on a developer's machine, bound to every address. These lie above them, and
# below 32768, where Linux begins to hand out the ports of outgoing connections.
_OFFSET = 20000

# st of /proc/net/tcp; TCP_LISTEN of Linux <net/tcp_states.h>.
_LISTEN = "0A"


def fresh_address() -> str:
    """An address that nobody else uses, one of sixteen million; never 127.0.0.x, where other programs live."""
    return f"127.{1 + secrets.randbelow(254)}.{secrets.randbelow(256)}.{1 + secrets.randbelow(254)}"


def port_for(well_known: int) -> int:
    """Where a test serves what belongs on the port `well_known`: 20025 for 25."""
    return _OFFSET + well_known


def is_listening(address: str, port: int) -> bool:
    """Whether a socket listens on exactly this IPv4 address and port; asks the kernel, and connects to nothing.

    A connection that says nothing would stand in the server's log as one that was lost.
    """
    # The kernel prints the address as the number it is in memory, the bytes of a little-endian machine reversed.
    wanted = "".join(f"{int(byte):02X}" for byte in reversed(address.split("."))) + f":{port:04X}"
    rows = (line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:])
    return any(row[1] == wanted and row[3] == _LISTEN for row in rows)
