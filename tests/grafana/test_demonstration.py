"""Every query of every dashboard, put to a real Prometheus that has scraped the demo."""

import asyncio
import re
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from exporter.demo.hosts import Demo
from grafana import expression as state
from tests.grafana.demonstration import scraped_demo
from tests.grafana.model import Panel, annotations, dashboards, legend_labels, panels, targets, variables
from tests.grafana.question import EVERYTHING, answer, filled
from tests.ipv6 import ipv6_here
from tests.real.prometheus import RealPrometheus

pytestmark = [pytest.mark.real, pytest.mark.asyncio(loop_scope="module")]

QUERIES = [
    pytest.param(dashboard["uid"], panel, target, id=f"{dashboard['uid']}-{panel['title']}-{target['refId']}")
    for dashboard in dashboards()
    for panel, target in targets(dashboard)
]
ANNOTATIONS = [
    pytest.param(annotation, id=annotation["name"])
    for dashboard in dashboards()
    for annotation in annotations(dashboard)
]
VARIABLES = [
    pytest.param(variable, id=f"{dashboard['uid']}-{variable['name']}")
    for dashboard in dashboards()
    for variable in variables(dashboard, "query")
]
LABEL_VALUES = re.compile(r"label_values\((.+), (\w+)\)")

# What has no answer here, by a part of the query.
EMPTY = {
    "mailprobe_web_config_last_reload_successful": "the demo serves without TLS and users",
    "port:mailprobe_success:avg30d": "recorded by rules, every four minutes",
}

# One host that has each of these, as on the dashboard of one host; on others they are empty, and should be.
HOST = "mailprobe-host"
ONE_HOST = {
    "mailprobe_tls_finding_info": "stripped",
    "mailprobe_starttls_lost_timestamp_seconds": "stripped",
    "mailprobe_certificate_error_info": "expired",
    "mailprobe_expectation_met": "expired",
    "mailprobe_suspected_ban": "banning",
    "mailprobe_family_lost": "lopsided",
    "mailprobe_probes_total": "limping",
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def scraped(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[Demo, RealPrometheus]]:
    async with scraped_demo(tmp_path_factory.mktemp("demo")) as both:
        yield both


@pytest.fixture
def prometheus(scraped: tuple[Demo, RealPrometheus]) -> RealPrometheus:
    return scraped[1]


def chosen(dashboard: str, expression: str) -> dict[str, str]:
    """What a reader chooses: all hosts, or one that has what the panel is about."""
    if dashboard != HOST:
        return dict(EVERYTHING)
    label = next((label for metric, label in ONE_HOST.items() if metric in expression), "healthy")
    return {**EVERYTHING, "host": f"{label}.mail.example"}


@pytest.mark.parametrize(("dashboard", "panel", "target"), QUERIES)
async def test_every_query_finds_what_the_demo_has(
    prometheus: RealPrometheus, dashboard: str, panel: Panel, target: dict[str, Any]
) -> None:
    expression = target["expr"]
    if "mailprobe_family_lost" in expression and not ipv6_here():
        pytest.skip("without IPv6, the demo has no host that loses it")
    found = await asyncio.to_thread(answer, prometheus, target, chosen(dashboard, expression))
    assert bool(found) is not any(part in expression for part in EMPTY), panel["title"]


@pytest.mark.parametrize(("dashboard", "panel", "target"), QUERIES)
async def test_every_legend_names_labels_that_are_there_and_tells_series_apart(
    prometheus: RealPrometheus, dashboard: str, panel: Panel, target: dict[str, Any]
) -> None:
    legend = target["legendFormat"]
    if legend == "__auto":
        # Grafana names such series by all their labels; a single number shows no name.
        return
    found = await asyncio.to_thread(answer, prometheus, target, chosen(dashboard, target["expr"]))
    names = [tuple(series.labels[label] for label in legend_labels(legend)) for series in found]
    assert len(set(names)) == len(names), panel["title"]


@pytest.mark.parametrize("variable", VARIABLES)
async def test_every_variable_offers_values(prometheus: RealPrometheus, variable: dict[str, Any]) -> None:
    query = LABEL_VALUES.fullmatch(filled(variable["query"]["query"]))
    assert query is not None
    assert await asyncio.to_thread(prometheus.label_values, query[2], query[1])


@pytest.mark.parametrize("annotation", ANNOTATIONS)
async def test_every_annotation_can_be_asked_for(prometheus: RealPrometheus, annotation: dict[str, Any]) -> None:
    # Nobody renews a certificate in the demo, so that there is nothing to mark.
    assert await asyncio.to_thread(prometheus.query, filled(annotation["expr"])) == []


BLOCKED = {"host": r"blocked\\.mail\\.example", "port": "2525"}


async def test_what_this_network_blocks_is_a_state_of_its_own_and_no_fault_of_the_server(
    prometheus: RealPrometheus,
) -> None:
    async def asked(title: str) -> list[float]:
        (panel,) = (panel for dashboard in dashboards() for panel in panels(dashboard) if panel["title"] == title)
        chosen = {**EVERYTHING, **BLOCKED}
        answers = [await asyncio.to_thread(answer, prometheus, target, chosen) for target in panel["targets"]]
        return [series.value for found in answers for series in found]

    assert await asked("Blocked ways") == [1]
    assert await asked("Hosts and ports") == [state.BLOCKED]
    assert await asked("Closed") == [0]
    assert await asked("What is wrong now") == []


@pytest.mark.parametrize(
    ("host", "port", "wrong"),
    [
        pytest.param("expired", "10465", ("expectation_failed", "valid_certificate"), id="certificate"),
        pytest.param("closed", "10587", ("connect_refused", "open"), id="closed"),
        # A handshake that fails is no declaration that is not met.
        pytest.param("balking", "10587", ("tls_handshake_failed", None), id="nothing-declared"),
    ],
)
async def test_what_is_wrong_is_named_with_what_was_declared(
    prometheus: RealPrometheus, host: str, port: str, wrong: tuple[str, str | None]
) -> None:
    (panel,) = (
        panel for dashboard in dashboards() for panel in panels(dashboard) if panel["title"] == "What is wrong now"
    )
    chosen = {**EVERYTHING, "host": rf"{host}\\.mail\\.example", "port": port}
    (series,) = await asyncio.to_thread(answer, prometheus, panel["targets"][0], chosen)
    assert (series.labels["outcome"], series.labels.get("expectation")) == wrong


async def test_all_hosts_of_the_demo_can_be_chosen(scraped: tuple[Demo, RealPrometheus]) -> None:
    demo, prometheus = scraped
    offered = set(await asyncio.to_thread(prometheus.label_values, "host", "mailprobe_last_probe_timestamp_seconds"))
    assert offered == {state.host for state in demo.states}
