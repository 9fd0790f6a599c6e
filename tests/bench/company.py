"""What it saves to begin sessions together: mailprobe's, in bunches as its schedule starts them, and one by one.

    company   mailprobe, together   against one by one

The same sessions at the same rate, held by the prober of `session` in a process without schedule, store or scrapes. A
bunch is as large as `schedule.company` makes it at that rate. Servers answer at once: where their distances vary,
sessions that begin together drift apart, and less is saved.
"""

import asyncio
import gc
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from exporter.schedule.company import COMPANY_MOST, COMPANY_SECONDS
from exporter.targets import TlsMode
from tests.bench import cores
from tests.bench.crowd import PLAIN, crowd
from tests.bench.fleet import Case
from tests.bench.mailserver import Site
from tests.bench.ratio import Ratio, compared, interleaved
from tests.bench.session import ByMailprobe
from tests.bench.size import Size
from tests.bench.worker import Worker, serve

TOGETHER, SINGLY = "mailprobe, together", "one by one"

CASES = (Case("p256", 400), Case(PLAIN, 400), Case("p256", 100))

# A turn is so many times that of `probe`: what is paced is idle for the most of it, and a short one is noise.
_PROBES = 3


def measure(size: Size) -> list[Ratio]:
    """All ratios of this benchmark."""
    ratios = []
    with cores.servers_core(), crowd() as running:
        for case in CASES:
            site = Site(running.crowd.ports[case.port], 0, 0, running.crowd.roots)
            with (
                Worker("tests.bench.company", TOGETHER, site.text) as together,
                Worker("tests.bench.company", SINGLY, site.text) as singly,
            ):
                work = f"{case.port} {case.rate}", size.probes * _PROBES
                turns = {TOGETHER: partial(together.cost, *work), SINGLY: partial(singly.cost, *work)}
                costs = interleaved(turns, size.rounds)
            ratios.append(
                compared(costs, TOGETHER, SINGLY, benchmark="company", case=str(case), quantity="CPU time of a session")
            )
    return ratios


class _Paced:
    """Sessions at a rate, so many at a time."""

    def __init__(self, site: Site, most: int) -> None:
        self._site = site
        self._sessions = ByMailprobe(site)
        self._most = most

    def cost(self, case: str, count: int) -> float:
        """Seconds of CPU time."""
        port, rate = case.split()
        mode = TlsMode.NONE if port == PLAIN else TlsMode.STARTTLS
        gc.collect()
        began = time.process_time()
        asyncio.run(self._hold(count, int(rate), mode))
        return time.process_time() - began

    async def _hold(self, count: int, rate: int, mode: TlsMode) -> None:
        clock = asyncio.get_running_loop().time
        bunch = min(self._most, max(1, round(rate * COMPANY_SECONDS)))
        began = clock()
        async with asyncio.TaskGroup() as group:
            for first in range(0, count, bunch):
                await asyncio.sleep(began + first / rate - clock())
                for number in range(first, min(first + bunch, count)):
                    group.create_task(self._sessions.hold(number, self._site.port, mode))


@contextmanager
def _together(options: str) -> Iterator[_Paced]:
    yield _Paced(Site.read(options), COMPANY_MOST)


@contextmanager
def _singly(options: str) -> Iterator[_Paced]:
    yield _Paced(Site.read(options), 1)


if __name__ == "__main__":
    serve({TOGETHER: _together, SINGLY: _singly})
