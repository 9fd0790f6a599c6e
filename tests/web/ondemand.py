"""`/probe` over HTTP with everything real behind it: pacing, prober and TLS; only names are told by a table."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import aiohttp

from exporter.config.load import parse
from exporter.config.model import Config
from exporter.demo.resolver import DemoResolver
from exporter.probe.certificate.judge import CertificateJudge
from exporter.probe.certificate.trust import TrustStores
from exporter.probe.kernel import stamping
from exporter.probe.prober import Prober
from exporter.probe.session import Means
from exporter.probe.tls import TlsClient
from exporter.schedule.limits import Limits
from exporter.schedule.pacing import Pacing
from exporter.web.application import application
from exporter.web.probing import Bounds, Surroundings, probing
from exporter.web.server import listen
from tests.web.browser import Browser
from tests.web.daemon import StandingDaemon


@dataclass
class OnDemand:
    """A running exporter that probes only when it is asked."""

    config: Config
    pacing: Pacing = field(default_factory=lambda: Pacing(Limits(min_gap=0)))

    def write(self, text: str) -> None:
        """Let another configuration be in force."""
        self.config = parse(text, "conf.yml")


@asynccontextmanager
async def on_demand(
    text: str, addresses: Mapping[str, tuple[str, ...]] | None = None, bounds: Bounds | None = None
) -> AsyncIterator[tuple[OnDemand, Browser]]:
    """Serve the configuration `text` for as long as the context is open; names lead to `addresses`."""
    running = OnDemand(parse(text, "conf.yml"))
    means = Means(TlsClient(), CertificateJudge(TrustStores(dict.fromkeys(running.config.ca_files))), None)
    surroundings = Surroundings(
        lambda: running.config,
        _Literals(addresses or {}),
        running.pacing.hold,
        lambda resolver: Prober(resolver, means),
    )
    with stamping():
        async with (
            probing(surroundings, bounds) as probes,
            listen(application(StandingDaemon(), probes), ["127.0.0.1:0"]) as urls,
            aiohttp.ClientSession(auto_decompress=False, skip_auto_headers=["Accept", "Accept-Encoding"]) as session,
        ):
            yield running, Browser(urls[0], session)


class _Literals(DemoResolver):
    """Knows addresses as well, each of which is its own answer."""

    def __init__(self, addresses: Mapping[str, tuple[str, ...]]) -> None:
        own = {f"127.0.0.{number}": (f"127.0.0.{number}",) for number in range(1, 255)}
        super().__init__({**own, **addresses})
