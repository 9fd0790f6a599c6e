"""What one process carries: tens of thousands of targets on the usual schedule, and how that grows.

    scale   40,000 targets   against a thirtieth of them, at the same rate of sessions

The installed daemon with targets of SMTP with STARTTLS, each at an address of its own, with a chain that is verified
for a name of its own, whose server greets 50 ms late. The fewer targets are probed the more often, so that both numbers
of targets make as many sessions a second, and what a session costs the processor can be compared: the bar is 1.15.
`first_round` and the interval are one here. Linux only.

Both run at the same time, by turns: while one counts the other is stopped, since machines are faster at one minute than
at the next by more than is looked for here. What fell due meanwhile is made up for before anything counts.

Of each number it is told besides, as figures:

    memory     what the process grew by for each target once all were probed, above a daemon with one
    start      from the command to the port that listens, and a reload of the same file, from the request to its
               answer; also as so many times what PyYAML alone takes for that file, with its parser in C
    lag        how much later than due sessions began, as the daemon exposes it (a mean over a hundred sessions)
    rate       sessions a second that were really held while they counted
    reload     whether it disturbs probes in flight. Beside the figures of the time that it takes stand those of as
               many seconds just before it: sessions held a second, the lag, the error of the greeting's latency at p99
               and at most, and the longest wait for /-/healthy, asked a hundred times a second; and how many probes
               failed meanwhile

The memory is told after all turns, with a scrape of all targets just made, and what a scrape leaves behind is in it.
"""

import asyncio
import http.client
import os
import re
import signal
import tempfile
import time
from collections.abc import Awaitable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from http import HTTPStatus
from pathlib import Path

import yaml

from tests.bench import cores, exporters
from tests.bench.crowd import DELAYED, Running, crowd
from tests.bench.exporters import SCRAPE_SECONDS, Client, await_ready, configuration
from tests.bench.latency import SETTLED_SECONDS, at, errors_between, failures
from tests.bench.process import ADDRESS, Program, ProgramFailed
from tests.bench.ratio import HERE, Row, compared, figure
from tests.bench.size import Size

_LAG = re.compile(rb"^mailprobe_schedule_lag_seconds (\S+)$", re.MULTILINE)

# One that cannot be read in this time is no reload that anybody waits for.
_RELOAD_SECONDS = 300.0
# How long a daemon of one target takes to have probed it.
_ALONE_SECONDS = 2.0
_LOOK_SECONDS = 0.01
_KIB = 1024


@dataclass(frozen=True, slots=True)
class Span:
    """A time in which probes went on.

    errors          of the greeting's latency, in order of size
    longest_answer  of /-/healthy
    lag             of the schedule, at the end
    """

    seconds: float
    sessions: int
    errors: list[float]
    longest_answer: float
    lag: float


@dataclass(slots=True)
class Load:
    """A daemon with so many targets, and what was found of it. Times in seconds, memory in bytes.

    parsed   PyYAML's time for the file
    empty    memory of a daemon with one target
    alone    processor time of a session, in each turn
    scraped  the same with scrapes beside
    rates    sessions a second in all that time
    lags     one for each scrape
    """

    program: Program
    targets: int
    parsed: float
    started: float
    empty: int
    alone: list[float] = field(default_factory=list)
    scraped: list[float] = field(default_factory=list)
    rates: list[float] = field(default_factory=list)
    lags: list[float] = field(default_factory=list)

    @contextmanager
    def turn(self) -> Iterator[None]:
        """It runs for the length of the block, and is stopped then."""
        os.kill(self.program.pid, signal.SIGCONT)
        try:
            yield
        finally:
            os.kill(self.program.pid, signal.SIGSTOP)


@dataclass(frozen=True, slots=True)
class Reload:
    """What was found when the configuration was read again.

    resident  memory of the process before
    failed    probes, in both spans and between them
    """

    resident: int
    before: Span
    during: Span
    failed: int


def measure(size: Size) -> list[Row]:
    """All that this benchmark says."""
    (targets, interval), _ = size.scale
    with cores.servers_core(), crowd() as running, ExitStack() as stack:
        few, many = loads = [stack.enter_context(_load(running, *scale)) for scale in size.scale]
        _await_rhythm(loads)
        for _ in range(size.scale_rounds):
            for each in loads:
                with each.turn():
                    # The other one's turn was three times as long, and a core carries several times the rate.
                    time.sleep(size.scale_seconds)
                    asyncio.run(_count(running, each, size.scale_seconds))
        said = list(_costs_compared(few, many, targets / interval))
        for each in loads:
            with each.turn():
                time.sleep(size.scale_seconds)
                said += _figures(each, asyncio.run(_reloaded(running, each.program)))
    return said


def _costs_compared(few: Load, many: Load, rate: float) -> Iterator[Row]:
    """What is said of a small and a large number of targets at the same rate of sessions."""
    names = [f"{each.targets:,} targets" for each in (few, many)]
    for case, turns in (
        ("without a scrape", (few.alone, many.alone)),
        (f"with a scrape of all every {SCRAPE_SECONDS:g} s", (few.scraped, many.scraped)),
    ):
        costs = [dict(zip(names, pair, strict=True)) for pair in zip(*turns, strict=True)]
        case = f"{rate:.0f} sessions a second, {case}"
        yield compared(costs, names[1], names[0], benchmark="scale", case=case, quantity="CPU time of a session")


