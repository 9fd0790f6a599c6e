"""How often a target is probed while it does not want us or cannot be reached: results in, seconds out.

Pure: no clock, no jitter, no memory besides the value itself. Two reasons slow a target down. A server that answers 421
or 554 has asked this client to stay away (RFC 5321 §3.8 and §3.1). A host of which every port is gone is down, or has
banned us, and fail2ban prolongs a ban for those who keep knocking. A single port that refuses is neither: it is the
news that a monitor is there for.
"""

from dataclasses import dataclass
from typing import Final

from exporter.results import Outcome, Phase, ProbeResult

REFUSALS: Final = frozenset({Outcome.GREETING_REJECTED_TEMPORARILY, Outcome.GREETING_REJECTED})

LOSSES: Final = frozenset(
    {
        Outcome.CONNECT_REFUSED,
        Outcome.CONNECT_TIMEOUT,
        Outcome.NETWORK_UNREACHABLE,
        Outcome.CONNECTION_RESET,
    }
)

# A host that is there said no; a silent or unreachable one said nothing.
ANSWERS: Final = frozenset({Outcome.CONNECT_REFUSED, Outcome.CONNECTION_RESET})

# Eight intervals are three doublings; half an hour is what a mail server that could not deliver should wait at least
# before it tries again (RFC 5321 §4.5.4.1). The shorter one holds.
REFUSAL_CAP_INTERVALS: Final = 8
REFUSAL_CAP: Final = 1800.0

# A host that is back shall be seen within ten minutes: 540 s and a tenth of jitter are 594 s.
LOSS_CAP: Final = 540.0

# Keeps the power of two finite after months of refusals; every cap is reached long before.
_MOST_DOUBLINGS: Final = 16


@dataclass(frozen=True, slots=True)
class Backoff:
    """Why and how far a target is slowed down.

    refusals   consecutive sessions that the server refused in its greeting
    losses     consecutive probes of this target that failed while its whole host was lost
    """

    refusals: int = 0
    losses: int = 0

    def after(self, result: ProbeResult, host_lost: bool) -> "Backoff":
        """The back-off once `result` is known; `host_lost`: with it, every port of the host is lost.

        What says nothing about the server (a failing name, no route, a timeout between two refusals) changes nothing.
        """
        refusals = self.refusals
        if result.outcome in REFUSALS:
            refusals += 1
        elif _greeted(result):
            refusals = 0
        losses = 0
        if host_lost:
            losses = self.losses + int(result.outcome in LOSSES)
        # Nearly always nothing has changed: then ten thousand targets share one value, and none is made.
        return self if (refusals, losses) == (self.refusals, self.losses) else Backoff(refusals, losses)

    def interval(self, regular: float) -> float:
        """Seconds between two probes of a target whose configured interval is `regular`; never less than that."""
        refusal = min(_doubled(regular, self.refusals), REFUSAL_CAP_INTERVALS * regular, REFUSAL_CAP)
        loss = min(_doubled(regular, self.losses), LOSS_CAP)
        return max(regular, refusal, loss)


def reached(result: ProbeResult) -> bool:
    """A connection was made and lasted, so this port is not lost."""
    return result.port_open is True and result.outcome not in LOSSES


def _greeted(result: ProbeResult) -> bool:
    # The server let us in: whatever failed after that, it was not our being there.
    return result.outcome is Outcome.OK or Phase.GREETING in result.durations.phases


def _doubled(regular: float, times: int) -> float:
    return regular * 2.0 ** min(times, _MOST_DOUBLINGS)
