"""What a scrape costs the processor: mailprobe's exposition against the two usual ways of prometheus_client.

    scrape   mailprobe   against prometheus_client Gauges      children that are set when a probe ends
    scrape   mailprobe   against prometheus_client collector   families that are built when a scrape comes

All three expose the same samples of the same healthy targets; a test compares them. Of each number of targets, 2,200
of which make 100,000 samples:

    a scrape                       rendering, with nothing changed since the last one; as text, and as OpenMetrics
    every target probed, a scrape  all results taken over once, then rendering: mailprobe writes its lines when a probe
                                   ends, and a scrape alone would leave that out
    the next scrape in gzip        rendering and compressing, with nothing changed but what changes at every probe, and
                                   that in all targets: mailprobe keeps the rest compressed, the other two compress as
                                   the library's own server does. Also of mailprobe against its own first one, for which
                                   nothing is kept
    the longest pause of probes    how long the event loop is held at a stretch, in which no probe can go on: mailprobe
                                   answers with everything, compression included, which is done in another thread; the
                                   other two render, and the loop is held all the time

A result becomes state and lines in mailprobe, which counts for it; the other two are handed ready values. HTTP is left
out. CPU time, user and system; of a pause, that of the loop's thread.
"""

import asyncio
import gc
import gzip
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import replace
from functools import partial
from typing import Final
from typing import Protocol as Interface

from prometheus_client import CollectorRegistry, Gauge
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import choose_encoder
from prometheus_client.parser import text_string_to_metric_families

from exporter.judgement.expectation import judge
from exporter.metrics.compression import Compression
from exporter.metrics.exposition import Exposition, Rendered
from exporter.metrics.negotiation import Format
from exporter.metrics.store import Store
from exporter.results import ProbeResult
from exporter.targets import Protocol, TlsMode
from exporter.web.scrape import Scrapes
from tests.bench.ratio import HERE, Row, compared, figure, interleaved
from tests.bench.size import Size
from tests.bench.worker import Worker, serve
from tests.judgement.sessions import LEAF, STARTED, healthy, target
from tests.metrics.world import rendered

SCRAPE = "a scrape as text"
OPENMETRICS = "a scrape as OpenMetrics"
ROUND = "every target probed, a scrape"
FIRST = "the first scrape in gzip"
NEXT = "the next scrape in gzip"
PAUSE = "the longest pause of probes"

# What a scrape asks for: nothing, which is text, or OpenMetrics.
_ACCEPT = {OPENMETRICS: Format.OPENMETRICS.value}

_MAILPROBE = "mailprobe"
_GAUGES = "prometheus_client Gauges"
_COLLECTOR = "prometheus_client collector"

# The ports of one host; hosts carry a certificate each.
_PORTS: Final = (
    (25, Protocol.SMTP, TlsMode.STARTTLS),
    (465, Protocol.SMTP, TlsMode.IMPLICIT),
    (587, Protocol.SMTP, TlsMode.STARTTLS),
    (993, Protocol.IMAP, TlsMode.IMPLICIT),
    (995, Protocol.POP3, TlsMode.IMPLICIT),
)
PORTS: Final = len(_PORTS)
_INTERVAL = 120.0

# A turn lasts at least so long: a scrape of mailprobe is too short to be timed once.
_TURN_SECONDS = 0.05

# The label values of one sample and its value.
Sample = tuple[tuple[str, ...], float]
# By the name and the labels of the samples.
Samples = dict[tuple[str, tuple[str, ...]], list[Sample]]


def measure(size: Size) -> list[Row]:
    """All that this benchmark says."""
    rows: list[Row] = []
    for targets in size.targets:
        with ExitStack() as stack:
            workers = {
                name: stack.enter_context(Worker("tests.bench.scrape", name, str(targets))) for name in CONTENDERS
            }
            for work in (SCRAPE, OPENMETRICS, ROUND, NEXT, PAUSE):
                turns = {name: partial(worker.cost, work, 1) for name, worker in workers.items()}
                costs = interleaved(turns, size.rounds)
                case = f"{targets:,} targets, {work}"
                rows += [
                    compared(costs, _MAILPROBE, against, benchmark="scrape", case=case, quantity="CPU time")
                    for against in (_GAUGES, _COLLECTOR)
                ]
                if work == PAUSE:
                    pauses = (cost[_MAILPROBE] * 1e3 for cost in costs)
                    say = partial(figure, benchmark="scrape", case=case, quantity="CPU time", contender=_MAILPROBE)
                    rows.append(say(pauses, f"ms {HERE}"))
            ours = {work: partial(workers[_MAILPROBE].cost, work, 1) for work in (FIRST, NEXT)}
            costs, case = interleaved(ours, size.rounds), f"{targets:,} targets, {_MAILPROBE}"
            rows.append(compared(costs, NEXT, FIRST, benchmark="scrape", case=case, quantity="CPU time"))
    return rows


