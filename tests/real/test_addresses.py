"""Every address of a name, as a real name server tells them, from the lookup to the exposition.

Time is moved by hand: the resolver, the grace and the store live on one clock.
"""

import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from exporter.config.wellknown import WELL_KNOWN
from exporter.demo.listener import Listener
from exporter.demo.servers import FriendlyServer
from exporter.demo.tls import ServerTls
from exporter.probe.certificate.judge import CertificateJudge
from exporter.probe.certificate.trust import TrustStores
from exporter.probe.prober import Prober
from exporter.probe.resolve import SystemResolver
from exporter.probe.session import Means
from exporter.probe.tls import TlsClient
from exporter.schedule.addresses import AddressBook
from exporter.targets import AddressRule, IpFamily, Target
from tests.ipv6 import needs_ipv6
from tests.metrics.world import World
from tests.probe.conftest import at_once
from tests.real.hosts import GOOD, Issuer
from tests.real.loopback import fresh_address
from tests.real.monitor import EHLO_NAME
from tests.real.nameserver import RealNameServer

pytestmark = pytest.mark.real

GRACE = 600.0
# Longer than the name server lets its answers be kept, so that each round asks it again.
ROUND = 120.0
V4, V6 = IpFamily.IPV4, IpFamily.IPV6
BOTH = (V4, V6)
SUBMISSION = WELL_KNOWN[587]


@pytest.fixture(scope="module")
def running(module_folder: Path) -> Iterator[RealNameServer]:
    with RealNameServer(module_folder) as server:
        yield server


@pytest.fixture
def nameserver(running: RealNameServer) -> Iterator[RealNameServer]:
    """Answers, and knows no name yet."""
    yield running
    running.answer()
    running.name(GOOD)


@asynccontextmanager
async def served(issuer: Issuer, *addresses: str) -> AsyncIterator[int]:
    """A submission server on each of these, all on the port that the first one found free."""
    async with AsyncExitStack() as stack:
        port = 0
        for address in addresses:
            server = FriendlyServer(GOOD, SUBMISSION.service, ServerTls(issuer.intermediate.issue([GOOD])))
            port = (await stack.enter_async_context(Listener(server.serve, address, port))).port
        yield port


def some_addresses(count: int) -> list[str]:
    """Addresses of this machine in numerical order."""
    return sorted((fresh_address() for _ in range(count)), key=socket.inet_aton)


class Watcher:
    """Probes one port of `GOOD` in rounds and takes over what DNS says, as the daemon does."""

    def __init__(
        self,
        nameserver: RealNameServer,
        issuer: Issuer,
        port: int,
        *,
        rule: AddressRule = AddressRule.ALL,
        families: tuple[IpFamily, ...] = BOTH,
        required: tuple[IpFamily, ...] = (),
    ) -> None:
        row, ca_file = SUBMISSION, str(issuer.root_file)
        self.configured = [
            Target(
                host=GOOD,
                service=replace(row.service, port=port),
                ip_family=family,
                ip_families=families,
                expectation=row.expectation,
                ehlo_name=EHLO_NAME,
                ca_file=ca_file,
                addresses=rule,
                family_required=family in required,
            )
            for family in families
        ]
        self.book = AddressBook(GRACE)
        self.world = World()
        clock = self.world.clock
        nowhere = issuer.root_file.parent / "no-such-file"
        resolver = SystemResolver(
            clock,
            [nameserver.address],
            hosts_file=nowhere,
            resolv_conf=nowhere,
            port=nameserver.port,
        )
        self._prober = Prober(resolver, Means(TlsClient(), CertificateJudge(TrustStores([ca_file])), None), clock)
        self._expand()

    async def rounds(self, count: int) -> None:
        """So many rounds, each a while after the one before."""
        for _ in range(count):
            self.world.clock.now += ROUND
            changes = [await self._probe(target) for target in self.targets]
            if any(changes):
                self._expand()

    def by_address(self, name: str) -> dict[str, float]:
        """The samples of `name` by the address; one without an address label by its family."""
        return {
            labels.get("address") or labels["ip_family"]: value
            for labels, value in self.world.samples(name)
            if labels["host"] == GOOD
        }

    def outcomes(self) -> dict[str, str]:
        """The outcomes of the last round by the same names."""
        return {
            labels.get("address") or labels["ip_family"]: labels["outcome"]
            for labels, _ in self.world.samples("mailprobe_outcome_info")
        }

    async def _probe(self, target: Target) -> bool:
        result = await self._prober(target, at_once)
        self.world.deliver(result)
        assert result.resolution is not None
        return self.book.observe(target.host, result.resolution, self.world.clock.now)

    def _expand(self) -> None:
        self.targets = self.book.expand(self.configured, self.world.clock.now)
        self.world.configure(self.targets)


