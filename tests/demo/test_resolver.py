"""The demo's resolver knows the demo's hosts and nobody else."""

import pytest

from exporter.demo.resolver import DemoResolver
from exporter.results import Outcome
from exporter.targets import IpFamily

NAMES = {
    "healthy.mail.example": ("127.0.1.11",),
    "limping.mail.example": ("127.0.1.12", "127.0.1.13"),
    "lopsided.mail.example": ("127.0.1.14", "::1"),
}
IPV4 = frozenset({IpFamily.IPV4})
IPV6 = frozenset({IpFamily.IPV6})


@pytest.mark.parametrize(
    ("host", "families", "outcome", "ipv4", "ipv6"),
    [
        pytest.param("healthy", IPV4, Outcome.OK, ("127.0.1.11",), None, id="one address"),
        pytest.param("limping", IPV4, Outcome.OK, ("127.0.1.12", "127.0.1.13"), None, id="two addresses"),
        pytest.param("lopsided", IPV4 | IPV6, Outcome.OK, ("127.0.1.14",), ("::1",), id="both families"),
        pytest.param("lopsided", IPV4, Outcome.OK, ("127.0.1.14",), None, id="one of them asked for"),
        pytest.param("healthy", IPV4 | IPV6, Outcome.OK, ("127.0.1.11",), (), id="a family that it has not"),
        pytest.param("healthy", IPV6, Outcome.DNS_NO_ADDRESS, None, (), id="nothing else asked for"),
    ],
)
async def test_a_host_of_the_demo_has_its_addresses(
    host: str,
    families: frozenset[IpFamily],
    outcome: Outcome,
    ipv4: tuple[str, ...] | None,
    ipv6: tuple[str, ...] | None,
) -> None:
    found = await DemoResolver(NAMES).resolve(f"{host}.mail.example", families)
    assert (found.outcome, found.ipv4, found.ipv6) == (outcome, ipv4, ipv6)


async def test_any_other_host_does_not_exist() -> None:
    found = await DemoResolver(NAMES).resolve("mail.example.org", IPV4 | IPV6)
    assert found.outcome is Outcome.DNS_NXDOMAIN
    assert found.addresses(IpFamily.IPV4) == ()
