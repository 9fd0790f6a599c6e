"""A whole probe: names that do not resolve, ports that do not answer, silent ports, and faults of our own."""

import asyncio
import os
import resource
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path

import pytest

from exporter.demo.scripted import Expect, Hang, Reached, ScriptedServer, Send, StartTls
from exporter.demo.tls import ServerTls
from exporter.probe.certificate.judge import CertificateJudge
from exporter.probe.certificate.trust import TrustStores
from exporter.probe.prober import Prober
from exporter.probe.session import Means
from exporter.probe.tls import TlsClient
from exporter.results import Durations, Outcome, Phase, ProbeResult, Resolution
from exporter.targets import IpFamily, Timeouts, TlsMode, Variant
from tests.ipv6 import needs_ipv6
from tests.probe.conftest import HOST, NOW, at_once, target

Probe = Callable[..., Awaitable[ProbeResult]]


def prober_for(resolution: Resolution, roots: Path) -> Prober:
    class Told:
        async def resolve(self, host: str, families: frozenset[IpFamily]) -> Resolution:
            return resolution

    means = Means(TlsClient(), CertificateJudge(TrustStores([str(roots)]), NOW.timestamp), None)
    return Prober(Told(), means, NOW.timestamp)


NAMES = {
    "the name does not exist": (Resolution(Outcome.DNS_NXDOMAIN, (), (), 0.1, "no such name"), Outcome.DNS_NXDOMAIN),
    "no server answered": (
        Resolution(Outcome.DNS_ERROR, (), (), 5.0, "no answer", (IpFamily.IPV4, IpFamily.IPV6)),
        Outcome.DNS_ERROR,
    ),
    "no address at all": (Resolution(Outcome.DNS_NO_ADDRESS, (), (), 0.1, "none"), Outcome.DNS_NO_ADDRESS),
    "addresses of the other family only": (Resolution(Outcome.OK, (), ("::1",), 0.1, "none"), Outcome.DNS_NO_ADDRESS),
    "this family's question failed": (
        Resolution(Outcome.OK, (), ("::1",), 0.1, "no answer", (IpFamily.IPV4,)),
        Outcome.DNS_ERROR,
    ),
}


@pytest.mark.parametrize("case", NAMES)
async def test_a_name_without_an_address_is_a_failure_of_dns_and_holds_no_place(case: str, private_roots: Path) -> None:
    resolution, outcome = NAMES[case]

    @asynccontextmanager
    async def nobody(host: str, address: str) -> AsyncIterator[None]:
        raise AssertionError("a place was taken")
        yield

    result = await prober_for(resolution, private_roots)(target(25), nobody)

    assert (result.outcome, result.phase) == (outcome, Phase.RESOLVE)
    assert result.port_open is None
    assert result.resolution == resolution
    assert result.durations == Durations()
    assert result.detail


async def test_a_refused_port_is_closed(probe: Probe) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))

        result = await probe(unused.getsockname()[1])

    assert (result.outcome, result.phase, result.port_open) == (Outcome.CONNECT_REFUSED, Phase.CONNECT, False)
    assert result.findings.greeting is None


async def test_a_port_that_never_answers_is_closed_by_timeout(probe: Probe) -> None:
    with ExitStack() as sockets:
        full = sockets.enter_context(socket.socket())
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        # Linux drops what arrives at a full queue, which is what a filtering firewall does.
        for _ in range(3):
            waiting = sockets.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(full.getsockname())

        result = await probe(full.getsockname()[1], timeouts=Timeouts(connect=0.2))

    assert (result.outcome, result.phase, result.port_open) == (Outcome.CONNECT_TIMEOUT, Phase.CONNECT, False)


async def test_without_a_route_nothing_is_said_about_the_port(private_roots: Path) -> None:
    # The one address to which the kernel finds no way on any machine: it answers a connect as it does without a route.
    resolution = Resolution(Outcome.OK, ("255.255.255.255",), (), 0.0)

    result = await prober_for(resolution, private_roots)(target(25), at_once)

    assert (result.outcome, result.port_open) == (Outcome.NO_ROUTE, None)


