"""A store filled by judged results as the daemon does it, and its exposition read back."""

from collections.abc import Sequence

from prometheus_client import CollectorRegistry, Metric
from prometheus_client.parser import text_string_to_metric_families

from exporter.config.model import Watch
from exporter.judgement.expectation import judge
from exporter.metrics.compression import Passage
from exporter.metrics.exposition import Exposition, Rendered
from exporter.metrics.negotiation import chosen_format
from exporter.metrics.own import OwnMetrics
from exporter.metrics.store import Store
from exporter.results import ProbeResult
from exporter.targets import Target
from tests.judgement.sessions import STARTED

DAY = 86400.0
WATCH_ALL = Watch()
Labels = dict[str, str]


class Clock:
    """Moved by hand."""

    def __init__(self, now: float = STARTED) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def rendered(exposition: Exposition, accept: str = "") -> Rendered:
    """The whole document at once, as nobody in the daemon takes it."""
    form = chosen_format(accept)
    texts = (part.text() if isinstance(part, Passage) else part for part in exposition.parts(form))
    return Rendered(form.value, None, b"".join(texts))


class World:
    """Store, exposition and the exporter's own metrics, with a clock that is moved by hand."""

    def __init__(
        self,
        *targets: Target,
        retention: float = DAY,
        capability_metrics: bool = False,
        watch: Watch = WATCH_ALL,
        references: Sequence[Target] = (),
    ) -> None:
        self.clock = Clock()
        self.store = Store(self.clock)
        self.registry = CollectorRegistry()
        self.own = OwnMetrics(self.registry, "1.2.3")
        self.exposition = Exposition(self.store, self.registry)
        self.configure(targets, retention, capability_metrics=capability_metrics, watch=watch, references=references)

    def configure(
        self,
        targets: Sequence[Target],
        retention: float = DAY,
        *,
        capability_metrics: bool = False,
        watch: Watch = WATCH_ALL,
        references: Sequence[Target] = (),
    ) -> None:
        self.store.configure(
            targets,
            certificate_retention=retention,
            capability_metrics=capability_metrics,
            watch=watch,
            references=references,
        )

    def deliver(self, *results: ProbeResult, interval: float = 120.0) -> None:
        """What the daemon does with each result."""
        for result in results:
            key = result.target.key
            judgement = judge(result, self.store.known(key), host_known=self.store.host_known(key.host))
            self.store.record(result, judgement, interval)

    def text(self) -> str:
        return rendered(self.exposition).body.decode()

    def families(self) -> list[Metric]:
        return list(text_string_to_metric_families(self.text()))

    def samples(self, name: str) -> list[tuple[Labels, float]]:
        """Every sample of this name: its labels and its value."""
        return [
            (sample.labels, sample.value)
            for family in self.families()
            for sample in family.samples
            if sample.name == name
        ]

    def value(self, name: str, **labels: str) -> float | None:
        """The value of the only sample with this name and (among others) these labels; `None`: there is none."""
        found = [value for own, value in self.samples(name) if labels.items() <= own.items()]
        assert len(found) <= 1, f"{name} is not unique"
        return found[0] if found else None

    def names(self, **labels: str) -> set[str]:
        """The names of all samples that carry (among others) these labels."""
        return {
            sample.name
            for family in self.families()
            for sample in family.samples
            if labels.items() <= sample.labels.items()
        }
