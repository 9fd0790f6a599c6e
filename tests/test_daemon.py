"""The daemon as its users have it: how it starts and stops, what it logs, and that one server cannot harm another."""

import asyncio
import logging
import signal
import socket
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from exporter.config.load import parse
from exporter.config.model import Config
from exporter.demo.scripted import Close, Drip, Hang, Reached, Repeat, ScriptedServer, Send, Wait
from exporter.results import Outcome, Resolution
from exporter.schedule.addresses import MOST_ADDRESSES
from exporter.targets import IpFamily
from tests.running import FREE_PORT, PATIENCE, Scrape, exporting, inside, started, until
from tests.served import WELL, ConfigFile, configuration, entry, of

CHANGED = "target changed state"

# To an address to which no machine has a way, the kernel answers as it does without a route.
NOWHERE = "255.255.255.255"


@pytest.fixture
def config(tmp_path: Path) -> ConfigFile:
    return ConfigFile(tmp_path / "config.yml")


def often(text: str) -> Callable[[], Config]:
    """Reads a configuration whose targets are probed five times a second, which no file may ask for."""
    read = parse(text, "config.yml")
    targets = tuple(replace(target, interval=0.2) for target in read.targets)
    return lambda: replace(read, targets=targets)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "SIGINT"])
async def test_a_signal_lets_the_session_in_flight_say_goodbye_and_ends_with_0(
    number: signal.Signals, config: ConfigFile
) -> None:
    connected, signalled = asyncio.Event(), asyncio.Event()
    async with ScriptedServer([Reached(connected), Wait(signalled), *WELL]) as server:
        config.name(entry(server))
        async with exporting(config.path) as (running, _):
            await connected.wait()
            running.send(number)
            await running.logged("stopping: sessions in flight may say goodbye")
            # Only now does the server greet: everything that is said is said after the signal.
            signalled.set()
            await server.finished()
            code = await running.exit_code()

    assert (code, server.faults) == (0, [])
    assert server.sessions[0].lines == [b"EHLO monitor.example.org", b"QUIT"]
    assert [event["to"] for event in running.events(CHANGED)] == ["ok"]
    assert "Traceback" not in running.log.text


async def test_a_session_that_hangs_is_cut_and_the_stop_does_not_wait_for_it(config: ConfigFile) -> None:
    connected = asyncio.Event()
    async with ScriptedServer([Reached(connected), Hang()]) as server:
        # Longer than the patience of this test: only the stop can end the session.
        config.name(entry(server, ", timeouts: {greeting: 5m, total: 10m}"))
        async with exporting(config.path) as (running, _):
            await connected.wait()
            running.send(signal.SIGTERM)
            code = await running.exit_code()
        await server.finished()

    assert code == 0
    assert server.received == [b""]
    assert running.events(CHANGED) == []
    assert "Traceback" not in running.log.text


async def test_a_port_that_is_taken_is_told_and_ends_with_1(config: ConfigFile) -> None:
    config.write("defaults: {ehlo_name: monitor.example.org}\nhosts: [{host: 127.0.0.1, ports: [25]}]\n")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        async with started("run", f"--config.file={config.path}", f"--web.listen-address={address}") as running:
            code = await running.exit_code()

    assert (code, running.printed.text) == (1, "")
    assert running.log.lines == [f"cannot listen at {address}: address already in use (is another mailprobe running?)"]


async def test_a_configuration_with_faults_ends_with_2_and_all_of_them(config: ConfigFile) -> None:
    config.write("hosts:\n  - {host: 127.0.0.1, ports: [{port: 25, tls: maybe}]}\n  - host: a b\nspeed: 3\n")
    async with started("run", f"--config.file={config.path}", f"--web.listen-address={FREE_PORT}") as running:
        code = await running.exit_code()

    assert (code, running.printed.text) == (2, "")
    places = [line.removeprefix(f"{config.path}:").split(": ")[:2] for line in running.log.lines]
    assert places == [["2", "hosts[0].ports[0].tls"], ["3", "hosts[1].host"], ["4", "speed"]]


