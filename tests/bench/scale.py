"""What one process carries: thousands of targets on the usual schedule, and how that grows.

    scale   40,000 targets   beside a thirtieth of them, at the same rate of sessions

The installed daemon with targets of SMTP with STARTTLS, each at an address of its own, with a chain that is verified
for a name of its own. Of each size it is told how long the start and a reload take, what the process grew by for each
target once all were probed, by how much sessions began later than they were due, and the processor time of a session.

The processor time is compared at the same rate of sessions: the fewer targets are probed the more often. `first_round`
and the interval are one here, so that a run is over after twice that time. Linux only.
"""

import asyncio
import http.client
import json
import re
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.bench import cores, exporters
from tests.bench.crowd import Running, crowd
from tests.bench.exporters import Client, configuration
from tests.bench.process import ADDRESS, Program, ProgramFailed

_LAG = re.compile(rb"^mailprobe_schedule_lag_seconds (\S+)$", re.MULTILINE)
_LOOK_SECONDS = 1.0
_SCRAPE_LOOKS = 15
# A round is spread over the interval, and the last of its chains is verified at its end.
_PATIENCE_ROUNDS = 3.0


@dataclass(frozen=True, slots=True)
class Load:
    """What was found with so many targets. Times in seconds, memory in bytes.

    lag_p99   of the means over a hundred sessions that the daemon exposes, seen once a second
    document  bytes of one scrape, and as many when it is compressed
    """

    targets: int
    started: float
    reloaded: float
    empty: int
    resident: int
    lag_p99: float
    cpu: float
    sessions: int
    samples: int
    document: int

    @property
    def per_target(self) -> float:
        """Bytes of the process for each target."""
        return (self.resident - self.empty) / self.targets


def load(running: Running, targets: int, interval: int, seconds: float, port: str = "p256") -> Load:
    """Run the daemon with so many targets through one round, then count for so many seconds."""
    text = configuration(running.crowd, port, targets, interval, interval)
    single = configuration(running.crowd, port, 1, interval, 0)
    with tempfile.TemporaryDirectory() as directory:
        with exporters.mailprobe(single, running.crowd, Path(directory)) as one:
            time.sleep(2.0)
            empty = one.resident()
        began = time.monotonic()
        with exporters.mailprobe(text, running.crowd, Path(directory)) as program:
            started = time.monotonic() - began
            _await_round(program, interval * _PATIENCE_ROUNDS)
            return asyncio.run(_counted(running, program, targets, seconds, started, empty))


def _await_round(program: Program, patience: float) -> None:
    deadline = time.monotonic() + patience
    while not program.ready():
        if time.monotonic() > deadline:
            raise ProgramFailed("the first round does not end")
        time.sleep(_LOOK_SECONDS)


async def _counted(
    running: Running, program: Program, targets: int, seconds: float, started: float, empty: int
) -> Load:
    client = Client(program.port)
    lags: list[float] = []
    document = b""
    before, cpu, began, looks = running.account(), program.cpu(), time.monotonic(), 0
    while time.monotonic() - began < seconds:
        if looks % _SCRAPE_LOOKS == 0:
            document = await client.get("/metrics")
            lags += [float(value) for value in _LAG.findall(document)]
        looks += 1
        await asyncio.sleep(_LOOK_SECONDS)
    sessions, used = running.account().sessions - before.sessions, program.cpu() - cpu
    client.close()
    # Before the reload, which reads a second configuration beside the first one.
    resident = program.resident()
    return Load(
        targets=targets,
        started=started,
        reloaded=await asyncio.to_thread(_reload, program),
        empty=empty,
        resident=resident,
        lag_p99=sorted(lags)[int(len(lags) * 0.99)],
        cpu=used / sessions,
        sessions=sessions,
        samples=sum(not line.startswith(b"#") for line in document.splitlines()),
        document=len(document),
    )


def _reload(program: Program) -> float:
    connection = http.client.HTTPConnection(ADDRESS, program.port, timeout=120)
    began = time.monotonic()
    connection.request("POST", "/-/reload")
    if connection.getresponse().status != 200:
        raise ProgramFailed("the reload failed")
    return time.monotonic() - began


if __name__ == "__main__":
    cores.use_servers_core()
    with crowd() as load_target:
        # Targets and the seconds of their round: the rate of sessions is that of 40,000 targets in 300 s.
        for count, span in ((1_333, 10), (40_000, 300)):
            found = load(load_target, count, span, seconds=60.0)
            print(json.dumps(asdict(found) | {"per_target": found.per_target}), flush=True)  # noqa: T201 (the table)
