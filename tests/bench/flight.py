"""How much memory a probe in flight takes in the whole daemon: mailprobe against blackbox_exporter.

    flight   mailprobe, the whole daemon   against blackbox_exporter   the bar is 100 KiB

So many targets are probed once, as ever, one after the other; what the process then holds, with every result, verdict
and line of theirs, is not memory in flight. From then on their servers fall silent, in the one case before the greeting
and in the other after the handshake. As their turns come, all come to hang there; when the load target says that all
do, the process is looked at again. What it grew by, divided by their number, is the memory of one: its resident set,
without what the kernel keeps for the sockets.

blackbox_exporter is asked for the same probes, first one after the other, then over as many HTTP connections until all
of them hang, at the rate of the other's first round. Each turn starts the program anew. In favour of both: memory that
the first round has left unused is taken again before the process grows. Linux only; skipped where blackbox_exporter is
missing.
"""

import asyncio
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from tests.bench import cores, exporters
from tests.bench.crowd import HELD, MUTE, Running, crowd
from tests.bench.exporters import Client, address, await_ready, configuration
from tests.bench.process import Program, ProgramFailed
from tests.bench.ratio import Row, compared, figure, interleaved
from tests.bench.size import Size

MAILPROBE = "mailprobe, the whole daemon"
BLACKBOX = "blackbox_exporter"

CASES = {HELD: "silent after the handshake", MUTE: "silent before the greeting"}

# The longest that a stage may take, so that none ends before all are in flight.
_TIMEOUT = 300
_TIMEOUTS = dict.fromkeys(("greeting", "reply", "total"), f"{_TIMEOUT}s")

# In intervals: when all should have come to hang, and what a busy machine adds.
_PATIENCE = 4.0
_LOOK_SECONDS = 0.1

# Probes a second of blackbox_exporter, which are those of mailprobe's first round.
_RATE = 100
_KIB = 1024


def measure(size: Size, cases: tuple[str, ...] = tuple(CASES)) -> list[Row]:
    """All that this benchmark says."""
    rows: list[Row] = []
    with cores.servers_core():
        for port in cases:
            turns = {MAILPROBE: partial(_mailprobe, port, size), BLACKBOX: partial(_blackbox, port, size)}
            rows += _rows(f"{size.flight:,} probes, {CASES[port]}", interleaved(turns, size.memory_rounds, warm=False))
    return rows


def _rows(case: str, costs: list[dict[str, float]]) -> Iterator[Row]:
    quantity = "resident memory of a probe in flight"
    yield compared(costs, MAILPROBE, BLACKBOX, benchmark="flight", case=case, quantity=quantity)
    for name in (MAILPROBE, BLACKBOX):
        values = (cost[name] / _KIB for cost in costs)
        yield figure(values, "KiB", benchmark="flight", case=case, quantity=quantity, contender=name)


def _mailprobe(port: str, size: Size) -> float:
    """Bytes for each probe."""
    with tempfile.TemporaryDirectory() as directory, crowd() as running:
        text = configuration(
            running.crowd,
            port,
            size.flight,
            size.interval,
            size.first_round,
            daemon={"max_sessions": size.flight},
            defaults={"timeouts": _TIMEOUTS},
        )
        with exporters.mailprobe(text, running.crowd, Path(directory)) as program:
            await_ready(program)
            before = program.resident()
            running.fall_silent()
            _await_silence(running, size, lambda: None)
            grown = program.resident() - before
            running.end_silence()
            return grown / size.flight


def _blackbox(port: str, size: Size) -> float:
    """Likewise."""
    with (
        tempfile.TemporaryDirectory() as directory,
        crowd() as running,
        exporters.blackbox(running.crowd, Path(directory)) as program,
    ):
        return asyncio.run(_asked(running, program, port, size))


async def _asked(running: Running, program: Program, port: str, size: Size) -> float:
    client = Client(program.port, _TIMEOUT)
    number = running.crowd.ports[port]

    def start(host: int) -> asyncio.Task[bytes]:
        return asyncio.create_task(client.probe("starttls", f"{address(host)}:{number}"))

    await exporters.paced(_RATE, size.flight / _RATE, start)
    before = program.resident()
    running.fall_silent()
    tasks = []
    for host in range(size.flight):
        tasks.append(start(host))
        await asyncio.sleep(1 / _RATE)
    await asyncio.to_thread(_await_silence, running, size, partial(_raise_failure, tasks))
    grown = program.resident() - before
    running.end_silence()
    await asyncio.gather(*tasks, return_exceptions=True)
    client.close()
    return grown / size.flight


def _await_silence(running: Running, size: Size, check: Callable[[], None]) -> None:
    """Return when all sessions hang; raises ProgramFailed."""
    deadline = time.monotonic() + _PATIENCE * size.interval
    while (silent := running.account().silent) < size.flight:
        check()
        if time.monotonic() > deadline:
            raise ProgramFailed(f"only {silent} of {size.flight} probes hang")
        time.sleep(_LOOK_SECONDS)


def _raise_failure(tasks: list[asyncio.Task[bytes]]) -> None:
    """A probe that has ended can only have failed, and would be waited for in vain."""
    for task in tasks:
        if task.done():
            task.result()
