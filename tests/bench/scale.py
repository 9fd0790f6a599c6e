"""What one process carries: tens of thousands of targets on the usual schedule, and how that grows.

    scale   40,000 targets   against a thirtieth of them, at the same rate of sessions

The installed daemon with targets of SMTP with STARTTLS, each at an address of its own, with a chain that is verified
for a name of its own, whose server greets 50 ms late. The fewer targets are probed the more often, so that both numbers
of targets make as many sessions a second, and what a session costs the processor can be compared: the bar is 1.15.
`first_round` and the interval are one here. Linux only.

The many have one turn, since it takes ten minutes, between two of the few: machines are faster at one time than at
another, by more than is looked for here.

Of each number it is told besides, as figures:

    memory     what the process grew by for each target once all were probed, above a daemon with one
    start      from the command to the port that listens, and a reload of the same file, from the request to its
               answer; of the many also as so many times what PyYAML alone takes for that file, with its parser in C
    lag        how much later than due sessions began, as the daemon exposes it (a mean over a hundred sessions)
    reload     whether it disturbs probes in flight. Beside the figures of the time that it takes stand those of as
               many seconds just before it: sessions held a second, the lag, the error of the greeting's latency at p99
               and at most, and the longest wait for /-/healthy, asked a hundred times a second; and of all the time,
               how many probes failed

The memory is told with a scrape of all targets just made, and what a scrape leaves behind is in it.
"""

import asyncio
import http.client
import re
import tempfile
import time
from collections.abc import Awaitable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from pathlib import Path

import yaml

from tests.bench import cores, exporters
from tests.bench.crowd import DELAYED, Running, crowd
from tests.bench.exporters import Client, await_ready, configuration
from tests.bench.latency import SETTLED_SECONDS, at, errors_between, failures
from tests.bench.process import ADDRESS, Program, ProgramFailed
from tests.bench.ratio import HERE, Row, compared, figure
from tests.bench.size import Size

_LAG = re.compile(rb"^mailprobe_schedule_lag_seconds (\S+)$", re.MULTILINE)

# One that cannot be read in this time is no reload that anybody waits for.
_RELOAD_SECONDS = 300.0
# How long a daemon of one target takes to have probed it.
_ALONE_SECONDS = 2.0
# In the time that counts, of a minute as a rule.
_SCRAPES = 4
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


@dataclass(frozen=True, slots=True)
class Load:
    """What was found with so many targets. Times in seconds, memory in bytes.

    parsed      PyYAML's time for the file
    per_target  memory
    cpu         of a session, without a scrape beside and with one every so often
    lags        one for each scrape
    failed      probes, of all the time
    """

    targets: int
    parsed: float
    started: float
    per_target: float
    cpu: tuple[float, float]
    lags: list[float]
    failed: int
    before: Span
    during: Span


def measure(size: Size) -> list[Row]:
    """All that this benchmark says."""
    with cores.servers_core(), crowd() as running:
        few, many = size.scale
        loads = [load(running, targets, interval, size.scale_seconds) for targets, interval in (few, many, few)]
    targets, interval = few
    return rows(loads, targets / interval)


def rows(loads: Sequence[Load], rate: float) -> list[Row]:
    """What is said of a small and a large number of targets at the same rate of sessions, each small one a round."""
    largest = max(loads, key=lambda found: found.targets)
    smaller = [found for found in loads if found is not largest]
    few, many = (f"{found.targets:,} targets" for found in (smaller[0], largest))
    said: list[Row] = []
    for number, case in enumerate(("without a scrape", "with a scrape of all every quarter of the time")):
        costs = [{few: found.cpu[number], many: largest.cpu[number]} for found in smaller]
        case = f"{rate:.0f} sessions a second, {case}"
        said.append(compared(costs, many, few, benchmark="scale", case=case, quantity="CPU time of a session"))
    for found in (smaller[0], largest):
        said += _figures(found)
    # The start of a small one is that of the interpreter.
    return said + list(_multiples(largest))


def load(running: Running, targets: int, interval: int, seconds: float) -> Load:
    """Run the daemon with so many targets through one round, then count for so many seconds."""
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
            started = time.monotonic() - began
            await_ready(program)
            alone, _ = asyncio.run(_counted(running, program, seconds, scrapes=0))
            scraped, lags = asyncio.run(_counted(running, program, seconds, _SCRAPES))
            # Before the reload, which reads a second configuration beside the first one.
            per_target = (program.resident() - empty) / targets
            before, during, failed = asyncio.run(_reloaded(running, program))
    return Load(targets, parsed, started, per_target, (alone, scraped), lags, failed, before, during)


async def _counted(running: Running, program: Program, seconds: float, scrapes: int) -> tuple[float, list[float]]:
    """The processor time of a session, and the lag that each of the scrapes meanwhile showed."""
    client = Client(program.port)
    lags: list[float] = []
    if scrapes:
        # Prometheus was there before: what it was told then and is as it was is not compressed again.
        await client.get("/metrics")
    before, cpu = running.account(), program.cpu()
    for _ in range(scrapes):
        await asyncio.sleep(seconds / scrapes)
        lags.append(_lag(await client.get("/metrics")))
    if not scrapes:
        await asyncio.sleep(seconds)
    sessions, used = running.account().sessions - before.sessions, program.cpu() - cpu
    client.close()
    if not sessions:
        raise ProgramFailed("no session was held")
    return used / sessions, lags


async def _reloaded(running: Running, program: Program) -> tuple[Span, Span, int]:
    """The time of a reload, as many seconds before it, and the probes that have failed in the end."""
    began = time.monotonic()
    # How long one takes is only known from one.
    await asyncio.to_thread(_reload, program)
    before, _ = await _span(running, program, asyncio.sleep(time.monotonic() - began))
    during, document = await _span(running, program, asyncio.to_thread(_reload, program))
    return before, during, failures(document)


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


def _figures(found: Load) -> Iterator[Row]:
    """All figures of one number of targets."""
    say = partial(figure, benchmark="scale", contender="mailprobe")
    here, seconds = f"{found.targets:,} targets", f"s {HERE}"
    yield say([found.per_target / _KIB], "KiB", case=here, quantity="memory of a target")
    yield say([found.started], seconds, case=here, quantity="start")
    yield say([found.during.seconds], seconds, case=here, quantity="reload")
    yield say([max(found.lags)], seconds, case=here, quantity="lag of the schedule, the largest at a scrape")
    yield say([found.failed], "", case=here, quantity="probes that failed")
    for name, span in (("as long before a reload", found.before), ("during a reload", found.during)):
        case = f"{here}, {name}"
        yield say([span.sessions / span.seconds], "a second", case=case, quantity="sessions held")
        yield say([span.lag], seconds, case=case, quantity="lag of the schedule at the end")
        yield say([span.longest_answer], seconds, case=case, quantity="the longest wait for /-/healthy")
        # A file of a few targets is read before a session is over.
        if span.errors:
            yield say([at(span.errors, 0.99)], seconds, case=case, quantity="error of the greeting's latency, p99")
            yield say([span.errors[-1]], seconds, case=case, quantity="error of the greeting's latency, at most")


def _multiples(found: Load) -> Iterator[Row]:
    """Start and reload, in a unit that other machines have as well."""
    say = partial(figure, benchmark="scale", contender="mailprobe", case=f"{found.targets:,} targets")
    for quantity, seconds in (("start", found.started), ("reload", found.during.seconds)):
        yield say([seconds / found.parsed], "times PyYAML's time for the file", quantity=quantity)
