"""A prober against scripted servers on loopback, with a private authority that it trusts."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from exporter.demo.mint import Authority
from exporter.demo.tls import ServerTls
from exporter.probe.certificate.judge import CertificateJudge
from exporter.probe.certificate.trust import TrustStores
from exporter.probe.prober import Prober
from exporter.probe.session import Means
from exporter.probe.tls import TlsClient
from exporter.results import Outcome, ProbeResult, Resolution
from exporter.targets import (
    AuthRule,
    Expectation,
    IpFamily,
    PortState,
    Protocol,
    Service,
    StarttlsRule,
    Target,
    TlsMode,
)

HOST = "mail.example.org"
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)

Probe = Callable[..., Awaitable[ProbeResult]]


class Addresses:
    """A resolver that knows what it was told."""

    def __init__(self, addresses: Mapping[str, tuple[str, ...]]) -> None:
        self._addresses = addresses

    async def resolve(self, host: str, families: frozenset[IpFamily]) -> Resolution:
        found = self._addresses.get(host, ())
        return Resolution(
            outcome=Outcome.OK if found else Outcome.DNS_NXDOMAIN,
            ipv4=tuple(address for address in found if ":" not in address),
            ipv6=tuple(address for address in found if ":" in address),
            duration=0.0,
            detail="" if found else f"{host} does not exist",
        )


@asynccontextmanager
async def at_once(host: str, address: str) -> AsyncIterator[None]:
    """Everybody's turn."""
    yield


def target(port: int, protocol: Protocol = Protocol.SMTP, tls: TlsMode = TlsMode.STARTTLS, **changes: object) -> Target:
    """A target on loopback with limits that no healthy session comes near."""
    expectation = Expectation(PortState.OPEN, StarttlsRule.REQUIRED, True, AuthRule.FORBIDDEN)
    plain = Target(
        HOST,
        Service(port, protocol, tls),
        IpFamily.IPV4,
        expectation,
        ehlo_name="monitor.example.org",
        ca_file="private",
    )
    return replace(plain, **changes)  # type: ignore[arg-type]  # the tests name fields of Target


@pytest.fixture(scope="session")
def authority() -> Authority:
    return Authority.create("Private root", now=NOW)


@pytest.fixture(scope="session")
def server_tls(authority: Authority) -> ServerTls:
    return ServerTls(authority.issue([HOST]))


@pytest.fixture(scope="session")
def private_roots(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return authority.write(tmp_path_factory.mktemp("roots"))


@pytest.fixture
def prober(private_roots: Path) -> Prober:
    judge = CertificateJudge(TrustStores([str(private_roots)]), NOW.timestamp)
    return Prober(Addresses({HOST: ("127.0.0.1",)}), Means(TlsClient(), judge, None), NOW.timestamp)


@pytest.fixture
def probe(prober: Prober, private_roots: Path) -> Probe:
    """Probe a port on loopback: `await probe(port, protocol, tls, **fields of Target)`."""

    async def once(
        port: int, protocol: Protocol = Protocol.SMTP, tls: TlsMode = TlsMode.STARTTLS, **changes: object
    ) -> ProbeResult:
        return await prober(target(port, protocol, tls, **{"ca_file": str(private_roots), **changes}), at_once)

    return once