async def test_of_three_addresses_each_is_a_target_and_the_dead_one_is_seen(
    nameserver: RealNameServer, issuer: Issuer
) -> None:
    first, dead, last = some_addresses(3)
    nameserver.name(GOOD, last, dead, first)
    async with served(issuer, first, last) as port:
        watcher = Watcher(nameserver, issuer, port, families=(V4,))
        await watcher.rounds(2)

    assert watcher.outcomes() == {first: "ok", dead: "connect_refused", last: "ok"}
    assert watcher.by_address("mailprobe_success") == {first: 1, dead: 0, last: 1}
    assert watcher.by_address("mailprobe_port_open") == {first: 1, dead: 0, last: 1}
    assert watcher.by_address("mailprobe_addresses_probed") == {V4: 3}
    assert watcher.by_address("mailprobe_addresses_open") == {V4: 2}


async def test_where_only_the_first_address_is_wanted_there_is_one_target_without_the_label(
    nameserver: RealNameServer, issuer: Issuer
) -> None:
    first, dead = some_addresses(2)
    nameserver.name(GOOD, first, dead)
    async with served(issuer, first) as port:
        watcher = Watcher(nameserver, issuer, port, rule=AddressRule.FIRST, families=(V4,))
        await watcher.rounds(3)

    assert watcher.by_address("mailprobe_success") == {V4: 1}
    assert watcher.by_address("mailprobe_addresses_probed") == {}
    assert watcher.by_address("mailprobe_addresses_open") == {}


async def test_an_address_that_left_dns_is_probed_until_the_grace_is_over_and_then_gone(
    nameserver: RealNameServer, issuer: Issuer
) -> None:
    stays, leaves = some_addresses(2)
    nameserver.name(GOOD, stays, leaves)
    async with served(issuer, stays, leaves) as port:
        watcher = Watcher(nameserver, issuer, port, families=(V4,))
        await watcher.rounds(2)
        nameserver.name(GOOD, stays)
        for _ in range(5):
            await watcher.rounds(1)
            now = watcher.world.clock.now
            assert watcher.by_address("mailprobe_success") == {stays: 1, leaves: 1}
            assert watcher.by_address("mailprobe_last_probe_timestamp_seconds") == {stays: now, leaves: now}
            assert watcher.by_address("mailprobe_addresses_probed") == {V4: 2}
        await watcher.rounds(1)

    assert watcher.by_address("mailprobe_success") == {stays: 1}
    assert watcher.by_address("mailprobe_addresses_probed") == {V4: 1}
    assert leaves not in watcher.world.text()


async def test_an_address_that_is_back_within_the_grace_never_was_away(
    nameserver: RealNameServer, issuer: Issuer
) -> None:
    stays, flaps = some_addresses(2)
    nameserver.name(GOOD, stays, flaps)
    async with served(issuer, stays, flaps) as port:
        watcher = Watcher(nameserver, issuer, port, families=(V4,))
        await watcher.rounds(2)
        nameserver.name(GOOD, stays)
        await watcher.rounds(3)
        nameserver.name(GOOD, stays, flaps)
        await watcher.rounds(6)

    assert watcher.by_address("mailprobe_probes_total") == {stays: 10, flaps: 10}
    assert watcher.by_address("mailprobe_success") == {stays: 1, flaps: 1}


async def test_a_name_server_that_refuses_takes_no_address_away(nameserver: RealNameServer, issuer: Issuer) -> None:
    addresses = some_addresses(2)
    nameserver.name(GOOD, *addresses)
    async with served(issuer, *addresses) as port:
        watcher = Watcher(nameserver, issuer, port)
        await watcher.rounds(2)
        nameserver.refuse()
        await watcher.rounds(8)
        while_refused = watcher.outcomes()
        success_while_refused = watcher.by_address("mailprobe_success")
        nameserver.answer()
        await watcher.rounds(1)

    assert while_refused == dict.fromkeys(addresses, "dns_error")
    assert success_while_refused == dict.fromkeys(addresses, 0)
    assert watcher.by_address("mailprobe_success") == dict.fromkeys(addresses, 1)


async def test_a_name_that_is_gone_is_told_at_once_and_without_addresses_after_the_grace(
    nameserver: RealNameServer, issuer: Issuer
) -> None:
    addresses = some_addresses(2)
    nameserver.name(GOOD, *addresses)
    async with served(issuer, *addresses) as port:
        watcher = Watcher(nameserver, issuer, port)
        await watcher.rounds(2)
        nameserver.name(GOOD)
        await watcher.rounds(1)
        in_the_next_round = watcher.outcomes()
        await watcher.rounds(6)

    assert in_the_next_round == dict.fromkeys(addresses, "dns_nxdomain")
    assert watcher.outcomes() == {V4: "dns_nxdomain"}
    assert watcher.by_address("mailprobe_success") == {V4: 0}


