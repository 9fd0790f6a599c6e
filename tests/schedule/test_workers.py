"""Probes in processes of their own: the same results, whatever becomes of the processes."""

import asyncio
import gc
import logging
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from exporter import cycles
from exporter.demo.mint import Authority
from exporter.demo.scripted import Expect, Hang, Reached, Script, ScriptedServer, Send, StartTls, Wait
from exporter.demo.tls import ServerTls
from exporter.probe.certificate.judge import CertificateJudge
from exporter.probe.certificate.trust import TrustStores
from exporter.probe.prober import Prober
from exporter.probe.resolve import SystemResolver
from exporter.probe.session import Means
from exporter.probe.tls import TlsClient
from exporter.results import CertificateFault, Durations, LatencyClock, Outcome, Phase, ProbeResult
from exporter.schedule.message import Settings
from exporter.schedule.pool import WorkerPool, pause, share
from exporter.schedule.worker import serve
from exporter.targets import (
    AuthRule,
    Expectation,
    IpFamily,
    PortState,
    Protocol,
    Service,
    StarttlsRule,
    Target,
    Timeouts,
    TlsMode,
)
from tests.probe.conftest import at_once
from tests.probe.nameserver import NameServer, records
from tests.real.require import lack
from tests.running import PATIENCE

ADDRESS = "127.0.0.1"
NAME = "mail.example.org"

# Where nothing listens but what a test puts there, on the one port at which name servers are asked.
NAME_SERVER = "127.0.53.1"

GREETING = Send(b"220 mail.example.org ESMTP\r\n")
EHLO = Expect(b"EHLO ")
PLAIN: Script = (GREETING, EHLO, Send(b"250 mail.example.org\r\n"), Expect(b"QUIT"), Send(b"221 bye\r\n"))


@pytest.fixture(scope="module")
def authority() -> Authority:
    # Workers judge certificates by the clock on the wall.
    return Authority.create("Private root", now=datetime.now(UTC))


@pytest.fixture(scope="module")
def server_tls(authority: Authority) -> ServerTls:
    return ServerTls(authority.issue([NAME]))


