"""Two clients of one mail host: the monitor, whom its server is told to let in, and a stranger.

They differ in nothing but the address they come from.
"""

from dataclasses import dataclass, replace
from pathlib import Path

from exporter.results import Outcome, ProbeResult
from exporter.targets import TlsMode
from tests.real.hosts import GOOD, Issuer
from tests.real.loopback import fresh_address
from tests.real.mailhost import MailHost, write_certificate
from tests.real.monitor import EHLO_NAME, Monitor


@dataclass(frozen=True, slots=True)
class Clients:
    """A host, and the two who come to it: `monitor` is the address in the snippets, `stranger` the other one."""

    host: MailHost
    prober: Monitor
    monitor: str
    stranger: str

    async def visit(
        self, source: str, port: int, *, ehlo_name: str = EHLO_NAME, tls: TlsMode | None = None
    ) -> ProbeResult:
        """One session with `port` from the address `source`."""
        target = self.prober.target(self.host, port, tls=tls)
        return await self.prober.probe(replace(target, source_address=source, ehlo_name=ehlo_name))

    async def both_visit(self, *ports: int, tls: TlsMode | None = None) -> None:
        """Sessions that all go well: first the monitor's with each port, then the stranger's."""
        for source in (self.monitor, self.stranger):
            for port in ports:
                result = await self.visit(source, port, tls=tls)
                assert result.outcome is Outcome.OK, result.detail


def clients(folder: Path, issuer: Issuer) -> Clients:
    """A host with a good certificate, to be served by the test, and its two clients."""
    certificate = write_certificate(folder, GOOD, issuer.intermediate.issue([GOOD]))
    host = MailHost(GOOD, fresh_address(), [certificate])
    monitor = _unlike(host.address)
    return Clients(host, Monitor(folder, issuer.root_file, [host]), monitor, _unlike(host.address, monitor))


def _unlike(*others: str) -> str:
    """An address of which none of the others is a part, nor it of them: tests look for it in lines that hold both."""
    while True:
        one = fresh_address()
        if not any(one in other or other in one for other in others):
            return one


def room(folder: Path, name: str) -> Path:
    """A new folder for a server."""
    made = folder / name
    made.mkdir(mode=0o755)
    return made
