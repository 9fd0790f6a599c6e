"""A certificate that was renewed on disk and not reloaded: which ports are called stale, and for how long.

The hour for which an old certificate is remembered passes on a clock that is moved by hand.
"""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest

from exporter.demo.mint import Credential
from exporter.judgement.sighting import WINDOW
from exporter.results import Outcome
from exporter.targets import Target
from tests.metrics.world import World
from tests.real.dovecot import PORTS as DOVECOT_PORTS
from tests.real.hosts import GOOD, Issuer
from tests.real.loopback import fresh_address, port_for
from tests.real.mailhost import ALL_PORTS, POSTFIX_PORTS, MailHost, serve, write_certificate
from tests.real.monitor import Monitor
from tests.real.postfix import PostfixService, RealPostfix, smtp

pytestmark = pytest.mark.real

OLD, NEW = "old", "new"
QUARTER = 900.0


@dataclass(frozen=True, slots=True)
class Renewal:
    """A host whose certificate is the old one on disk until `happen`, and what the exporter makes of its ports."""

    host: MailHost
    folder: Path
    old: Credential
    new: Credential
    old_end: float
    monitor: Monitor
    world: World

    def happen(self) -> None:
        """Replace the file, as a renewal does, and tell nobody."""
        assert write_certificate(self.folder, GOOD, self.new) == self.host.certificates[0]

    def watch(self, *ports: int) -> None:
        """Compare these ports with each other."""
        self.world.configure([self._target(port) for port in ports])

    def wait(self, seconds: float) -> None:
        """As far as anybody can tell."""
        self.world.clock.now += seconds

    async def probe(self, *ports: int) -> list[str]:
        """Probe each port once, and say which certificate it served."""
        return [await self._served(port) for port in ports]

    def stale(self, *ports: int) -> list[float | None]:
        """What is exposed of each port."""
        return [self._exposed("mailprobe_certificate_stale", port) for port in ports]

    def seen(self, *ports: int) -> list[tuple[float | None, float | None]]:
        """How many certificates each port has shown, and the earliest of several ends, as exposed."""
        end = "mailprobe_certificate_earliest_not_after_timestamp_seconds"
        return [(self._exposed("mailprobe_certificates_seen", port), self._exposed(end, port)) for port in ports]

    def _target(self, port: int) -> Target:
        return replace(self.monitor.target(self.host, port), certificate_group=GOOD)

    async def _served(self, port: int) -> str:
        result = await self.monitor.probe(self._target(port))
        assert result.outcome is Outcome.OK, result.detail
        self.world.deliver(result)
        return {_fingerprint(self.old): OLD, _fingerprint(self.new): NEW}[result.certificates[0].fingerprint_sha256]

    def _exposed(self, name: str, port: int) -> float | None:
        return self.world.value(name, port=str(port_for(port)))


class OneOfTwo:
    """Keeps one of a service's two workers busy, so that whatever else comes is answered by the other one."""

    def __init__(self, service: PostfixService) -> None:
        self._service = service
        self._session = AsyncExitStack()

    async def __aenter__(self) -> "OneOfTwo":
        await self.change()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._session.aclose()

    async def change(self) -> None:
        """Keep the other one busy instead. It takes the next session, since the first is still held."""
        before, self._session = self._session, AsyncExitStack()
        await self._session.enter_async_context(_greeted(self._service))
        await before.aclose()


@asynccontextmanager
async def _greeted(service: PostfixService) -> AsyncIterator[None]:
    """A session that a worker has taken, and waits in."""
    reader, writer = await asyncio.open_connection(service.address, service.port)
    try:
        assert (await reader.readline()).startswith(b"220 ")
        yield
        writer.write(b"QUIT\r\n")
        await reader.read()
    finally:
        writer.close()
        await writer.wait_closed()


@pytest.fixture
def renewal(folder: Path, issuer: Issuer) -> Renewal:
    day = timedelta(days=1)
    old_end = issuer.now.replace(microsecond=0) + 5 * day
    old = issuer.intermediate.issue([GOOD], not_after=old_end)
    new = issuer.intermediate.issue([GOOD], not_after=issuer.now + 90 * day)
    host = MailHost(GOOD, fresh_address(), [write_certificate(folder, GOOD, old)])
    world = World()
    world.clock.now = issuer.now.timestamp()
    monitor = Monitor(folder, issuer.root_file, [host], world.clock)
    return Renewal(host, folder, old, new, old_end.timestamp(), monitor, world)


