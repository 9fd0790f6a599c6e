"""What a metric is: a row of the catalogue, and the header lines that each format writes above its samples."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, TypeVar

from exporter.metrics.line import Sample

# What a metric is read from. Contravariant, so that rows of all kinds of state can stand in one table.
State = TypeVar("State", contravariant=True)


class Kind(StrEnum):
    """The type of a metric, in OpenMetrics' words."""

    GAUGE = "gauge"
    COUNTER = "counter"
    HISTOGRAM = "histogram"
    INFO = "info"


class Scope(StrEnum):
    """What owns the samples of a metric, and so which labels they carry besides those of the row."""

    TARGET = "target"
    HOST = "host"
    MACHINE = "machine"
    EXPORTER = "exporter"


@dataclass(frozen=True, slots=True)
class Metric(Generic[State]):
    """One row of the catalogue.

    name      as it stands on the sample lines of the text format, `_total` and `_info` included
    unit      the base unit, which is also the end of the name; empty where there is none
    labels    besides those of the owner
    samples   from a state to samples; no sample where the value is unknown
    optional  only exposed where the configuration asks for it
    reads     all that the samples follow from: equal for two states of one owner only where the samples are. Without
              it they are taken to be others at every probe. Metrics that read the same share one function
    """

    name: str
    kind: Kind
    scope: Scope
    help: str
    samples: Callable[[State], Iterable[Sample]]
    unit: str = ""
    labels: tuple[str, ...] = ()
    optional: bool = False
    reads: Callable[[State], object] | None = None

    @property
    def family(self) -> str:
        """OpenMetrics' name of the family, to which counters and infos append a suffix of their own."""
        if self.kind is Kind.COUNTER:
            return self.name.removesuffix("_total")
        return self.name.removesuffix("_info") if self.kind is Kind.INFO else self.name

    def text_header(self) -> bytes:
        """The lines above the samples in the text format, which has no type for an info."""
        kind = Kind.GAUGE if self.kind is Kind.INFO else self.kind
        return f"# HELP {self.name} {self.help}\n# TYPE {self.name} {kind}\n".encode()

    def openmetrics_header(self) -> bytes:
        """The lines above the samples in OpenMetrics 1.0.0."""
        unit = f"# UNIT {self.family} {self.unit}\n" if self.unit else ""
        return f"# HELP {self.family} {self.help}\n# TYPE {self.family} {self.kind}\n{unit}".encode()
