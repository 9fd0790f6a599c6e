"""A worker process: probes what the first process asks for, and asks it for the turn of each session.

Run as a program, with the number of an open socket as its one argument. It resolves names, holds the sessions and
judges certificates; when a target is due, whose turn it is and what a result means is decided in the first process. It
ends when that one hangs up, also when that one is killed, and then its sessions still say goodbye to TLS.

It starts with the signals blocked that end the service as a whole (`process`): sessions in flight have their grace.
"""

import asyncio
import logging
import socket
import sys
import time
from functools import partial
from types import TracebackType
from typing import Final

from exporter import cycles
from exporter.batch import Batch
from exporter.probe.certificate.judge import CertificateJudge
from exporter.probe.kernel import stamping
from exporter.probe.prober import Prober
from exporter.probe.resolve import SystemResolver
from exporter.probe.session import Means
from exporter.probe.tls import TlsClient
from exporter.schedule.link import Link
from exporter.schedule.message import (
    ASK,
    CANCEL,
    GRANT,
    LOG,
    PING,
    PONG,
    PROBE,
    RESULT,
    SETTLE,
    Message,
    Settings,
)
from exporter.schedule.parcel import pack
from exporter.targets import Target

# A result waits so long for others to travel with. The other process is woken once for all of them, and that costs more
# than to read a result (`tests.bench workers`). Nothing in a result depends on when it comes; the place of its session
# is free that much later.
_GATHERING_SECONDS: Final = 0.02


class Worker:
    """Answers one link until its other side has gone."""

    def __init__(self, probes: asyncio.TaskGroup) -> None:
        """`probes` owns the probes under way."""
        self._probes = probes
        self.ended = asyncio.Event()
        self.link = Link(self._receive, self.ended.set)
        self._results: Batch[Message] = Batch(self._say, _GATHERING_SECONDS)
        self._engine: _Engine | None = None
        # As the first process knows them: a target is sent once, and then only named.
        self._targets: dict[int, Target] = {}
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._turns: dict[int, asyncio.Future[None]] = {}

    def cancel(self) -> None:
        """End every probe under way."""
        for task in self._tasks.values():
            task.cancel()

    def _receive(self, message: Message) -> None:
        kind, number, body = message
        if kind == PROBE:
            slot, target = body
            if target is not None:
                self._targets[slot] = target
            task = self._probes.create_task(self._probe(number, self._targets[slot]))
            self._tasks[number] = task
            task.add_done_callback(lambda _: self._tasks.pop(number))
        elif kind == GRANT:
            turn = self._turns.get(number)
            # The probe may have been cancelled while the permission was on its way.
            if turn is not None and not turn.done():
                turn.set_result(None)
        elif kind == CANCEL:
            if number in self._tasks:
                self._tasks[number].cancel()
        elif kind == SETTLE:
            self._settle(body)
        elif kind == PING:
            self.link.send((PONG, 0, None))

    def _settle(self, settings: Settings) -> None:
        logging.getLogger().setLevel(settings.log_level)
        if self._engine is None:
            self._engine = _Engine(settings)
        else:
            self._engine.settle(settings)

    async def _probe(self, number: int, target: Target) -> None:
        if self._engine is None:
            raise RuntimeError("asked to probe before it was told how")
        result = await self._engine.prober(target, partial(_Turn, self, number))
        self._results.add((RESULT, number, pack(result)))

    def _say(self, results: list[Message]) -> None:
        for result in results:
            self.link.send(result)

    async def turn(self, number: int, host: str, address: str) -> None:
        """Return when a session of this probe may begin; its clocks start then."""
        turn = self._turns[number] = asyncio.get_running_loop().create_future()
        self.link.send((ASK, number, (host, address)))
        try:
            await turn
        finally:
            del self._turns[number]


class _Turn:
    """A place of the first process' pacing, as a context: a class and no generator, since there is one at every probe.

    That the session is over need not be said: what this probe says next, its result or a second question, says it.
    """

    __slots__ = ("_address", "_host", "_number", "_worker")

    def __init__(self, worker: Worker, number: int, host: str, address: str) -> None:
        self._worker = worker
        self._number = number
        self._host = host
        self._address = address

    async def __aenter__(self) -> None:
        await self._worker.turn(self._number, self._host, self._address)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        pass


class _Engine:
    """What probes in this process, and what a reload changes about it."""

    def __init__(self, settings: Settings) -> None:
        self._judge = CertificateJudge(settings.stores)
        self._resolver = SystemResolver(time.monotonic, settings.nameservers)
        self.prober = Prober(self._resolver, Means(TlsClient(), self._judge, settings.machine_name))

    def settle(self, settings: Settings) -> None:
        self._judge.trust(settings.stores)
        self._resolver.ask(settings.nameservers)


class _Events(logging.Handler):
    """Has the first process write the log: one writer, one format, whole lines."""

    def __init__(self, link: Link) -> None:
        super().__init__()
        self._link = link

    def emit(self, record: logging.LogRecord) -> None:
        facts = {name: str(value) for name, value in getattr(record, "facts", {}).items() if value is not None}
        if record.exc_info:
            facts["traceback"] = logging.Formatter().formatException(record.exc_info)
        self._link.send((LOG, 0, (record.name, record.levelno, record.getMessage(), facts)))


async def serve(sock: socket.socket) -> None:
    """Be the worker at the other end of `sock` until it has gone."""
    with cycles.seldom(), stamping():
        async with asyncio.TaskGroup() as probes:
            collecting = probes.create_task(cycles.collect())
            worker = Worker(probes)
            logging.getLogger().addHandler(_Events(worker.link))
            await asyncio.get_running_loop().create_unix_connection(lambda: worker.link, sock=sock)
            await worker.ended.wait()
            collecting.cancel()
            worker.cancel()


if __name__ == "__main__":
    asyncio.run(serve(socket.socket(fileno=int(sys.argv[1]))))
