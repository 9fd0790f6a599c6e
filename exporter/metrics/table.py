"""Lines that are written when something changed and joined when a scrape comes."""

from collections.abc import Iterable, Iterator
from typing import Generic, TypeVar

from exporter.metrics.line import lines
from exporter.metrics.metric import Metric

State = TypeVar("State")


class Table(Generic[State]):
    """A column for each metric, a row for each owner, whose labels are written once and for all.

    Joining a column is one operation however many rows it has. The row of an owner that has left is given to the next
    one that comes.
    """

    def __init__(self, metrics: Iterable[Metric[State]]) -> None:
        self._owners: list[str] = []
        self._free: list[int] = []
        self._columns: list[tuple[Metric[State], list[bytes]]] = [(metric, []) for metric in metrics]

    def add(self, owner: str) -> int:
        """A row without any line for an owner with these labels."""
        if self._free:
            row = self._free.pop()
            self._owners[row] = owner
            return row
        self._owners.append(owner)
        for _, column in self._columns:
            column.append(b"")
        return len(self._owners) - 1

    def rename(self, row: int, owner: str) -> None:
        """Give an owner other labels, which hold from the next time that its lines are written."""
        self._owners[row] = owner

    def remove(self, row: int) -> None:
        """Leave a row to somebody else."""
        self.clear(row)
        self._free.append(row)

    def write(self, row: int, state: State) -> None:
        """Write the lines of one owner anew."""
        owner = self._owners[row]
        for metric, column in self._columns:
            column[row] = lines(metric.name, owner, metric.samples(state))

    def write_one(self, name: str, row: int, state: State) -> None:
        """Write anew what one owner has of the metric of this name, the only one of which something changed."""
        for metric, column in self._columns:
            if metric.name == name:
                column[row] = lines(name, self._owners[row], metric.samples(state))

    def clear(self, row: int) -> None:
        """Leave one owner without any line."""
        for _, column in self._columns:
            column[row] = b""

    def families(self) -> Iterator[tuple[Metric[State], bytes]]:
        """Every metric that has a line, with all its lines."""
        for metric, column in self._columns:
            if joined := b"".join(column):
                yield metric, joined
