"""The demo's names, which no name server knows, as a resolver of its own."""

import ipaddress
from collections.abc import Mapping, Sequence

from exporter.results import Outcome, Resolution
from exporter.targets import IpFamily


class DemoResolver:
    """Knows the names it was given, each with its addresses; a `Resolver`."""

    def __init__(self, addresses: Mapping[str, Sequence[str]]) -> None:
        self._addresses = addresses

    async def resolve(self, host: str, families: frozenset[IpFamily]) -> Resolution:
        """The addresses of `host`; it takes no time."""
        addresses = self._addresses.get(host)
        if addresses is None:
            return Resolution(Outcome.DNS_NXDOMAIN, (), (), 0.0, f"{host} is not a host of the demo")
        ipv4 = _of_version(4, addresses) if IpFamily.IPV4 in families else None
        ipv6 = _of_version(6, addresses) if IpFamily.IPV6 in families else None
        return Resolution(Outcome.OK if ipv4 or ipv6 else Outcome.DNS_NO_ADDRESS, ipv4, ipv6, 0.0)


def _of_version(version: int, addresses: Sequence[str]) -> tuple[str, ...]:
    return tuple(address for address in addresses if ipaddress.ip_address(address).version == version)
