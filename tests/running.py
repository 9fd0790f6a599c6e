"""mailprobe as it runs: the installed command in a process of its own, or the daemon inside the test.

What such a thing does in its own time is waited for here and nowhere else. `PATIENCE` is how long.
"""

import asyncio
import json
import os
import re
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
from prometheus_client.parser import text_string_to_metric_families

from exporter.config.model import Config
from exporter.daemon import Daemon, prepare
from exporter.probe.seams import Resolver
from exporter.web.server import Service
from tests.web.browser import Browser, Reply

COMMAND = str(Path(sys.executable).with_name("mailprobe"))

# As users have it: a variable that makes every write unbuffered would hide what becomes of the rest at the end.
ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}

# Seconds; many times what anything takes on a busy machine, so it is reached only when a test is about to fail.
PATIENCE = 25.0
_LOOK_AGAIN = 0.02

_URL = re.compile(r"https?://[0-9.]+:[0-9]+")

FREE_PORT = "127.0.0.1:0"


@dataclass(frozen=True, slots=True)
class Scrape:
    """The samples of one answer of /metrics: name, labels, value."""

    samples: tuple[tuple[str, Mapping[str, str], float], ...]

    @classmethod
    def of(cls, text: str) -> "Scrape":
        """Parse the text format; fails on what Prometheus would refuse."""
        families = text_string_to_metric_families(text)
        return cls(tuple((sample.name, sample.labels, sample.value) for one in families for sample in one.samples))

    def found(self, name: str, **labels: object) -> Iterator[tuple[Mapping[str, str], float]]:
        """Labels and value of every sample of this name with these labels, whatever others it has."""
        wanted = {label: str(value) for label, value in labels.items()}
        return ((has, value) for its, has, value in self.samples if its == name and wanted.items() <= has.items())

    def values(self, name: str, **labels: object) -> list[float]:
        """The values of those."""
        return [value for _, value in self.found(name, **labels)]

    def label(self, name: str, label: str, **labels: object) -> list[str]:
        """What `label` is in those."""
        return [has[label] for has, _ in self.found(name, **labels)]

    @property
    def hosts(self) -> set[str]:
        """Every host that has a sample of any kind."""
        return {has["host"] for _, has, _ in self.samples if "host" in has}


class Pages:
    """What one exporter serves over HTTP."""

    def __init__(self, url: str, session: aiohttp.ClientSession) -> None:
        self.url = url
        self._browser = Browser(url, session)

    async def get(self, path: str) -> Reply:
        """One request."""
        return await self._browser.ask(path)

    async def reload(self) -> Reply:
        """Ask for the configuration to be read again."""
        return await self._browser.ask("/-/reload", "POST")

    async def scrape(self) -> Scrape:
        """What Prometheus would see now."""
        return Scrape.of((await self.get("/metrics")).text)

    async def scrape_with(self, condition: Callable[[Scrape], bool]) -> Scrape:
        """The first scrape for which `condition` holds."""
        last = Scrape(())

        async def holds() -> bool:
            nonlocal last
            last = await self.scrape()
            return condition(last)

        await until(holds)
        return last

    async def ready(self) -> None:
        """Wait until the first round is over."""

        async def holds() -> bool:
            return (await self.get("/-/ready")).status == 200

        await until(holds)


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    """Return as soon as `condition` holds; TimeoutError when patience is at its end."""
    async with asyncio.timeout(PATIENCE):
        while not await condition():  # noqa: ASYNC110 (another process sets no event here)
            await asyncio.sleep(_LOOK_AGAIN)


@asynccontextmanager
async def pages_at(url: str) -> AsyncIterator[Pages]:
    """A client for as long as the context is open."""
    async with aiohttp.ClientSession() as session:
        yield Pages(url, session)


class Output:
    """The lines of one stream of a process, as they come."""

    def __init__(self, stream: asyncio.StreamReader) -> None:
        self.lines: list[str] = []
        self._stream = stream
        self._changed = asyncio.Condition()
        self.reading = asyncio.create_task(self._read())

    async def _read(self) -> None:
        async for line in self._stream:
            async with self._changed:
                self.lines.append(line.decode().removesuffix("\n"))
                self._changed.notify_all()

    async def line(self, condition: Callable[[str], bool]) -> str:
        """The first line for which `condition` holds, now or later."""
        try:
            async with asyncio.timeout(PATIENCE), self._changed:
                await self._changed.wait_for(lambda: any(map(condition, self.lines)))
        except TimeoutError:
            raise AssertionError("no such line in:\n" + "\n".join(self.lines)) from None
        return next(filter(condition, self.lines))

    @property
    def text(self) -> str:
        """All of it so far."""
        return "".join(f"{line}\n" for line in self.lines)


class Running:
    """A process of mailprobe."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None
        assert process.stderr is not None
        self._process = process
        self.printed, self.log = Output(process.stdout), Output(process.stderr)

    @property
    def pid(self) -> int:
        """Its number in the system."""
        return self._process.pid

    def send(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self._process.send_signal(number)

    async def url(self) -> str:
        """Where it listens, as soon as it says so in its log."""
        found = _URL.search(await self.log.line(lambda line: _URL.search(line) is not None))
        assert found is not None
        return found[0]

    async def logged(self, message: str, times: int = 1) -> list[dict[str, object]]:
        """Wait for events with this message in a log in JSON, and for as many; returns those."""
        await self.log.line(lambda _: len(self.events(message)) >= times)
        return self.events(message)

    def events(self, message: str) -> list[dict[str, object]]:
        """Every such event so far."""
        # What the interpreter writes when it comes to grief is no event.
        written = (json.loads(line) for line in self.log.lines if line.startswith("{"))
        return [event for event in written if event["msg"] == message]

    async def exit_code(self) -> int:
        """Wait for its end, and for the last of what it wrote."""
        async with asyncio.timeout(PATIENCE):
            code = await self._process.wait()
            await asyncio.gather(self.printed.reading, self.log.reading)
        return code

    async def end(self) -> None:
        """Kill it if it still runs."""
        with suppress(ProcessLookupError):
            self._process.kill()
        await self.exit_code()


@asynccontextmanager
async def started(*words: str, environment: Mapping[str, str] = ENVIRONMENT) -> AsyncIterator[Running]:
    """`mailprobe` with these words, until the context is left."""
    process = await asyncio.create_subprocess_exec(
        COMMAND,
        *words,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=environment,
    )
    running = Running(process)
    try:
        yield running
    finally:
        await running.end()


@asynccontextmanager
async def exporting(config_file: Path) -> AsyncIterator[tuple[Running, Pages]]:
    """`mailprobe run` on a free port, with its log in JSON."""
    words = ("run", f"--config.file={config_file}", f"--web.listen-address={FREE_PORT}", "--log.format=json")
    async with started(*words) as running, pages_at(await running.url()) as pages:
        yield running, pages


@asynccontextmanager
async def inside(read: Callable[[], Config], resolver: Resolver | None = None) -> AsyncIterator[tuple[Daemon, Pages]]:
    """A daemon on the test's own loop, with its pages on a free port; cut off at the end of the block."""
    daemon = Daemon(read, prepare(read), version="0", resolver=resolver)
    urls: asyncio.Future[Sequence[str]] = asyncio.get_running_loop().create_future()
    task = asyncio.create_task(daemon.run(Service([FREE_PORT]), urls.set_result))
    try:
        # Should it end before it listens, its exception is what the test wants to see.
        first: set[asyncio.Future[Any]] = {task, urls}
        await asyncio.wait(first, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            await task
        async with pages_at((await urls)[0]) as pages:
            yield daemon, pages
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
