"""Whether this machine speaks IPv6 to itself: containers often do not."""

import socket
from contextlib import closing

import pytest


def ipv6_here() -> bool:
    """Whether this machine has the IPv6 loopback address."""
    try:
        with closing(socket.socket(socket.AF_INET6)) as sock:
            sock.bind(("::1", 0))
    except OSError:
        return False
    return True


needs_ipv6 = pytest.mark.skipif(not ipv6_here(), reason="this machine has no IPv6 loopback address")
