"""Samples of which nothing but the numbers changes from one probe to the next: what they are called is written once.

Every probe ends with two dozen new numbers. To make a sample of each, and to write its name and its labels again, takes
longer than to write the number itself. So such a metric hands out a frame, which is one for all targets alike, and the
numbers that belong in it.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Generic, TypeVar

from exporter.metrics.line import CUT, Cell, Labels, Sample, number, opened

State = TypeVar("State", contravariant=True)


class Frame:
    """What the samples of a metric are called, in their order, without their numbers; compared by identity."""

    __slots__ = ("_names", "_texts")

    def __init__(self, *names: tuple[Labels, str]) -> None:
        """The labels of each sample besides its owner's, and the suffix to the name."""
        self._names = names
        # By the name of the metric, and whether its owner has labels: the first piece, and the others with gaps.
        self._texts: dict[tuple[str, bool], tuple[bytes, str]] = {}

    def samples(self, numbers: Sequence[float]) -> Iterator[Sample]:
        """The samples with these numbers."""
        return (Sample(value, pairs, suffix) for value, (pairs, suffix) in zip(numbers, self._names, strict=True))

    def cell(self, name: str, numbers: Sequence[float], *, owned: bool = True) -> Cell:
        """What `line.cell` makes of these samples."""
        if not self._names:
            return ()
        first, others = self._texts.get((name, owned)) or self._text(name, owned=owned)
        filled = others % tuple([number(value) for value in numbers])
        return (first, *filled.encode().split(CUT))

    def _text(self, name: str, *, owned: bool) -> tuple[bytes, str]:
        parts = [opened(name, pairs, suffix, owned=owned).replace("%", "%%") for pairs, suffix in self._names]
        first, _, others = "".join(f"{part}%s\n" for part in parts).partition(CUT.decode())
        text = self._texts[name, owned] = first.encode(), others
        return text


NOTHING = Frame()
PLAIN = Frame(((), ""))

# What is in a frame, and the frame.
Filled = tuple[Frame, Sequence[float]]


class Figures(Generic[State]):
    """The samples of a metric, read as a frame and the numbers in it."""

    def __init__(self, read: Callable[[State], Filled]) -> None:
        self.read = read

    def __call__(self, state: State) -> Iterator[Sample]:
        frame, numbers = self.read(state)
        return frame.samples(numbers)


def one(value: float | None) -> Filled:
    """The single sample of a known value."""
    return (NOTHING, ()) if value is None else (PLAIN, (value,))
