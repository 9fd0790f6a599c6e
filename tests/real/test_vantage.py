"""The prober's own network, blocked in earnest: packets to a port are lost on their way to real servers."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from exporter.judgement.host import reached_elsewhere, suspected_ban
from exporter.judgement.vantage import Side, by_references, inferred
from exporter.results import Outcome
from exporter.targets import TlsMode
from tests.real.hosts import Issuer
from tests.real.loopback import fresh_address, port_for
from tests.real.mailhost import MailHost, serve, write_certificate
from tests.real.monitor import Monitor
from tests.real.privatenetwork import Wall, private_network
from tests.real.watching import Clock, Watch

pytestmark = pytest.mark.real

PORTS = (25, 587, 993)
REFERENCE = "reference.example.net"


@dataclass(frozen=True, slots=True)
class World:
    """Three configured hosts and one that is known to answer, all running, behind a wall that is open."""

    hosts: tuple[MailHost, ...]
    reference: MailHost
    wall: Wall
    folder: Path
    ca_file: Path

    def watch(self) -> Watch:
        """A monitor that has seen nothing yet."""
        clock = Clock()
        hosts = (*self.hosts, self.reference)
        return Watch(Monitor(self.folder, self.ca_file, hosts, clock), clock, fresh_address())

    def block(self, port: int) -> None:
        """Lose every packet to `port`, whosever it is."""
        self.wall.drop(f"tcp dport {port_for(port)}")


@pytest.fixture(scope="module")
def running(module_folder: Path, issuer: Issuer) -> Iterator[World]:
    names = ("mx1.example.org", "mx2.example.org", "mx3.example.org", REFERENCE)
    hosts = [
        MailHost(name, fresh_address(), [write_certificate(module_folder, name, issuer.intermediate.issue([name]))])
        for name in names
    ]
    with private_network() as wall, serve(module_folder, hosts, hosts[0].certificates[0]):
        yield World(tuple(hosts[:3]), hosts[3], wall, module_folder, issuer.root_file)


@pytest.fixture
def world(running: World) -> Iterator[World]:
    yield running
    running.wall.open()


def conclusion(world: World, watch: Watch, port: int) -> bool | None:
    """What is inferred about a port from the configured hosts."""
    names = {host.name for host in world.hosts}
    return inferred(port, [Side(name, at, reach) for (name, at), reach in watch.reaches.items() if name in names])


async def ask_reference(world: World, watch: Watch, port: int) -> bool | None:
    """What the reference tells, by a session as short as it can be."""
    await watch.probe(world.reference, port, tls=TlsMode.NONE, reference=True)
    return by_references([watch.reaches[REFERENCE, port].answers])


async def test_a_blocked_port_is_inferred_from_three_hosts_until_it_is_open_again(world: World) -> None:
    watch = world.watch()
    assert set((await watch.round(world.hosts, PORTS)).values()) == {Outcome.OK}
    assert [conclusion(world, watch, port) for port in PORTS] == [True, True, True]

    world.block(25)
    assert set((await watch.round(world.hosts, [25])).values()) == {Outcome.CONNECT_TIMEOUT}
    await watch.round(world.hosts, (587, 993))
    # It is not known yet whether the other ports answer while this one is lost, or answer again.
    assert conclusion(world, watch, 25) is None
    assert set((await watch.round(world.hosts, [25])).values()) == {Outcome.CONNECT_TIMEOUT}
    assert [conclusion(world, watch, port) for port in PORTS] == [False, True, True]

    world.wall.open()
    assert await watch.probe(world.hosts[1], 25) is Outcome.OK
    assert conclusion(world, watch, 25) is True


async def test_a_reference_tells_the_same_for_certain(world: World) -> None:
    watch = world.watch()
    assert await ask_reference(world, watch, 25) is True

    world.block(25)
    assert await ask_reference(world, watch, 25) is False
    assert await ask_reference(world, watch, 587) is True

    world.wall.open()
    assert await ask_reference(world, watch, 25) is True


async def test_one_host_that_loses_a_port_is_not_a_blocked_port(world: World) -> None:
    watch = world.watch()
    await watch.round(world.hosts, PORTS)

    world.wall.drop(f"ip daddr {world.hosts[0].address} tcp dport {port_for(25)}")
    seen = await watch.round(world.hosts, PORTS)

    assert seen[world.hosts[0].name, 25] is Outcome.CONNECT_TIMEOUT
    assert conclusion(world, watch, 25) is True


async def test_a_network_that_is_cut_off_and_back_is_neither_a_blocked_port_nor_a_ban(world: World) -> None:
    watch = world.watch()
    await watch.round(world.hosts, PORTS)

    world.wall.drop("meta l4proto tcp")
    assert set((await watch.round(world.hosts, PORTS)).values()) == {Outcome.CONNECT_TIMEOUT}
    assert findings(world, watch) == ([None] * 3, [False] * 3)

    world.wall.open()
    # The first host is seen to be back, and the others are not tried yet.
    assert set((await watch.round(world.hosts[:1], PORTS)).values()) == {Outcome.OK}
    assert findings(world, watch) == ([True] * 3, [False] * 3)


def findings(world: World, watch: Watch) -> tuple[list[bool | None], list[bool | None]]:
    """What is said about each port, and of each host about a ban."""
    bans = []
    for host in world.hosts:
        ports = watch.of(host)
        elsewhere = reached_elsewhere(ports, watch.of_others(host))
        bans.append(suspected_ban(list(enumerate(ports)), elsewhere))
    return [conclusion(world, watch, port) for port in PORTS], bans