class Renderer(Interface):
    """One way of exposing the results of a fleet."""

    def update(self) -> None:
        """Take over the result of every target once more."""

    def render(self, accept: str) -> Rendered:
        """Answer a scrape with this `Accept` header."""

    def compressed(self, *, again: bool) -> Callable[[], object]:
        """What answers one in gzip, after another one or as the first."""

    def pause(self) -> float:
        """Seconds for which answering one holds the event loop at a stretch."""


class ByMailprobe:
    """`exporter.metrics`, without the exporter's metrics about itself."""

    def __init__(self, targets: int) -> None:
        self._results = [(result, judge(result, True, host_known=True)) for result in _fleet(targets)]
        self._begin()

    def _begin(self) -> None:
        self._store = Store(lambda: STARTED)
        self._store.configure(
            [result.target for result, _ in self._results], certificate_retention=86400.0, capability_metrics=False
        )
        self._exposition = Exposition(self._store, CollectorRegistry())
        self.update()

    def update(self) -> None:
        for result, judgement in self._results:
            self._store.record(result, judgement, _INTERVAL)

    def render(self, accept: str) -> Rendered:
        return rendered(self._exposition, accept)

    def compressed(self, *, again: bool) -> Callable[[], object]:
        if again:
            self._compress()
            self.update()
        else:
            self._begin()
        return self._compress

    def _compress(self) -> None:
        compression = Compression()
        compression.add(self._exposition.parts(Format.TEXT_0))
        compression.end()

    def pause(self) -> float:
        return asyncio.run(self._pause())

    async def _pause(self) -> float:
        scrapes = Scrapes(self._exposition.parts)
        answer = asyncio.create_task(scrapes.answer("", gzip=True, asked=asyncio.get_running_loop().time()))
        longest, last = 0.0, time.thread_time()
        while not answer.done():
            # Every other callback of the loop has its turn between two of these.
            await asyncio.sleep(0)
            now = time.thread_time()
            longest, last = max(longest, now - last), now
        return longest


class _ByRegistry:
    """What the two ways of the library have in common."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()

    def render(self, accept: str) -> Rendered:
        encode, content_type = choose_encoder(accept)
        return Rendered(content_type, None, encode(self._registry))

    def compressed(self, *, again: bool) -> Callable[[], object]:
        return lambda: gzip.compress(self.render("").body)

    def pause(self) -> float:
        began = time.thread_time()
        self.render("")
        return time.thread_time() - began


class ByGauges(_ByRegistry):
    """A Gauge for each name, with a child for each sample."""

    def __init__(self, targets: int) -> None:
        super().__init__()
        self._rows = _rows(targets)
        self._gauges = {key: Gauge(key[0], "Help.", key[1], registry=self._registry) for key in self._rows}
        self.update()

    def update(self) -> None:
        for key, rows in self._rows.items():
            gauge = self._gauges[key]
            for values, value in rows:
                gauge.labels(*values).set(value)


class ByCollector(_ByRegistry):
    """A collector that keeps values and makes families of them for each scrape."""

    def __init__(self, targets: int) -> None:
        super().__init__()
        self._results = _rows(targets)
        self._latest: dict[tuple[str, tuple[str, ...]], dict[tuple[str, ...], float]] = {}
        self.update()
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
        if case == PAUSE:
            return max(self._renderer.pause() for _ in range(count))
        if case in (FIRST, NEXT):
            return sum(_seconds(self._renderer.compressed(again=case == NEXT)) for _ in range(count))
        began = time.process_time()
        done = 0
        while done < count or time.process_time() - began < _TURN_SECONDS:
            if case == ROUND:
                self._renderer.update()
            self._renderer.render(_ACCEPT.get(case, ""))
            done += 1
        return (time.process_time() - began) * count / done


def _seconds(answer: Callable[[], object]) -> float:
    began = time.process_time()
    answer()
    return time.process_time() - began


def _fleet(targets: int) -> Iterator[ProbeResult]:
    """So many targets with a sound result each, five ports to a host."""
    for number in range(targets):
        host, (port, protocol, tls) = f"mail{number // PORTS}.example.org", _PORTS[number % PORTS]
        leaf = replace(LEAF, fingerprint_sha256=f"{number // PORTS:064x}", subject=f"CN={host}")
        of = replace(target(host=host, port=port, protocol=protocol, tls=tls), certificate_group=host)
        yield replace(healthy(of), certificates=(leaf,))


def samples(document: bytes) -> int:
    """How many there are in a scrape."""
    return sum(not line.startswith(b"#") for line in document.splitlines())


def _rows(targets: int) -> Samples:
    """The samples that mailprobe exposes of this fleet."""
    rows: Samples = {}
    for family in text_string_to_metric_families(ByMailprobe(targets).render("").body.decode()):
        for sample in family.samples:
            rows.setdefault((sample.name, tuple(sample.labels)), []).append(
                (tuple(sample.labels.values()), sample.value)
            )
    return rows


def _worker(name: str, options: str) -> AbstractContextManager[_Turns]:
    return nullcontext(_Turns(CONTENDERS[name](int(options))))


if __name__ == "__main__":
    serve({name: partial(_worker, name) for name in CONTENDERS})
