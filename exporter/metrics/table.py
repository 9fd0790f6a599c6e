"""Lines that are written when something changed and joined when a scrape comes."""

from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache, partial
from itertools import repeat
from typing import Generic, TypeVar

from exporter.metrics.column import PASSAGE_ROWS, Column
from exporter.metrics.compression import Passage
from exporter.metrics.line import Labels, label
from exporter.metrics.metric import Metric
from exporter.metrics.naming import LabelNames, Stretch, label_names

State = TypeVar("State", contravariant=True)


class Table(Generic[State]):
    """A column for each metric, a row for each owner, whose labels are written once and for all, and kept once.

    Joining a column is a handful of operations however many rows it has. Each line is put together then: kept whole,
    the lines of a target would take four times the memory. The row of an owner that has left is given to the next one
    that comes.

    A probe mostly finds what the one before found: other times, and nothing else. So a row remembers the state that it
    was written from, and where what a metric reads is equal in both, its lines stand. That leaves seven metrics of
    thirty to be written, and takes less than half the time of writing all of them.
    """

    def __init__(self, metrics: Iterable[Metric[State]]) -> None:
        self._owners = _Owners()
        self._written: list[State | None] = []
        self._free: list[int] = []
        self._columns = [Column(metric) for metric in metrics]
        # By what they read: one comparison for all that read the same.
        self._readers: dict[Callable[[State], object] | None, list[Column[State]]] = {}
        for column in self._columns:
            self._readers.setdefault(column.metric.reads, []).append(column)

    def add(self, owner: Labels) -> int:
        """A row without any line for an owner with these labels."""
        if self._free:
            row = self._free.pop()
            self._owners.put(row, owner)
            return row
        row = self._owners.add(owner)
        self._written.append(None)
        for column in self._columns:
            column.cells.append(b"")
        return row

    def rename(self, row: int, owner: Labels) -> None:
        """Give an owner other labels, which its lines have at once; it has no line where their names are others."""
        before = self._owners.names[row]
        self._owners.put(row, owner)
        for column in self._columns:
            column.changed(row)
        if self._owners.names[row] is not before:
            self.clear(row)

    def remove(self, row: int) -> None:
        """Leave a row to somebody else."""
        self.clear(row)
        self._free.append(row)

    def write(self, row: int, state: State) -> None:
        """Write anew those lines of one owner that may be others."""
        names, before = self._owners.names[row], self._written[row]
        for reads, columns in self._readers.items():
            if reads is None or before is None or reads(before) != reads(state):
                for column in columns:
                    column.write(row, state, names)
        self._written[row] = state

    def write_what(self, reads: Callable[[State], object], row: int, state: State) -> None:
        """Write anew what one owner has of the metrics that read this, whatever else may be others."""
        for column in self._readers[reads]:
            column.write(row, state, self._owners.names[row])
        # Of the state that the others were written from, these are no longer.
        self._written[row] = None

    def clear(self, row: int) -> None:
        """Leave one owner without any line."""
        for column in self._columns:
            column.put(row, b"")
        self._written[row] = None

    def families(self) -> Iterator[tuple[Metric[State], "Lines[State]"]]:
        """Every metric that has a line, with its lines as they are when the metric is handed out."""
        for column in self._columns:
            if any(column.cells):
                yield column.metric, Lines(column, self._owners.texts(column.stretches))


class Lines(Generic[State]):
    """What each row has of one metric, at one moment."""

    def __init__(self, column: Column[State], texts: Iterable[tuple[bytes, list[bytes]]]) -> None:
        """`texts`: by row, with the mark in the place of which they stand."""
        self._cells = column.cells[:]
        self._texts = [(mark, by_row[:]) for mark, by_row in texts]
        self._names = (column.name.encode(), column.metric.name.encode())
        # What changes at every probe is in no two documents, and a passage that is not full is soon another one.
        full = len(self._cells) // PASSAGE_ROWS if column.metric.reads is not None else 0
        self._keepings = [column.keeping(number) for number in range(full)]

    def __iter__(self) -> Iterator[bytes]:
        """A thousand rows at a time, put together."""
        return map(self._text, range(0, len(self._cells), PASSAGE_ROWS))

    def parts(self) -> Iterator[bytes | Passage]:
        """The same: as passages those that seldom change."""
        for number, first in enumerate(range(0, len(self._cells), PASSAGE_ROWS)):
            kept = number < len(self._keepings)
            yield Passage(self._keepings[number], partial(self._text, first)) if kept else self._text(first)

    def _text(self, first: int) -> bytes:
        """A thousand rows from this one on, with what their marks stand for."""
        end = first + PASSAGE_ROWS
        lines: Iterator[bytes] = iter(self._cells[first:end])
        for mark, texts in self._texts:
            # bytes.replace takes as long as to join what is kept in pieces, which would take twice the memory.
            lines = map(bytes.replace, lines, repeat(mark), texts[first:end])
        mark, name = self._names
        text = b"".join(lines)
        # It is the same in each, so it costs less to put it in all of them at once.
        return text if mark == name else text.replace(mark, name)


class _Owners:
    """The labels of the owners, by row."""

    def __init__(self) -> None:
        self.names: list[LabelNames] = []
        self._labels: list[tuple[bytes, ...]] = []
        # What stands where a mark is, as far as it was asked for.
        self._stretches: dict[Stretch, list[bytes]] = {}

    def add(self, owner: Labels) -> int:
        """Append a row."""
        names, labels = _in_order(owner)
        self.names.append(names)
        self._labels.append(labels)
        for stretch, texts in self._stretches.items():
            texts.append(_text(labels, stretch))
        return len(self.names) - 1

    def put(self, row: int, owner: Labels) -> None:
        """Give a row to another owner, or an owner other labels."""
        self.names[row], labels = _in_order(owner)
        self._labels[row] = labels
        for stretch, texts in self._stretches.items():
            texts[row] = _text(labels, stretch)

    def texts(self, stretches: Iterable[Stretch]) -> Iterator[tuple[bytes, list[bytes]]]:
        """What stands for each of these in the rows, with its mark."""
        return ((stretch.mark.encode(), self._texts(stretch)) for stretch in stretches)

    def _texts(self, stretch: Stretch) -> list[bytes]:
        if stretch not in self._stretches:
            self._stretches[stretch] = [_text(labels, stretch) for labels in self._labels]
        return self._stretches[stretch]


def _in_order(owner: Labels) -> tuple[LabelNames, tuple[bytes, ...]]:
    pairs = sorted(pair for pair in owner if pair[1])
    return label_names(tuple(name for name, _ in pairs)), tuple(_label(name, value) for name, value in pairs)


# Ports share what says where they are, and hosts what says which port it is; the rows of a host come one after another.
@lru_cache(maxsize=1024)
def _label(name: str, value: str) -> bytes:
    return label(name, value).encode()


@lru_cache(maxsize=1024)
def _text(labels: tuple[bytes, ...], stretch: Stretch) -> bytes:
    return b",".join(labels[stretch.first : stretch.end])
