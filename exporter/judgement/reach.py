"""Whether a port is reached, as far as the probes so far tell: one value per target, which each result carries on.

What several of these mean together is said by `host` and `vantage`. Nothing here is about what a session was like: a
port that accepts a connection and turns everybody away in its greeting is reached.
"""

from dataclasses import dataclass, replace

from exporter.results import Outcome, ProbeResult
from exporter.schedule.backoff import LOSSES, reached
from exporter.targets import PortState


def tells(result: ProbeResult) -> bool:
    """Whether a result says anything about reachability: a name that fails, or a missing route, does not."""
    return reached(result) or result.outcome in LOSSES


@dataclass(frozen=True, slots=True)
class Reach:
    """What is known about one target; instants are Unix seconds at which a probe began.

    last_open   the newest probe that came through
    lost_since  the first probe of the present run of losses; `None`: not lost now
    outcome     of the last probe that said anything about it; `None`: there was none
    counts      the port is expected to be open, or nothing is expected of it and it was open once (as for an outage)
    open_since  the first probe of the latest run of those that came through
    open_gap    the longest time between two successive ones of that run, in seconds
    last_lost   the newest probe that was lost
    """

    last_open: float | None = None
    lost_since: float | None = None
    outcome: Outcome | None = None
    counts: bool = False
    open_since: float | None = None
    open_gap: float = 0.0
    last_lost: float | None = None

    @property
    def lost(self) -> bool:
        """The last probe that said anything did not come through."""
        return self.lost_since is not None

    @property
    def answers(self) -> bool:
        """The last probe that said anything came through."""
        return self.outcome is not None and self.lost_since is None

    def after(self, result: ProbeResult) -> "Reach":
        """What is known once `result` is; one that says nothing about the port (a failing name) leaves the rest."""
        now, outcome, counts = result.started, result.outcome, self._counts_after(result)
        if reached(result):
            since, gap = self._open_run(now)
            # Written out, since every probe that comes through ends here: `replace` takes four times as long.
            return Reach(now, None, outcome, counts, since, gap, self.last_lost)
        if outcome in LOSSES:
            began = self.lost_since if self.lost else now
            return replace(self, counts=counts, last_lost=now, lost_since=began, outcome=outcome)
        return self if counts is self.counts else replace(self, counts=counts)

    def open_by(self, instant: float) -> float | None:
        """A moment between which and `instant` a probe certainly came through, the newest; `None`: there is none.

        Of a run only its ends and its longest gap are known: so long there may have been no success at any time in it.
        """
        if self.open_since is None or self.last_open is None or self.open_since > instant:
            return None
        if self.last_open <= instant:
            return self.last_open
        return max(self.open_since, instant - self.open_gap)

    def well_while(self, lost: "Reach") -> bool:
        """This one came through between the first and the newest loss of `lost`, which is lost now.

        To have come through after the first loss is not enough. When this machine was cut off and is back, the one that
        is probed first would seem to have been well all the time, and every other one to be lost alone.
        """
        if lost.lost_since is None or lost.last_lost is None:
            return False
        came_through = self.open_by(lost.last_lost)
        return came_through is not None and came_through >= lost.lost_since

    def _open_run(self, now: float) -> tuple[float | None, float]:
        """Beginning and longest gap of the latest run of successes, prolonged until `now` or begun with it."""
        if not self.answers or self.last_open is None:
            return now, 0.0
        return self.open_since, max(self.open_gap, now - self.last_open)

    def _counts_after(self, result: ProbeResult) -> bool:
        state = result.target.expectation.state
        return state is PortState.OPEN or (state is PortState.ANY and (self.counts or reached(result)))