@pytest.fixture(scope="module")
def roots(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(authority.write(tmp_path_factory.mktemp("roots")))


@pytest.fixture
def settings(roots: str) -> Settings:
    return Settings(TrustStores([roots]), (), "monitor.example.org", logging.INFO)


@pytest.fixture
async def pool(settings: Settings) -> AsyncIterator[WorkerPool]:
    pool = WorkerPool(1, settings)
    async with pool.running():
        yield pool


def target(port: int, tls: TlsMode = TlsMode.NONE, **changes: object) -> Target:
    """A target on loopback, which is its own answer of DNS."""
    expectation = Expectation(PortState.OPEN, StarttlsRule.OPTIONAL, True, AuthRule.ALLOWED)
    plain = Target(ADDRESS, Service(port, Protocol.SMTP, tls), IpFamily.IPV4, expectation, ip_families=(IpFamily.IPV4,))
    return replace(plain, server_name=NAME, **changes)  # type: ignore[arg-type]  # the tests name fields of Target


@dataclass
class Door:
    """A hold that notes who asks, and may be shut."""

    open: asyncio.Event = field(default_factory=asyncio.Event)
    asked: asyncio.Event = field(default_factory=asyncio.Event)
    seen: list[str] = field(default_factory=list)

    @asynccontextmanager
    async def __call__(self, host: str, address: str) -> AsyncIterator[None]:
        self.seen.append(f"asked for {host} at {address}")
        self.asked.set()
        await self.open.wait()
        self.seen.append("entered")
        try:
            yield
        finally:
            self.seen.append("left")


def open_door() -> Door:
    door = Door()
    door.open.set()
    return door


def upgraded(tls: ServerTls) -> Script:
    offered = (EHLO, Send(b"250-mail.example.org\r\n250 STARTTLS\r\n"), Expect(b"STARTTLS"), Send(b"220 go\r\n"))
    return (GREETING, *offered, StartTls(tls), *PLAIN[1:])


def stalled(reached: asyncio.Event) -> Script:
    """A session that is in the middle of something when `reached` is set, and stays there."""
    return (GREETING, EHLO, Reached(reached), Hang())


SESSIONS: dict[str, tuple[TlsMode, Callable[[ServerTls], Script]]] = {
    "in the clear": (TlsMode.NONE, lambda _: PLAIN),
    "upgraded": (TlsMode.STARTTLS, upgraded),
    "encrypted from the start": (TlsMode.IMPLICIT, lambda tls: (StartTls(tls), *PLAIN)),
    "turned away": (TlsMode.STARTTLS, lambda _: (Send(b"554 no\r\n"), Expect(b"QUIT"), Send(b"221 bye\r\n"))),
    "hung up on": (TlsMode.STARTTLS, lambda _: (GREETING, EHLO)),
    "no TLS on a port for TLS": (TlsMode.IMPLICIT, lambda _: (GREETING, Hang())),
}


def without_times(result: ProbeResult) -> ProbeResult:
    """What two probes of one server have in common."""
    assert result.resolution is not None
    return replace(
        result,
        started=0.0,
        duration=0.0,
        durations=Durations.of((phase, 0.0) for phase in result.durations.phases),
        clock=LatencyClock.LOOP,
        resolution=replace(result.resolution, duration=0.0),
    )


@pytest.mark.parametrize("session", SESSIONS)
async def test_a_worker_finds_what_a_prober_finds(
    session: str, pool: WorkerPool, settings: Settings, server_tls: ServerTls, roots: str
) -> None:
    mode, script = SESSIONS[session]
    means = Means(TlsClient(), CertificateJudge(settings.stores), settings.machine_name)
    prober = Prober(SystemResolver(asyncio.get_running_loop().time), means)
    async with ScriptedServer(script(server_tls)) as server:
        probed = target(server.port, mode, ca_file=roots)

        here, there = await prober(probed, at_once), await pool(probed, at_once)

        assert without_times(there) == without_times(here)
        assert there.target is probed
        await server.finished(2)
        assert len(server.sessions) == 2


async def test_a_port_that_refuses_is_closed(pool: WorkerPool) -> None:
    with socket.socket() as unused:
        unused.bind((ADDRESS, 0))

        result = await pool(target(unused.getsockname()[1]), at_once)

    assert (result.outcome, result.phase, result.port_open) == (Outcome.CONNECT_REFUSED, Phase.CONNECT, False)


async def test_a_session_begins_when_the_first_process_lets_it_in(pool: WorkerPool) -> None:
    door = Door()
    async with ScriptedServer(PLAIN) as server, asyncio.TaskGroup() as group:
        probe = group.create_task(pool(target(server.port), door))
        await door.asked.wait()
        # Another session of the same worker comes and goes meanwhile: it had every chance to connect.
        assert (await pool(target(server.port), at_once)).outcome is Outcome.OK
        assert len(server.sessions) == 1
        door.open.set()

        assert (await probe).outcome is Outcome.OK
        assert len(server.sessions) == 2
        assert door.seen == [f"asked for {ADDRESS} at {ADDRESS}", "entered", "left"]


async def test_a_probe_of_two_sessions_asks_for_each_and_has_left_the_first_before_it_enters_the_second(
    pool: WorkerPool, server_tls: ServerTls, roots: str
) -> None:
    # In plain text it is silent, and so it is asked whether it waits for TLS.
    inside = (StartTls(server_tls), *PLAIN)
    async with ScriptedServer(lambda number: inside if number == 1 else (Hang(),)) as server:
        door = open_door()
        result = await pool(target(server.port, timeouts=Timeouts(greeting=0.2), ca_file=roots), door)

        assert result.outcome is Outcome.TLS_ON_PLAIN_PORT
        assert door.seen == [f"asked for {ADDRESS} at {ADDRESS}", "entered", "left"] * 2


async def test_a_target_that_changed_is_probed_as_it_is_now(pool: WorkerPool) -> None:
    async with ScriptedServer(PLAIN) as server:
        for name in ("one.example.org", "one.example.org", "other.example.org"):
            await pool(target(server.port, ehlo_name=name), at_once)

        await server.finished(3)
        assert [session.lines[0] for session in server.sessions] == [
            *(b"EHLO one.example.org", b"EHLO one.example.org", b"EHLO other.example.org")
        ]


async def test_a_killed_worker_is_replaced_and_its_probe_made_again(pool: WorkerPool) -> None:
    door, reached = open_door(), asyncio.Event()
    async with ScriptedServer(stalled(reached), PLAIN) as server, asyncio.TaskGroup() as group:
        probe = group.create_task(pool(target(server.port), door))
        await reached.wait()
        before = pool.pids
        os.kill(before[0], signal.SIGKILL)

        assert (await probe).outcome is Outcome.OK
        assert (pool.alive, pool.restarts) == (1, 1)
        assert pool.pids != before
        # Its place was given back in between, so that the server had its pause.
        assert door.seen == [f"asked for {ADDRESS} at {ADDRESS}", "entered", "left"] * 2
        assert not is_there(before[0])


async def test_a_killed_worker_loses_nobody_who_waits_for_a_turn(pool: WorkerPool) -> None:
    door = Door()
    async with ScriptedServer(PLAIN) as server, asyncio.TaskGroup() as group:
        probe = group.create_task(pool(target(server.port), door))
        await door.asked.wait()
        os.kill(pool.pids[0], signal.SIGKILL)
        await until(lambda: pool.restarts == pool.alive == 1)
        door.open.set()

        assert (await probe).outcome is Outcome.OK
        assert len(server.sessions) == 1


async def test_a_probe_that_loses_two_workers_is_told_as_not_made(pool: WorkerPool) -> None:
    reached = [asyncio.Event(), asyncio.Event()]
    async with ScriptedServer(lambda number: stalled(reached[number])) as server, asyncio.TaskGroup() as group:
        probed = target(server.port)
        probe = group.create_task(pool(probed, at_once))
        for event in reached:
            await event.wait()
            os.kill(pool.pids[0], signal.SIGKILL)

        result = await probe

        assert (result.target, result.outcome, result.port_open) == (probed, Outcome.LOCAL_ERROR, None)
        assert result.detail


async def test_a_killed_worker_takes_nothing_from_another_one(settings: Settings) -> None:
    pool = WorkerPool(2, settings)
    one, other = (next(host for host in hosts() if share(host, 2) == number) for number in range(2))
    reached = {one: asyncio.Event(), other: asyncio.Event()}
    go_on = asyncio.Event()
    script = (GREETING, EHLO, Reached(reached[other]), Wait(go_on), *PLAIN[2:])
    door = open_door()
    async with (
        asyncio.timeout(PATIENCE),
        pool.running(),
        ScriptedServer(stalled(reached[one]), PLAIN) as killed,
        ScriptedServer(script) as spared,
        asyncio.TaskGroup() as group,
    ):
        # Alone at first, to know which process is whose.
        first = group.create_task(pool(target(killed.port, host=one, address=ADDRESS), at_once))
        second = group.create_task(pool(target(spared.port, host=other, address=ADDRESS), door))
        for event in reached.values():
            await event.wait()
        os.kill(pool.pids[0], signal.SIGKILL)

        assert (await first).outcome is Outcome.OK
        go_on.set()
        assert (await second).outcome is Outcome.OK
        assert door.seen.count("entered") == 1
        assert pool.restarts == 1


async def test_a_worker_that_hangs_is_replaced(settings: Settings) -> None:
    pool = WorkerPool(1, settings, patience=1.0)
    async with asyncio.timeout(PATIENCE), pool.running(), ScriptedServer(PLAIN) as server:
        assert (await pool(target(server.port), at_once)).outcome is Outcome.OK
        stopped = pool.pids[0]
        os.kill(stopped, signal.SIGSTOP)

        assert (await pool(target(server.port), at_once)).outcome is Outcome.OK
        assert not is_there(stopped)


async def test_a_signal_to_all_processes_leaves_the_sessions_in_peace(pool: WorkerPool) -> None:
    reached, go_on = asyncio.Event(), asyncio.Event()
    script = (GREETING, EHLO, Reached(reached), Wait(go_on), *PLAIN[2:])
    async with ScriptedServer(script) as server, asyncio.TaskGroup() as group:
        probe = group.create_task(pool(target(server.port), at_once))
        await reached.wait()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            os.kill(pool.pids[0], number)
        go_on.set()

        assert (await probe).outcome is Outcome.OK
        assert pool.restarts == 0
        await server.finished()
        assert not server.faults


async def test_a_signal_in_the_first_moment_of_a_worker_does_not_end_it(pool: WorkerPool) -> None:
    await until(lambda: bool(pool.pids))
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        os.kill(pool.pids[0], number)

    async with ScriptedServer(PLAIN) as server:
        assert (await pool(target(server.port), at_once)).outcome is Outcome.OK
    assert pool.restarts == 0


async def test_a_probe_that_is_cancelled_ends_its_session_and_gives_back_its_place(pool: WorkerPool) -> None:
    door, reached = open_door(), asyncio.Event()
    async with ScriptedServer(stalled(reached), PLAIN) as server:
        probe = asyncio.create_task(pool(target(server.port), door))
        await reached.wait()
        probe.cancel()
        with pytest.raises(asyncio.CancelledError):
            await probe

        assert door.seen[-1] == "left"
        # The worker hangs up, and goes on with others.
        await server.finished(1)
        assert (await pool(target(server.port), at_once)).outcome is Outcome.OK
        assert pool.restarts == 0


async def test_a_probe_that_is_cancelled_while_it_waits_never_connects(pool: WorkerPool) -> None:
    door = Door()
    async with ScriptedServer(PLAIN) as server:
        probe = asyncio.create_task(pool(target(server.port), door))
        await door.asked.wait()
        probe.cancel()
        with pytest.raises(asyncio.CancelledError):
            await probe
        door.open.set()

        assert (await pool(target(server.port), at_once)).outcome is Outcome.OK
        assert len(server.sessions) == 1
        assert "entered" not in door.seen


async def test_other_roots_hold_after_a_reload(
    pool: WorkerPool, server_tls: ServerTls, roots: str, tmp_path: Path
) -> None:
    stranger = Authority.create("Another root", now=datetime.now(UTC)).write(tmp_path)
    own, foreign = (Path(file).read_bytes() for file in (roots, stranger))  # noqa: ASYNC240 (two small files)
    changing = tmp_path / "changing.pem"
    faults = []
    async with ScriptedServer(upgraded(server_tls)) as server:
        for pem in (own, foreign, own):
            changing.write_bytes(pem)
            pool.settle(Settings(TrustStores([str(changing)]), (), None, logging.INFO))
            # What was read counts, not what has become of the file.
            changing.unlink()
            result = await pool(target(server.port, TlsMode.STARTTLS, ca_file=str(changing)), at_once)
            assert result.verdict is not None
            faults.append(result.verdict.faults)

    assert faults == [(), (CertificateFault.ISSUER_MISSING,), ()]


async def test_other_name_servers_are_asked_after_a_reload(pool: WorkerPool, settings: Settings) -> None:
    name_server = NameServer({(NAME, "A"): [records(NAME, 60, "A", ADDRESS)]})
    try:
        # Bound here and not by itself: a worker asks on the port on which all the world does.
        transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(lambda: name_server, (NAME_SERVER, 53))
        name_server._transport = transport
    except OSError as error:
        lack(f"port 53 of {NAME_SERVER} cannot be had: {error}")
    async with ScriptedServer(PLAIN) as server:
        pool.settle(replace(settings, nameservers=(NAME_SERVER,)))

        result = await pool(target(server.port, host=NAME), at_once)

    transport.close()
    assert result.outcome is Outcome.OK
    assert name_server.questions == [(NAME, "A")]


async def test_a_replacement_knows_what_was_reloaded(
    pool: WorkerPool, settings: Settings, server_tls: ServerTls, tmp_path: Path, roots: str
) -> None:
    async with ScriptedServer(upgraded(server_tls)) as server:
        stranger = str(Authority.create("Another root", now=datetime.now(UTC)).write(tmp_path))
        await pool(target(server.port), at_once)
        pool.settle(replace(settings, stores=TrustStores([roots, stranger])))
        os.kill(pool.pids[0], signal.SIGKILL)
        await until(lambda: pool.restarts == pool.alive == 1)

        result = await pool(target(server.port, TlsMode.STARTTLS, ca_file=stranger), at_once)

    assert result.verdict is not None
    assert result.verdict.faults == (CertificateFault.ISSUER_MISSING,)


async def test_a_host_is_always_probed_by_the_worker_that_knows_it(settings: Settings) -> None:
    pool = WorkerPool(4, settings)
    async with asyncio.timeout(PATIENCE), pool.running(), ScriptedServer((Hang(),)) as server:
        silent = target(server.port, timeouts=Timeouts(greeting=0.2, handshake=0.2, reply=0.2))
        for _ in range(3):
            assert (await pool(silent, at_once)).outcome is Outcome.GREETING_TIMEOUT

    # A silent port is asked once a day whether it waits for TLS: another worker would have asked again.
    assert len(server.sessions) == 4


def hosts() -> Iterator[str]:
    """Addresses of loopback, which resolve to themselves."""
    return (f"127.0.1.{number}" for number in range(1, 255))


def test_hosts_are_spread_over_the_workers_and_stay_where_they_are() -> None:
    counts = [sum(share(host, 4) == number for host in hosts()) for number in range(4)]

    assert all(count > 254 / 4 / 2 for count in counts)
    assert share("mail.example.org", 7) == 4


async def test_what_a_worker_has_to_log_is_logged_here(pool: WorkerPool, caplog: pytest.LogCaptureFixture) -> None:
    async with ScriptedServer(
        upgraded(ServerTls(Authority.create("Any", now=datetime.now(UTC)).issue([NAME])))
    ) as server:
        # Roots that no configuration has named are a fault of ours.
        result = await pool(target(server.port, TlsMode.STARTTLS, ca_file="/nowhere"), at_once)

    assert result.outcome is Outcome.INTERNAL_ERROR
    (record,) = [record for record in caplog.records if record.name == "exporter.probe.prober"]
    assert "failed by a fault of mailprobe" in record.getMessage()
    assert "KeyError" in record.__dict__["facts"]["traceback"]


async def test_a_worker_looks_for_garbage_as_seldom_as_the_first_process() -> None:
    usual, handlers = gc.get_threshold(), logging.getLogger().handlers[:]
    ours, theirs = socket.socketpair()
    with cycles.seldom():
        seldom = gc.get_threshold()
    with ours:
        serving = asyncio.create_task(serve(theirs))
        await asyncio.sleep(0)
        within = gc.get_threshold()
        ours.shutdown(socket.SHUT_WR)
        await serving
    # A worker is a process of its own, and leaves the log to nobody.
    logging.getLogger().handlers[:] = handlers
    assert within == seldom != usual
    assert gc.get_threshold() == usual


async def test_a_stop_leaves_no_process_behind(settings: Settings) -> None:
    pool = WorkerPool(2, settings)
    async with asyncio.timeout(PATIENCE), ScriptedServer(PLAIN) as server:
        async with pool.running():
            assert (await pool(target(server.port), at_once)).outcome is Outcome.OK
            pids = pool.pids
        assert len(pids) == 2
        assert not any(map(is_there, pids))
        assert pool.alive == 0


async def test_a_stop_does_not_wait_for_a_worker_that_hangs(settings: Settings) -> None:
    pool = WorkerPool(1, settings)
    async with asyncio.timeout(PATIENCE), ScriptedServer(PLAIN) as server:
        async with pool.running():
            assert (await pool(target(server.port), at_once)).outcome is Outcome.OK
            (pid,) = pool.pids
            os.kill(pid, signal.SIGSTOP)
        assert not is_there(pid)


async def test_a_stop_while_a_dead_worker_is_buried_leaves_no_zombie(settings: Settings) -> None:
    pool = WorkerPool(1, settings)
    async with asyncio.timeout(PATIENCE):
        async with pool.running():
            await until(lambda: pool.alive == 1)
            (pid,) = pool.pids
            os.kill(pid, signal.SIGKILL)
            await until(lambda: pid not in pool.pids)
        assert not is_there(pid)


ORPHANING = """
import asyncio, logging, sys
from exporter.probe.certificate.trust import TrustStores
from exporter.schedule.message import Settings
from exporter.schedule.pool import WorkerPool

async def main():
    pool = WorkerPool(2, Settings(TrustStores([sys.argv[1]]), (), None, logging.INFO))
    async with pool.running():
        while len(pool.pids) < 2:
            await asyncio.sleep(0.01)
        print("running", flush=True)
        await asyncio.Event().wait()

asyncio.run(main())
"""


async def test_workers_end_with_the_first_process_however_that_ends(roots: str) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", ORPHANING, roots), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stderr is not None
    async with asyncio.timeout(PATIENCE):
        assert await process.stdout.readline() == b"running\n"
        process.kill()
        # The workers hold the other end of this stream: it ends when the last of them has.
        assert await process.stderr.read() == b""
        assert await process.wait() == -signal.SIGKILL


@pytest.mark.parametrize(
    ("short_lives", "seconds"), [(0, 0.0), (1, 0.0), (2, 1.0), (3, 2.0), (7, 32.0), (8, 60.0), (10_000, 60.0)]
)
def test_a_worker_is_replaced_at_once_and_one_that_ends_again_and_again_ever_later(
    short_lives: int, seconds: float
) -> None:
    assert pause(short_lives) == seconds


def is_there(pid: int) -> bool:
    """Whether the process runs, or has ended and nobody has asked for its exit code."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


async def until(condition: Callable[[], bool]) -> None:
    """Return as soon as it holds."""
    while not condition():  # noqa: ASYNC110 (a process that comes and goes sets no event here)
        await asyncio.sleep(0.01)