async def test_ports_of_a_dovecot_that_was_not_reloaded_are_stale(renewal: Renewal) -> None:
    renewal.watch(*ALL_PORTS)
    with serve(renewal.folder, [renewal.host], renewal.host.certificates[0]):
        assert await renewal.probe(*DOVECOT_PORTS) == [OLD] * 5
        assert renewal.stale(*DOVECOT_PORTS) == [0] * 5
        assert renewal.stale(*POSTFIX_PORTS) == [None] * 3
        renewal.happen()
        # Postfix has not been asked for anything yet: its first worker reads the file that is there now.
        for _ in range(6):
            renewal.wait(QUARTER)
            assert await renewal.probe(*POSTFIX_PORTS, *DOVECOT_PORTS) == [NEW] * 3 + [OLD] * 5
            assert renewal.stale(*POSTFIX_PORTS, *DOVECOT_PORTS) == [0] * 3 + [1] * 5
            assert renewal.seen(*ALL_PORTS) == [(1, None)] * 8


async def test_a_renewal_that_is_reloaded_at_once_makes_nothing_stale(renewal: Renewal) -> None:
    renewal.watch(465, 993)
    with serve(renewal.folder, [renewal.host], renewal.host.certificates[0]) as system:
        assert await renewal.probe(993) == [OLD]
        renewal.happen()
        system.dovecot.reload()
        for _ in range(2):
            renewal.wait(QUARTER)
            assert await renewal.probe(465, 993) == [NEW, NEW]
            assert renewal.stale(465, 993) == [0, 0]
            assert renewal.seen(465, 993) == [(1, None), (2, renewal.old_end)]


async def test_a_late_reload_ends_it_when_the_old_one_was_not_seen_for_an_hour(renewal: Renewal) -> None:
    renewal.watch(465, 993)
    with serve(renewal.folder, [renewal.host], renewal.host.certificates[0]) as system:
        assert await renewal.probe(993) == [OLD]
        renewal.happen()
        assert await renewal.probe(465, 993) == [NEW, OLD]
        system.dovecot.reload()
        for _ in range(int(WINDOW / QUARTER)):
            renewal.wait(QUARTER)
            assert await renewal.probe(465, 993) == [NEW, NEW]
            assert renewal.stale(465, 993) == [0, 1]
            assert renewal.seen(465, 993) == [(1, None), (2, renewal.old_end)]
        renewal.wait(QUARTER)
        assert await renewal.probe(465, 993) == [NEW, NEW]
        assert renewal.stale(465, 993) == [0, 0]
        assert renewal.seen(465, 993) == [(1, None), (1, None)]


async def test_postfix_is_stale_throughout_while_its_workers_serve_old_and_new_by_turns(renewal: Renewal) -> None:
    renewal.watch(25, 587)
    certificates = renewal.host.certificates
    unasked = smtp(renewal.host.address, port_for(25), certificates)
    # Two workers, each of which leaves after five sessions.
    recycled = smtp(renewal.host.address, port_for(587), certificates)
    recycled = replace(recycled, workers=2, options={**recycled.options, "max_use": "5"})
    servers = renewal.folder / "postfix"
    servers.mkdir(mode=0o755)
    with RealPostfix(servers, [unasked, recycled]) as postfix:
        async with OneOfTwo(recycled) as busy:
            served = await renewal.probe(587)
            assert renewal.stale(587) == [0]
            renewal.happen()
            assert await renewal.probe(25) == [NEW]
            for position in range(9):
                renewal.wait(QUARTER / 2)
                # The worker that was probed has left; from now on the idle old one and its fresh successor take turns.
                if position >= 5:
                    await busy.change()
                served += await renewal.probe(587)
                assert renewal.stale(25, 587) == [0, 1]
                several = len(set(served)) > 1
                assert renewal.seen(25, 587) == [(1, None), (2, renewal.old_end) if several else (1, None)]
        assert served == [OLD] * 5 + [NEW, OLD, NEW, OLD, NEW]

        postfix.reload()
        assert await renewal.probe(25, 587) == [NEW, NEW]
        assert renewal.stale(25, 587) == [0, 1]
        renewal.wait(WINDOW)
        assert await renewal.probe(25, 587) == [NEW, NEW]
        assert renewal.stale(25, 587) == [0, 0]


async def test_an_idle_worker_of_postfix_is_seen_with_the_old_one_until_it_is_reloaded(renewal: Renewal) -> None:
    renewal.watch(25)
    # A single worker, so that whether it or a fresh one answers is not left to chance.
    service = replace(smtp(renewal.host.address, port_for(25), renewal.host.certificates), workers=1)
    servers = renewal.folder / "postfix"
    servers.mkdir(mode=0o755)
    with RealPostfix(servers, [service]) as postfix:
        assert await renewal.probe(25) == [OLD]
        renewal.happen()
        assert await renewal.probe(25) == [OLD]
        # Nobody shows the new one, so nobody is behind it.
        assert renewal.stale(25) == [0]
        postfix.reload()
        renewal.wait(QUARTER)
        assert await renewal.probe(25) == [NEW]
        # Renewed: that it showed the old one before is no fault.
        assert renewal.stale(25) == [0]


def _fingerprint(credential: Credential) -> str:
    return hashlib.sha256(credential.certificate).hexdigest()
