"""Whether a whole host is lost: the ports of one host over one address family, seen together.

Ports that should be open count, and those of which nothing is expected once they were open: a host that was given by
name alone can be lost as well. A port that should be closed, or that never answered, is no loss when it refuses, but
while one answers the host is not lost. One port alone, at however many addresses, says nothing about a host, so at
least two must count.
"""

from typing import Final

from exporter.results import ProbeResult
from exporter.schedule.backoff import LOSSES, reached
from exporter.targets import PortState, Target, TargetKey

LEAST_PORTS: Final = 2


class Outage:
    """What is known about the ports of one host over one family."""

    def __init__(self) -> None:
        self.members: set[TargetKey] = set()
        self._expected: set[TargetKey] = set()
        self._lost: set[TargetKey] = set()
        self._open: set[TargetKey] = set()

    def join(self, target: Target) -> None:
        """A port of this host is watched from now on; until it was probed it counts as not lost."""
        self.members.add(target.key)
        if target.expectation.state is PortState.OPEN:
            self._expected.add(target.key)

    def leave(self, target: Target) -> None:
        """A port is no longer watched."""
        for ports in (self.members, self._expected, self._lost, self._open):
            ports.discard(target.key)

    def note(self, result: ProbeResult) -> None:
        """Take in the result of a port; one that says nothing about the port leaves what was known before."""
        key = result.target.key
        if reached(result):
            self._lost.discard(key)
            self._open.add(key)
            if result.target.expectation.state is PortState.ANY:
                self._expected.add(key)
        elif result.outcome in LOSSES:
            self._open.discard(key)
            self._lost.add(key)

    @property
    def total(self) -> bool:
        """Every port that counts is lost, and no other one answers."""
        numbers = {key.port for key in self._expected}
        return len(numbers) >= LEAST_PORTS and self._expected <= self._lost and not self._open
