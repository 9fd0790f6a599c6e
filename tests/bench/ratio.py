"""What a benchmark says: how much one contender costs for each unit that another one costs.

A figure in milliseconds is true of one machine in one minute: clocks, caches and neighbours change it by a fifth and
more. So no such figure leaves this folder. Contenders take turns in every round, each round gives one ratio, and the
result is the median of the ratios with the lowest and the highest of them.
"""

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Ratio:
    """`contender` costs `median` times what `against` costs; below 1 it is the cheaper one.

    case             what both of them did
    quantity         what was compared, CPU time or memory
    lowest, highest  the two extremes of the `rounds` ratios
    """

    benchmark: str
    case: str
    quantity: str
    contender: str
    against: str
    median: float
    lowest: float
    highest: float
    rounds: int


@dataclass(frozen=True, slots=True)
class Size:
    """How much work a run is.

    rounds         in which every contender has its turn once
    targets        numbers of targets to render /metrics for
    probes         in one turn
    held           sessions that are in flight together when memory is read
    memory_rounds  fewer, since each of their turns starts a process, and memory varies little
    fleet_rounds   fewer, since each of their turns starts the program and waits for its first round
    seconds        for which such a turn counts
    latency_rate   sessions a second while latencies are compared
    """

    rounds: int
    targets: tuple[int, ...]
    probes: int
    held: int
    memory_rounds: int
    fleet_rounds: int = 3
    seconds: float = 15.0
    latency_rate: int = 500


def interleaved(turns: Mapping[str, Callable[[], float]], rounds: int, *, warm: bool = True) -> list[dict[str, float]]:
    """The cost of every contender's turn in each round. Each round begins with another contender.

    With `warm` a round before the first does not count: imports, caches and verdicts are then as in a long run.
    """
    if warm:
        for turn in turns.values():
            turn()
    names = list(turns)
    costs = []
    for number in range(rounds):
        first = number % len(names)
        costs.append({name: turns[name]() for name in names[first:] + names[:first]})
    return costs


def compared(
    costs: Sequence[Mapping[str, float]], contender: str, against: str, *, benchmark: str, case: str, quantity: str
) -> Ratio:
    """The ratio of two contenders over all rounds."""
    ratios = [cost[contender] / cost[against] for cost in costs]
    return Ratio(
        benchmark=benchmark,
        case=case,
        quantity=quantity,
        contender=contender,
        against=against,
        median=statistics.median(ratios),
        lowest=min(ratios),
        highest=max(ratios),
        rounds=len(ratios),
    )
