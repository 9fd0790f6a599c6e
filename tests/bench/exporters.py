"""Both exporters as they are installed and run: mailprobe on its schedule, blackbox_exporter driven as by Prometheus.

Each holds so many sessions a second, with the same hosts of the load target: greeting, EHLO, STARTTLS, a handshake with
the chain verified against the system's roots and those of the bench, EHLO, QUIT. What counts is the processor time of
the whole process, divided by the sessions that the load target saw to their end.

mailprobe    `mailprobe run` with a target for each session that comes due within ten seconds (the shortest interval
             there is), and a scrape of all of them every 15 s as Prometheus makes it, compressed. Nothing else is told
             to it, but for variants, of which there is a round a day: judging, logs, pages and the store are as ever.
blackbox     a request of /probe for each session, as Prometheus makes it, over connections that stay open. In its
             favour: one Go processor (`GOMAXPROCS=1`), with which it spends less, and a log that goes nowhere.
"""

import asyncio
import gzip
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType

from tests.bench import process
from tests.bench.crowd import DOMAIN, PLAIN, Crowd
from tests.bench.process import ADDRESS, Program, ProgramFailed, free_port, program
from tests.bench.ratio import BenchmarkFailed

# The shortest interval that the configuration takes.
INTERVAL = 10
SCRAPE_SECONDS = 15.0

_MAILPROBE = str(Path(sys.executable).with_name("mailprobe"))

# Debian's name, and the project's own.
_BLACKBOX = ("prometheus-blackbox-exporter", "blackbox_exporter")

# What Prometheus 2 and 3 send, with the usual `scrape_timeout` or another one.
_HEADERS = (
    "Accept: application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3,*/*;q=0.1\r\n"
    "Accept-Encoding: gzip\r\nX-Prometheus-Scrape-Timeout-Seconds: %d\r\n"
)
_SCRAPE_TIMEOUT = 10

# Far more than the first round of the largest benchmark takes on a machine that does other work.
_FIRST_ROUND_SECONDS = 900.0
_LOOK_SECONDS = 0.1

_GREETING = [{"expect": "^220 ([^ ]+) ESMTP (.+)$"}]
_HELLO = [{"send": "EHLO monitor.example.org\r"}, {"expect": "^250 "}]
_UPGRADE = [{"send": "STARTTLS\r"}, {"expect": "^220 "}, {"starttls": True}, *_HELLO]
_GOODBYE = [{"send": "QUIT\r"}, {"expect": "^221 "}]


class BlackboxFailed(BenchmarkFailed):
    """A probe of blackbox_exporter failed."""


def address(number: int) -> str:
    """Where the host of this number is: every address of 127.0.0.0/8 is this machine."""
    return f"127.{1 + number // 62500}.{number // 250 % 250}.{1 + number % 250}"


def unavailable() -> str | None:
    """Why the two cannot be compared here."""
    if blackbox_program() is None:
        return "blackbox_exporter is not installed: apt-get install prometheus-blackbox-exporter"
    return process.unavailable()


def blackbox_program() -> str | None:
    """Where the program is; `None`: it is not installed."""
    return next((path for path in map(shutil.which, _BLACKBOX) if path is not None), None)


def blackbox_version() -> str:
    """What the program says of itself; empty where it is not installed."""
    path = blackbox_program()
    if path is None:
        return ""
    said = subprocess.run([path, "--version"], capture_output=True, text=True, check=True)
    # Older ones say it on the one stream, newer ones on the other.
    return (said.stdout + said.stderr).partition("\n")[0]


def configuration(
    site: Crowd,
    port: str,
    hosts: int,
    interval: int,
    first_round: float,
    *,
    daemon: Mapping[str, object] | None = None,
    defaults: Mapping[str, object] | None = None,
) -> str:
    """Of mailprobe, as JSON, which is YAML; `port` by its name. `daemon` and `defaults`: further keys of theirs."""
    tls = "none" if port == PLAIN else "starttls"
    number = site.ports[port]
    return json.dumps(
        {
            "first_round": f"{first_round:g}s",
            **(daemon or {}),
            "defaults": {
                **(defaults or {}),
                "ehlo_name": f"monitor.{DOMAIN}",
                "ip_families": ["ipv4"],
                "interval": f"{interval}s",
                "variants": [],
                "auth_before_tls": "allowed",
                "ports": {str(number): {"protocol": "smtp", "tls": tls}},
            },
            "hosts": [
                {"host": address(host), "server_name": f"host{host}.{DOMAIN}", "ports": [number]}
                for host in range(hosts)
            ],
        }
    )


