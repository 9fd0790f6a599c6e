"""Samples of which nothing but the numbers changes from one probe to the next: what they are called is written once.

Every probe ends with two dozen new numbers. To make a sample of each, and to write its name and its labels again, takes
longer than to write the number itself. So such a metric hands out a frame, which is one for all targets alike, and the
numbers that belong in it.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Generic, TypeVar

from exporter.metrics.line import Labels, Sample

State = TypeVar("State", contravariant=True)


class Frame:
    """What the samples of a metric are called, in their order, without their numbers; compared by identity."""

    __slots__ = ("_names",)

    def __init__(self, *names: tuple[Labels, str]) -> None:
        """The labels of each sample besides its owner's, and the suffix to the name."""
        self._names = names

    def __len__(self) -> int:
        return len(self._names)

    def samples(self, numbers: Sequence[float]) -> Iterator[Sample]:
        """The samples with these numbers."""
        return (Sample(value, pairs, suffix) for value, (pairs, suffix) in zip(numbers, self._names, strict=True))


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
