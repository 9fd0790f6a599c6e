"""A program that is measured as a whole, from the operating system's accounting: its processor time and its memory."""

import http.client
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from http import HTTPStatus
from pathlib import Path

from tests.bench import cores
from tests.bench.ratio import BenchmarkFailed

ADDRESS = "127.0.0.1"

_PATIENCE_SECONDS = 10.0

# Far more than tens of thousands of targets take to be read on a machine that does other work.
_START_SECONDS = 180.0


class ProgramFailed(BenchmarkFailed):
    """A program did not start, or ended on its own."""


def unavailable() -> str | None:
    """Why no other process can be measured here."""
    return None if sys.platform == "linux" else "another process is measured by what Linux tells about it"


def processor_time(pid: int) -> float:
    """Seconds, user and system, that all threads of a process have used so far, also those that have ended."""
    # clock_getcpuclockid(3), which Python does not have: Linux makes the clock of a process from its number, by
    # MAKE_PROCESS_CPUCLOCK of <linux/posix-timers.h> with CPUCLOCK_SCHED.
    return time.clock_gettime((~pid << 3) | 2)


def resident(pid: int) -> int:
    """Bytes of the resident set of a process, without what the kernel keeps for its sockets."""
    # proc(5): the second field of statm is the resident set in pages.
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


class Program:
    """A process that runs."""

    def __init__(self, process: subprocess.Popen[bytes], port: int) -> None:
        self.port = port
        self._process = process

    @property
    def pid(self) -> int:
        """Its number."""
        return self._process.pid

    def cpu(self) -> float:
        """Seconds, user and system, that it has used so far."""
        return processor_time(self._process.pid)

    def resident(self) -> int:
        """Bytes of its resident set."""
        return resident(self._process.pid)

    def listens(self) -> bool:
        """It takes connections. Raises ProgramFailed where it has ended."""
        if self._process.poll() is not None:
            raise ProgramFailed(f"{self._process.args!r} ended")
        with suppress(ConnectionRefusedError):
            socket.create_connection((ADDRESS, self.port)).close()
            return True
        return False

    def ready(self) -> bool:
        """It says that it has come into its rhythm. Raises ProgramFailed where it has ended."""
        if not self.listens():
            return False
        connection = http.client.HTTPConnection(ADDRESS, self.port)
        connection.request("GET", "/-/ready")
        status = connection.getresponse().status
        connection.close()
        return status == HTTPStatus.OK


@contextmanager
def program(command: Sequence[str], port: int, environment: Mapping[str, str]) -> Iterator[Program]:
    """Run `command`, which listens on `port`, on the contenders' core for the length of the block."""
    with cores.contenders_core():
        process = subprocess.Popen(
            command, env={**os.environ, **environment}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
    try:
        running = Program(process, port)
        _await_start(running)
        yield running
    finally:
        process.terminate()
        try:
            process.wait(_PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _await_start(running: Program) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while not running.listens():
        if time.monotonic() > deadline:
            raise ProgramFailed("does not listen")
        time.sleep(0.01)


def free_port() -> int:
    """A port of `ADDRESS` that nobody listens on."""
    with socket.create_server((ADDRESS, 0)) as taken:
        port: int = taken.getsockname()[1]
    return port
