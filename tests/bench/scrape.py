"""What a scrape costs the processor: mailprobe's exposition against the two usual ways of prometheus_client.

    scrape   mailprobe   against prometheus_client Gauges      children that are set when a probe ends
    scrape   mailprobe   against prometheus_client collector   families that are built when a scrape comes

All three expose the same samples of the same healthy targets in the text format, uncompressed; a test compares them.
Two cases, because mailprobe writes its lines when a probe ends, and a scrape alone would leave that out:

    a scrape                       rendering, with nothing changed since the last one
    every target probed, a scrape  all results taken over once, then rendering

A result becomes state and lines in mailprobe, which counts for it; the other two are handed ready values. HTTP and
compression are left out. CPU time, user and system.
"""

import gc
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import replace
from functools import partial
from typing import Protocol as Interface

from prometheus_client import CollectorRegistry, Gauge
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from exporter.judgement.expectation import judge
from exporter.metrics.exposition import Exposition
from exporter.metrics.store import Store
from exporter.results import ProbeResult
from exporter.targets import Protocol, TlsMode
from tests.bench.ratio import Ratio, Size, compared, interleaved
from tests.bench.worker import Worker, serve
from tests.judgement.sessions import LEAF, STARTED, healthy, target

SCRAPE = "a scrape"
ROUND = "every target probed, a scrape"

_MAILPROBE = "mailprobe"
_GAUGES = "prometheus_client Gauges"
_COLLECTOR = "prometheus_client collector"

# The ports of one host; hosts carry a certificate each.
_PORTS = (
    (25, Protocol.SMTP, TlsMode.STARTTLS),
    (465, Protocol.SMTP, TlsMode.IMPLICIT),
    (587, Protocol.SMTP, TlsMode.STARTTLS),
    (993, Protocol.IMAP, TlsMode.IMPLICIT),
    (995, Protocol.POP3, TlsMode.IMPLICIT),
)
_INTERVAL = 120.0

# A turn lasts at least so long: a scrape of mailprobe is too short to be timed once.
_TURN_SECONDS = 0.05

# The label values of one sample and its value.
Row = tuple[tuple[str, ...], float]
# By the name and the labels of the samples.
Rows = dict[tuple[str, tuple[str, ...]], list[Row]]


def measure(size: Size) -> list[Ratio]:
    """All ratios of this benchmark."""
    ratios = []
    for targets in size.targets:
        with ExitStack() as stack:
            workers = {
                name: stack.enter_context(Worker("tests.bench.scrape", name, str(targets))) for name in CONTENDERS
            }
            for work in (SCRAPE, ROUND):
                turns = {name: partial(worker.cost, work, 1) for name, worker in workers.items()}
                costs = interleaved(turns, size.rounds)
                case = f"{targets:,} targets, {work}"
                ratios += [
                    compared(costs, _MAILPROBE, against, benchmark="scrape", case=case, quantity="CPU time")
                    for against in (_GAUGES, _COLLECTOR)
                ]
    return ratios


class Renderer(Interface):
    """One way of exposing the results of a fleet."""

    def update(self) -> None:
        """Take over the result of every target once more."""

    def render(self) -> bytes:
        """Answer a scrape."""


class ByMailprobe:
    """`exporter.metrics`, without the exporter's metrics about itself."""

    def __init__(self, targets: int) -> None:
        self._results = [(result, judge(result, True, host_known=True)) for result in _fleet(targets)]
        self._store = Store(lambda: STARTED)
        self._store.configure(
            [result.target for result, _ in self._results], certificate_retention=86400.0, capability_metrics=False
        )
        self._exposition = Exposition(self._store, CollectorRegistry())
        self.update()

    def update(self) -> None:
        for result, judgement in self._results:
            self._store.record(result, judgement, _INTERVAL)

    def render(self) -> bytes:
        return self._exposition.render("").body


class ByGauges:
    """A Gauge for each name, with a child for each sample."""

    def __init__(self, targets: int) -> None:
        self._registry = CollectorRegistry()
        self._rows = _rows(targets)
        self._gauges = {key: Gauge(key[0], "Help.", key[1], registry=self._registry) for key in self._rows}
        self.update()

    def update(self) -> None:
        for key, rows in self._rows.items():
            gauge = self._gauges[key]
            for values, value in rows:
                gauge.labels(*values).set(value)

    def render(self) -> bytes:
        return generate_latest(self._registry)


class ByCollector:
    """A collector that keeps values and makes families of them for each scrape."""

    def __init__(self, targets: int) -> None:
        self._results = _rows(targets)
        self._latest: dict[tuple[str, tuple[str, ...]], dict[tuple[str, ...], float]] = {}
        self.update()
        self._registry = CollectorRegistry()
        self._registry.register(self)

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """What the registry asks for at a scrape."""
        for (name, labels), samples in self._latest.items():
            family = GaugeMetricFamily(name, "Help.", labels=labels)
            for values, value in samples.items():
                family.add_metric(values, value)
            yield family

    def update(self) -> None:
        for key, rows in self._results.items():
            latest = self._latest.setdefault(key, {})
            for values, value in rows:
                latest[values] = value

    def render(self) -> bytes:
        return generate_latest(self._registry)


CONTENDERS: Mapping[str, Callable[[int], Renderer]] = {
    _MAILPROBE: ByMailprobe,
    _GAUGES: ByGauges,
    _COLLECTOR: ByCollector,
}


class _Turns:
    """The contender that renders in one way or the other."""

    def __init__(self, renderer: Renderer) -> None:
        self._renderer = renderer

    def cost(self, case: str, count: int) -> float:
        """Seconds of CPU time for `count` times what `case` says."""
        gc.collect()
        began = time.process_time()
        done = 0
        while done < count or time.process_time() - began < _TURN_SECONDS:
            if case == ROUND:
                self._renderer.update()
            self._renderer.render()
            done += 1
        return (time.process_time() - began) * count / done


def _fleet(targets: int) -> Iterator[ProbeResult]:
    """So many targets with a sound result each, five ports to a host."""
    for number in range(targets):
        host, (port, protocol, tls) = f"mail{number // len(_PORTS)}.example.org", _PORTS[number % len(_PORTS)]
        leaf = replace(LEAF, fingerprint_sha256=f"{number // len(_PORTS):064x}", subject=f"CN={host}")
        of = replace(target(host=host, port=port, protocol=protocol, tls=tls), certificate_group=host)
        yield replace(healthy(of), certificates=(leaf,))


def _rows(targets: int) -> Rows:
    """The samples that mailprobe exposes of this fleet."""
    rows: Rows = {}
    for family in text_string_to_metric_families(ByMailprobe(targets).render().decode()):
        for sample in family.samples:
            rows.setdefault((sample.name, tuple(sample.labels)), []).append(
                (tuple(sample.labels.values()), sample.value)
            )
    return rows


def _worker(name: str, options: str) -> AbstractContextManager[_Turns]:
    return nullcontext(_Turns(CONTENDERS[name](int(options))))


if __name__ == "__main__":
    serve({name: partial(_worker, name) for name in CONTENDERS})
