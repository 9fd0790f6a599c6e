"""How true a greeting's latency is: against servers that greet 50 ms late, at a high rate, with large scrapes beside.

    latency   mailprobe, error at p50 and p99   against blackbox_exporter
    latency   mailprobe, error at p50 and p99   against the 50 ms themselves; the bar at p99 is half a millisecond, 0.01

Of every session it is known how long the greeting really took: by the packets' stamps, as a capture would tell it
(`witness`), so that neither the server's nor the exporter's own lateness is in the truth. The exporter says how long it
found it to be; the error is the difference. mailprobe asks the kernel for the stamp of what it reads, and so can come
near; blackbox_exporter looks at its clock when it gets to run.

mailprobe holds so many STARTTLS sessions a second as ever, and is scraped of all its samples every five seconds.
blackbox_exporter holds as many, driven by HTTP, and fifty more a second for the greeting alone, of which its
`probe_duration_seconds` is that latency with the connecting; it says nothing of a greeting inside a longer session.
Both stand on one core, as in `fleet`. Probes that a program could not finish in time are counted, and have no error.

Where the capture is not permitted (it is to root), the truth is the server's own, and its lateness in accepting counts
as an error of both; the case says so. Linux only; skipped where blackbox_exporter is missing.
"""

import asyncio
import re
import tempfile
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from tests.bench import cores, exporters
from tests.bench.crowd import DELAY, DELAYED, Running, crowd
from tests.bench.exporters import INTERVAL, BlackboxFailed, Client, address, await_ready, configuration, paced
from tests.bench.ratio import Row, compared, figure, interleaved
from tests.bench.scrape import samples
from tests.bench.size import Size

MAILPROBE = "mailprobe"
BLACKBOX = "blackbox_exporter"
TRUTH = "the true 50 ms"

SCRAPE_SECONDS = 5.0
_GREETINGS_PER_SECOND = 50

# A session whose greeting is older is over, and its result can be scraped.
SETTLED_SECONDS = 1.0

# Addresses that the sessions beside do not have.
_APART = 100_000

_QUANTILES = {"p50": 0.5, "p99": 0.99}

_GREETING = re.compile(
    rb'^mailprobe_phase_duration_seconds\{host="([0-9.]+)",[^}]*phase="greeting"[^}]*\} (\S+)$', re.MULTILINE
)
_PROBES = re.compile(rb'^mailprobe_probes_total\{[^}]*outcome="([a-z_]+)"[^}]*\} (\S+)$', re.MULTILINE)
_DURATION = re.compile(rb"^probe_duration_seconds (\S+)$", re.MULTILINE)


def measure(size: Size) -> list[Row]:
    """All that this benchmark says."""
    with cores.servers_core(), crowd() as running:
        bench = Bench(running, size)
        interleaved({MAILPROBE: bench.mailprobe, BLACKBOX: bench.blackbox}, size.fleet_rounds, warm=False)
        return list(bench.rows())


async def errors_between(running: Running, client: Client, began: float, ended: float) -> tuple[list[float], bytes]:
    """How far off mailprobe's scrape is, in seconds, for sessions greeted between two moments of the monotonic clock.

    The scrape itself stands beside it. The second moment is at least `SETTLED_SECONDS` ago; sessions whose target has
    come into its next one meanwhile are left out, since there is no telling which of the two a scrape shows.
    """
    document = await client.get("/metrics")
    greetings = running.greetings()
    errors = []
    for host, value in _GREETING.findall(document):
        true = greetings[host.decode()]
        if began <= true.moment < ended:
            errors.append(float(value) - true.delay)
    return errors, document


