"""The exporter about itself: its rows of the catalogue, what the client library collects, and what the daemon says.

One private registry; the library's global one is never touched. The daemon's numbers are asked for when a scrape comes,
and one that nobody has told yet is absent.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Final

import prometheus_client
from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector

from exporter.metrics import reading as read
from exporter.metrics.metric import Kind, Metric, Scope
from exporter.metrics.state import ExporterState

EXPORTER_METRICS: Final[tuple[Metric[ExporterState], ...]] = (
    Metric(
        "mailprobe_build_info",
        Kind.INFO,
        Scope.EXPORTER,
        labels=("version",),
        help="The version of mailprobe that runs.",
        samples=read.build,
    ),
    Metric(
        "mailprobe_config_last_reload_successful",
        Kind.GAUGE,
        Scope.EXPORTER,
        help="1 if the configuration was read without a fault the last time, else 0.",
        samples=read.of_exporter(lambda state: state.reload_successful),
    ),
    Metric(
        "mailprobe_config_last_reload_success_timestamp_seconds",
        Kind.GAUGE,
        Scope.EXPORTER,
        unit="seconds",
        help="Unix time at which the configuration was last read without a fault.",
        samples=read.of_exporter(lambda state: state.reload_timestamp),
    ),
    Metric(
        "mailprobe_web_config_last_reload_successful",
        Kind.GAUGE,
        Scope.EXPORTER,
        help="1 if the file of --web.config.file and what it names were read without a fault the last time, else 0, "
        "and then what was read before holds; absent without such a file.",
        samples=read.of_exporter(lambda state: state.web_file_successful),
    ),
    Metric(
        "mailprobe_targets",
        Kind.GAUGE,
        Scope.EXPORTER,
        help="Targets that are configured, probed or not.",
        samples=read.of_exporter(lambda state: state.targets),
    ),
    Metric(
        "mailprobe_probes_in_flight",
        Kind.GAUGE,
        Scope.EXPORTER,
        help="Probes that are running.",
        samples=read.of_exporter(lambda state: state.in_flight),
    ),
    Metric(
        "mailprobe_schedule_lag_seconds",
        Kind.GAUGE,
        Scope.EXPORTER,
        unit="seconds",
        help="Time by which the last probes started later than they were due.",
        samples=read.of_exporter(lambda state: state.lag),
    ),
    Metric(
        "mailprobe_event_loop_lag_seconds",
        Kind.GAUGE,
        Scope.EXPORTER,
        unit="seconds",
        help="Longest time by which the event loop ran late in the last minute.",
        samples=read.of_exporter(lambda state: state.loop_lag),
    ),
    Metric(
        "mailprobe_first_round_progress_ratio",
        Kind.GAUGE,
        Scope.EXPORTER,
        unit="ratio",
        help="Share of the configured targets that were probed at least once since the start, from 0 to 1.",
        samples=read.of_exporter(lambda state: state.first_round),
    ),
    Metric(
        "mailprobe_workers",
        Kind.GAUGE,
        Scope.EXPORTER,
        help="Processes that probe and run; absent where --probe.workers asks for none.",
        samples=read.of_exporter(lambda state: state.workers),
    ),
    Metric(
        "mailprobe_worker_restarts_total",
        Kind.COUNTER,
        Scope.EXPORTER,
        help="Processes that were started in the place of one that had ended; absent where --probe.workers asks for "
        "none.",
        samples=read.of_exporter(lambda state: state.worker_restarts),
    ),
)


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
        self._ask_access: Callable[[], bool | None] = lambda: None
        self._ask_workers: Callable[[], tuple[int | None, int | None]] = lambda: (None, None)
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

    def observe_access(self, successful: Callable[[], bool]) -> None:
        """Say how to ask whether the file of TLS and users was read without a fault; without one, do not."""
        self._ask_access = successful

    def observe_workers(self, *, alive: Callable[[], int], restarts: Callable[[], int]) -> None:
        """Say how to ask for the processes that probe; where the first one does it itself, do not."""
        self._ask_workers = lambda: (alive(), restarts())

    def collect(self) -> Iterator[prometheus_client.Metric]:
        """The catalogue's rows about the exporter, for the registry; a row without a sample is left out."""
        workers, restarts = self._ask_workers()
        state = replace(
            self._ask(self._told),
            web_file_successful=self._ask_access(),
            workers=workers,
            worker_restarts=restarts,
        )
        for metric in EXPORTER_METRICS:
            family = prometheus_client.Metric(metric.family, metric.help, metric.kind, metric.unit)
            for sample in metric.samples(state):
                family.add_sample(metric.name + sample.suffix, dict(sample.labels), sample.value)
            if family.samples:
                yield family
