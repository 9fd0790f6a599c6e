"""Whether a thousand HTTP clients delay a probe: the same daemon with all of them and with none.

    load   mailprobe with clients   against the same with none
    load   mailprobe with none      against the same in another turn: the noise

Half of the clients ask for /metrics as Prometheus does, each again as soon as it has its answer; the other half listen
to /events. Meanwhile the daemon, `mailprobe run` on a core of its own, holds whole STARTTLS sessions with a server
that greets 50 ms after it accepted, and has written down when it really did.

The quantities are those that the daemon exports, over all its targets, as their median and their 95th percentile: how
far the greeting's latency is from the truth, each phase, the whole probe. A round is three turns, each longer than the
interval, so that every value is of a probe that was made in its turn. Beside them stands the daemon's processor time,
which shows that it was kept busy.

The clients give way to the mail server, whose core they share (SCHED_IDLE): what they cost it is not the daemon's
doing. Whatever else the machine does is in all turns, and so in the noise: a delay is one only beyond that.
"""

import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Final, cast

from prometheus_client.parser import text_string_to_metric_families

from tests.bench import cores, exporters
from tests.bench.crowd import DELAYED, Running, crowd
from tests.bench.exporters import INTERVAL, Client, await_ready
from tests.bench.process import ADDRESS, Program
from tests.bench.ratio import BenchmarkFailed, Ratio, compared, interleaved
from tests.bench.size import Size
from tests.bench.worker import ask, stop

BUSY: Final = "mailprobe with clients"
AGAIN: Final = "mailprobe with none"
QUIET: Final = "the same with none"

# The noise is well told by fewer rounds than other benchmarks have.
_ROUNDS: Final = 5

_ERROR: Final = "greeting, distance from the truth"
_WHOLE: Final = "whole probe"
_CPU: Final = "CPU time of the daemon"

# What matters of what Prometheus sends: with gzip an answer is a tenth as long.
_REQUEST: Final = b"GET %s HTTP/1.1\r\nHost: localhost\r\nAccept-Encoding: gzip\r\n\r\n"

# Of names and of connecting there is nothing to see on a loopback; the goodbye is in the whole probe.
_PHASES: Final = ("greeting", "capabilities", "starttls", "tls", "capabilities_tls", _WHOLE)

# By quantity, in seconds.
Seen = Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Readers:
    """How many clients are on /metrics, and how many on /events."""

    scrapers: int
    listeners: int

    def __str__(self) -> str:
        return f"{self.scrapers} on /metrics, {self.listeners} on /events"


@dataclass(frozen=True, slots=True)
class Taken:
    """What the clients got so far: whole answers with 200, pieces of streams, and whatever else came."""

    scrapes: int = 0
    pieces: int = 0
    refusals: int = 0


class ClientsNotServed(BenchmarkFailed):
    """There was no load to speak of."""


def measure(size: Size) -> list[Ratio]:
    """All ratios of this benchmark."""
    with crowd() as running, tempfile.TemporaryDirectory(prefix="mailprobe-bench-") as directory:
        text = exporters.configuration(running.crowd, DELAYED, size.crowded, INTERVAL, INTERVAL)
        with exporters.mailprobe(text, running.crowd, Path(directory)) as program:
            await_ready(program)
            bench = Bench(running, program, Readers(size.clients, size.clients), size.turn)
            turns: dict[str, Callable[[], float]] = {
                BUSY: bench.busy,
                QUIET: partial(bench.quiet, QUIET),
                AGAIN: partial(bench.quiet, AGAIN),
            }
            interleaved(turns, min(size.rounds, _ROUNDS), warm=False)
            return bench.ratios()


