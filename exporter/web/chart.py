"""A small chart of the last probes: one bar for each, made of its phases from the bottom up.

Only the geometry and the words; the template draws it as SVG, and says the same in a table for who cannot see it.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from exporter.metrics.history import Attempt
from exporter.results import Phase
from exporter.web.wording import OUTCOME, PHASE, Moment, latency, moment

# Units of the drawing, which the page scales.
HEIGHT = 100.0
_BAR, _GAP = 14.0, 4.0

# What can be seen at all, on top of a bar that is complete and still no success.
_THINNEST = 2.0


@dataclass(frozen=True, slots=True)
class Piece:
    """One phase of a bar; `y` is its upper edge."""

    phase: Phase
    y: float
    height: float


@dataclass(frozen=True, slots=True)
class Bar:
    """One probe.

    rest     of one that failed: the time until it broke off, or a cap where it was complete and something amiss
    outcome  in words
    """

    x: float
    width: float
    pieces: tuple[Piece, ...]
    rest: Piece | None
    title: str
    failed: bool
    began: Moment | None
    outcome: str
    duration: str
    cells: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PhaseName:
    """A phase as the legend and the table name it."""

    phase: Phase
    words: str


@dataclass(frozen=True, slots=True)
class Chart:
    """The bars from the oldest to the newest; `scale` is how long the tallest took, in words."""

    width: float
    height: float
    bars: tuple[Bar, ...]
    phases: tuple[PhaseName, ...]
    scale: str


def chart(attempts: Sequence[Attempt], now: float) -> Chart | None:
    """The chart of these probes, the newest last; `None` where there is none. `now` in Unix seconds."""
    if not attempts:
        return None
    parts = [tuple(stacked(attempt.durations)) for attempt in attempts]
    lengths = [_length(attempt, stack) for attempt, stack in zip(attempts, parts, strict=True)]
    # Probes of no length at all would divide by nothing.
    tallest = max(*lengths, 1e-6)
    phases = [phase for phase in Phase if any(phase is there for stack in parts for there, _ in stack)]
    bars = tuple(
        _bar(place, attempt, stack, tallest, phases, now)
        for place, (attempt, stack) in enumerate(zip(attempts, parts, strict=True))
    )
    names = tuple(PhaseName(phase, PHASE[phase]) for phase in phases)
    return Chart(len(bars) * (_BAR + _GAP) - _GAP, HEIGHT, bars, names, latency(tallest))


def stacked(durations: Iterable[tuple[Phase, float]]) -> Iterator[tuple[Phase, float]]:
    """Seconds of each phase so that they add up: the greeting without its first byte, which is a phase of its own."""
    before = dict(durations).get(Phase.GREETING_FIRST_BYTE, 0.0)
    for phase, took in durations:
        yield phase, max(0.0, took - before) if phase is Phase.GREETING else took


def _length(attempt: Attempt, stack: Iterable[tuple[Phase, float]]) -> float:
    """Seconds that the bar stands for: of a failure all of it, else what the phases explain."""
    explained = sum(took for _, took in stack)
    return max(attempt.duration, explained) if _broken_off(attempt) else explained


def _broken_off(attempt: Attempt) -> bool:
    """It failed on the way; a session that came to its goodbye was complete, whatever was found in it."""
    return attempt.success is False and Phase.GOODBYE not in dict(attempt.durations)


def _bar(
    place: int,
    attempt: Attempt,
    stack: Sequence[tuple[Phase, float]],
    tallest: float,
    phases: Sequence[Phase],
    now: float,
) -> Bar:
    failed = attempt.success is False
    top, pieces = HEIGHT, []
    for phase, took in stack:
        height = took / tallest * HEIGHT
        top -= height
        pieces.append(Piece(phase, round(top, 2), round(height, 2)))
    rest = attempt.duration / tallest * HEIGHT - (HEIGHT - top) if _broken_off(attempt) else 0.0
    left = max(rest, _THINNEST)
    began, whole = moment(attempt.started, now), latency(attempt.duration)
    known = dict(stack)
    return Bar(
        x=place * (_BAR + _GAP),
        width=_BAR,
        pieces=tuple(pieces),
        rest=Piece(attempt.phase, round(max(0.0, top - left), 2), round(left, 2)) if failed else None,
        title=f"{OUTCOME[attempt.outcome]}, {whole}",
        failed=failed,
        began=began,
        outcome=OUTCOME[attempt.outcome],
        duration=whole,
        cells=tuple(latency(known[phase]) if phase in known else "" for phase in phases),
    )
