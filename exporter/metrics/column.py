"""The lines of one metric, by row, as they are kept until a scrape: with marks where labels of their owners stand.

Lines of different owners are often equal but for these labels, and then they are one object.
"""

from functools import lru_cache
from typing import Final, Generic, TypeVar

from exporter.metrics.compression import Keeping
from exporter.metrics.figures import Figures, Frame
from exporter.metrics.line import Sample, number
from exporter.metrics.metric import Metric
from exporter.metrics.naming import NAME_MARK, LabelNames, Stretch, braces

State = TypeVar("State", contravariant=True)

# Rows whose lines stand together in a document. Of a metric with nine samples each, the phases, so many take about a
# millisecond; of one with a single sample they are a hundred kilobytes, which compress as well alone as among others.
PASSAGE_ROWS: Final = 1000


class Column(Generic[State]):
    """What each owner has of a metric, and which marks there may be in it."""

    def __init__(self, metric: Metric[State]) -> None:
        self.metric = metric
        # Lines that are others at every probe are kept by each owner for itself. Without the name of the metric they
        # take two fifths less, 700 bytes a target.
        self.name = NAME_MARK if metric.reads is None else metric.name
        # Empty where there is no line. What stands there is changed by `put` alone.
        self.cells: list[bytes] = []
        # By the number of the passage, as far as its lines are as they were in a document.
        self.kept: dict[int, Keeping] = {}
        self.stretches: set[Stretch] = set()
        # The lines of a frame of such an owner, with gaps for the numbers.
        self._forms: dict[tuple[Frame, LabelNames], str] = {}

    def write(self, row: int, state: State, owner: LabelNames) -> None:
        """Write the lines of an owner whose labels have these names."""
        cell = self._cell(state, owner)
        # Metrics that say what they read seldom change, and those of two ports that are well are mostly the same.
        self.put(row, cell if self.metric.reads is None else _shared(cell))

    def put(self, row: int, cell: bytes) -> None:
        """Let `cell` be what is in this row."""
        if cell is not self.cells[row]:
            self.cells[row] = cell
            self.changed(row)

    def changed(self, row: int) -> None:
        """The lines of this row are others than in the last document."""
        if self.kept:
            self.kept.pop(row // PASSAGE_ROWS, None)

    def keeping(self, number: int) -> Keeping:
        """That of the passage of this number, to which belongs what is in its rows now."""
        return self.kept.setdefault(number, Keeping())

    def _cell(self, state: State, owner: LabelNames) -> bytes:
        samples = self.metric.samples
        if isinstance(samples, Figures):
            frame, numbers = samples.read(state)
            return (self._form(frame, owner) % tuple([number(value) for value in numbers])).encode()
        return "".join([f"{self._named(one, owner)} {number(one.value)}\n" for one in samples(state)]).encode()

    def _form(self, frame: Frame, owner: LabelNames) -> str:
        form = self._forms.get((frame, owner))
        if form is None:
            named = [self._named(one, owner).replace("%", "%%") for one in frame.samples([0.0] * len(frame))]
            form = self._forms[frame, owner] = "".join(f"{one} %s\n" for one in named)
        return form

    def _named(self, sample: Sample, owner: LabelNames) -> str:
        inside, stretches = braces(owner, sample.labels)
        self.stretches.update(stretches)
        return f"{self.name}{sample.suffix}{inside}"


# What a server of its own makes of lines, such as those of its certificate, passes through; an entry is some 300 bytes.
@lru_cache(maxsize=8192)
def _shared(cell: bytes) -> bytes:
    return cell
