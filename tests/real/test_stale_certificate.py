"""A certificate that was renewed on disk and not reloaded: every port is seen with what it still serves."""

import hashlib
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest

from exporter.demo.mint import Credential
from exporter.results import CertificateFacts, Outcome
from tests.real.hosts import GOOD, Issuer
from tests.real.loopback import fresh_address, port_for
from tests.real.mailhost import MailHost, serve, write_certificate
from tests.real.monitor import Monitor
from tests.real.postfix import RealPostfix, smtp

pytestmark = pytest.mark.real


@dataclass(frozen=True, slots=True)
class Renewal:
    """A host, a monitor for it, and the two certificates: the old one is on disk until `happen`."""

    host: MailHost
    monitor: Monitor
    folder: Path
    old: Credential
    new: Credential

    def happen(self) -> None:
        """Replace the file, as a renewal does, and tell nobody."""
        assert write_certificate(self.folder, GOOD, self.new) == self.host.certificates[0]

    async def served(self, port: int) -> CertificateFacts:
        """The server's own certificate as a probe sees it."""
        result = await self.monitor.probe(self.monitor.target(self.host, port))
        assert result.outcome is Outcome.OK, result.detail
        return result.certificates[0]


@pytest.fixture
def renewal(folder: Path, issuer: Issuer) -> Renewal:
    day = timedelta(days=1)
    old = issuer.intermediate.issue([GOOD], not_after=issuer.now + 5 * day)
    new = issuer.intermediate.issue([GOOD], not_after=issuer.now + 90 * day)
    host = MailHost(GOOD, fresh_address(), [write_certificate(folder, GOOD, old)])
    return Renewal(host, Monitor(folder, issuer.root_file, [host]), folder, old, new)


async def test_dovecot_is_seen_with_the_old_one_until_it_is_reloaded(renewal: Renewal) -> None:
    host = renewal.host
    with serve(renewal.folder, [host], host.certificates[0]) as system:
        before = await renewal.served(993)
        renewal.happen()
        # Postfix has not been asked for anything yet: its first worker reads the file that is there now.
        ports = {port: await renewal.served(port) for port in host.ports}
        system.dovecot.reload()
        after = {port: await renewal.served(port) for port in host.ports}

    old, new = _fingerprint(renewal.old), _fingerprint(renewal.new)
    assert before.fingerprint_sha256 == old
    assert {port: facts.fingerprint_sha256 for port, facts in ports.items()} == {
        25: new,
        465: new,
        587: new,
        143: old,
        993: old,
        110: old,
        995: old,
        4190: old,
    }
    assert {facts.fingerprint_sha256 for facts in after.values()} == {new}
    # What an alert on expiry goes by: the ports that still serve the old one end 85 days earlier.
    assert ports[465].not_after is not None
    assert ports[993].not_after is not None
    assert ports[465].not_after - ports[993].not_after == timedelta(days=85).total_seconds()


async def test_an_idle_worker_of_postfix_is_seen_with_the_old_one_until_it_is_reloaded(renewal: Renewal) -> None:
    host = renewal.host
    # A single worker, so that whether it or a fresh one answers is not left to chance.
    service = replace(smtp(host.address, port_for(25), host.certificates), workers=1)
    servers = renewal.folder / "postfix"
    servers.mkdir(mode=0o755)
    with RealPostfix(servers, [service]) as postfix:
        before = await renewal.served(25)
        renewal.happen()
        between = await renewal.served(25)
        postfix.reload()
        after = await renewal.served(25)

    assert before.fingerprint_sha256 == _fingerprint(renewal.old)
    assert between.fingerprint_sha256 == _fingerprint(renewal.old)
    assert after.fingerprint_sha256 == _fingerprint(renewal.new)


def _fingerprint(credential: Credential) -> str:
    return hashlib.sha256(credential.certificate).hexdigest()
