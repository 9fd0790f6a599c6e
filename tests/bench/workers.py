"""How much more two worker processes probe on two cores.

    workers   mailprobe with two workers   against one process

Both contenders do the same work: the turn of a session, a whole STARTTLS session with a certificate that is judged, the
judgement, the lines of /metrics; and garbage is collected as in the daemon. One does it in its only process. The other
one has its sessions held by two workers, and does the rest in the first process.

The result is a ratio of throughputs, from the system's accounting of processor time: how many probes the second one
completes while the first, which can use but one core, completes one. It is bounded by all its processes together, which
have two cores, and by the busiest of them, which has one. Clocks on the wall do not come into it: on a machine with two
cores the mail server, which is not counted, would take a part of what is measured. Beside it stands the share of a core
that the first process needs for what one core probes without workers: its inverse is how many workers it keeps busy.
"""

import asyncio
import itertools
import logging
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from functools import partial

from exporter import cycles
from exporter.judgement.expectation import judge
from exporter.metrics.store import Store
from exporter.probe.certificate.judge import CertificateJudge
from exporter.probe.certificate.trust import TrustStores
from exporter.probe.prober import Prober
from exporter.probe.resolve import SystemResolver
from exporter.probe.seams import ProbeFunction
from exporter.probe.session import Means
from exporter.probe.tls import TlsClient
from exporter.results import Outcome
from exporter.schedule.limits import Limits
from exporter.schedule.message import Settings
from exporter.schedule.pacing import Pacing
from exporter.schedule.pool import WorkerPool
from exporter.targets import Target, TlsMode
from tests.bench import cores, process, session
from tests.bench.mailserver import Site, mail_server
from tests.bench.process import ADDRESS
from tests.bench.ratio import Ratio, compared, interleaved
from tests.bench.size import Size
from tests.bench.worker import Contender, Worker, serve

ALONE, TOGETHER = "one process", "mailprobe with two workers"

# What is asked of the second contender: its throughput on two cores; and the part of a core that its first process
# needs for what one core probes without workers, which says how many workers it can keep busy.
THROUGHPUT, FIRST = "probes on two cores", "share of the first process"

WORKERS = 2
CORES = 2

# More than a worker has under way at a time; few enough that every chain is verified in the round that does not count,
# as it is in a daemon that has run for a day.
_HOSTS = 240
_IN_FLIGHT = 64

# A turn is so many times that of `probe`, over which the work of three processes evens out.
_PROBES = 5
_ROUNDS = 5

_LIMITS = Limits(max_sessions=_IN_FLIGHT, sessions_per_address=_IN_FLIGHT, min_gap=0.0)


class Probes:
    """Probes one after the other, from the turn of a session to the store."""

    def __init__(self, site: Site, probe: ProbeFunction) -> None:
        self._probe = probe
        self._pacing = Pacing(_LIMITS)
        self._store = Store()
        self._targets = [_target(number, site) for number in range(_HOSTS)]
        self._store.configure(self._targets, certificate_retention=86400.0, capability_metrics=False)

    async def make(self, count: int) -> None:
        """Make `count` of them, as many at a time as may be."""
        targets = itertools.islice(itertools.cycle(self._targets), count)
        async with asyncio.TaskGroup() as group:
            for _ in range(_IN_FLIGHT):
                group.create_task(self._make_all(targets))

    async def _make_all(self, targets: Iterator[Target]) -> None:
        for target in targets:
            result = await self._probe(target, self._pacing.hold)
            if result.outcome is not Outcome.OK or result.verdict is None or not result.verdict.valid:
                raise session.SessionFailed(f"{result.outcome}: {result.detail or result.verdict}")
            judgement = judge(result, self._store.known(target.key), host_known=True)
            self._store.record(result, judgement, target.interval)


def _target(number: int, site: Site) -> Target:
    """A host of its own, so that it falls to one of the workers: an address, which costs neither of them a lookup."""
    plain = session.target(number, site.port, TlsMode.STARTTLS)
    host = f"127.1.{number // 250}.{number % 250}"
    return replace(plain, host=host, address=ADDRESS, server_name=plain.host, ca_file=site.ca_file)


class Alone:
    """Everything in this process."""

    def __init__(self, site: Site) -> None:
        means = Means(TlsClient(), CertificateJudge(TrustStores([site.ca_file])), None)
        self._probes = Probes(site, Prober(SystemResolver(time.monotonic), means))

    def cost(self, case: str, count: int) -> float:
        """Seconds of its one core for each probe."""
        return asyncio.run(self._turn(count))

    async def _turn(self, count: int) -> float:
        await self._probes.make(_HOSTS)
        before = time.process_time()
        await self._probes.make(count)
        return (time.process_time() - before) / count


class Together:
    """The sessions in two workers."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def cost(self, case: str, count: int) -> float:
        """Seconds for each probe, by what `case` asks for."""
        first, *workers = asyncio.run(self._turn(count))
        if case == FIRST:
            return first / count
        return max((first + sum(workers)) / CORES, first, *workers) / count

    async def _turn(self, count: int) -> list[float]:
        pool = WorkerPool(WORKERS, Settings(TrustStores([self._site.ca_file]), (), None, logging.WARNING))
        probes = Probes(self._site, pool)
        async with pool.running():
            await probes.make(_HOSTS)
            before = _used(pool)
            await probes.make(count)
            return [after - earlier for after, earlier in zip(_used(pool), before, strict=True)]


def _used(pool: WorkerPool) -> list[float]:
    """Seconds of processor time that the processes have used so far, this one first."""
    return [time.process_time(), *map(process.processor_time, pool.pids)]


@contextmanager
def _together(options: str) -> Iterator[Contender]:
    # On every core, like a daemon: three processes that share one find more in their boxes at a time, and look cheaper.
    os.sched_setaffinity(0, range(os.cpu_count() or 1))
    with cycles.seldom():
        yield Together(Site.read(options))


@contextmanager
def _alone(options: str) -> Iterator[Contender]:
    with cycles.seldom():
        yield Alone(Site.read(options))


CONTENDERS: Mapping[str, Callable[[str], AbstractContextManager[Contender]]] = {
    ALONE: _alone,
    TOGETHER: _together,
}


def unavailable() -> str | None:
    """Why this cannot be measured here."""
    return process.unavailable() or (None if cores.separate() else "there is only one core")


def measure(size: Size) -> list[Ratio]:
    """All ratios of this benchmark."""
    name = "tests.bench.workers"
    found = []
    with (
        mail_server() as site,
        Worker(name, ALONE, site.text) as alone,
        Worker(name, TOGETHER, site.text) as together,
    ):
        for case in (THROUGHPUT, FIRST):
            turns = {
                ALONE: partial(alone.cost, case, size.probes * _PROBES),
                TOGETHER: partial(together.cost, case, size.probes * _PROBES),
            }
            # Each turn has a warm part of its own.
            costs = interleaved(turns, min(size.rounds, _ROUNDS), warm=False)
            found.append(_ratio(case, costs))
    return found


def _ratio(case: str, costs: list[dict[str, float]]) -> Ratio:
    quantity = "CPU time"
    if case == THROUGHPUT:
        # The inverse of a cost.
        costs = [{name: 1 / seconds for name, seconds in cost.items()} for cost in costs]
        quantity = "throughput"
    return compared(costs, TOGETHER, ALONE, benchmark="workers", case=case, quantity=quantity)


if __name__ == "__main__":
    serve(CONTENDERS)
