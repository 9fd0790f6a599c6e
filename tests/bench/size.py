"""How much work a run is: as usual, large, or so small that it only shows that everything works."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Size:
    """How much work a run is.

    rounds         in which every contender has its turn once
    targets        numbers of targets to render /metrics for; five ports to a host make 45.6 samples each
    probes         in one turn
    held           sessions that are in flight together when the memory of a process of ours is read
    memory_rounds  fewer, since each of their turns starts a process, and memory varies little
    fleet_rounds   fewer, since each of their turns starts the program and waits for its first round
    rate           the part of its rates that `fleet` holds
    warm           seconds that do not count at the begin of a turn
    seconds        for which such a turn counts
    latency_rate   sessions a second while latencies are compared
    clients        of each kind, for `load`
    crowded        targets that are probed meanwhile
    turn           seconds of each of its turns: the interval, and over it the schedule's jitter and the probes that
                   were under way when the turn began, so that every target has been probed in it
    flight         probes that are in flight together when the memory of the whole daemon is read
    interval       of these targets, in seconds
    first_round    seconds within which they are probed for the first time
    hosts          numbers of hosts to tell the extent of a scrape for
    names          that are looked up
    scale          numbers of targets, each with its interval in seconds: two at the same rate of sessions
    scale_rounds   in which each of them has a turn
    scale_seconds  for which these count in a turn, once without scrapes and once with them
    """

    rounds: int
    targets: tuple[int, ...]
    probes: int
    held: int
    memory_rounds: int
    fleet_rounds: int
    rate: float
    warm: float
    seconds: float
    latency_rate: int
    clients: int
    crowded: int
    turn: float
    flight: int
    interval: int
    first_round: float
    hosts: tuple[int, ...]
    names: int
    scale: tuple[tuple[int, int], ...]
    scale_rounds: int
    scale_seconds: float


USUAL: Final = Size(
    rounds=7,
    targets=(1_000, 2_200),
    probes=300,
    held=200,
    memory_rounds=3,
    fleet_rounds=3,
    rate=1.0,
    warm=3.0,
    seconds=15.0,
    latency_rate=500,
    clients=500,
    crowded=240,
    turn=12.0,
    flight=1_000,
    interval=30,
    first_round=10.0,
    hosts=(100, 1_000, 10_000),
    names=2_000,
    # 40,000 targets in 300 s are 133 sessions a second.
    scale=((1_333, 10), (40_000, 300)),
    scale_rounds=5,
    scale_seconds=15.0,
)

LARGE: Final = Size(
    rounds=7,
    targets=(1_000, 2_200, 10_000),
    probes=1_000,
    held=500,
    memory_rounds=5,
    fleet_rounds=5,
    rate=1.0,
    warm=3.0,
    seconds=30.0,
    latency_rate=500,
    clients=500,
    crowded=240,
    turn=12.0,
    flight=2_000,
    interval=30,
    first_round=10.0,
    hosts=(100, 1_000, 10_000),
    names=2_000,
    scale=((1_333, 10), (40_000, 300)),
    scale_rounds=9,
    scale_seconds=30.0,
)

TINY: Final = Size(
    rounds=1,
    targets=(5,),
    probes=4,
    held=16,
    memory_rounds=1,
    fleet_rounds=1,
    rate=0.1,
    warm=0.3,
    seconds=1.5,
    latency_rate=20,
    clients=3,
    # Ten sessions a second, so that a turn is not without any.
    crowded=100,
    turn=1.5,
    # Fewer can find room in what a program of Go has set aside, and it does not grow at all.
    flight=100,
    interval=10,
    first_round=1.0,
    hosts=(2, 4),
    names=4,
    scale=((200, 10), (400, 20)),
    scale_rounds=1,
    scale_seconds=1.0,
)