class Bench:
    """The turns of all, and what was seen in them."""

    def __init__(self, running: Running, program: Program, readers: Readers, seconds: float) -> None:
        self._running = running
        self._program = program
        self._readers = readers
        self._seconds = seconds
        self._seen: dict[str, list[Seen]] = {BUSY: [], QUIET: [], AGAIN: []}

    def busy(self) -> float:
        """A turn with all clients; raises ClientsNotServed."""
        with _clients(self._program.port, self._readers) as taken:
            before = taken()
            cost = self._turn(BUSY)
            after = taken()
        if after.refusals or after.scrapes - before.scrapes < self._readers.scrapers or after.pieces == before.pieces:
            raise ClientsNotServed(f"{before} at first, {after} at the end")
        return cost

    def quiet(self, name: str) -> float:
        """A turn with no client."""
        return self._turn(name)

    def ratios(self) -> list[Ratio]:
        """Of each quantity how it changed, and how much it changes by itself."""
        rounds = range(len(self._seen[QUIET]))
        costs = {
            quantity: [{name: turns[number][quantity] for name, turns in self._seen.items()} for number in rounds]
            for quantity in self._seen[QUIET][0]
        }
        return [
            compared(found, name, QUIET, benchmark="load", case=str(self._readers), quantity=quantity)
            for quantity, found in costs.items()
            for name in (BUSY, AGAIN)
        ]

    def _turn(self, name: str) -> float:
        cpu = self._program.cpu()
        time.sleep(self._seconds)
        used = self._program.cpu() - cpu
        document = asyncio.run(_scrape(self._program.port))
        seen = _seen(document, {host: found.delay for host, found in self._running.greetings().items()})
        self._seen[name].append({_CPU: used, **seen})
        return used


def _seen(text: bytes, true_delays: Mapping[str, float]) -> Seen:
    """Median and 95th percentile over the targets, of all that a scrape tells about their last probes."""
    values: dict[str, list[float]] = {quantity: [] for quantity in (_ERROR, *_PHASES)}
    for family in text_string_to_metric_families(text.decode()):
        if family.name not in ("mailprobe_phase_duration_seconds", "mailprobe_duration_seconds"):
            continue
        for sample in family.samples:
            phase = sample.labels.get("phase", _WHOLE)
            if phase in values:
                values[phase].append(sample.value)
            if phase == "greeting":
                values[_ERROR].append(abs(sample.value - true_delays[sample.labels["host"]]))
    return {
        f"{quantity}, {name}": statistics.quantiles(found, n=20, method="inclusive")[place]
        for quantity, found in values.items()
        for name, place in (("median", 9), ("95th percentile", 18))
    }


async def _scrape(port: int) -> bytes:
    client = Client(port)
    try:
        return await client.get("/metrics")
    finally:
        client.close()


@contextmanager
def _clients(port: int, readers: Readers) -> Iterator[Callable[[], Taken]]:
    """Have all clients there for the length of the block; the value tells what they got so far."""
    name = "the clients"
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.bench.load", str(port), str(readers.scrapers), str(readers.listeners)],
        cwd=Path(__file__).parents[2],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield lambda: Taken(**json.loads(ask(process, name, "what did you get?")))
    finally:
        stop(process)


class _Client(asyncio.Protocol):
    """Asks for one path. With `again` it is asked for once more after each whole answer; without, it never ends."""

    def __init__(self, path: str, tally: Counter[str], *, again: bool) -> None:
        self._request = _REQUEST % path.encode()
        self._tally = tally
        self._again = again
        self._head = b""
        self._missing = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask at once."""
        self._transport = cast(asyncio.Transport, transport)
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        """Count, and ask again."""
        if self._missing:
            self._missing -= len(data)
        else:
            self._head += data
            head, end, body = self._head.partition(b"\r\n\r\n")
            if not end:
                return
            if not head.startswith(b"HTTP/1.1 200 "):
                self._tally["refusals"] += 1
                self._transport.abort()
                return
            if not self._again:
                self._tally["pieces"] += 1
                self._head = head + end
                return
            self._head = b""
            self._missing = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]) - len(body)
        if self._missing == 0:
            self._tally["scrapes"] += 1
            self._transport.write(self._request)

    def connection_lost(self, exc: Exception | None) -> None:
        """Only the server hangs up; the clients end with their process."""
        self._tally["refusals"] += 1


async def _load(port: int, scrapers: int, listeners: int) -> None:
    loop = asyncio.get_running_loop()
    tally: Counter[str] = Counter()
    for number in range(scrapers + listeners):
        scrapes = number < scrapers
        path = "/metrics" if scrapes else "/events"
        await loop.create_connection(partial(_Client, path, tally, again=scrapes), ADDRESS, port)
    while await asyncio.to_thread(sys.stdin.readline):
        sys.stdout.write(json.dumps(asdict(Taken(**tally))) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    cores.use_servers_core()
    os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    asyncio.run(_load(*map(int, sys.argv[1:])))
