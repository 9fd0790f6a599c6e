"""A contender in a process of its own, which does its work when told and says what it cost.

A process each, because a heap full of one contender's objects makes another one's garbage collection dearer, and since
CPU time and memory are counted by process. They wait while they have no turn, and so cost nothing.

A benchmark's module is also the program of its workers: `serve` is what it calls when it is run.
"""

import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from tests.bench import cores
from tests.bench.ratio import BenchmarkFailed

_CHECKOUT = Path(__file__).parents[2]

# A worker that was told to end has nothing left to do.
_PATIENCE_SECONDS = 10.0


class Contender(Protocol):
    """One way of doing what a benchmark compares."""

    def cost(self, case: str, count: int) -> float:
        """Do it `count` times and say what it cost, in a unit that is the same for all contenders."""


class WorkerFailed(BenchmarkFailed):
    """A worker ended before it answered; what it had to say went to the standard error stream."""


class Worker:
    """`with Worker("tests.bench.scrape", "mailprobe", "1000") as worker:` starts it; `cost` is one turn."""

    def __init__(self, module: str, contender: str, options: str) -> None:
        self._name = f"{module} {contender}"
        self._process = subprocess.Popen(
            [sys.executable, "-m", module, contender, options],
            cwd=_CHECKOUT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        stop(self._process)

    def cost(self, case: str, count: int) -> float:
        """One turn; raises WorkerFailed."""
        return float(json.loads(ask(self._process, self._name, json.dumps([case, count]))))


def ask(process: subprocess.Popen[str], name: str, question: str) -> str:
    """One line to a process, and the line that it answers; raises WorkerFailed."""
    if process.stdin is None or process.stdout is None:
        raise ValueError("started without pipes")
    try:
        process.stdin.write(question + "\n")
        process.stdin.flush()
    except BrokenPipeError:
        raise WorkerFailed(name) from None
    answer = process.stdout.readline()
    if not answer:
        raise WorkerFailed(name)
    return answer


def stop(process: subprocess.Popen[str]) -> None:
    """End a process that ends with its standard input."""
    try:
        process.communicate(timeout=_PATIENCE_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()


def serve(contenders: Mapping[str, Callable[[str], AbstractContextManager[Contender]]]) -> None:
    """Be the worker whose contender and options stand on the command line, until the standard input ends."""
    cores.use_contenders_core()
    name, options = sys.argv[1:]
    # Interrupted at the keyboard, the benchmark itself says so.
    with suppress(KeyboardInterrupt), contenders[name](options) as contender:
        for line in sys.stdin:
            case, count = json.loads(line)
            sys.stdout.write(json.dumps(contender.cost(case, count)) + "\n")
            sys.stdout.flush()