@contextmanager
def mailprobe(
    text: str, site: Crowd, directory: Path, environment: Mapping[str, str] = MappingProxyType({})
) -> Iterator[Program]:
    """Run the installed command with this configuration, and with these variables beside those of the environment."""
    file = directory / "mailprobe.yml"
    file.write_text(text)
    port = free_port()
    command = [_MAILPROBE, "run", f"--config.file={file}", f"--web.listen-address={ADDRESS}:{port}"]
    with program(command, port, {"SSL_CERT_FILE": site.roots, **environment}) as running:
        yield running


@contextmanager
def blackbox(site: Crowd, directory: Path) -> Iterator[Program]:
    """Run the program, with a module for TLS (`starttls`), one without (`plain`) and one for the greeting alone."""
    dialogs = {"starttls": _GREETING + _HELLO + _UPGRADE + _GOODBYE, PLAIN: _GREETING + _HELLO + _GOODBYE}
    dialogs["greeting"] = _GREETING
    modules = {
        name: {
            "prober": "tcp",
            # Prometheus tells the smaller limit that counts.
            "timeout": "600s",
            "tcp": {
                "preferred_ip_protocol": "ip4",
                "query_response": dialog,
                "tls_config": {"server_name": f"host0.{DOMAIN}"},
            },
        }
        for name, dialog in dialogs.items()
    }
    file = directory / "blackbox.yml"
    file.write_text(json.dumps({"modules": modules}))
    port = free_port()
    command = [blackbox_program() or _BLACKBOX[0], f"--config.file={file}", f"--web.listen-address={ADDRESS}:{port}"]
    environment = {"SSL_CERT_FILE": site.roots, "SSL_CERT_DIR": "/nonexistent", "GOMAXPROCS": "1"}
    with program(command, port, environment) as running:
        yield running


class Client:
    """A Prometheus that asks over HTTP connections that stay open. `timeout`: seconds that it says that it waits."""

    def __init__(self, port: int, timeout: int = _SCRAPE_TIMEOUT) -> None:
        self._port = port
        self._headers = _HEADERS % timeout
        self._idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def get(self, path: str) -> bytes:
        """The decoded body of one answer."""
        if not self._idle:
            self._idle.append(await asyncio.open_connection(ADDRESS, self._port, limit=1 << 26))
        reader, writer = self._idle.pop()
        writer.write(f"GET {path} HTTP/1.1\r\nHost: {ADDRESS}\r\n{self._headers}\r\n".encode())
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        if b"transfer-encoding: chunked" in head:
            body = b""
            while size := int(await reader.readuntil(b"\r\n"), 16):
                body += (await reader.readexactly(size + 2))[:-2]
            await reader.readexactly(2)
        else:
            length = head.partition(b"content-length: ")[2].partition(b"\r\n")[0]
            body = await reader.readexactly(int(length))
        self._idle.append((reader, writer))
        return gzip.decompress(body) if b"content-encoding: gzip" in head else body

    async def probe(self, module: str, target: str) -> bytes:
        """One probe of blackbox_exporter; raises BlackboxFailed."""
        body = await self.get(f"/probe?module={module}&target={target}")
        if b"\nprobe_success 1\n" not in body:
            raise BlackboxFailed(f"{target} by its module {module}")
        return body

    def close(self) -> None:
        """Close what is open."""
        for _, writer in self._idle:
            writer.close()


def await_ready(program: Program) -> None:
    """Return when the first round is over, in which every chain is verified for every name; raises ProgramFailed."""
    deadline = time.monotonic() + _FIRST_ROUND_SECONDS
    while not program.ready():
        if time.monotonic() > deadline:
            raise ProgramFailed("the first round does not end")
        time.sleep(_LOOK_SECONDS)


async def paced(rate: float, seconds: float, start: Callable[[int], Awaitable[object]]) -> None:
    """Start `rate` requests a second, evenly, and wait for all of them."""
    began = time.monotonic()
    requests: list[Awaitable[object]] = []
    while (elapsed := time.monotonic() - began) < seconds:
        while len(requests) < rate * elapsed:
            requests.append(start(len(requests)))
        await asyncio.sleep(0.001)
    await asyncio.gather(*requests)
