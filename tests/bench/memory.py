"""How much memory a probe in flight takes: mailprobe against asyncio's streams.

    memory   mailprobe   against asyncio streams

A number of sessions is held open right after the handshake, by a server that answers no more. What the process grew
by, divided by their number, is the memory of one: its resident set, without what the kernel keeps for the sockets.
Every turn is a new process, because memory that was freed once would hide the next growth. Linux only. What the whole
daemon takes, and another program for the same, is told by `flight`.
"""

import asyncio
import gc
import os
from contextlib import AbstractContextManager, nullcontext, suppress
from functools import partial

from exporter.targets import TlsMode
from tests.bench.mailserver import Site, mail_server
from tests.bench.process import ADDRESS, resident
from tests.bench.ratio import Ratio, compared, interleaved
from tests.bench.session import ByMailprobe, ByStreams, Sessions
from tests.bench.size import Size
from tests.bench.worker import Worker, serve

_MAILPROBE = "mailprobe"
_STREAMS = "asyncio streams"

# Sessions that are begun at once: fewer than the server's queue of new connections holds, since one that does not fit
# is only tried again after a second.
_BUNCH = 32

# How often the server is asked how far the sessions have come.
_POLL_SECONDS = 0.01


def measure(size: Size) -> list[Ratio]:
    """All ratios of this benchmark."""
    with mail_server() as site:
        turns = {name: partial(_turn, name, size.held, site) for name in (_MAILPROBE, _STREAMS)}
        costs = interleaved(turns, size.memory_rounds, warm=False)
    case = f"{size.held} sessions held after the handshake"
    return [compared(costs, _MAILPROBE, _STREAMS, benchmark="memory", case=case, quantity="resident memory")]


def _turn(name: str, count: int, site: Site) -> float:
    with Worker("tests.bench.memory", name, site.text) as worker:
        return worker.cost("held", count)


class _Held:
    """The contender that holds its sessions in one way or the other."""

    def __init__(self, site: Site, sessions: Sessions) -> None:
        self._site = site
        self._sessions = sessions

    def cost(self, case: str, count: int) -> float:
        """Bytes for each of `count` sessions."""
        return asyncio.run(self._growth(count)) / count

    async def _growth(self, count: int) -> int:
        # Whatever is made once, by the first session or by the first question, is not memory in flight.
        for number in range(3):
            await self._sessions.hold(number, self._site.port, TlsMode.STARTTLS)
        already = await self._silent()
        gc.collect()
        before = resident(os.getpid())
        tasks: list[asyncio.Task[None]] = []
        while len(tasks) < count:
            for number in range(len(tasks), min(len(tasks) + _BUNCH, count)):
                hold = self._sessions.hold(number, self._site.silent_port, TlsMode.STARTTLS)
                tasks.append(asyncio.create_task(hold))
            while await self._silent() - already < len(tasks):
                _raise_failure(tasks)
                await asyncio.sleep(_POLL_SECONDS)
        grown = resident(os.getpid()) - before
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        return grown

    async def _silent(self) -> int:
        """How many sessions the server has let wait so far."""
        reader, writer = await asyncio.open_connection(ADDRESS, self._site.count_port)
        count = int(await reader.readline())
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()
        return count


def _raise_failure(tasks: list[asyncio.Task[None]]) -> None:
    """A session that has ended can only have failed, and would be waited for in vain."""
    for task in tasks:
        if task.done():
            task.result()


def _mailprobe(options: str) -> AbstractContextManager[_Held]:
    site = Site.read(options)
    return nullcontext(_Held(site, ByMailprobe(site)))


def _streams(options: str) -> AbstractContextManager[_Held]:
    site = Site.read(options)
    return nullcontext(_Held(site, ByStreams(site)))


if __name__ == "__main__":
    serve({_MAILPROBE: _mailprobe, _STREAMS: _streams})
