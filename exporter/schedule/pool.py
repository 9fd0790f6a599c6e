"""Several worker processes in the place of one prober, for machines with more cores than one.

A host is always probed by the same worker, so what a process remembers (answers of name servers, verdicts on chains,
what a silent port is about) is remembered once. Everything else stays in the first process: when a target is due, whose
turn it is, what a result means.

A worker that ends is replaced, and what it was asked for is asked of the next one, after a pause at the server like
after any session. A probe that has lost two workers is told as a fault of this machine: it may be what ends them.
"""

import asyncio
import logging
import time
import zlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Final

from exporter.probe.seams import Hold
from exporter.results import Outcome, Phase, ProbeResult
from exporter.schedule.message import Settings
from exporter.schedule.process import WorkerLost, WorkerProcess, worker_process
from exporter.targets import Target

_logger = logging.getLogger(__name__)

# Once may be the system's doing; what fails with two workers will fail with the third.
_ATTEMPTS: Final = 2

# A worker that ends sooner than this is taken for one that will do so again.
_HEALTHY_SECONDS: Final = 60.0

# As long as the first round of all targets: longer than that, nobody would wait for a machine that has recovered.
_LONGEST_PAUSE: Final = 60.0

# Silence after which a worker counts as stuck. Its loop is never held longer than a handshake, a few milliseconds, but
# a machine that swaps may hold it for seconds.
PATIENCE: Final = 30.0

# More processes than any machine has a use for: two cores carry the targets of a large installation.
MOST_WORKERS: Final = 64


class WorkerPool:
    """A `ProbeFunction` while it is `running`."""

    def __init__(
        self,
        count: int,
        settings: Settings,
        *,
        patience: float = PATIENCE,
        wall: Callable[[], float] = time.time,
    ) -> None:
        """`count` from 1 to `MOST_WORKERS`; `patience` in seconds; `wall` is the clock of `ProbeResult.started`."""
        self._seats = [_Seat() for _ in range(count)]
        self._settings = settings
        self._patience = patience
        self._wall = wall
        self._restarts = 0

    @property
    def alive(self) -> int:
        """Workers that run."""
        return len(self.pids)

    @property
    def restarts(self) -> int:
        """Workers that were started, or tried to, in the place of one that had ended."""
        return self._restarts

    @property
    def pids(self) -> list[int]:
        """The numbers of those that run, in the system."""
        return [seat.present.pid for seat in self._seats if seat.present is not None]

    def settle(self, settings: Settings) -> None:
        """Let other settings hold for every probe that begins from now on."""
        self._settings = settings
        for seat in self._seats:
            if seat.present is not None:
                seat.present.settle(settings)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Keep every worker running for as long as the context is open; at its end all are gone within a second.

        Who leaves it has ended the probes before.
        """
        async with asyncio.TaskGroup() as group:
            keepers = [group.create_task(self._keep(number, seat)) for number, seat in enumerate(self._seats)]
            try:
                yield
            finally:
                for keeper in keepers:
                    keeper.cancel()

    async def __call__(self, target: Target, hold: Hold) -> ProbeResult:
        """Have `target` probed once by the worker of its host."""
        seat = self._seats[share(target.host, len(self._seats))]
        for _ in range(_ATTEMPTS):
            worker = await seat.taken()
            with suppress(WorkerLost):
                return await worker.probe(target, hold)
        detail = f"{_ATTEMPTS} worker processes ended while they probed it"
        return ProbeResult(target, self._wall(), 0.0, Outcome.LOCAL_ERROR, Phase.RESOLVE, detail)

    async def _keep(self, number: int, seat: "_Seat") -> None:
        """Have a worker on `seat` until cancelled."""
        loop = asyncio.get_running_loop()
        short_lives = 0
        while True:
            began = loop.time()
            found: dict[str, object] = {"worker": number}
            try:
                async with worker_process() as worker:
                    worker.settle(self._settings)
                    seat.take(worker)
                    await worker.watch(self._patience)
                found["exit_code"] = worker.exit_code
            except OSError as error:
                found["error"] = error
            _logger.error("a worker process ended and is replaced", extra={"facts": found})
            short_lives = short_lives + 1 if loop.time() - began < _HEALTHY_SECONDS else 0
            await asyncio.sleep(pause(short_lives))
            self._restarts += 1


class _Seat:
    """The place of one worker, which may be empty for a while."""

    def __init__(self) -> None:
        self._worker: WorkerProcess | None = None
        self._changed = asyncio.Event()

    @property
    def present(self) -> WorkerProcess | None:
        """The worker here, if it runs."""
        return None if self._worker is None or self._worker.lost.is_set() else self._worker

    def take(self, worker: WorkerProcess) -> None:
        self._worker = worker
        self._changed.set()

    async def taken(self) -> WorkerProcess:
        """The worker here, as soon as one runs."""
        while (worker := self.present) is None:
            self._changed.clear()
            await self._changed.wait()
        return worker


def pause(short_lives: int) -> float:
    """Seconds before a worker is replaced; `short_lives`: how many in a row have ended soon after their start.

    The first is replaced at once, like one that ran for long. Then it takes twice as long each time, so that a fault
    which ends every worker costs no core.
    """
    return 0.0 if short_lives <= 1 else min(2.0 ** min(short_lives - 2, 16), _LONGEST_PAUSE)


def share(host: str, count: int) -> int:
    """Which of `count` workers probes `host`, from 0."""
    # Not `hash()`, which the interpreter salts: after a restart the same hosts share a worker, faults included.
    return zlib.crc32(host.encode()) % count