async def test_a_source_address_that_is_not_ours_is_named(probe: Probe) -> None:
    result = await probe(25, source_address="192.0.2.77")

    assert (result.outcome, result.port_open) == (Outcome.LOCAL_ERROR, None)
    assert "192.0.2.77" in result.detail


async def test_being_out_of_files_is_our_own_trouble_and_says_nothing_about_the_port(probe: Probe) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    # Whatever opens a file now takes the last descriptor there is.
    used = os.open(os.devnull, os.O_RDONLY)
    resource.setrlimit(resource.RLIMIT_NOFILE, (used, hard))
    try:
        result = await probe(25)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        os.close(used)

    assert (result.outcome, result.port_open) == (Outcome.LOCAL_ERROR, None)


async def test_an_address_with_a_zone_that_is_none_is_our_own_trouble(private_roots: Path) -> None:
    resolution = Resolution(Outcome.OK, (), ("fe80::1%nowhere",), 0.0)

    result = await prober_for(resolution, private_roots)(target(25, ip_family=IpFamily.IPV6), at_once)

    assert (result.outcome, result.port_open) == (Outcome.LOCAL_ERROR, None)


async def test_the_total_limit_includes_the_lookup(private_roots: Path) -> None:
    resolution = Resolution(Outcome.OK, ("127.0.0.1",), (), 59.9)
    async with ScriptedServer([Hang()]) as server:
        result = await prober_for(resolution, private_roots)(target(server.port), at_once)

    assert result.outcome is Outcome.TOTAL_TIMEOUT


async def test_a_source_address_is_used(probe: Probe) -> None:
    async with ScriptedServer([Send(b"220 hello\r\n"), Expect(rb"EHLO \[127\.0\.0\.5\]")]) as server:
        await probe(server.port, source_address="127.0.0.5", ehlo_name=None)
        await server.finished()

    assert server.faults == []


@needs_ipv6
async def test_both_families_are_probed_alike(private_roots: Path) -> None:
    resolution = Resolution(Outcome.OK, ("127.0.0.1",), ("::1",), 0.0)
    async with ScriptedServer([Send(b"554 no\r\n")], host="::1") as server:
        result = await prober_for(resolution, private_roots)(target(server.port, ip_family=IpFamily.IPV6), at_once)

    assert (result.outcome, result.address) == (Outcome.GREETING_REJECTED, "::1")


SILENT_THEN_TLS = Timeouts(greeting=0.2, handshake=5, total=20)


def tls_server(tls: ServerTls, asked: int = 1) -> ScriptedServer:
    """A server with implicit TLS: in plain text it is silent, and closes when the client does.

    `asked`: the session that asks for TLS, counted from 0.
    """
    inside = [StartTls(tls), Send(b"220 hello\r\n"), Expect(b"EHLO"), Send(b"250 hello\r\n"), Expect(b"QUIT")]
    return ScriptedServer(lambda number: inside if number == asked else [Hang()])


async def test_a_silent_port_that_speaks_tls_is_told_from_a_dead_one(probe: Probe, server_tls: ServerTls) -> None:
    async with tls_server(server_tls) as server:
        result = await probe(server.port, timeouts=SILENT_THEN_TLS)

    assert result.outcome is Outcome.TLS_ON_PLAIN_PORT
    assert len(server.sessions) == 2


async def test_a_silent_port_is_asked_for_tls_once_a_day(probe: Probe, server_tls: ServerTls) -> None:
    async with tls_server(server_tls) as server:
        first = await probe(server.port, timeouts=SILENT_THEN_TLS)
        second = await probe(server.port, timeouts=SILENT_THEN_TLS)

    assert (first.outcome, second.outcome) == (Outcome.TLS_ON_PLAIN_PORT, Outcome.TLS_ON_PLAIN_PORT)
    assert len(server.sessions) == 3


