"""One worker process as the first process sees it: started, asked for probes, and ended without leaving a trace.

A process with an interpreter of its own, not a fork: that would take along the loop, the threads and the open sockets.
It has ended when its side of the socket is closed, however that came about.
"""

import asyncio
import itertools
import logging
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any, Final

from exporter.probe.seams import Hold
from exporter.results import ProbeResult
from exporter.schedule.link import Link
from exporter.schedule.message import ASK, CANCEL, GRANT, LOG, PING, PROBE, SETTLE, Message, Settings
from exporter.schedule.parcel import unpack
from exporter.targets import Target, TargetKey

# What a terminal and systemd send to every process of a service. What becomes of the workers then, the first one says.
_SIGNALS: Final = frozenset({signal.SIGTERM, signal.SIGINT, signal.SIGHUP})

# A stop may take 5 s in all, of which the sessions have 4. Of the last one, a worker has this much to hang up, and as
# much to end; with nothing left to do both take milliseconds, and one that needs longer is killed.
_END_SECONDS: Final = 0.4

# Between the end of its socket and its own, a process has a few milliseconds.
_LOOK_AGAIN_SECONDS: Final = 0.002

# Targets that are sent once and then only named: those of a large installation. One more pushes out the oldest.
_SLOTS: Final = 65536


class WorkerLost(Exception):
    """The process ended before the probe did; nothing is known about the target."""


class WorkerProcess:
    """A process that runs; made by `worker_process`."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self.link = Link(self._receive, self._note_loss)
        self.lost = asyncio.Event()
        self._numbers = itertools.count(1)
        # What is said next about each probe under way.
        self._answers: dict[int, asyncio.Future[tuple[int, Any]]] = {}
        self._slots: dict[TargetKey, tuple[Target, int]] = {}

    @property
    def pid(self) -> int:
        """Its number in the system."""
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """Of a process that was reaped; negative: the signal that ended it."""
        return self._process.returncode

    def settle(self, settings: Settings) -> None:
        """Use these for every probe that is asked for from now on."""
        # What leaves with a reload is not remembered for ever; its slot is given to another one, here and there.
        self._slots.clear()
        self.link.send((SETTLE, 0, settings))

    async def probe(self, target: Target, hold: Hold) -> ProbeResult:
        """Have `target` probed; its sessions begin when `hold` lets them in. Raises WorkerLost."""
        number = next(self._numbers)
        try:
            kind, body = await self._answer(number, (PROBE, number, self._named(target)))
            while kind == ASK:
                async with hold(*body):
                    kind, body = await self._answer(number, (GRANT, number, None))
            return unpack(target, body)
        except asyncio.CancelledError:
            self.link.send((CANCEL, number, None))
            raise
        finally:
            self._answers.pop(number, None)

    async def _answer(self, number: int, message: Message) -> tuple[int, Any]:
        """Say `message`, and return kind and body of what is said next about this probe. Raises WorkerLost."""
        if self.lost.is_set():
            raise WorkerLost
        answer: asyncio.Future[tuple[int, Any]] = asyncio.get_running_loop().create_future()
        self._answers[number] = answer
        self.link.send(message)
        return await answer

    async def watch(self, patience: float) -> None:
        """Return when it has ended; one that says nothing for `patience` seconds, though asked to, is killed."""
        heard = -1
        while not self.lost.is_set():
            if self.link.frames == heard:
                self._process.kill()
            heard = self.link.frames
            self.link.send((PING, 0, None))
            with suppress(TimeoutError):
                async with asyncio.timeout(patience):
                    await self.lost.wait()

    async def end(self) -> None:
        """Hang up, and return when the process is gone, if need be by force."""
        self.link.end()
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(_END_SECONDS):
                    await self.lost.wait()
        finally:
            if not self.lost.is_set():
                self._process.kill()
            self.link.close()
            await self._bury()

    async def _bury(self) -> None:
        """Take the exit code: a process whose code nobody has taken remains as a zombie."""
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(_END_SECONDS):
                    while self._process.poll() is None:  # noqa: ASYNC110 (only a thread could wait for it)
                        await asyncio.sleep(_LOOK_AGAIN_SECONDS)
        finally:
            # What is killed is gone within milliseconds: that much the loop may wait.
            self._process.kill()
            self._process.wait()

    def _named(self, target: Target) -> tuple[int, Target | None]:
        """The slot of `target`, and itself where the worker does not have it there."""
        key = target.key
        known = self._slots.get(key)
        if known is not None and known[0] is target:
            return known[1], None
        if known is not None:
            slot = known[1]
        elif len(self._slots) < _SLOTS:
            slot = len(self._slots)
        else:
            _, slot = self._slots.pop(next(iter(self._slots)))
        self._slots[key] = (target, slot)
        return slot, target

    def _receive(self, message: Message) -> None:
        kind, number, body = message
        if kind == LOG:
            name, level, text, facts = body
            logging.getLogger(name).log(level, "%s", text, extra={"facts": facts})
        # Of a probe that was cancelled here, the last words are still on their way.
        elif (answer := self._answers.get(number)) is not None and not answer.done():
            answer.set_result((kind, body))

    def _note_loss(self) -> None:
        self.lost.set()
        for answer in self._answers.values():
            if not answer.done():
                answer.set_exception(WorkerLost())


@asynccontextmanager
async def worker_process() -> AsyncIterator[WorkerProcess]:
    """A worker for as long as the context is open; settle it first. Raises OSError where none can be started."""
    ours, theirs = socket.socketpair()
    try:
        with theirs:
            process = _start(theirs)
    except OSError:
        ours.close()
        raise
    worker = WorkerProcess(process)
    try:
        await asyncio.get_running_loop().create_unix_connection(lambda: worker.link, sock=ours)
        yield worker
    finally:
        await worker.end()


def _start(sock: socket.socket) -> subprocess.Popen[bytes]:
    # Blocked before it exists and never unblocked: there is no moment in which it could be ended by one of them.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    try:
        return subprocess.Popen(
            # -P: nothing is imported from the folder that happens to be the present one.
            [sys.executable, "-P", "-m", "exporter.schedule.worker", str(sock.fileno())],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            pass_fds=(sock.fileno(),),
        )
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
