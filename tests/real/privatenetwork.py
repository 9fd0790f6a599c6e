"""A network that only the test has: a namespace of Linux with nothing but its own loopback interface.

Bans and blocks are real in it and harm nobody, and all of them vanish with it. Whatever is started inside, a server or
a socket, stays inside; so a fixture that other tests share must not be started there for the first time.
"""

import ctypes
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from tests.real.command import run
from tests.real.require import lack, require, require_root
from tests.real.waiting import wait_until

# Linux <sched.h>; `os.unshare` and `os.setns` came with Python 3.12.
_CLONE_NEWNET = 0x40000000


@dataclass(frozen=True, slots=True)
class Wall:
    """The packet filter of the private network; packets that it drops are lost without a word."""

    nft: str

    def drop(self, match: str) -> None:
        """Lose what matches the expression `match` of nftables."""
        run(self.nft, f"add rule inet wall input {match} drop")

    def open(self) -> None:
        """Let everything through again, as far as this wall goes."""
        run(self.nft, "flush chain inet wall input")

    def wait_for(self, address: str) -> None:
        """Wait until some rule or set of the packet filter, whoever made it, names `address`."""
        rules = re.compile(rf"(?<![\d.]){re.escape(address)}(?![\d.])")
        wait_until(lambda: rules.search(self._rules()) is not None, lambda: f"{address} in the rules:\n{self._rules()}")

    def _rules(self) -> str:
        return run(self.nft, "list ruleset")


@contextmanager
def private_network() -> Iterator[Wall]:
    """Move this thread into a new network, and back at the end."""
    require_root()
    ip, nft = require("ip", "iproute2"), require("nft", "nftables")
    libc = ctypes.CDLL(None, use_errno=True)
    outside = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        if libc.unshare(_CLONE_NEWNET):
            lack(f"no network namespace can be made here: {os.strerror(ctypes.get_errno())}")
        try:
            run(ip, "link", "set", "lo", "up")
            run(nft, "add table inet wall; add chain inet wall input { type filter hook input priority 0; }")
            yield Wall(nft)
        finally:
            if libc.setns(outside, _CLONE_NEWNET):
                raise OSError(ctypes.get_errno(), "cannot leave the private network")
    finally:
        os.close(outside)
