"""One row of the schedule: a target, and where it stands between its last round and its next one.

The scheduler's own notebook. It decides nothing, and nobody else writes in it.
"""

import asyncio
import math
from collections.abc import Hashable
from dataclasses import dataclass, field

from exporter.schedule.backoff import Backoff
from exporter.schedule.pacing import Visit
from exporter.targets import Target, Variant


@dataclass(slots=True, eq=False)
class Entry:
    """A target and where it stands.

    round        when the latest round began, or would have begun while a probe was still under way
    due          when the next one does
    hastened     when it was last asked for before its turn, and granted
    turn         probes finished
    confirming   the next probe, or the one under way, is the sooner one after a change of state
    state        as judged after the last probe; meaningless before the first
    task         the probe under way
    visit        its latest session
    """

    target: Target
    phase: float
    round: float = -math.inf
    due: float = 0.0
    hastened: float = -math.inf
    turn: int = 0
    backoff: Backoff = field(default_factory=Backoff)
    confirming: bool = False
    state: Hashable = None
    task: asyncio.Task[None] | None = None
    visit: Visit | None = None

    @property
    def interval(self) -> float:
        """Seconds between two probes as they are now, without jitter."""
        return self.backoff.interval(self.target.interval)

    @property
    def slowed(self) -> bool:
        """They are more than was configured."""
        return self.interval > self.target.interval

    @property
    def is_variant(self) -> bool:
        """Another handshake than the ordinary one is made."""
        return self.target.variant is not Variant.DEFAULT
