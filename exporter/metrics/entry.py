"""Where the states are kept: one entry for each target, in the midst of those that it has something to do with.

Entries are changed in place and compared by identity, so that a result finds its neighbours without a search. What
they hold are values; what the neighbours mean for each other is in `neighbour` and `group`.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from exporter.judgement.reach import Reach
from exporter.judgement.vantage import Vantage
from exporter.metrics.state import HostState, TargetState
from exporter.results import Outcome
from exporter.targets import IpFamily, TargetKey

# As a dictionary without values, a set that keeps its order.
Entries = dict["Entry", None]


@dataclass(eq=False, slots=True)
class Host:
    """One host with all its targets; `row` is that of its lines, and those that count and time out are `silent`."""

    state: HostState
    row: int
    entries: Entries = field(default_factory=dict)
    silent: Entries = field(default_factory=dict)

    def over(self, family: IpFamily) -> list["Entry"]:
        """Its targets over one family."""
        return [entry for entry in self.entries if entry.front.ip_family is family]


@dataclass(eq=False, slots=True)
class Front:
    """One port number over one family: where it is probed, the references for it, and what both say of this network.

    answering  those of the entries that answer
    counting   those that count (`Reach.counts`)
    """

    port: int
    ip_family: IpFamily
    entries: Entries = field(default_factory=dict)
    answering: Entries = field(default_factory=dict)
    counting: Entries = field(default_factory=dict)
    references: dict[TargetKey, Reach] = field(default_factory=dict)
    vantage: Vantage | None = None

    @property
    def blocked(self) -> bool:
        """Nobody is reached on this port."""
        return self.vantage is not None and not self.vantage.ok


@dataclass(eq=False, slots=True)
class Entry:
    """One target; `row` is that of its lines, and `routed` says whether this machine had a route when it was tried."""

    state: TargetState
    row: int
    host: Host
    front: Front
    routed: bool | None = None

    def siblings(self) -> Iterator["Entry"]:
        """The other targets of the host over the same family."""
        family = self.front.ip_family
        return (entry for entry in self.host.entries if entry is not self and entry.front.ip_family is family)

    def join(self) -> None:
        """Stand among the neighbours."""
        self.host.entries[self] = self.front.entries[self] = None
        self._sort(self.state.reach)

    def leave(self) -> None:
        """Stand there no longer."""
        front, host = self.front, self.host
        for entries in (front.entries, front.answering, front.counting, host.entries, host.silent):
            entries.pop(self, None)

    def take(self, state: TargetState) -> bool:
        """Take over a state; true unless what is known of its reach is that all is as it was."""
        before, after = self.state.reach, state.reach
        self.state = state
        # With the outcome, that is also whether it answers.
        if before.outcome is after.outcome and before.lost is after.lost and before.counts is after.counts:
            return False
        self._sort(after)
        return True

    def _sort(self, reach: Reach) -> None:
        silent = reach.counts and reach.outcome is Outcome.CONNECT_TIMEOUT
        for entries, belongs in (
            (self.front.answering, reach.answers),
            (self.front.counting, reach.counts),
            (self.host.silent, silent),
        ):
            if belongs:
                entries[self] = None
            else:
                entries.pop(self, None)
