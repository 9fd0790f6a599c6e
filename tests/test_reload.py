"""A reload: what goes, what stays, what comes; and that a bad or a broken-off one leaves everything as it was."""

import asyncio
import json
import logging
import signal
import threading
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from exporter.config.load import load, parse
from exporter.config.model import Config
from exporter.daemon import prepare
from exporter.demo.mint import Authority
from exporter.demo.scripted import Reached, ScriptedServer, StartTls, Wait
from exporter.demo.tls import ServerTls
from tests.running import Pages, Running, exporting, inside, until
from tests.served import WELL, ConfigFile, configuration, entry, of

RELOADED = "configuration reloaded"
NOT_RELOADED = "the configuration was not reloaded, the one before stays in force: "

SUCCESSFUL = "mailprobe_config_last_reload_successful"
SUCCESS_TIMESTAMP = "mailprobe_config_last_reload_success_timestamp_seconds"


@pytest.fixture
def config(tmp_path: Path) -> ConfigFile:
    return ConfigFile(tmp_path / "config.yml")


async def by_signal(running: Running, pages: Pages) -> None:
    """Reload, and wait until the log says that it is done."""
    before = len(running.events(RELOADED))
    running.send(signal.SIGHUP)
    await running.logged(RELOADED, before + 1)


async def by_request(running: Running, pages: Pages) -> None:
    """Reload, and wait for the answer."""
    reply = await pages.reload()
    assert (reply.status, reply.text) == (200, "configuration reloaded\n")


@pytest.mark.parametrize("reload", [by_signal, by_request])
async def test_a_reload_drops_what_went_keeps_what_stayed_and_probes_what_came(
    reload: Callable[[Running, Pages], Awaitable[None]], config: ConfigFile
) -> None:
    async with (
        ScriptedServer(WELL, host="127.0.0.2") as stays,
        ScriptedServer(WELL, host="127.0.0.3") as goes,
        ScriptedServer(WELL, host="127.0.0.4") as comes,
    ):
        config.name(entry(stays), entry(goes))
        async with exporting(config.path) as (running, pages):
            await pages.ready()
            before = await pages.scrape()
            config.name(entry(stays), entry(comes))

            await reload(running, pages)

            at_once = await pages.scrape()
            after = await pages.scrape_with(lambda scrape: scrape.values("mailprobe_success", **of(comes)) == [1.0])

    assert before.hosts == {stays.host, goes.host}
    assert goes.host not in at_once.hosts
    assert after.hosts == {stays.host, comes.host}
    # Its numbers are kept, and so is its place in the rhythm: it was not probed again.
    last_probe = "mailprobe_last_probe_timestamp_seconds"
    assert after.values(last_probe, **of(stays)) == before.values(last_probe, **of(stays))
    assert after.values("mailprobe_probes_total", outcome="ok", **of(stays)) == [1.0]
    assert [len(server.sessions) for server in (stays, goes, comes)] == [1, 1, 1]


class Files:
    """A configuration and the roots that it names, in the same folder."""

    def __init__(self, folder: Path) -> None:
        self.config = ConfigFile(folder / "config.yml")
        self.roots = Authority.create("Root", now=datetime.now(UTC)).write(folder, "roots")
        self._good_roots = self.roots.read_bytes()

    def write(self, server: ScriptedServer) -> None:
        """Both as they should be."""
        self.config.write(configuration(entry(server), defaults=f"ca_file: {self.roots.name}"))
        self.roots.write_bytes(self._good_roots)


def spoilt(files: Files) -> str:
    files.config.write("hosts:\n  - {host: mail.example.org, ports: [{port: 25, tls: maybe}]}\nspeed: 3\n")
    return f"{files.config.path}:2: hosts[0].ports[0].tls: "


def removed(files: Files) -> str:
    files.config.path.unlink()
    return f"{files.config.path}: cannot be read: No such file or directory"


def without_roots(files: Files) -> str:
    files.roots.unlink()
    return f"{files.config.path}:3: defaults.ca_file: {files.roots} does not exist"


