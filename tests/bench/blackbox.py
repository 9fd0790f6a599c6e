"""What a probe costs the processor: mailprobe against blackbox_exporter, both with everything up to the metrics.

    blackbox   mailprobe with its metrics   against blackbox_exporter

blackbox_exporter holds the same session by its tcp prober, a `query_response` with `starttls`, verifies against the
same root, and is asked for each probe over HTTP connections that stay open, as Prometheus asks it. mailprobe probes,
judges, writes its lines, and answers one scrape for all targets of the turn. In favour of mailprobe: that scrape comes
without its HTTP request, and its verdicts are remembered, while blackbox_exporter verifies and reads the root's file
at each probe. In favour of blackbox_exporter: one Go processor (`GOMAXPROCS=1`), with which it spends less, no
compression, a log that goes nowhere, and fewer facts to report.

The ratio holds for the installed version, here Debian's package `prometheus-blackbox-exporter`, and no newer one.
CPU time, user and system, of the exporter's process alone; who drives it over HTTP runs on the mail server's core.
Linux only; skipped where the program is missing.
"""

import asyncio
import gc
import http.client
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path

from prometheus_client import CollectorRegistry

from exporter.judgement.expectation import judge
from exporter.metrics.exposition import Exposition
from exporter.metrics.store import Store
from exporter.targets import TlsMode
from tests.bench import cores
from tests.bench.mailserver import ADDRESS, Site
from tests.bench.probe import CASES, IN_FLIGHT, batch
from tests.bench.ratio import Ratio, Size, compared, interleaved
from tests.bench.session import ByMailprobe, host
from tests.bench.worker import Worker, serve
from tests.real.waiting import wait_until

_MAILPROBE = "mailprobe with its metrics"
_BLACKBOX = "blackbox_exporter"

# Debian's name, and the project's own.
_PROGRAMS = ("prometheus-blackbox-exporter", "blackbox_exporter")

_GREETING = [{"expect": "^220 "}, {"send": "EHLO monitor.example.org\r"}, {"expect": "^250 "}]
_UPGRADE = [
    {"send": "STARTTLS\r"},
    {"expect": "^220 "},
    {"starttls": True},
    {"send": "EHLO monitor.example.org\r"},
    {"expect": "^250 "},
]
_GOODBYE = [{"send": "QUIT\r"}, {"expect": "^221 "}]


class BlackboxFailed(Exception):
    """blackbox_exporter did not start, or a probe of it failed."""


def program() -> str | None:
    """Where the program is; `None`: it is not installed."""
    return next((path for path in map(shutil.which, _PROGRAMS) if path is not None), None)


def installed_version() -> str:
    """What the program says of itself; empty where it is not installed."""
    path = program()
    if path is None:
        return ""
    said = subprocess.run([path, "--version"], capture_output=True, text=True, check=True)
    # Older ones say it on the one stream, newer ones on the other.
    return (said.stdout + said.stderr).partition("\n")[0]


def unavailable() -> str | None:
    """Why this cannot be measured here."""
    if sys.platform != "linux":
        return "another process' CPU time is read by Linux' clocks"
    if program() is None:
        return "blackbox_exporter is not installed: apt-get install prometheus-blackbox-exporter"
    return None


def measure(size: Size, site: Site) -> list[Ratio]:
    """All ratios of this benchmark."""
    ratios = []
    with ExitStack() as stack:
        workers = {
            name: stack.enter_context(Worker("tests.bench.blackbox", name, site.text))
            for name in (_MAILPROBE, _BLACKBOX)
        }
        for case in CASES:
            turns = {name: partial(worker.cost, case, size.probes) for name, worker in workers.items()}
            costs = interleaved(turns, size.rounds)
            ratios.append(compared(costs, _MAILPROBE, _BLACKBOX, benchmark="blackbox", case=case, quantity="CPU time"))
    return ratios


class _Mailprobe:
    """From the session to the answer of a scrape."""

    def __init__(self, runner: asyncio.Runner, site: Site) -> None:
        self._runner = runner
        self._site = site
        self._sessions = ByMailprobe(site)
        self._store = Store()
        self._exposition = Exposition(self._store, CollectorRegistry())

    def cost(self, case: str, count: int) -> float:
        """Seconds of CPU time."""
        targets = [self._sessions.target(number, self._site.port, CASES[case]) for number in range(count)]
        self._store.configure(targets, certificate_retention=86400.0, capability_metrics=False)
        gc.collect()
        began = time.process_time()
        self._runner.run(batch(partial(self._probe, CASES[case]), count))
        self._exposition.render("")
        return time.process_time() - began

    async def _probe(self, mode: TlsMode, number: int) -> None:
        result = await self._sessions.probe(self._sessions.target(number, self._site.port, mode))
        key = result.target.key
        judgement = judge(result, self._store.known(key), host_known=self._store.host_known(key.host))
        self._store.record(result, judgement, result.target.interval)


