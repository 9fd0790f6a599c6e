"""What is kept of a host, and of the greetings of a target."""

import pytest

from exporter.metrics.state import GreetingLatency, HostState
from exporter.results import Outcome, Resolution


@pytest.mark.parametrize(
    ("host", "is_kept"),
    [("mail.example.org", True), ("mx1", True), ("192.0.2.1", False), ("2001:db8::1", False)],
    ids=["a name", "a name that ends in a digit", "IPv4", "IPv6"],
)
def test_the_lookup_of_a_name_is_kept_and_an_address_has_none(host: str, is_kept: bool) -> None:
    resolution = Resolution(Outcome.OK, ("192.0.2.1",), None, 0.0)
    assert (HostState(host).after(resolution).resolution is resolution) is is_kept


def test_the_sum_of_latencies_has_no_more_decimals_than_they_have() -> None:
    latency = GreetingLatency()
    for _ in range(1000):
        latency = latency.observed(0.100001)
    assert latency.total == 100.001
