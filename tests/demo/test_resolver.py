"""The demo's resolver knows the demo's hosts and nobody else."""

import pytest

from exporter.demo.resolver import DemoResolver
from exporter.results import Outcome
from exporter.targets import IpFamily

RESOLVER = DemoResolver({"healthy.mail.example": "127.0.1.11"})


@pytest.mark.parametrize(
    ("families", "ipv6"),
    [
        pytest.param(frozenset({IpFamily.IPV4}), None, id="ipv4"),
        pytest.param(frozenset(IpFamily), (), id="both families"),
    ],
)
async def test_a_host_of_the_demo_has_its_one_address(
    families: frozenset[IpFamily], ipv6: tuple[str, ...] | None
) -> None:
    found = await RESOLVER.resolve("healthy.mail.example", families)
    assert (found.outcome, found.ipv4, found.ipv6) == (Outcome.OK, ("127.0.1.11",), ipv6)


async def test_any_other_host_does_not_exist() -> None:
    found = await RESOLVER.resolve("mail.example.org", frozenset(IpFamily))
    assert found.outcome is Outcome.DNS_NXDOMAIN
    assert found.addresses(IpFamily.IPV4) == ()
