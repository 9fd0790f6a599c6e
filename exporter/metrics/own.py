"""The exporter about itself: what the client library collects, and what the daemon says.

One private registry; the library's global one is never touched. The daemon's numbers are asked for when a scrape comes,
and one that nobody has told yet is absent.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace

import prometheus_client
from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector

from exporter.metrics.catalogue import EXPORTER_METRICS
from exporter.metrics.state import ExporterState


def private_registry() -> CollectorRegistry:
    """A registry of our own with the library's series about the process and the interpreter."""
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    GCCollector(registry=registry)
    return registry


class OwnMetrics:
    """Keeps what the daemon tells, and hands it out when the registry is collected."""

    def __init__(self, registry: CollectorRegistry, version: str) -> None:
        self._told = ExporterState(version)
        self._ask: Callable[[ExporterState], ExporterState] = lambda state: state
        registry.register(self)

    def reload(self, successful: bool, timestamp: float) -> None:
        """The configuration was read, or could not be, at `timestamp` (Unix seconds); the first reading counts too."""
        kept = timestamp if successful else self._told.reload_timestamp
        self._told = replace(self._told, reload_successful=successful, reload_timestamp=kept)

    def observe(
        self,
        *,
        targets: Callable[[], int],
        in_flight: Callable[[], int],
        lag: Callable[[], float],
        loop_lag: Callable[[], float],
        first_round_progress: Callable[[], tuple[int, int]],
    ) -> None:
        """Say how to ask for the daemon's numbers; they are asked for at every scrape.

        `lag` and `loop_lag` in seconds; `first_round_progress` is targets probed and targets to be probed.
        """

        def ask(state: ExporterState) -> ExporterState:
            done, of = first_round_progress()
            return replace(
                state,
                targets=targets(),
                in_flight=in_flight(),
                lag=lag(),
                loop_lag=loop_lag(),
                first_round=done / of if of else 1.0,
            )

        self._ask = ask

    def collect(self) -> Iterator[prometheus_client.Metric]:
        """The catalogue's rows about the exporter, for the registry; a row without a sample is left out."""
        state = self._ask(self._told)
        for metric in EXPORTER_METRICS:
            family = prometheus_client.Metric(metric.family, metric.help, metric.kind, metric.unit)
            for sample in metric.samples(state):
                family.add_sample(metric.name + sample.suffix, dict(sample.labels), sample.value)
            if family.samples:
                yield family