class Bench:
    """The turns. `errors` of each in seconds, in order of size, and the samples of mailprobe's last scrape."""

    def __init__(self, running: Running, size: Size) -> None:
        self._running = running
        self._size = size
        self._hosts = size.latency_rate * INTERVAL
        self.errors: dict[str, list[list[float]]] = {MAILPROBE: [], BLACKBOX: []}
        self.samples: list[int] = []
        self.failed: dict[str, list[int]] = {MAILPROBE: [], BLACKBOX: []}

    def mailprobe(self) -> float:
        """The error at p99, in seconds."""
        site = self._running.crowd
        text = configuration(site, DELAYED, self._hosts, INTERVAL, INTERVAL)
        with tempfile.TemporaryDirectory() as directory, exporters.mailprobe(text, site, Path(directory)) as program:
            await_ready(program)
            return self._keep(MAILPROBE, asyncio.run(self._scraped(Client(program.port))))

    def blackbox(self) -> float:
        """Likewise."""
        with (
            tempfile.TemporaryDirectory() as directory,
            exporters.blackbox(self._running.crowd, Path(directory)) as program,
        ):
            return self._keep(BLACKBOX, asyncio.run(self._asked(Client(program.port))))

    def rows(self) -> Iterator[Row]:
        """The ratios and figures of all turns."""
        by = "the packets" if self._running.crowd.witnessed else "the server"
        case = f"{self._size.latency_rate} STARTTLS sessions a second, truth by {by}"
        for name, part in _QUANTILES.items():
            costs = [
                {MAILPROBE: at(ours, part), BLACKBOX: at(theirs, part), TRUTH: DELAY}
                for ours, theirs in zip(self.errors[MAILPROBE], self.errors[BLACKBOX], strict=True)
            ]
            said = partial(
                compared, costs, benchmark="latency", case=case, quantity=f"error of the greeting's latency, {name}"
            )
            yield said(MAILPROBE, BLACKBOX)
            yield said(MAILPROBE, TRUTH)
            yield said(BLACKBOX, TRUTH)
        say = partial(figure, benchmark="latency", case=case)
        yield say(self.samples, "", quantity="samples of a scrape", contender=MAILPROBE)
        for name, found in self.errors.items():
            yield say(map(len, found), "", quantity="greetings compared in a round", contender=name)
            yield say(self.failed[name], "", quantity="probes that failed in a round", contender=name)

    def _keep(self, name: str, errors: list[float]) -> float:
        self.errors[name].append(sorted(abs(error) for error in errors))
        return at(self.errors[name][-1], _QUANTILES["p99"])

    async def _scraped(self, client: Client) -> list[float]:
        errors: list[float] = []
        began = first = time.monotonic()
        while began - first < self._size.seconds:
            await asyncio.sleep(min(SCRAPE_SECONDS, self._size.seconds))
            ended = time.monotonic() - SETTLED_SECONDS
            found, document = await errors_between(self._running, client, began, ended)
            errors += found
            began = ended
        client.close()
        self.samples.append(samples(document))
        self.failed[MAILPROBE].append(failures(document))
        return errors

    async def _asked(self, client: Client) -> list[float]:
        port = self._running.crowd.ports[DELAYED]
        found: dict[str, float] = {}
        failed = 0

        async def ask(module: str, where: str) -> None:
            nonlocal failed
            try:
                duration = _DURATION.search(await client.probe(module, f"{where}:{port}"))
            except BlackboxFailed:
                failed += 1
                return
            if module == "greeting" and duration is not None:
                found[where] = float(duration[1])

        def greeting(number: int) -> asyncio.Future[None]:
            # Each address once, so that the last greeting there is this one.
            return asyncio.ensure_future(ask("greeting", address(_APART + number)))

        def session(number: int) -> asyncio.Future[None]:
            return asyncio.ensure_future(ask("starttls", address(number % self._hosts)))

        await asyncio.gather(
            paced(self._size.latency_rate, self._size.seconds, session),
            paced(_GREETINGS_PER_SECOND, self._size.seconds, greeting),
        )
        client.close()
        self.failed[BLACKBOX].append(failed)
        greetings = self._running.greetings()
        return [duration - greetings[where].delay for where, duration in found.items()]


def at(ordered: list[float], part: float) -> float:
    """The value that this part of them do not exceed."""
    if not ordered:
        raise ValueError("nothing was measured")
    return ordered[int(len(ordered) * part)]


def failures(document: bytes) -> int:
    """Probes that failed, by one of mailprobe's scrapes, since it was started."""
    return sum(int(float(count)) for outcome, count in _PROBES.findall(document) if outcome != b"ok")
