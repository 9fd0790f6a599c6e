"""What a session costs the processor in the daemon as it runs: mailprobe against blackbox_exporter.

    fleet   mailprobe, the whole daemon   against blackbox_exporter
    fleet   the load target               the share of its own core that it uses meanwhile

What both do, and what is in favour of whom, is written in `exporters`. Cases: the chains of `crowd` and no TLS, at a
rate that keeps a processor busy for a half; one at a hundred sessions a second, where every session wakes a process
whose caches others have filled; and two with servers at different distances. There sessions that begin together do not
go on together, since no two have their answers at the same time, so that these are the hardest for mailprobe. Unasked,
mailprobe offers post-quantum key exchange as its OpenSSL does, which blackbox_exporter may be too old for: its keys
cost, though the load target takes X25519 from both. Two cases have mailprobe offer the same as that one.

Each turn starts the program anew, lets it come into its rhythm, and then counts for a scrape interval or more. Beside
it stand what the load target used meanwhile, where a share near 1 would say that it is what was measured, and the
sessions a second that were really held, of those that were asked for.

The inverse of the cost is what one core carries: so many sessions a second keep it wholly busy. That is a figure of
this machine, and is there to be set against the other program's. Linux only; skipped where blackbox_exporter is
missing.
"""

import asyncio
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from tests.bench import cores, exporters
from tests.bench.crowd import DISTANT, PLAIN, REGIONAL, Running, crowd
from tests.bench.exporters import INTERVAL, SCRAPE_SECONDS, Client, address, await_ready, configuration
from tests.bench.process import Program, ProgramFailed
from tests.bench.ratio import HERE, Row, compared, figure, interleaved
from tests.bench.size import Size

MAILPROBE = "mailprobe, the whole daemon"
BLACKBOX = "blackbox_exporter"
TARGETS = {MAILPROBE: "load target under mailprobe", BLACKBOX: "load target under blackbox_exporter"}

Drive = Callable[[Program, float], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Case:
    """A port of the load target, and sessions a second; whether mailprobe offers no more groups than the other."""

    port: str
    rate: int
    classical: bool = False

    def __str__(self) -> str:
        what = _WORDS.get(self.port, f"STARTTLS, {self.port}")
        groups = ", the same groups" if self.classical else ""
        return f"{what}{groups}, {self.rate} a second"


_WORDS = {
    PLAIN: "no TLS",
    REGIONAL: "STARTTLS, p256 5 to 40 ms away",
    DISTANT: "STARTTLS, p256 10 to 160 ms away",
}
CASES = (
    *(Case("p256", 400), Case("rsa", 400), Case("p384", 250), Case(PLAIN, 400)),
    *(Case("p256", 400, classical=True), Case("rsa", 400, classical=True)),
    *(Case("p256", 100), Case(REGIONAL, 400), Case(DISTANT, 400)),
)

# What users are given to leave out post-quantum key exchange.
_CLASSICAL = {"OPENSSL_CONF": str(Path(__file__).parents[2] / "deploy" / "classical-groups.cnf")}


@dataclass(frozen=True, slots=True)
class Turn:
    """What was counted in one: seconds on the wall and of processor time, the load target's too, and sessions."""

    elapsed: float
    cpu: float
    target_cpu: float
    sessions: int

    @property
    def cost(self) -> float:
        """Seconds of processor time for each session."""
        return self.cpu / self.sessions


def measure(size: Size, cases: tuple[Case, ...] = CASES) -> list[Row]:
    """All that this benchmark says."""
    rows: list[Row] = []
    with cores.servers_core(), crowd() as running:
        for case in cases:
            bench = Bench(running, replace(case, rate=round(case.rate * size.rate)), size)
            turns = {MAILPROBE: bench.mailprobe, BLACKBOX: bench.blackbox}
            rows += bench.rows(interleaved(turns, size.fleet_rounds, warm=False))
    return rows


class Bench:
    """The turns of one case, and what was counted in them."""

    def __init__(self, running: Running, case: Case, size: Size) -> None:
        self._running = running
        self._case = case
        self._size = size
        self._turns: dict[str, list[Turn]] = {MAILPROBE: [], BLACKBOX: []}

    def mailprobe(self) -> float:
        """Seconds of CPU time for each session."""
        site, case = self._running.crowd, self._case
        # Sessions with distant servers last half a second, so that more than the usual 200 are under way.
        text = configuration(
            site, case.port, case.rate * INTERVAL, INTERVAL, INTERVAL, daemon={"max_sessions": 2 * case.rate}
        )
        environment = _CLASSICAL if case.classical else {}
        with (
            tempfile.TemporaryDirectory() as directory,
            exporters.mailprobe(text, site, Path(directory), environment) as program,
        ):
            await_ready(program)
            return asyncio.run(self._count(MAILPROBE, program, scraped))

    def blackbox(self) -> float:
        """Likewise."""
        with (
            tempfile.TemporaryDirectory() as directory,
            exporters.blackbox(self._running.crowd, Path(directory)) as program,
        ):
            return asyncio.run(self._count(BLACKBOX, program, self._ask))

    def rows(self, costs: list[dict[str, float]]) -> Iterator[Row]:
        """The ratios and figures of all turns."""
        case = str(self._case)
        yield compared(costs, MAILPROBE, BLACKBOX, benchmark="fleet", case=case, quantity="CPU time of a session")
        for name, turns in self._turns.items():
            shares = [{TARGETS[name]: turn.target_cpu, "its core": turn.elapsed} for turn in turns]
            yield compared(
                shares, TARGETS[name], "its core", benchmark="fleet", case=case, quantity="share that is busy"
            )
        say = partial(figure, benchmark="fleet", case=case)
        for name, turns in self._turns.items():
            held = (turn.sessions / turn.elapsed for turn in turns)
            yield say(held, "a second", quantity="sessions held", contender=name)
            carried = (1 / turn.cost for turn in turns)
            yield say(carried, f"a second {HERE}", quantity="sessions that one core carries", contender=name)

    async def _count(self, name: str, program: Program, drive: Drive) -> float:
        await drive(program, self._size.warm)
        before, cpu, began = self._running.account(), program.cpu(), time.monotonic()
        await drive(program, self._size.seconds)
        elapsed, used, after = time.monotonic() - began, program.cpu() - cpu, self._running.account()
        if after.sessions == before.sessions:
            raise ProgramFailed("no session was held")
        turn = Turn(elapsed, used, after.cpu - before.cpu, after.sessions - before.sessions)
        self._turns[name].append(turn)
        return turn.cost

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


async def scraped(program: Program, seconds: float) -> None:
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