def with_broken_roots(files: Files) -> str:
    files.roots.write_text("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
    return f"{files.roots} holds no certificate"


def in_the_log(running: Running) -> list[str]:
    """What was said about configurations that were not taken."""
    events = map(json.loads, running.log.lines)
    return [event["msg"].removeprefix(NOT_RELOADED) for event in events if event["msg"].startswith(NOT_RELOADED)]


@pytest.mark.parametrize("spoil", [spoilt, removed, without_roots, with_broken_roots])
async def test_a_bad_reload_changes_nothing_and_is_told_everywhere(
    spoil: Callable[[Files], str], tmp_path: Path
) -> None:
    files = Files(tmp_path)
    async with ScriptedServer(WELL) as server:
        files.write(server)
        async with exporting(files.config.path) as (running, pages):
            await pages.ready()
            before, in_force = await pages.scrape(), (await pages.get("/config")).text
            fault = spoil(files)

            reply = await pages.reload()

            first, _, faults = reply.text.partition("\n")
            assert (reply.status, first) == (500, "configuration not reloaded, the previous one stays in force:")
            assert faults.startswith(fault)
            after = await pages.scrape()
            assert (await pages.get("/config")).text == in_force
            assert (await pages.get("/-/ready")).status == 200

            running.send(signal.SIGHUP)
            await running.log.line(lambda _: len(in_the_log(running)) == 2)
            assert in_the_log(running) == [faults.rstrip()] * 2

            files.write(server)
            await by_request(running, pages)
            mended = await pages.scrape()

    assert [scrape.values(SUCCESSFUL) for scrape in (before, after, mended)] == [[1.0], [0.0], [1.0]]
    assert after.values(SUCCESS_TIMESTAMP) == before.values(SUCCESS_TIMESTAMP) < mended.values(SUCCESS_TIMESTAMP)
    assert after.values("mailprobe_success", **of(server)) == [1.0]
    assert "Traceback" not in running.log.text


async def test_what_a_reload_brings_in_does_not_make_a_ready_daemon_unready(config: ConfigFile) -> None:
    may_greet, never = asyncio.Event(), asyncio.Event()
    async with (
        ScriptedServer([Wait(may_greet), *WELL], host="127.0.0.2") as first,
        ScriptedServer([Wait(never), *WELL], host="127.0.0.3") as later,
    ):
        config.name(entry(first))
        async with exporting(config.path) as (running, pages):
            before = await pages.get("/-/ready")
            may_greet.set()
            # Nobody asks whether it is ready between the end of the first round and the reload.
            await pages.scrape_with(lambda scrape: scrape.values("mailprobe_success") == [1.0])
            config.name(entry(first), entry(later))
            await by_request(running, pages)
            after, scrape = await pages.get("/-/ready"), await pages.scrape()

    assert (before.status, after.status) == (503, 200)
    assert scrape.values("mailprobe_first_round_progress_ratio") == [0.5]


async def test_a_session_of_a_target_that_went_ends_as_it_would_have_and_says_nothing(config: ConfigFile) -> None:
    connected, reloaded = asyncio.Event(), asyncio.Event()
    async with (
        ScriptedServer([Reached(connected), Wait(reloaded), *WELL], host="127.0.0.2") as goes,
        ScriptedServer(WELL, host="127.0.0.3") as stays,
    ):
        config.name(entry(stays), entry(goes))
        async with exporting(config.path) as (running, pages):
            await connected.wait()
            config.name(entry(stays))
            await by_request(running, pages)
            reloaded.set()
            await goes.finished()
            scrape = await pages.scrape_with(lambda scrape: scrape.values("mailprobe_success", **of(stays)) == [1.0])

    assert goes.sessions[0].lines[-1] == b"QUIT"
    assert goes.faults == []
    assert scrape.hosts == {stays.host}
    assert "Traceback" not in running.log.text


async def test_a_session_in_flight_outlives_the_roots_of_its_target(
    tmp_path: Path, config: ConfigFile, caplog: pytest.LogCaptureFixture
) -> None:
    root = Authority.create("Root", now=datetime.now(UTC))
    credential = root.issue(["127.0.0.1"])
    old, new = root.write(tmp_path, "old"), root.write(tmp_path, "new")
    connected, reloaded = asyncio.Event(), asyncio.Event()
    # Only a session that comes to the certificate after the reload needs the roots of before.
    script = [Reached(connected), Wait(reloaded), StartTls(ServerTls(credential)), *WELL]
    async with ScriptedServer(script) as server:
        host = f"  - {{host: 127.0.0.1, ports: [{{port: {server.port}, protocol: smtp, tls: implicit}}]}}\n"
        config.write(configuration(host, defaults=f"ca_file: {old}"))
        async with inside(lambda: load(config.path)) as (daemon, _):
            await connected.wait()
            config.write(configuration(host, defaults=f"ca_file: {new}"))
            for _ in range(2):
                assert await daemon.reload() is None
            reloaded.set()
            await server.finished()

    assert [fault for fault in server.faults if fault.session == 0] == []
    assert server.sessions[0].lines[-1] == b"QUIT"
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR] == []


