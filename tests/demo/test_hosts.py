"""Every host of the demo is in the state it promises, as a client from the standard library finds it."""

import asyncio
import imaplib
import os
import smtplib
import socket
import ssl
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509

from exporter.config.load import parse
from exporter.config.model import Config
from exporter.config.wellknown import WELL_KNOWN
from exporter.demo.hosts import HOSTS, PORT_OFFSET, Demo, DemoUnavailable, demo_servers
from exporter.targets import PortState, Protocol, Target, TlsMode
from tests.demo.clients import NOW, PATIENCE, connected, read_line, trusting, unverified

DAY = timedelta(days=1)
# Of this process alone, so that a demo or another run of the tests on the same machine is not in the way.
NETWORK = f"127.{os.getpid() % 200 + 20}.{os.getpid() // 200 % 250 + 2}"


async def at_once(_: float) -> None:
    """A pause that takes no time."""


@pytest.fixture
async def demo() -> AsyncIterator[Demo]:
    async with demo_servers(NOW, network=NETWORK, sleep=at_once) as running:
        yield running


@pytest.fixture
def config(demo: Demo) -> Config:
    return parse(demo.config_text, "demo.yml")


@pytest.fixture
def trusted(config: Config) -> str:
    (ca_file,) = {target.ca_file for target in config.targets}
    assert ca_file is not None
    return Path(ca_file).read_text()


def smtp(demo: Demo, label: str, port: int = 25) -> smtplib.SMTP:
    return smtplib.SMTP(demo.addresses[f"{label}.mail.example"], PORT_OFFSET + port, timeout=PATIENCE)


def working(demo: Demo, label: str, port: int = 25) -> bool:
    """Whether smtplib finds a server that answers."""
    with smtp(demo, label, port) as client:
        return client.noop() == (250, b"2.0.0 ok") and client.ehlo()[0] == 250


def certificate(demo: Demo, label: str, port: int) -> x509.Certificate:
    """What a port with implicit TLS shows, good or bad."""
    address = demo.addresses[f"{label}.mail.example"]
    with connected(PORT_OFFSET + port, address) as sock, unverified().wrap_socket(sock) as secured:
        der = secured.getpeercert(binary_form=True)
    assert der is not None
    return x509.load_der_x509_certificate(der)


def ends_in(shown: x509.Certificate) -> timedelta:
    return shown.not_valid_after_utc - NOW.replace(microsecond=0)


def secured_session(demo: Demo, target: Target, trusted: str) -> str | None:
    """Connect to one port, upgrade where that is its way, and verify; returns the version of TLS."""
    context = trusting(trusted, target.host)
    with connected(target.service.port, demo.addresses[target.host]) as sock:
        if target.service.tls is TlsMode.STARTTLS:
            upgrade(sock, target.service.protocol)
        with context.wrap_socket(sock) as secured:
            return secured.version()


def upgrade(sock: socket.socket, protocol: Protocol) -> None:
    """Say what the protocol needs up to the handshake."""
    if protocol is Protocol.SIEVE:
        while not read_line(sock).startswith(b"OK"):
            pass
    else:
        read_line(sock)
    command = {Protocol.IMAP: b"a1 STARTTLS", Protocol.POP3: b"STLS"}.get(protocol, b"STARTTLS")
    sock.sendall(command + b"\r\n")
    assert read_line(sock).split()[-2:] in ([b"go", b"ahead"], [b'"go', b'ahead"'])


async def test_every_port_of_the_healthy_host_encrypts_with_a_certificate_that_holds(
    demo: Demo, config: Config, trusted: str
) -> None:
    targets = [target for target in config.targets if target.host == "healthy.mail.example"]
    assert {target.service.port - PORT_OFFSET for target in targets} == set(WELL_KNOWN)
    for target in targets:
        assert await asyncio.to_thread(secured_session, demo, target, trusted) == "TLSv1.3"


async def test_the_certificate_of_the_expiring_host_ends_in_five_days(demo: Demo) -> None:
    for port in (465, 993):
        assert ends_in(await asyncio.to_thread(certificate, demo, "expiring", port)) == 5 * DAY


async def test_the_certificate_of_the_expired_host_is_refused_as_expired(demo: Demo, trusted: str) -> None:
    def session() -> str:
        with smtp(demo, "expired", 587) as client, pytest.raises(ssl.SSLCertVerificationError) as refused:
            client.starttls(context=trusting(trusted, "expired.mail.example"))
        return refused.value.verify_message

    assert ends_in(await asyncio.to_thread(certificate, demo, "expired", 465)) == -3 * DAY
    assert await asyncio.to_thread(session) == "certificate has expired"


