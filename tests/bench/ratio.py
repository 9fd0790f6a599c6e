"""What a benchmark says: how much one contender costs for each unit that another one costs, and plain figures.

A figure in milliseconds is true of one machine in one minute: clocks, caches and neighbours change it by a fifth and
more. So what is compared is told as ratios. Contenders take turns in every round, each round gives one ratio, and the
result is the median of the ratios with the lowest and the highest of them.

Counts, and sizes in memory and on the wire, are no times: they are told as they are. The few figures that do depend on
the machine say so in their unit, and are there to be set against each other.
"""

import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

# At the end of the unit of a figure that another machine would have another value for.
HERE: Final = "on this machine"


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
class Figure:
    """What `contender` was found to have, as the median of all rounds; the unit says whether it is this machine's."""

    benchmark: str
    case: str
    quantity: str
    contender: str
    value: float
    unit: str


Row = Ratio | Figure


class BenchmarkFailed(Exception):
    """What was to be measured did not come about, so that there is nothing to say."""


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


def figure(values: Iterable[float], unit: str, *, benchmark: str, case: str, quantity: str, contender: str) -> Figure:
    """The figure of a contender over all rounds."""
    return Figure(benchmark, case, quantity, contender, statistics.median(values), unit)
