"""What `/probe` answers: the samples of single probes, by the same catalogue as every scrape."""

from collections.abc import Iterable
from dataclasses import replace

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics_families
from prometheus_client.parser import text_string_to_metric_families as text_families

from exporter.config.model import Watch
from exporter.judgement.expectation import judge
from exporter.metrics.single import Single, rendered
from exporter.results import Capability, Outcome, ProbeResult
from exporter.targets import IpFamily, Target
from tests.judgement.sessions import BOTH_FAMILIES, ended, healthy, target
from tests.metrics.world import World

OPENMETRICS = "application/openmetrics-text; version=1.0.0"
WATCH_ALL = Watch()
Series = dict[tuple[str, tuple[tuple[str, str], ...]], float]

# What needs more than one probe: it counts, or says when the next one comes.
ONLY_OF_MANY = {
    "mailprobe_probes_total",
    "mailprobe_greeting_latency_seconds_bucket",
    "mailprobe_greeting_latency_seconds_sum",
    "mailprobe_greeting_latency_seconds_count",
    "mailprobe_interval_seconds",
    "mailprobe_missed_rounds_total",
}
OF_NEIGHBOURS = {"mailprobe_family_lost", "mailprobe_vantage_ok"}


def single(result: ProbeResult) -> Single:
    return Single(result, judge(result, known_before=False, host_known=result.resolution is BOTH_FAMILIES))


def text_of(*results: ProbeResult, accept: str = "", capability_metrics: bool = False, watch: Watch = WATCH_ALL) -> str:
    singles = [single(result) for result in results]
    return rendered(singles, accept, capability_metrics=capability_metrics, watch=watch).body.decode()


def series(text: str) -> Series:
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_families(text)
        for sample in family.samples
    }


def names(found: Iterable[tuple[str, object]]) -> set[str]:
    return {name for name, _ in found}


def over(family: IpFamily, **changes: object) -> Target:
    return replace(target(), ip_family=family, **changes)  # type: ignore[arg-type]  # fields of Target


def test_a_healthy_probe_has_the_samples_that_a_scrape_would_show_after_it() -> None:
    result = healthy(over(IpFamily.IPV4, labels=(("site", "milan"),)))
    world = World(result.target)
    own = names(series(world.text()))
    world.deliver(result)
    scraped = series(world.text())
    found = series(text_of(result))
    assert found.items() <= scraped.items()
    assert names(scraped) - own - names(found) == (ONLY_OF_MANY | OF_NEIGHBOURS) - own


def test_nothing_grows_from_one_request_to_the_next() -> None:
    assert names(series(text_of(healthy(target())))) & ONLY_OF_MANY == set()


def test_both_families_of_a_host_stand_side_by_side_and_the_host_once() -> None:
    found = series(text_of(healthy(over(IpFamily.IPV4)), healthy(over(IpFamily.IPV6))))
    families = [dict(labels)["ip_family"] for name, labels in found if name == "mailprobe_success"]
    assert families == ["ipv4", "ipv6"]
    assert len([name for name, _ in found if name == "mailprobe_dns_lookup_duration_seconds"]) == 1


def test_a_failed_probe_is_a_success_of_zero() -> None:
    found = series(text_of(ended(target(), Outcome.CONNECT_REFUSED)))
    assert [value for (name, _), value in found.items() if name == "mailprobe_success"] == [0]


def test_a_family_without_a_route_has_no_target_and_says_why() -> None:
    found = series(text_of(replace(ended(target(), Outcome.NO_ROUTE), port_open=None)))
    assert "mailprobe_success" not in names(found)
    assert found["mailprobe_ip_family_routed", (("ip_family", "ipv4"),)] == 0


def test_nobody_says_anything_of_a_route_that_was_not_tried() -> None:
    found = series(text_of(ended(target(), Outcome.DNS_NXDOMAIN)))
    assert "mailprobe_ip_family_routed" not in names(found)
    assert [value for (name, _), value in found.items() if name == "mailprobe_success"] == [0]


@pytest.mark.parametrize("wanted", [True, False])
def test_capabilities_are_there_where_the_configuration_asks_for_them(wanted: bool) -> None:
    offers = healthy(target())
    offers = replace(offers, findings=replace(offers.findings, capabilities=(Capability("SIZE"),)))
    found = names(series(text_of(offers, capability_metrics=wanted)))
    assert ("mailprobe_capability_info" in found) is wanted


def test_a_result_that_never_looked_a_name_up_has_no_host() -> None:
    assert "mailprobe_dns_addresses" not in names(series(text_of(replace(healthy(target()), resolution=None))))


def test_openmetrics_says_the_same_and_ends_with_its_mark() -> None:
    result = healthy(target())
    text = text_of(result, accept=OPENMETRICS)
    assert text.endswith("\n# EOF\n")
    # The library's parser has no types.
    families = openmetrics_families(text)  # type: ignore[no-untyped-call]
    found = {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in families
        for sample in family.samples
    }
    assert found == series(text_of(result))


def test_no_probe_is_an_empty_document() -> None:
    assert text_of() == ""
    assert text_of(accept=OPENMETRICS) == "# EOF\n"
