"""Lines that are written when something changed and joined when a scrape comes."""

from collections.abc import Callable, Iterable, Iterator
from typing import Generic, TypeVar

from exporter.metrics.figures import Figures
from exporter.metrics.line import Cell, cell, shared
from exporter.metrics.metric import Metric

State = TypeVar("State")


class Table(Generic[State]):
    """A column for each metric, a row for each owner, whose labels are written once and for all, and kept once.

    Joining a column is one operation however many rows it has. Each line is put together then: kept whole, the lines
    of a target would take four times the memory. The row of an owner that has left is given to the next one that
    comes.

    A probe mostly finds what the one before found: other times, and nothing else. So a row remembers the state that it
    was written from, and where what a metric reads is equal in both, its lines stand. That leaves eight metrics of
    thirty to be written, and takes less than half the time of writing all of them.
    """

    def __init__(self, metrics: Iterable[Metric[State]]) -> None:
        self._owners: list[bytes] = []
        self._written: list[State | None] = []
        self._free: list[int] = []
        self._columns: list[tuple[Metric[State], list[Cell]]] = [(metric, []) for metric in metrics]
        # By what they read: one comparison for all that read the same.
        self._readers: dict[Callable[[State], object] | None, list[tuple[Metric[State], list[Cell]]]] = {}
        for metric, column in self._columns:
            self._readers.setdefault(metric.reads, []).append((metric, column))

    def add(self, owner: str) -> int:
        """A row without any line for an owner with these labels."""
        if self._free:
            row = self._free.pop()
            self._owners[row] = owner.encode()
            return row
        self._owners.append(owner.encode())
        self._written.append(None)
        for _, column in self._columns:
            column.append(())
        return len(self._owners) - 1

    def rename(self, row: int, owner: str) -> None:
        """Give an owner other labels, which its lines have at once."""
        self._owners[row] = owner.encode()

    def remove(self, row: int) -> None:
        """Leave a row to somebody else."""
        self.clear(row)
        self._free.append(row)

    def write(self, row: int, state: State) -> None:
        """Write anew those lines of one owner that may be others."""
        owned, before = bool(self._owners[row]), self._written[row]
        for reads, columns in self._readers.items():
            if reads is None:
                for metric, column in columns:
                    column[row] = _cell(metric, state, owned=owned)
            elif before is None or reads(before) != reads(state):
                for metric, column in columns:
                    column[row] = shared(_cell(metric, state, owned=owned))
        self._written[row] = state

    def write_one(self, name: str, row: int, state: State) -> None:
        """Write anew what one owner has of the metric of this name, which must be one without `reads`."""
        for metric, column in self._columns:
            if metric.name == name:
                column[row] = _cell(metric, state, owned=bool(self._owners[row]))

    def clear(self, row: int) -> None:
        """Leave one owner without any line."""
        for _, column in self._columns:
            column[row] = ()
        self._written[row] = None

    def families(self) -> Iterator[tuple[Metric[State], bytes]]:
        """Every metric that has a line, with all its lines."""
        for metric, column in self._columns:
            if any(column):
                yield metric, b"".join(map(bytes.join, self._owners, column))


def _cell(metric: Metric[State], state: State, *, owned: bool) -> Cell:
    samples = metric.samples
    if isinstance(samples, Figures):
        frame, numbers = samples.read(state)
        return frame.cell(metric.name, numbers, owned=owned)
    return cell(metric.name, samples(state), owned=owned)