async def test_the_log_says_where_it_listens(config: ConfigFile) -> None:
    config.name("  - {host: 127.0.0.1, ports: [{port: 1, protocol: smtp, tls: none}]}\n")
    async with exporting(config.path) as (running, pages):
        (event,) = await running.logged("listening")
        reply = await pages.get("/-/healthy")

    assert event["address"] == pages.url
    assert reply.status == 200


@pytest.mark.parametrize("form", ["logfmt", "json"])
async def test_control_characters_of_a_server_are_visible_escapes_in_the_log(form: str, config: ConfigFile) -> None:
    async with ScriptedServer([Send(b"HTTP/1.1 \x1b[2J\x07\x00\xff\x9b evil\r\n"), Hang()]) as server:
        config.name(entry(server))
        words = ("run", f"--config.file={config.path}", f"--web.listen-address={FREE_PORT}", f"--log.format={form}")
        async with started(*words) as running:
            line = await running.log.line(lambda line: CHANGED in line)

    assert line.isascii()
    assert line.isprintable()
    assert r"HTTP/1.1 \x1b[2J\x07\x00\xff\x9b evil" in line.replace("\\\\", "\\")


async def test_a_change_of_state_is_one_line_and_a_probe_is_none(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    # Three sessions that go well, three that end at once, and well again.
    async with (
        ScriptedServer(lambda number: [Close()] if 3 <= number < 6 else WELL) as server,
        inside(often(configuration(entry(server)))) as (_, pages),
    ):
        await pages.scrape_with(lambda scrape: sum(scrape.values("mailprobe_probes_total")) >= 9)

    lines = [record for record in caplog.records if record.getMessage() == CHANGED]
    facts = [getattr(record, "facts", {}) for record in lines]
    assert [(found["from"], found["to"]) for found in facts] == [
        (None, Outcome.OK),
        (Outcome.OK, Outcome.CLOSED_EARLY),
        (Outcome.CLOSED_EARLY, Outcome.OK),
    ]
    assert all(of(server).items() <= found.items() for found in facts)
    # A server that fails is no fault of mailprobe's.
    assert {record.levelno for record in lines} == {logging.INFO}


class Told:
    """Knows the names it was told, and counts how often each is asked for; a `Resolver`."""

    def __init__(self, **addresses: str) -> None:
        self.addresses = addresses
        self.asked: Counter[str] = Counter()

    async def resolve(self, host: str, families: frozenset[IpFamily]) -> Resolution:
        label = host.partition(".")[0]
        self.asked[label] += 1
        return Resolution(Outcome.OK, (self.addresses[label],), None, 0.0)

    async def asked_again(self, times: int = 3) -> None:
        """Wait until every name was asked for so often more; all of these probes but the last have ended."""
        wanted = Counter({label: self.asked[label] + times for label in self.addresses})

        async def holds() -> bool:
            return wanted <= self.asked

        await until(holds)


async def test_a_name_of_many_addresses_is_ready_when_its_addresses_were_probed() -> None:
    async with ScriptedServer(WELL) as server:
        text = configuration(entry(server, name="a.example.org"), defaults="ehlo_name: m.example.org, addresses: all")
        async with inside(often(text), Told(a=server.host)) as (_, pages):
            await pages.ready()
            scrape = await pages.scrape()

    assert scrape.label("mailprobe_success", "address") == [server.host]


class Crowded:
    """One name with more addresses than are probed; a `Resolver`."""

    def __init__(self) -> None:
        self.asked = 0
        self.asked_often = asyncio.Event()

    async def resolve(self, host: str, families: frozenset[IpFamily]) -> Resolution:
        self.asked += 1
        if self.asked == 3 * MOST_ADDRESSES:
            self.asked_often.set()
        addresses = tuple(f"127.0.2.{number}" for number in range(1, MOST_ADDRESSES + 9))
        return Resolution(Outcome.OK, addresses, None, 0.0)


async def test_addresses_that_are_too_many_are_told_once(caplog: pytest.LogCaptureFixture) -> None:
    async with ScriptedServer(WELL) as server:
        text = configuration(entry(server, name="a.example.org"), defaults="ehlo_name: m.example.org, addresses: all")
        crowded = Crowded()
        async with inside(often(text), crowded):
            await asyncio.wait_for(crowded.asked_often.wait(), PATIENCE)

    told = [getattr(record, "facts", {}) for record in caplog.records if "more addresses" in record.getMessage()]
    assert [(facts["host"], facts["ip_family"], facts["left_out"]) for facts in told] == [
        ("a.example.org", IpFamily.IPV4, 8)
    ]


def routes_missing(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if "no route" in record.getMessage()]


async def test_a_family_without_a_route_is_told_once_whatever_other_targets_do(
    caplog: pytest.LogCaptureFixture,
) -> None:
    names = ("near", "far", "farther")
    async with ScriptedServer(WELL) as server:
        text = configuration(*(entry(server, name=f"{name}.example.org") for name in names))
        told = Told(near=server.host, far=NOWHERE, farther=NOWHERE)
        async with inside(often(text), told) as (_, pages):
            await told.asked_again(4)
            scrape = await pages.scrape()

    assert routes_missing(caplog) == ["this machine has no route for ipv4: targets without one are left out"]
    assert set(scrape.label("mailprobe_probes_total", "host")) == {"near.example.org"}


async def test_a_route_that_was_back_and_is_lost_again_is_told_again(caplog: pytest.LogCaptureFixture) -> None:
    async with ScriptedServer(WELL) as server:
        told = Told(far=NOWHERE)
        async with inside(often(configuration(entry(server, name="far.example.org"))), told):
            await told.asked_again()
            told.addresses["far"] = server.host
            await told.asked_again()
            told.addresses["far"] = NOWHERE
            await told.asked_again()

    assert len(routes_missing(caplog)) == 2


def succeeding(values: list[float], scrape: Scrape) -> bool:
    return scrape.values("mailprobe_success") == values


async def test_a_missing_route_to_an_address_that_left_is_not_remembered_for_ever(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with ScriptedServer(WELL) as server:
        text = configuration(entry(server, name="far.example.org"), defaults="ehlo_name: a.example.org, addresses: all")
        told = Told(far=NOWHERE)
        async with inside(often(f"address_grace: 0s\n{text}"), told) as (_, pages):
            for address in (NOWHERE, server.host, NOWHERE):
                told.addresses["far"] = address
                reached = [1.0] if address == server.host else []
                await pages.scrape_with(partial(succeeding, reached))
                # Each address is a target of its own a second after it was told.
                await told.asked_again(8)

    assert len(routes_missing(caplog)) == 2


async def test_a_hostile_server_does_not_harm_the_probes_of_another() -> None:
    dripping = asyncio.Event()
    async with (
        ScriptedServer(WELL, host="127.0.0.2") as good,
        ScriptedServer([Repeat(b"220-and so on\r\n")], host="127.0.0.3") as endless,
        ScriptedServer([Reached(dripping), Drip(b"220-" + b"x" * 400, pause=1.0)], host="127.0.0.4") as slow,
    ):
        text = configuration(*(entry(server) for server in (good, endless, slow)))
        async with inside(often(text)) as (_, pages):
            await dripping.wait()
            await endless.finished(3)
            await good.finished(len(good.sessions) + 3)
            scrape = await pages.scrape_with(lambda scrape: scrape.values("mailprobe_success", **of(endless)) != [])

    assert scrape.values("mailprobe_success", **of(good)) == [1.0]
    assert scrape.label("mailprobe_probes_total", "outcome", **of(good)) == ["ok"]
    assert scrape.label("mailprobe_outcome_info", "outcome", **of(endless)) == ["reply_too_long"]
    # Still in its first session, in which it has said a few bytes.
    assert scrape.values("mailprobe_probes_total", **of(slow)) == []
    assert len(slow.sessions) == 1


async def test_the_dialog_is_in_the_log_for_who_asks_for_debug(config: ConfigFile) -> None:
    async with ScriptedServer(WELL) as server:
        config.name(entry(server))
        words = ("run", f"--config.file={config.path}", f"--web.listen-address={FREE_PORT}", "--log.level=debug")
        async with started(*words) as running:
            greeting = await running.log.line(lambda line: 'msg="received 220' in line)
            goodbye = await running.log.line(lambda line: 'msg="sent QUIT"' in line)

    for line in (greeting, goodbye):
        assert "level=debug" in line
        assert f"port={server.port}" in line
