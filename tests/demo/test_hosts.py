"""Every host of the demo is in the state it promises, as a client from the standard library finds it."""

import asyncio
import logging
import os
import smtplib
import socket
from dataclasses import replace

import pytest

from exporter.config.load import parse
from exporter.config.model import Config
from exporter.config.wellknown import WELL_KNOWN
from exporter.demo.host import PORT_OFFSET
from exporter.demo.hosts import Demo, DemoUnavailable, demo_servers
from exporter.demo.roster import HOSTS, REFERENCE
from exporter.targets import AddressRule, IpFamily
from tests.demo.clients import NOW, connected, read_line, unverified
from tests.demo.visit import NETWORK, address, at_once, knock, smtp, targets_of, working
from tests.ipv6 import needs_ipv6

# For documentation alone (RFC 3849), so no machine has it.
NOBODYS_IPV6 = "2001:db8::1"


async def test_the_closed_host_refuses_connections_to_587_alone(demo: Demo) -> None:
    with pytest.raises(ConnectionRefusedError):
        await asyncio.to_thread(smtp, demo, "closed", 587)
    assert await asyncio.to_thread(working, demo, "closed", 25)


async def test_the_slow_host_greets_in_two_lines_with_three_seconds_between_them() -> None:
    delays: list[float] = []

    async def sleep(seconds: float) -> None:
        delays.append(seconds)

    async with demo_servers(NOW, network=NETWORK, sleep=sleep) as demo:
        assert await asyncio.to_thread(working, demo, "slow")
        assert delays == [3.0]


async def test_the_overloaded_host_turns_everybody_away_on_25_alone(demo: Demo) -> None:
    with pytest.raises(smtplib.SMTPConnectError) as refused:
        await asyncio.to_thread(smtp, demo, "overloaded")
    assert refused.value.smtp_code == 421
    assert await asyncio.to_thread(working, demo, "overloaded", 587)


async def test_the_surprising_host_has_110_open_and_no_chunking_on_587(demo: Demo, config: Config) -> None:
    def offers(name: str) -> bool:
        with smtp(demo, "surprising", 587) as client:
            client.starttls(context=unverified())
            client.ehlo()
            return client.has_extn(name)

    declared = {target.service.port: target.expectation for target in targets_of(config, "surprising")}
    assert (declared[10110].state, declared[10587].capabilities_must) == ("closed", ("CHUNKING",))
    await asyncio.to_thread(knock, 10110, address(demo, "surprising"))
    assert [await asyncio.to_thread(offers, name) for name in ("chunking", "pipelining")] == [False, True]


async def test_the_limping_host_has_one_address_that_is_well_and_one_that_is_dead(demo: Demo, config: Config) -> None:
    well, dead = demo.addresses["limping.mail.example"]
    for port in (10465, 10993):
        await asyncio.to_thread(knock, port, well)
        with pytest.raises(ConnectionRefusedError):
            await asyncio.to_thread(knock, port, dead)
    assert {target.addresses for target in targets_of(config, "limping")} == {AddressRule.ALL}


@needs_ipv6
async def test_the_lopsided_host_refuses_everything_over_ipv6(demo: Demo, config: Config) -> None:
    ipv4, ipv6 = demo.addresses["lopsided.mail.example"]
    for port in (10465, 10993):
        await asyncio.to_thread(knock, port, ipv4)
        with pytest.raises(ConnectionRefusedError):
            await asyncio.to_thread(knock, port, ipv6)
    assert {target.ip_family for target in targets_of(config, "lopsided")} == set(IpFamily)


async def test_without_ipv6_the_lopsided_host_is_left_out_and_that_is_said(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        async with demo_servers(NOW, network=NETWORK, ipv6=NOBODYS_IPV6, sleep=at_once) as demo:
            hosts = {target.host for target in parse(demo.config_text, "demo.yml").targets}

    others = {host.name for host in HOSTS if not host.has_ipv6}
    assert hosts == {state.host for state in demo.states} == others == demo.addresses.keys() - {REFERENCE.name}
    left_out = "the demo leaves out lopsided.mail.example: this machine does not have the address 2001:db8::1"
    assert [record.getMessage() for record in caplog.records] == [left_out]


@needs_ipv6
async def test_with_a_server_on_2525_the_blocked_host_and_the_reference_are_left_out_and_that_is_said(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.WARNING), socket.create_server((f"{NETWORK}.11", 2525)):
        async with demo_servers(NOW, network=NETWORK, sleep=at_once) as demo:
            config = parse(demo.config_text, "demo.yml")

    others = {host.name for host in HOSTS if host.label != "blocked"}
    assert {target.host for target in config.targets} == demo.addresses.keys() == others
    assert config.references == ()
    assert [record.getMessage() for record in caplog.records] == [
        "the demo leaves out blocked.mail.example: port 2525 is in use",
        "the demo leaves out reference.mail.example: port 2525 is in use",
    ]


async def test_the_blocked_hosts_2525_and_that_of_the_reference_answer_nobody(demo: Demo, config: Config) -> None:
    (reference,) = config.references
    assert reference.host in demo.addresses
    assert (reference.service.port, reference.ip_family) == (2525, IpFamily.IPV4)
    for label in ("blocked", "reference"):
        with pytest.raises(TimeoutError):
            await asyncio.to_thread(socket.create_connection, (address(demo, label), 2525), 0.2)
    await asyncio.to_thread(knock, 10465, address(demo, "blocked"))


async def test_the_banning_host_refuses_all_once_each_of_its_ports_had_a_visitor(demo: Demo) -> None:
    place, ports = address(demo, "banning"), (10465, 10143, 10993)
    for port in (10465, 10465, 10993, 10143):
        sock = await asyncio.to_thread(connected, port, place)
        last_words = await asyncio.to_thread(read_line, sock) if port == 10143 else b""
        sock.close()
    # Whoever is inside already may stay.
    assert last_words.startswith(b"* OK")
    for port in ports:
        with pytest.raises(ConnectionRefusedError):
            await asyncio.to_thread(knock, port, place)


@needs_ipv6
async def test_the_configuration_is_one_that_mailprobe_accepts_and_names_every_port(config: Config) -> None:
    targets = {(target.host, target.service.port): target for target in config.targets}
    ports = {(host.name, port.at): port for host in HOSTS for port in host.ports}
    assert list(targets) == list(ports)
    assert {target.interval for target in config.targets} == {10.0}
    assert (config.min_gap, config.first_round) == (0.0, 3.0)
    for place, port in ports.items():
        row, target = WELL_KNOWN[port.number], targets[place]
        assert (target.service.protocol, target.service.tls) == (row.service.protocol, row.service.tls)
        assert target.expectation.state is port.expect
        if not port.settings:
            assert target.expectation == replace(row.expectation, state=port.expect)


async def test_every_host_has_an_address_of_its_own_and_a_state(demo: Demo, config: Config) -> None:
    hosts = list(dict.fromkeys(target.host for target in config.targets))
    assert list(demo.addresses) == [*hosts, REFERENCE.name]
    assert list(dict.fromkeys(state.host for state in demo.states)) == hosts
    addresses = [one for several in demo.addresses.values() for one in several]
    assert len(set(addresses)) == len(addresses)
    for state in demo.states:
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
