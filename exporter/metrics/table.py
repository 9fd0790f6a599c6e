"""Lines that are written when something changed and joined when a scrape comes."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Generic, TypeVar

from exporter.metrics.line import lines
from exporter.metrics.metric import Metric

State = TypeVar("State")


class Table(Generic[State]):
    """A column for each metric, a row for each owner, whose labels are written once and for all.

    Joining a column is one operation however many rows it has.
    """

    def __init__(self, metrics: Iterable[Metric[State]], owners: Sequence[str]) -> None:
        self._owners = owners
        self._columns = [(metric, [b""] * len(owners)) for metric in metrics]

    def write(self, row: int, state: State) -> None:
        """Write the lines of one owner anew."""
        owner = self._owners[row]
        for metric, column in self._columns:
            column[row] = lines(metric.name, owner, metric.samples(state))

    def clear(self, row: int) -> None:
        """Leave one owner without any line."""
        for _, column in self._columns:
            column[row] = b""

    def families(self) -> Iterator[tuple[Metric[State], bytes]]:
        """Every metric that has a line, with all its lines."""
        for metric, column in self._columns:
            if joined := b"".join(column):
                yield metric, joined