async def test_the_question_for_tls_waits_for_its_turn_like_any_session(
    prober: Prober, server_tls: ServerTls, private_roots: Path
) -> None:
    held = 0

    @asynccontextmanager
    async def place(host: str, address: str) -> AsyncIterator[None]:
        nonlocal held
        held += 1
        yield

    async with tls_server(server_tls) as server:
        await prober(target(server.port, timeouts=SILENT_THEN_TLS, ca_file=str(private_roots)), place)

    assert held == 2


async def test_a_greeting_ends_what_was_believed_about_a_silent_port(probe: Probe, server_tls: ServerTls) -> None:
    greeted = [Send(b"554 no\r\n")]
    inside = [StartTls(server_tls), Send(b"220 hello\r\n"), Expect(b"EHLO"), Send(b"250 hello\r\n"), Expect(b"QUIT")]
    async with ScriptedServer([Hang()], inside, greeted, [Hang()], [Hang()]) as server:
        timeouts = Timeouts(greeting=0.2, handshake=0.2, total=20)
        outcomes = [(await probe(server.port, timeouts=timeouts)).outcome for _ in range(3)]

    assert outcomes == [Outcome.TLS_ON_PLAIN_PORT, Outcome.GREETING_REJECTED, Outcome.GREETING_TIMEOUT]
    # Four sessions: it was asked once, and is not asked again on the same day.
    assert len(server.sessions) == 4


async def test_a_port_with_implicit_tls_is_never_asked_twice(probe: Probe, server_tls: ServerTls) -> None:
    async with ScriptedServer([StartTls(server_tls), Hang()]) as server:
        result = await probe(server.port, tls=TlsMode.IMPLICIT, timeouts=SILENT_THEN_TLS)

    assert result.outcome is Outcome.GREETING_TIMEOUT
    assert len(server.sessions) == 1


async def test_a_fault_of_our_own_is_a_result_with_its_traceback_in_the_log(
    private_roots: Path, caplog: pytest.LogCaptureFixture
) -> None:
    class Broken:
        async def resolve(self, host: str, families: frozenset[IpFamily]) -> Resolution:
            raise RuntimeError("out of order")

    means = Means(TlsClient(), CertificateJudge(TrustStores([str(private_roots)]), NOW.timestamp), None)
    result = await Prober(Broken(), means, NOW.timestamp)(target(25), at_once)

    assert (result.outcome, result.detail) == (Outcome.INTERNAL_ERROR, "RuntimeError: out of order")
    assert result.port_open is None
    assert "Traceback" in caplog.text


async def test_cancellation_passes_through_and_closes_the_connection(prober: Prober) -> None:
    connected = asyncio.Event()
    async with ScriptedServer([Send(b"220-wait\r\n"), Reached(connected), Hang()]) as server:
        task = asyncio.create_task(prober(target(server.port), at_once))
        await connected.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

        await server.finished()


async def test_the_place_is_held_for_the_address_that_is_connected_to(private_roots: Path) -> None:
    held: list[tuple[str, str]] = []

    @asynccontextmanager
    async def place(host: str, address: str) -> AsyncIterator[None]:
        held.append((host, address))
        yield

    resolution = Resolution(Outcome.OK, ("127.0.0.7", "127.0.0.8"), (), 0.0)
    async with ScriptedServer([Send(b"554 no\r\n")], host="127.0.0.7") as server:
        await prober_for(resolution, private_roots)(target(server.port), place)

    assert held == [(HOST, "127.0.0.7")]


async def test_a_variant_is_one_session_even_where_a_silent_port_speaks_tls(
    probe: Probe, server_tls: ServerTls
) -> None:
    async with tls_server(server_tls, asked=2) as server:
        variant = await probe(server.port, timeouts=SILENT_THEN_TLS, variant=Variant.RSA)
        sessions = len(server.sessions)
        ordinary = await probe(server.port, timeouts=SILENT_THEN_TLS)

    assert (variant.outcome, sessions) == (Outcome.GREETING_TIMEOUT, 1)
    # And the question of the ordinary probe is still to come.
    assert ordinary.outcome is Outcome.TLS_ON_PLAIN_PORT