@needs_ipv6
async def test_both_families_are_probed_address_by_address(nameserver: RealNameServer, issuer: Issuer) -> None:
    (four,) = some_addresses(1)
    nameserver.name(GOOD, four, "::1")
    async with served(issuer, "::1", four) as port:
        watcher = Watcher(nameserver, issuer, port)
        await watcher.rounds(2)

    assert watcher.by_address("mailprobe_success") == {four: 1, "::1": 1}
    assert watcher.by_address("mailprobe_addresses_open") == {V4: 1, V6: 1}
    assert watcher.by_address("mailprobe_family_lost") == {V4: 0, V6: 0}


@needs_ipv6
@pytest.mark.parametrize("rule", AddressRule, ids=str)
async def test_ipv6_that_is_dead_while_ipv4_answers_is_a_state_of_its_own(
    rule: AddressRule, nameserver: RealNameServer, issuer: Issuer
) -> None:
    (four,) = some_addresses(1)
    nameserver.name(GOOD, four, "::1")
    async with AsyncExitStack() as stack:
        # Bound and not listening: the port is nobody else's, and refuses.
        dead = stack.enter_context(socket.socket(socket.AF_INET6))
        dead.bind(("::1", 0))
        server = FriendlyServer(GOOD, SUBMISSION.service, ServerTls(issuer.intermediate.issue([GOOD])))
        await stack.enter_async_context(Listener(server.serve, four, dead.getsockname()[1]))
        watcher = Watcher(nameserver, issuer, dead.getsockname()[1], rule=rule)
        await watcher.rounds(2)

    assert sorted(watcher.outcomes().values()) == ["connect_refused", "ok"]
    assert watcher.by_address("mailprobe_family_lost") == {V4: 0, V6: 1}


@needs_ipv6
@pytest.mark.parametrize("rule", AddressRule, ids=str)
async def test_a_required_family_is_well_with_an_address_and_fails_as_soon_as_dns_takes_it_away(
    rule: AddressRule, nameserver: RealNameServer, issuer: Issuer
) -> None:
    (four,) = some_addresses(1)
    nameserver.name(GOOD, four, "::1")
    async with served(issuer, "::1", four) as port:
        watcher = Watcher(nameserver, issuer, port, rule=rule, required=(V6,))
        await watcher.rounds(2)
        well = watcher.by_address("mailprobe_success")
        nameserver.name(GOOD, four)
        await watcher.rounds(1)
        taken_away = watcher.outcomes()
        await watcher.rounds(6)

    assert list(well.values()) == [1, 1]
    assert sorted(taken_away.values()) == ["dns_no_address", "ok"]
    assert watcher.outcomes()[V6] == "dns_no_address"
    assert watcher.by_address("mailprobe_success")[V6] == 0
    assert V6 not in watcher.by_address("mailprobe_port_open")


@pytest.mark.parametrize("rule", AddressRule, ids=str)
@pytest.mark.parametrize("required", [(V6,), ()], ids=["required", "not-required"])
async def test_a_family_that_never_had_an_address_is_missed_only_where_it_is_required(
    rule: AddressRule, required: tuple[IpFamily, ...], nameserver: RealNameServer, issuer: Issuer
) -> None:
    (four,) = some_addresses(1)
    nameserver.name(GOOD, four)
    async with served(issuer, four) as port:
        watcher = Watcher(nameserver, issuer, port, rule=rule, required=required)
        await watcher.rounds(2)

    outcomes = watcher.outcomes()
    assert outcomes.pop(V4 if rule is AddressRule.FIRST else four) == "ok"
    assert outcomes == ({V6: "dns_no_address"} if required else {})
    assert watcher.by_address("mailprobe_success").get(V6) == (0 if required else None)
    assert V6 not in watcher.by_address("mailprobe_port_open")


@needs_ipv6
async def test_the_last_address_of_a_family_has_its_grace_as_well(nameserver: RealNameServer, issuer: Issuer) -> None:
    (four,) = some_addresses(1)
    nameserver.name(GOOD, four, "::1")
    async with served(issuer, "::1", four) as port:
        watcher = Watcher(nameserver, issuer, port)
        await watcher.rounds(2)
        nameserver.name(GOOD, four)
        await watcher.rounds(5)
        within_the_grace = watcher.by_address("mailprobe_success")
        await watcher.rounds(2)

    assert within_the_grace == {four: 1, "::1": 1}
    assert watcher.by_address("mailprobe_success") == {four: 1}
