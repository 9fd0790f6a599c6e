"""The probe as the daemon builds it, pointed at servers under test.

Names are found in a hosts file of its own, and one private authority is all it trusts.
"""

import time
from collections.abc import Callable, Iterable
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import replace
from pathlib import Path

from exporter.config.wellknown import WELL_KNOWN
from exporter.probe.certificate.judge import CertificateJudge
from exporter.probe.certificate.trust import TrustStores
from exporter.probe.prober import Prober
from exporter.probe.resolve import SystemResolver
from exporter.probe.session import Means
from exporter.probe.tls import TlsClient
from exporter.results import ProbeResult
from exporter.targets import IpFamily, PortState, Target, Timeouts, TlsMode
from tests.real.loopback import port_for
from tests.real.mailhost import MailHost

EHLO_NAME = "monitor.example.org"


class Monitor:
    """Probes the `hosts` once each time it is asked; `folder` holds its hosts file, `wall` dates its results."""

    def __init__(
        self, folder: Path, ca_file: Path, hosts: Iterable[MailHost], wall: Callable[[], float] = time.time
    ) -> None:
        self._ca_file = str(ca_file)
        hosts_file = folder / "hosts"
        hosts_file.write_text("".join(f"{host.address} {host.name}\n" for host in hosts))
        resolver = SystemResolver(time.monotonic, hosts_file=hosts_file)
        judge = CertificateJudge(TrustStores([self._ca_file]))
        self._prober = Prober(resolver, Means(TlsClient(), judge, machine_name=None), wall)

    def target(
        self,
        host: MailHost,
        well_known: int,
        *,
        tls: TlsMode | None = None,
        state: PortState = PortState.OPEN,
        timeouts: Timeouts | None = None,
    ) -> Target:
        """What the configuration makes of the port `well_known` of `host`, where the test serves it."""
        row = WELL_KNOWN[well_known]
        service = replace(row.service, port=port_for(well_known))
        return Target(
            host=host.name,
            service=service if tls is None else replace(service, tls=tls),
            ip_family=IpFamily.IPV4,
            ip_families=(IpFamily.IPV4,),
            expectation=replace(row.expectation, state=state),
            timeouts=Timeouts() if timeouts is None else timeouts,
            ehlo_name=EHLO_NAME,
            ca_file=self._ca_file,
        )

    async def probe(self, target: Target) -> ProbeResult:
        """One probe, at once."""
        return await self._prober(target, _at_once)


def _at_once(host: str, address: str) -> AbstractAsyncContextManager[None]:
    return nullcontext()
