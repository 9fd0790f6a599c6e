"""What a session costs the processor in the daemon as it runs: mailprobe against blackbox_exporter.

    fleet   mailprobe, the whole daemon   against blackbox_exporter
    fleet   the load target               against mailprobe, and its share of its own core

What both do, and what is in favour of whom, is written in `exporters`. Cases: the chains of `crowd` and no TLS, at a
rate that keeps a processor busy for a third, and one at a hundred sessions a second, where every session wakes a
process whose caches others have filled.

Each turn starts the program anew, lets it come into its rhythm, and then counts for a scrape interval or more. Beside
it stands what the load target used meanwhile: a share near 1 would say that it is what was measured. Linux only;
skipped where blackbox_exporter is missing.
"""

import asyncio
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tests.bench import cores, exporters
from tests.bench.crowd import PLAIN, Running, crowd
from tests.bench.exporters import INTERVAL, SCRAPE_SECONDS, Client, address, configuration
from tests.bench.process import Program, ProgramFailed
from tests.bench.ratio import Ratio, Size, compared, interleaved

MAILPROBE = "mailprobe, the whole daemon"
BLACKBOX = "blackbox_exporter"
TARGET = "load target"

# Far more than the first round of the largest benchmark takes on a machine that does other work.
_FIRST_ROUND_SECONDS = 300.0

Drive = Callable[[Program, float], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Case:
    """A port of the load target, and sessions a second."""

    port: str
    rate: int

    def __str__(self) -> str:
        what = "no TLS" if self.port == PLAIN else f"STARTTLS, {self.port}"
        return f"{what}, {self.rate} a second"


CASES = (Case("p256", 400), Case("rsa", 400), Case("p384", 250), Case(PLAIN, 400), Case("p256", 100))


def unavailable() -> str | None:
    """Why this cannot be measured here."""
    if sys.platform != "linux":
        return "another process' CPU time is read by Linux' clocks"
    if exporters.blackbox_program() is None:
        return "blackbox_exporter is not installed: apt-get install prometheus-blackbox-exporter"
    return None


def measure(size: Size, cases: tuple[Case, ...] = CASES) -> list[Ratio]:
    """All ratios of this benchmark."""
    ratios = []
    with cores.servers_core(), crowd() as running:
        for case in cases:
            bench = Bench(running, case, size.seconds)
            turns = {MAILPROBE: bench.mailprobe, BLACKBOX: bench.blackbox}
            costs = interleaved(turns, size.fleet_rounds, warm=False)
            said = partial(compared, benchmark="fleet", case=str(case))
            ratios.append(said(costs, MAILPROBE, BLACKBOX, quantity="CPU time of a session"))
            ratios.append(said(bench.target_costs, TARGET, MAILPROBE, quantity="CPU time of a session"))
            ratios.append(said(bench.shares, TARGET, "its core", quantity="share that is busy"))
    return ratios


class Bench:
    """The turns of one case. What the load target used in those of mailprobe is kept."""

    def __init__(self, running: Running, case: Case, seconds: float) -> None:
        self._running = running
        self._case = case
        self._seconds = seconds
        self.target_costs: list[dict[str, float]] = []
        self.shares: list[dict[str, float]] = []

    def mailprobe(self) -> float:
        """Seconds of CPU time for each session."""
        site, case = self._running.crowd, self._case
        text = configuration(site, case.port, case.rate * INTERVAL, INTERVAL, INTERVAL)
        with tempfile.TemporaryDirectory() as directory, exporters.mailprobe(text, site, Path(directory)) as program:
            await_ready(program)
            return asyncio.run(self._count(program, _scrape, warm=3.0))

    def blackbox(self) -> float:
        """Likewise."""
        with (
            tempfile.TemporaryDirectory() as directory,
            exporters.blackbox(self._running.crowd, Path(directory)) as program,
        ):
            return asyncio.run(self._count(program, self._ask, warm=3.0))

    async def _count(self, program: Program, drive: Drive, warm: float) -> float:
        await drive(program, warm)
        before, cpu, began = self._running.account(), program.cpu(), time.monotonic()
        await drive(program, self._seconds)
        after, used, elapsed = self._running.account(), program.cpu() - cpu, time.monotonic() - began
        sessions, target = after.sessions - before.sessions, after.cpu - before.cpu
        cost = used / sessions
        if drive is _scrape:
            self.target_costs.append({TARGET: target / sessions, MAILPROBE: cost})
            self.shares.append({TARGET: target, "its core": elapsed})
        return cost

    async def _ask(self, program: Program, seconds: float) -> None:
        client = Client(program.port)
        module = "plain" if self._case.port == PLAIN else "starttls"
        port = self._running.crowd.ports[self._case.port]
        hosts = self._case.rate * INTERVAL

        def start(number: int) -> asyncio.Future[bytes]:
            return asyncio.ensure_future(client.probe(module, f"{address(number % hosts)}:{port}"))

        try:
            await exporters.paced(self._case.rate, seconds, start)
        finally:
            client.close()


def await_ready(program: Program) -> None:
    """Return when the first round is over, in which every chain is verified for every name; raises ProgramFailed."""
    deadline = time.monotonic() + _FIRST_ROUND_SECONDS
    while not program.ready():
        if time.monotonic() > deadline:
            raise ProgramFailed("the first round does not end")
        time.sleep(0.5)


async def _scrape(program: Program, seconds: float) -> None:
    """Wait so long, with a scrape in the middle of each scrape interval."""
    client = Client(program.port)
    try:
        while seconds > 0:
            span = min(seconds, SCRAPE_SECONDS)
            await asyncio.sleep(span / 2)
            await client.get("/metrics")
            await asyncio.sleep(span / 2)
            seconds -= span
    finally:
        client.close()