class Reading:
    """Reads a configuration that can be exchanged, takes as long as it is told to, and notes how many read at once."""

    def __init__(self, *entries: str) -> None:
        self.text = configuration(*entries)
        self.may_end = threading.Event()
        self.may_end.set()
        self.at_once = self.most_at_once = self.done = 0
        self._count = threading.Lock()

    def __call__(self) -> Config:
        text = self.text
        with self._count:
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
        self.may_end.wait()
        with self._count:
            self.at_once -= 1
            self.done += 1
        return parse(text, "config.yml")

    async def begun(self) -> None:
        async def holds() -> bool:
            return self.at_once > 0

        await until(holds)

    async def ended(self, times: int) -> None:
        async def holds() -> bool:
            return self.done == times and self.at_once == 0

        await until(holds)


async def test_a_reload_by_signal_and_one_by_request_follow_one_another() -> None:
    async with ScriptedServer(WELL, host="127.0.0.2") as first, ScriptedServer(WELL, host="127.0.0.3") as second:
        reading = Reading(entry(first))
        async with inside(reading) as (daemon, pages), asyncio.TaskGroup() as reloads:
            reading.may_end.clear()
            # Without a handler the signal would end the tests and not only this one.
            assert signal.getsignal(signal.SIGHUP) is not signal.SIG_DFL
            signal.raise_signal(signal.SIGHUP)
            await reading.begun()
            # All of them come while the first one reads; the last ones must see what is written now.
            reading.text = configuration(entry(second))
            direct = reloads.create_task(daemon.reload())
            request = reloads.create_task(pages.reload())
            assert (await pages.get("/-/healthy")).status == 200
            assert not direct.done()
            reading.may_end.set()
            # The reading at the start was the first of four.
            await reading.ended(4)
            assert (await direct, (await request).status) == (None, 200)
            scrape = await pages.scrape_with(lambda scrape: scrape.values("mailprobe_success") == [1.0])

    assert reading.most_at_once == 1
    assert scrape.hosts == {second.host}


async def test_a_reload_that_is_broken_off_changes_nothing_and_the_next_one_works() -> None:
    async with ScriptedServer(WELL, host="127.0.0.2") as first, ScriptedServer(WELL, host="127.0.0.3") as second:
        reading = Reading(entry(first))
        async with inside(reading) as (daemon, pages):
            await pages.ready()
            before, in_force = await pages.scrape(), daemon.config_text()
            reading.text = configuration(entry(second))
            reading.may_end.clear()
            reload = asyncio.create_task(daemon.reload())
            await reading.begun()
            reload.cancel()
            with pytest.raises(asyncio.CancelledError):
                await reload
            reading.may_end.set()
            await reading.ended(2)

            after = await pages.scrape()

            assert daemon.config_text() == in_force
            for name in (SUCCESSFUL, SUCCESS_TIMESTAMP, "mailprobe_targets", "mailprobe_success"):
                assert list(after.found(name)) == list(before.found(name))
            assert (await daemon.reload(), daemon.config_text() == in_force) == (None, False)
            assert {state.target.host for state in daemon.states()} == {second.host}


def test_the_roots_that_only_a_reference_needs_are_loaded(tmp_path: Path) -> None:
    roots = Authority.create("Root", now=datetime.now(UTC)).write(tmp_path)
    text = f"references: {{465: [mx.example.net]}}\nhosts: [{{host: 127.0.0.1, ca_file: {roots}, ports: [465]}}]\n"
    config = parse(text, "config.yml")
    stores = prepare(lambda: config).stores
    assert {reference.ca_file for reference in config.references} == {None}
    assert stores[None].size > stores[str(roots)].size == 1


def test_a_target_that_reads_as_before_is_the_very_object_that_it_was() -> None:
    """What is known of it is kept by its identity, and its values are in memory once."""

    def read(ports: str) -> Config:
        return parse(f"hosts: [{{host: a.example.org, ports: [25]}}, {{host: b.example.org, ports: [{ports}]}}]\n", "x")

    first = read("25, 465")
    again = prepare(lambda: read("{port: 25, interval: 10m}, 465, 587"), first).config
    assert again.targets == read("{port: 25, interval: 10m}, 465, 587").targets
    held = {id(target) for target in first.targets}
    kept = [(target.host, target.service.port) for target in again.targets if id(target) in held]
    families = len(first.targets[0].ip_families)
    assert kept == [("a.example.org", 25)] * families + [("b.example.org", 465)] * families
