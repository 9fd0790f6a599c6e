"""Whether a whole host is lost: the ports of one host over one address family, seen together.

Ports that should be open count, and those of which nothing is expected once they were open: a host that was given by
name alone can be lost as well. A port that should be closed, or that never answered, is no loss when it refuses, but
while one answers the host is not lost. One port alone, at however many addresses, says nothing about a host, so at
least two must count.
"""

from collections.abc import KeysView
from typing import Final

from exporter.results import ProbeResult
from exporter.schedule.backoff import LOSSES, reached
from exporter.targets import PortState, Target, TargetKey

LEAST_PORTS: Final = 2

# What is known of a port, as bits: a set for each would take a kilobyte at every host, and most hosts are never lost.
_COUNTS: Final = 1
_LOST: Final = 2
_OPEN: Final = 4


class Outage:
    """What is known about the ports of one host over one family."""

    __slots__ = ("_lost", "_ports")

    def __init__(self) -> None:
        self._ports: dict[TargetKey, int] = {}
        # How many of them are.
        self._lost = 0

    @property
    def members(self) -> KeysView[TargetKey]:
        """The ports that are watched."""
        return self._ports.keys()

    def join(self, target: Target) -> None:
        """A port of this host is watched from now on; until it was probed it counts as not lost."""
        self._ports[target.key] = _COUNTS if target.expectation.state is PortState.OPEN else 0

    def leave(self, target: Target) -> None:
        """A port is no longer watched."""
        self._lost -= bool(self._ports.pop(target.key) & _LOST)

    def note(self, result: ProbeResult) -> None:
        """Take in the result of a port; one that says nothing about the port leaves what was known before."""
        key = result.target.key
        known = self._ports[key]
        if reached(result):
            found = known & _COUNTS | _OPEN
            if result.target.expectation.state is PortState.ANY:
                found |= _COUNTS
        elif result.outcome in LOSSES:
            found = known & _COUNTS | _LOST
        else:
            return
        if found != known:
            self._ports[key] = found
            self._lost += bool(found & _LOST) - bool(known & _LOST)

    @property
    def total(self) -> bool:
        """Every port that counts is lost, and no other one answers."""
        if not self._lost:
            return False
        states = self._ports.values()
        if any(state & _OPEN or state & (_COUNTS | _LOST) == _COUNTS for state in states):
            return False
        return len({key.port for key, state in self._ports.items() if state & _COUNTS}) >= LEAST_PORTS
