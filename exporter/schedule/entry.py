"""One row of the schedule: a target, and where it stands between its last round and its next one.

The scheduler's own notebook. It decides nothing, and nobody else writes in it.
"""

import asyncio
import math
from collections.abc import Hashable
from typing import Final

from exporter.schedule.backoff import Backoff
from exporter.schedule.pacing import Visit
from exporter.schedule.spread import phase
from exporter.targets import Target, Variant

_UNSLOWED: Final = Backoff()
# Each target has it: one object for all of them.
_NEVER: Final = -math.inf


class Entry:
    """A target and where it stands.

    phase        its place in the interval
    is_variant   another handshake than the ordinary one is made
    round        when the latest round began, or would have begun while a probe was still under way
    due          when the next one does
    hastened     when it was last asked for before its turn, and granted
    turn         probes finished
    backoff      why it is slowed down, and how far
    interval     seconds between two probes as they are now, without jitter
    confirming   the next probe, or the one under way, is the sooner one after a change of state
    state        as judged after the last probe; meaningless before the first
    task         the probe under way
    visit        the session of that probe
    address      where its latest session was
    """

    __slots__ = (
        "address",
        "backoff",
        "confirming",
        "due",
        "hastened",
        "interval",
        "is_variant",
        "phase",
        "round",
        "state",
        "target",
        "task",
        "turn",
        "visit",
    )

    def __init__(self, target: Target) -> None:
        self.target = target
        self.phase = phase(target.key)
        self.is_variant = target.variant is not Variant.DEFAULT
        self.round = _NEVER
        self.due = 0.0
        self.hastened = _NEVER
        self.turn = 0
        self.backoff = _UNSLOWED
        self.interval = target.interval
        self.confirming = False
        self.state: Hashable = None
        self.task: asyncio.Task[None] | None = None
        self.visit: Visit | None = None
        self.address: str | None = None

    def slow(self, backoff: Backoff) -> None:
        """Be slowed down as `backoff` says."""
        if backoff is not self.backoff:
            self.backoff = backoff
            self.interval = backoff.interval(self.target.interval)

    @property
    def slowed(self) -> bool:
        """They are more than was configured."""
        return self.interval > self.target.interval
