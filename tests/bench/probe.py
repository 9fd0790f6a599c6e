"""What a whole SMTP session costs the processor, with STARTTLS and without: mailprobe against asyncio's streams.

    probe   mailprobe                    against asyncio streams
    probe   mailprobe, verdicts anew     against asyncio streams

The second verifies every chain in every turn, as the streams do and as mailprobe does only where it sees a chain for
the first time or one of its dates has passed. What else the two do, and do not do, is written in `session`.

CPU time, user and system, of the prober's process alone. The server is another one, and the slower of the two: the
prober sleeps in between, as it does in real life, and wakes for a few events at a time.
"""

import asyncio
import gc
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial

from exporter.targets import TlsMode
from tests.bench.mailserver import Site, mail_server
from tests.bench.ratio import Ratio, compared, interleaved
from tests.bench.session import ByMailprobe, ByStreams, Sessions
from tests.bench.size import Size
from tests.bench.worker import Worker, serve

# What ten thousand targets keep in flight: each once in 120 s makes 83 sessions a second, and one takes some 0.4 s.
IN_FLIGHT = 32

CASES = {"SMTP with STARTTLS": TlsMode.STARTTLS, "SMTP in plain text": TlsMode.NONE}

_MAILPROBE = "mailprobe"
_ANEW = "mailprobe, verdicts anew"
_STREAMS = "asyncio streams"


def measure(size: Size) -> list[Ratio]:
    """All ratios of this benchmark."""
    ratios = []
    with mail_server() as site, ExitStack() as stack:
        workers = {
            name: stack.enter_context(Worker("tests.bench.probe", name, site.text))
            for name in (_MAILPROBE, _ANEW, _STREAMS)
        }
        for case, mode in CASES.items():
            # Without TLS there is no verdict.
            ours = (_MAILPROBE, _ANEW) if mode is TlsMode.STARTTLS else (_MAILPROBE,)
            turns = {name: partial(workers[name].cost, case, size.probes) for name in (*ours, _STREAMS)}
            costs = interleaved(turns, size.rounds)
            ratios += [
                compared(costs, name, _STREAMS, benchmark="probe", case=case, quantity="CPU time") for name in ours
            ]
    return ratios


async def batch(probe: Callable[[int], Awaitable[object]], count: int) -> None:
    """Probe with the numbers below `count`, `IN_FLIGHT` at a time."""
    numbers = iter(range(count))

    async def work() -> None:
        for number in numbers:
            await probe(number)

    async with asyncio.TaskGroup() as group:
        for _ in range(min(IN_FLIGHT, count)):
            group.create_task(work())


class _Batches:
    """The contender that holds its sessions in one way or the other."""

    def __init__(self, runner: asyncio.Runner, port: int, sessions: Sessions, prepare: Callable[[], object]) -> None:
        self._runner = runner
        self._port = port
        self._sessions = sessions
        self._prepare = prepare

    def cost(self, case: str, count: int) -> float:
        """Seconds of CPU time; `prepare` is called before and does not count."""
        self._prepare()
        gc.collect()
        hold = partial(self._sessions.hold, port=self._port, mode=CASES[case])
        began = time.process_time()
        self._runner.run(batch(hold, count))
        return time.process_time() - began


@contextmanager
def _mailprobe(options: str) -> Iterator[_Batches]:
    site = Site.read(options)
    with asyncio.Runner() as runner:
        yield _Batches(runner, site.port, ByMailprobe(site), lambda: None)


@contextmanager
def _anew(options: str) -> Iterator[_Batches]:
    site = Site.read(options)
    sessions = ByMailprobe(site)
    with asyncio.Runner() as runner:
        yield _Batches(runner, site.port, sessions, sessions.forget)


@contextmanager
def _streams(options: str) -> Iterator[_Batches]:
    site = Site.read(options)
    with asyncio.Runner() as runner:
        yield _Batches(runner, site.port, ByStreams(site), lambda: None)


if __name__ == "__main__":
    serve({_MAILPROBE: _mailprobe, _ANEW: _anew, _STREAMS: _streams})