@contextmanager
def _load(running: Running, targets: int, interval: int) -> Iterator[Load]:
    """The daemon with so many targets, stopped as soon as it listens."""
    text = configuration(running.crowd, DELAYED, targets, interval, interval)
    single = configuration(running.crowd, DELAYED, 1, interval, 0)
    began = time.monotonic()
    yaml.load(text, yaml.CSafeLoader)
    parsed = time.monotonic() - began
    with tempfile.TemporaryDirectory() as directory:
        with exporters.mailprobe(single, running.crowd, Path(directory)) as one:
            time.sleep(_ALONE_SECONDS)
            empty = one.resident()
        began = time.monotonic()
        with exporters.mailprobe(text, running.crowd, Path(directory)) as program:
            found = Load(program, targets, parsed, time.monotonic() - began, empty)
            try:
                with found.turn():
                    pass
                yield found
            finally:
                # A process that is stopped does not end either.
                os.kill(program.pid, signal.SIGCONT)


def _await_rhythm(loads: Sequence[Load]) -> None:
    """Let all of them run through their first round."""
    with ExitStack() as stack:
        for each in loads:
            stack.enter_context(each.turn())
        for each in loads:
            await_ready(each.program)


async def _count(running: Running, found: Load, seconds: float) -> None:
    """One turn: so many seconds without a scrape, and as many with the scrapes that Prometheus makes in them."""
    found.alone.append(await _cost(running, found, asyncio.sleep(seconds)))
    client = Client(found.program.port)
    # Prometheus was there before: what it was told then and is as it was is not compressed again.
    await client.get("/metrics")
    found.scraped.append(await _cost(running, found, _scrapes(found, client, seconds)))
    client.close()


async def _scrapes(found: Load, client: Client, seconds: float) -> None:
    scrapes = max(1, round(seconds / SCRAPE_SECONDS))
    for _ in range(scrapes):
        await asyncio.sleep(seconds / scrapes / 2)
        found.lags.append(_lag(await client.get("/metrics")))
        await asyncio.sleep(seconds / scrapes / 2)


async def _cost(running: Running, found: Load, work: Awaitable[None]) -> float:
    """The processor time of a session while something is done."""
    before, cpu, began = running.account(), found.program.cpu(), time.monotonic()
    await work
    sessions, used = running.account().sessions - before.sessions, found.program.cpu() - cpu
    if not sessions:
        raise ProgramFailed("no session was held")
    found.rates.append(sessions / (time.monotonic() - began))
    return used / sessions


async def _reloaded(running: Running, program: Program) -> Reload:
    """What a reload does, beside as many seconds before it."""
    client = Client(program.port)
    failed = failures(await client.get("/metrics"))
    client.close()
    resident, began = program.resident(), time.monotonic()
    # How long one takes is only known from one.
    await asyncio.to_thread(_reload, program)
    before, _ = await _span(running, program, asyncio.sleep(time.monotonic() - began))
    during, document = await _span(running, program, asyncio.to_thread(_reload, program))
    return Reload(resident, before, during, failures(document) - failed)


async def _span(running: Running, program: Program, work: Awaitable[None]) -> tuple[Span, bytes]:
    """The time that `work` takes, and the scrape after it."""
    client, longest = Client(program.port), 0.0
    account, began = running.account(), time.monotonic()
    task = asyncio.ensure_future(work)
    while not task.done():
        asked = time.monotonic()
        await client.get("/-/healthy")
        longest = max(longest, time.monotonic() - asked)
        await asyncio.sleep(_LOOK_SECONDS)
    await task
    ended, sessions = time.monotonic(), running.account().sessions - account.sessions
    lag = _lag(await client.get("/metrics"))
    await asyncio.sleep(SETTLED_SECONDS)
    errors, document = await errors_between(running, client, began, ended)
    client.close()
    return Span(ended - began, sessions, sorted(map(abs, errors)), longest, lag), document


def _reload(program: Program) -> None:
    connection = http.client.HTTPConnection(ADDRESS, program.port, timeout=_RELOAD_SECONDS)
    connection.request("POST", "/-/reload")
    if connection.getresponse().status != HTTPStatus.OK:
        raise ProgramFailed("the reload failed")
    connection.close()


def _lag(document: bytes) -> float:
    found = _LAG.search(document)
    if found is None:
        raise ProgramFailed("no lag of the schedule in its scrape")
    return float(found[1])


def _figures(found: Load, reload: Reload) -> Iterator[Row]:
    """All figures of one number of targets."""
    say = partial(figure, benchmark="scale", contender="mailprobe")
    here, seconds = f"{found.targets:,} targets", f"s {HERE}"
    yield say([(reload.resident - found.empty) / found.targets / _KIB], "KiB", case=here, quantity="memory of a target")
    yield say(found.rates, "a second", case=here, quantity="sessions held while they count")
    yield say([found.started], seconds, case=here, quantity="start")
    yield say([reload.during.seconds], seconds, case=here, quantity="reload")
    # In a unit that other machines have as well.
    multiple = partial(say, unit="times PyYAML's time for the file", case=here)
    yield multiple([found.started / found.parsed], quantity="start")
    yield multiple([reload.during.seconds / found.parsed], quantity="reload")
    yield say([max(found.lags)], seconds, case=here, quantity="lag of the schedule, the largest at a scrape")
    yield say([reload.failed], "", case=here, quantity="probes that failed")
    for name, span in (("as long before a reload", reload.before), ("during a reload", reload.during)):
        case = f"{here}, {name}"
        yield say([span.sessions / span.seconds], "a second", case=case, quantity="sessions held")
        yield say([span.lag], seconds, case=case, quantity="lag of the schedule at the end")
        yield say([span.longest_answer], seconds, case=case, quantity="the longest wait for /-/healthy")
        # A file of a few targets is read before a session is over.
        if span.errors:
            yield say([at(span.errors, 0.99)], seconds, case=case, quantity="error of the greeting's latency, p99")
            yield say([span.errors[-1]], seconds, case=case, quantity="error of the greeting's latency, at most")
