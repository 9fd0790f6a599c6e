"""The demo's names, which no name server knows, as a resolver of its own."""

from collections.abc import Mapping

from exporter.results import Outcome, Resolution
from exporter.targets import IpFamily


class DemoResolver:
    """Knows the names it was given, each with one IPv4 address; a `Resolver`."""

    def __init__(self, addresses: Mapping[str, str]) -> None:
        self._addresses = addresses

    async def resolve(self, host: str, families: frozenset[IpFamily]) -> Resolution:
        """The address of `host`; it takes no time."""
        address = self._addresses.get(host)
        if address is None:
            return Resolution(Outcome.DNS_NXDOMAIN, (), (), 0.0, f"{host} is not a host of the demo")
        ipv6 = () if IpFamily.IPV6 in families else None
        return Resolution(Outcome.OK, (address,), ipv6, 0.0)
