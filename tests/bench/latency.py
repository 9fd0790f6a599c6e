"""How true a greeting's latency is: against servers that greet 50 ms late, at a high rate, with large scrapes beside.

    latency   mailprobe   against half a millisecond, and against blackbox_exporter

Of every session the load target knows how late it greeted, and the exporter says how late it found the greeting; the
error is the difference, and what counts is the one that a hundredth of the sessions exceeds. mailprobe holds so many
STARTTLS sessions a second as ever, and is scraped every five seconds. blackbox_exporter holds as many, driven by HTTP,
and fifty more a second for the greeting alone, of which its `probe_duration_seconds` is that latency; it says nothing
of a greeting inside a longer session. Both stand on one core, as in `fleet`.

The load target's own lateness in accepting, which nobody can tell from the network's, is in both errors. Linux only;
skipped where blackbox_exporter is missing.
"""

import asyncio
import re
import tempfile
import time
from pathlib import Path

from tests.bench import cores, exporters
from tests.bench.crowd import DELAYED, Running, crowd
from tests.bench.exporters import INTERVAL, Client, address, configuration, paced
from tests.bench.fleet import await_ready, unavailable
from tests.bench.ratio import Ratio, Size, compared, interleaved

MAILPROBE = "mailprobe"
BLACKBOX = "blackbox_exporter"
BAR = "half a millisecond"

# The bar of the error at p99.
_BAR_SECONDS = 0.0005
_SCRAPE_SECONDS = 5.0
_GREETINGS_PER_SECOND = 50

_GREETING = re.compile(
    rb'^mailprobe_phase_duration_seconds\{host="([0-9.]+)",[^}]*phase="greeting"\} (\S+)$', re.MULTILINE
)
_DURATION = re.compile(rb"^probe_duration_seconds (\S+)$", re.MULTILINE)

__all__ = ["measure", "unavailable"]


def measure(size: Size) -> list[Ratio]:
    """All ratios of this benchmark."""
    with cores.servers_core(), crowd() as running:
        bench = Bench(running, size.latency_rate, size.seconds)
        turns = {MAILPROBE: bench.mailprobe, BLACKBOX: bench.blackbox}
        costs = interleaved(turns, size.fleet_rounds, warm=False)
    case = f"{size.latency_rate} STARTTLS sessions a second"
    quantity = "error of the greeting's latency, p99"
    barred = [cost | {BAR: _BAR_SECONDS} for cost in costs]
    return [
        compared(barred, MAILPROBE, against, benchmark="latency", case=case, quantity=quantity)
        for against in (BLACKBOX, BAR)
    ]


class Bench:
    """The turns. `errors` are those of the last one, in seconds and in their order of size."""

    def __init__(self, running: Running, rate: int, seconds: float) -> None:
        self._running = running
        self._rate = rate
        self._seconds = seconds
        self.errors: list[float] = []

    def mailprobe(self) -> float:
        """The error at p99, in seconds."""
        site = self._running.crowd
        text = configuration(site, DELAYED, self._rate * INTERVAL, INTERVAL, INTERVAL)
        with tempfile.TemporaryDirectory() as directory, exporters.mailprobe(text, site, Path(directory)) as program:
            await_ready(program)
            return self._at_p99(asyncio.run(self._scraped(Client(program.port))))

    def blackbox(self) -> float:
        """Likewise."""
        with (
            tempfile.TemporaryDirectory() as directory,
            exporters.blackbox(self._running.crowd, Path(directory)) as program,
        ):
            return self._at_p99(asyncio.run(self._asked(Client(program.port))))

    def _at_p99(self, errors: list[float]) -> float:
        self.errors = sorted(abs(error) for error in errors)
        return self.errors[int(len(errors) * 0.99)]

    async def _scraped(self, client: Client) -> list[float]:
        errors: list[float] = []
        seen: dict[str, float] = {}
        began = time.monotonic()
        while time.monotonic() - began < self._seconds:
            await asyncio.sleep(_SCRAPE_SECONDS)
            document = await client.get("/metrics")
            true = self._running.account().delays
            for host, value in _GREETING.findall(document):
                found = float(value)
                # The same figure as before is the same session.
                if seen.get(host.decode()) != found:
                    seen[host.decode()] = found
                    errors.append(found - true[host.decode()])
        client.close()
        return errors

    async def _asked(self, client: Client) -> list[float]:
        port = self._running.crowd.ports[DELAYED]
        errors: list[float] = []

        async def greet(number: int) -> None:
            # Addresses that the sessions beside do not have.
            where = address(100_000 + number % 5_000)
            found = _DURATION.search(await client.probe("greeting", f"{where}:{port}"))
            if found is not None:
                errors.append(float(found[1]) - self._running.account().delays[where])

        def start(number: int) -> asyncio.Future[None]:
            return asyncio.ensure_future(greet(number))

        def session(number: int) -> asyncio.Future[bytes]:
            where = address(number % (self._rate * INTERVAL))
            return asyncio.ensure_future(client.probe("starttls", f"{where}:{port}"))

        await asyncio.gather(
            paced(self._rate, self._seconds, session), paced(_GREETINGS_PER_SECOND, self._seconds, start)
        )
        client.close()
        return errors