async def test_the_closed_host_refuses_connections_to_587_alone(demo: Demo) -> None:
    with pytest.raises(ConnectionRefusedError):
        await asyncio.to_thread(smtp, demo, "closed", 587)
    assert await asyncio.to_thread(working, demo, "closed", 25)


@pytest.mark.parametrize("port", [25, 587])
async def test_the_stripped_host_offers_no_starttls(demo: Demo, port: int) -> None:
    def session() -> bool:
        with smtp(demo, "stripped", port) as client:
            client.ehlo()
            return client.has_extn("starttls")

    assert await asyncio.to_thread(session) is False


async def test_the_slow_host_greets_in_two_lines_with_three_seconds_between_them() -> None:
    delays: list[float] = []

    async def sleep(seconds: float) -> None:
        delays.append(seconds)

    async with demo_servers(NOW, network=NETWORK, sleep=sleep) as demo:
        assert await asyncio.to_thread(working, demo, "slow")
        assert delays == [3.0]


async def test_the_forgotten_host_shows_last_years_certificate_on_993_which_still_holds(
    demo: Demo, trusted: str
) -> None:
    def session() -> str:
        context = trusting(trusted, "forgotten.mail.example")
        address = demo.addresses["forgotten.mail.example"]
        with imaplib.IMAP4_SSL(address, PORT_OFFSET + 993, ssl_context=context, timeout=PATIENCE) as client:
            return client.noop()[0]

    assert await asyncio.to_thread(session) == "OK"
    old = await asyncio.to_thread(certificate, demo, "forgotten", 993)
    new = await asyncio.to_thread(certificate, demo, "forgotten", 465)
    assert (ends_in(old), ends_in(new)) == (20 * DAY, 89 * DAY)
    assert old.not_valid_after_utc - old.not_valid_before_utc == 365 * DAY


async def test_the_overloaded_host_turns_everybody_away_on_25_alone(demo: Demo) -> None:
    with pytest.raises(smtplib.SMTPConnectError) as refused:
        await asyncio.to_thread(smtp, demo, "overloaded")
    assert refused.value.smtp_code == 421
    assert await asyncio.to_thread(working, demo, "overloaded", 587)


async def test_the_configuration_is_one_that_mailprobe_accepts_and_names_every_port(demo: Demo, config: Config) -> None:
    named = [(target.host, target.service.port - PORT_OFFSET) for target in config.targets]
    assert named == [(host.name, port.number) for host in HOSTS for port in host.ports]
    assert {target.interval for target in config.targets} == {10.0}
    assert {target.expectation.state for target in config.targets} == {PortState.OPEN}
    assert (config.min_gap, config.first_round) == (0.0, 3.0)
    for target in config.targets:
        row = WELL_KNOWN[target.service.port - PORT_OFFSET]
        assert (target.service.protocol, target.service.tls) == (row.service.protocol, row.service.tls)
        assert target.expectation == row.expectation


async def test_every_host_has_an_address_and_a_state_of_its_own(demo: Demo, config: Config) -> None:
    hosts = [target.host for target in config.targets]
    assert list(demo.addresses) == [state.host for state in demo.states] == list(dict.fromkeys(hosts))
    assert len(set(demo.addresses.values())) == len(HOSTS)
    for state in demo.states:
        assert f'host="{state.host}"' in state.query
        assert "{{" not in state.query
        assert state.fault.endswith(".")


async def test_a_port_that_is_taken_makes_the_demo_unavailable_and_says_so() -> None:
    with socket.create_server((f"{NETWORK}.12", PORT_OFFSET + 587)), pytest.raises(DemoUnavailable) as refused:
        await demo_servers(NOW, network=NETWORK, sleep=at_once).__aenter__()
    assert str(refused.value) == f"the demo cannot listen on {NETWORK}.12 port 10587: Address already in use"


async def test_the_demo_leaves_nothing_behind() -> None:
    async with demo_servers(NOW, network=NETWORK, sleep=at_once) as demo:
        ca_file = parse(demo.config_text, "demo.yml").targets[0].ca_file
        assert ca_file is not None
        assert await asyncio.to_thread(os.path.exists, ca_file)
    assert not await asyncio.to_thread(os.path.exists, ca_file)
    with pytest.raises(ConnectionRefusedError):
        await asyncio.to_thread(smtp, demo, "healthy")
