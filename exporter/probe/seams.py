"""The edges of a probe that its surroundings fill in: how a name becomes addresses, and who may connect when.

Types only. Tests and the demo pass their own; nothing is ever patched.
"""

from contextlib import AbstractAsyncContextManager
from typing import Protocol

from exporter.results import ProbeResult, Resolution
from exporter.targets import IpFamily, Target


class Resolver(Protocol):
    """Turns a host name, or an IP literal, into addresses."""

    async def resolve(self, host: str, families: frozenset[IpFamily]) -> Resolution:
        """Look `host` up in every family named; never raises for what DNS answered or did not."""


class Hold(Protocol):
    """Holds a place for one session at `host` and `address` for as long as the context is open."""

    def __call__(self, host: str, address: str) -> AbstractAsyncContextManager[object]:
        """Enter when it is this session's turn; the probe starts its clocks only then."""


class ProbeFunction(Protocol):
    """One probe of one target; never raises for what a server or a network did."""

    async def __call__(self, target: Target, hold: Hold) -> ProbeResult:
        """Probe `target` once."""
