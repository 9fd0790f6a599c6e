"""A real ban: a real fail2ban counts our sessions in the log of a real Dovecot and tells a real packet filter.

The servers, the ban and the monitor share one machine in a network of its own. As the ban would hold for every host on
it, its action is told to look at the address of one host alone, which is what a machine for itself would be.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from exporter.judgement.host import reached_elsewhere, suspected_ban
from exporter.results import Outcome
from tests.real.clients import room
from tests.real.dovecot import PORTS as DOVECOT_PORTS
from tests.real.fail2banserver import RealFail2ban
from tests.real.hosts import Issuer
from tests.real.loopback import fresh_address, port_for
from tests.real.mailhost import ALL_PORTS, POSTFIX_PORTS, MailHost, MailSystem, serve, write_certificate
from tests.real.monitor import Monitor
from tests.real.privatenetwork import Wall, private_network
from tests.real.watching import Clock, Watch

pytestmark = pytest.mark.real

STRICT = "strict.example.org"
OTHER = "other.example.net"


@dataclass(frozen=True, slots=True)
class World:
    """Two hosts that run: `strict` may ban, `other` never does."""

    strict: MailHost
    other: MailHost
    system: MailSystem
    wall: Wall
    folder: Path
    ca_file: Path

    def watch(self) -> Watch:
        """A monitor with an address that no server has seen yet."""
        clock = Clock()
        hosts = (self.strict, self.other)
        return Watch(Monitor(self.folder, self.ca_file, hosts, clock), clock, fresh_address())

    @contextmanager
    def guard(self, folder: Path, action: str) -> Iterator[RealFail2ban]:
        """fail2ban over the log of Dovecot with its strictest filter; `action` is a line of its jail."""
        jail = f"[dovecot]\naction = {action}\n"
        with RealFail2ban(folder, "dovecot", "aggressive", self.system.dovecot.log, jail) as running:
            yield running

    def whole_host(self, blocktype: str) -> str:
        """The shipped action for nftables, which shuts a client out from all ports of `strict`."""
        return f'nftables[type=custom, rule_match-custom="ip daddr {self.strict.address}", blocktype={blocktype}]'


@pytest.fixture(scope="module")
def world(module_folder: Path, issuer: Issuer) -> Iterator[World]:
    hosts = [
        MailHost(name, fresh_address(), [write_certificate(module_folder, name, issuer.intermediate.issue([name]))])
        for name in (STRICT, OTHER)
    ]
    with private_network() as wall, serve(module_folder, hosts, hosts[0].certificates[0]) as system:
        yield World(hosts[0], hosts[1], system, wall, module_folder, issuer.root_file)


async def become_banned(world: World, watch: Watch) -> None:
    """See every port open, in a round that ends with the sessions that are counted: five of them are a ban."""
    seen = [
        *(await watch.round([world.other, world.strict], POSTFIX_PORTS)).values(),
        *(await watch.round([world.strict], DOVECOT_PORTS)).values(),
    ]
    assert set(seen) == {Outcome.OK}
    # fail2ban logs a ban before it carries it out.
    world.wall.wait_for(watch.source)


def suspicion(world: World, watch: Watch) -> bool | None:
    """What the judgement says about the strict host now."""
    ports = watch.of(world.strict)
    return suspected_ban(list(enumerate(ports)), reached_elsewhere(ports, watch.of_others(world.strict)))


@pytest.mark.parametrize(
    ("blocktype", "outcome"),
    [("reject", Outcome.CONNECT_REFUSED), ("drop", Outcome.CONNECT_TIMEOUT)],
)
async def test_a_ban_is_suspected_once_every_port_was_tried_and_no_longer_when_it_is_lifted(
    blocktype: str, outcome: Outcome, world: World, folder: Path
) -> None:
    watch = world.watch()
    with world.guard(room(folder, "fail2ban"), world.whole_host(blocktype)) as fail2ban:
        await become_banned(world, watch)

        for port in ALL_PORTS:
            assert suspicion(world, watch) is False
            assert await watch.probe(world.other, 25) is Outcome.OK
            assert await watch.probe(world.strict, port) is outcome
        assert suspicion(world, watch) is True

        # It lasts.
        await watch.round([world.strict, world.other], POSTFIX_PORTS)
        assert suspicion(world, watch) is True

        fail2ban.command("set", "dovecot", "unbanip", watch.source)
        assert await watch.probe(world.strict, 25) is Outcome.OK
        assert suspicion(world, watch) is False


async def test_a_monitor_that_was_started_in_the_midst_of_a_ban_says_nothing_about_it(
    world: World, folder: Path
) -> None:
    before = world.watch()
    with world.guard(room(folder, "fail2ban"), world.whole_host("reject")):
        await become_banned(world, before)

        restarted = Watch(before.monitor, before.clock, before.source)
        await restarted.round([world.strict], ALL_PORTS)
        await restarted.round([world.other], POSTFIX_PORTS)

    assert {reach.outcome for reach in restarted.of(world.strict)} == {Outcome.CONNECT_REFUSED}
    assert suspicion(world, restarted) is None


async def test_a_ban_from_some_ports_only_is_not_told_from_services_that_are_down(world: World, folder: Path) -> None:
    # As the shipped jail does, which leaves port 25 to those whom it shuts out from all that Dovecot serves.
    watch = world.watch()
    ports = ",".join(str(port_for(port)) for port in (465, 587, *DOVECOT_PORTS))
    with world.guard(room(folder, "fail2ban"), f'nftables[type=multiport, port="{ports}"]'):
        await become_banned(world, watch)

        seen = await watch.round([world.strict], ALL_PORTS)

    assert {port for (_, port), outcome in seen.items() if outcome is Outcome.OK} == {25}
    assert suspicion(world, watch) is False


async def test_services_that_are_all_stopped_at_once_look_the_same(world: World, folder: Path) -> None:
    # Why a ban is only ever suspected.
    certificate = world.strict.certificates[0]
    stopped = MailHost(STRICT, fresh_address(), [certificate])
    clock = Clock()
    watch = Watch(Monitor(folder, world.ca_file, [stopped, world.other], clock), clock, fresh_address())
    with serve(folder, [stopped], certificate):
        seen = [*(await watch.round([world.other], POSTFIX_PORTS)).values()]
        seen += (await watch.round([stopped], ALL_PORTS)).values()
    assert set(seen) == {Outcome.OK}

    assert set((await watch.round([stopped], ALL_PORTS)).values()) == {Outcome.CONNECT_REFUSED}
    assert suspicion(world, watch) is False
    assert await watch.probe(world.other, 25) is Outcome.OK
    assert await watch.probe(stopped, 25) is Outcome.CONNECT_REFUSED
    assert suspicion(world, watch) is True