class _Blackbox:
    """The program that listens on `port`, asked by as many threads as mailprobe has probes in flight."""

    def __init__(self, process: subprocess.Popen[bytes], port: int, threads: ThreadPoolExecutor, site: Site) -> None:
        self._process = process
        self._port = port
        self._threads = threads
        self._target = f"{ADDRESS}:{site.port}"
        self._connections = threading.local()

    def cost(self, case: str, count: int) -> float:
        """Seconds of CPU time of the program."""
        began = _cpu_time(self._process.pid)
        # Taken out of the map, so that the first failure is raised.
        list(self._threads.map(partial(self._ask, CASES[case]), range(count)))
        return _cpu_time(self._process.pid) - began

    def _ask(self, mode: TlsMode, number: int) -> None:
        connection = getattr(self._connections, "own", None)
        if connection is None:
            connection = self._connections.own = http.client.HTTPConnection(ADDRESS, self._port)
        connection.request("GET", f"/probe?module={mode}&target={self._target}")
        if b"\nprobe_success 1\n" not in connection.getresponse().read():
            raise BlackboxFailed(f"probe {number} of {self._target} by its module {mode} failed")


def _modules(ca_file: str) -> Iterator[tuple[str, object]]:
    tls = {"ca_file": ca_file, "server_name": host(0)}
    for mode, dialog in ((TlsMode.NONE, _GREETING), (TlsMode.STARTTLS, _GREETING + _UPGRADE)):
        tcp = {"preferred_ip_protocol": "ip4", "query_response": dialog + _GOODBYE, "tls_config": tls}
        yield mode, {"prober": "tcp", "timeout": "60s", "tcp": tcp}


@contextmanager
def _mailprobe(options: str) -> Iterator[_Mailprobe]:
    with asyncio.Runner() as runner:
        yield _Mailprobe(runner, Site.read(options))


@contextmanager
def _blackbox(options: str) -> Iterator[_Blackbox]:
    site, port = Site.read(options), _free_port()
    with _program(site, port) as process:
        cores.use_servers_core()
        with ThreadPoolExecutor(IN_FLIGHT) as threads:
            yield _Blackbox(process, port, threads, site)


@contextmanager
def _program(site: Site, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """Run the program for the length of the block; raises BlackboxFailed."""
    with tempfile.TemporaryDirectory(prefix="mailprobe-bench-") as directory:
        file = Path(directory) / "blackbox.yml"
        # JSON is YAML.
        file.write_text(json.dumps({"modules": dict(_modules(site.ca_file))}))
        process = subprocess.Popen(
            [program() or _PROGRAMS[0], f"--config.file={file}", f"--web.listen-address={ADDRESS}:{port}"],
            env=os.environ | {"GOMAXPROCS": "1"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            _await_start(process, port)
            yield process
        finally:
            process.terminate()
            process.wait()


def _await_start(process: subprocess.Popen[bytes], port: int) -> None:
    """Return when the program listens; raises BlackboxFailed."""

    def listens() -> bool:
        if process.poll() is not None:
            raise BlackboxFailed("blackbox_exporter does not start")
        with suppress(ConnectionRefusedError):
            socket.create_connection((ADDRESS, port)).close()
            return True
        return False

    wait_until(listens, lambda: "blackbox_exporter to listen")


def _free_port() -> int:
    with socket.create_server((ADDRESS, 0)) as taken:
        port: int = taken.getsockname()[1]
    return port


def _cpu_time(pid: int) -> float:
    """Seconds that all threads of a process have used so far, also those that have ended."""
    # clock_getcpuclockid(3), which Python does not have: Linux makes the clock of a process from its number, by
    # MAKE_PROCESS_CPUCLOCK of <linux/posix-timers.h> with CPUCLOCK_SCHED.
    return time.clock_gettime((~pid << 3) | 2)


if __name__ == "__main__":
    serve({_MAILPROBE: _mailprobe, _BLACKBOX: _blackbox})
