"""Every query of every dashboard, put to a real Prometheus that has scraped the exporter's own exposition."""

import re
import time
from collections.abc import Iterator
from typing import Any

import pytest

from grafana import expression as state
from tests.grafana.installation import scraped
from tests.grafana.model import Panel, dashboards, legend_labels, panels, targets, variables
from tests.real.prometheus import RealPrometheus, Series

pytestmark = pytest.mark.real

CHOICES = {
    "everything": {"job": ".+", "host": ".+", "port": ".+"},
    # As Grafana writes several chosen values.
    "some": {
        "job": "mailprobe",
        "host": r"(mx\\.example\\.org|old\\.example\\.org|pop\\.example\\.org|busy\\.example\\.org)",
        "port": "(25|110|143|587|993|995)",
    },
}
BUILT_IN = {
    "__rate_interval": "1m",
    "__interval": "15s",
    "__range": "5m",
    "warning_days": "21",
    "critical_days": "7",
}
QUERIES = [
    pytest.param(panel, target, id=f"{panel['title']}-{target['refId']}".replace(" ", "_"))
    for dashboard in dashboards()
    for panel, target in targets(dashboard)
]
LABEL_VALUES = re.compile(r"label_values\((.+), (\w+)\)")


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealPrometheus]:
    with scraped(tmp_path_factory.mktemp("prometheus")) as running:
        yield running


def filled(expression: str, choice: str) -> str:
    """The expression with all variables replaced, as Grafana does it before it asks."""
    for name, value in {**BUILT_IN, **CHOICES[choice]}.items():
        # The value is no pattern: its backslashes are doubled, so that `sub` leaves them as they are.
        expression = re.sub(rf"\$\{{{name}\}}|\${name}\b", value.replace("\\", r"\\"), expression)
    assert "$" not in expression
    return expression


def answer(prometheus: RealPrometheus, target: dict[str, Any], choice: str = "everything") -> list[Series]:
    expression = filled(target["expr"], choice)
    if target["instant"]:
        return prometheus.query(expression)
    now = time.time()
    return prometheus.query_range(expression, now - 300, now, 1)


@pytest.mark.parametrize("choice", CHOICES)
@pytest.mark.parametrize(("panel", "target"), QUERIES)
def test_every_query_finds_something(
    prometheus: RealPrometheus, panel: Panel, target: dict[str, Any], choice: str
) -> None:
    assert answer(prometheus, target, choice), panel["title"]


@pytest.mark.parametrize(("panel", "target"), QUERIES)
def test_every_legend_names_labels_that_are_there_and_tells_series_apart(
    prometheus: RealPrometheus, panel: Panel, target: dict[str, Any]
) -> None:
    legend = target["legendFormat"]
    if legend == "__auto":
        # Grafana names such series by all their labels; a single number shows no name.
        return
    found = answer(prometheus, target)
    labels = legend_labels(legend)
    names = [tuple(series.labels[label] for label in labels) for series in found]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize(
    "variable",
    [
        pytest.param(variable, id=variable["name"])
        for dashboard in dashboards()
        for variable in variables(dashboard, "query")
    ],
)
def test_every_variable_offers_values(prometheus: RealPrometheus, variable: dict[str, Any]) -> None:
    query = LABEL_VALUES.fullmatch(filled(variable["query"]["query"], "everything"))
    assert query is not None
    assert prometheus.label_values(query[2], query[1])


def panel_of(title: str) -> Panel:
    """The panel with this title."""
    return next(panel for dashboard in dashboards() for panel in panels(dashboard) if panel["title"] == title)


@pytest.mark.parametrize(
    ("title", "value"),
    [
        pytest.param("Hosts", 6, id="hosts"),
        pytest.param("Closed", 1, id="closed"),
        pytest.param("Failing", 4, id="failing"),
        pytest.param("Unexpected", 1, id="unexpected"),
        pytest.param("No STARTTLS", 1, id="no-starttls"),
        pytest.param("Certs ending", 1, id="ending"),
        pytest.param("Certs invalid", 1, id="invalid"),
        pytest.param("Next expiry", -1, id="next-expiry"),
        pytest.param("Configuration", 1, id="configuration"),
    ],
)
def test_the_numbers_on_top_are_those_of_the_installation(prometheus: RealPrometheus, title: str, value: float) -> None:
    (target,) = panel_of(title)["targets"]
    (series,) = answer(prometheus, target)
    assert series.value == pytest.approx(value, abs=0.01)


def test_a_healthy_selection_counts_zero_and_not_nothing(prometheus: RealPrometheus) -> None:
    for title in ("Closed", "Failing", "Unexpected", "No STARTTLS", "Certs ending", "Certs invalid"):
        (target,) = panel_of(title)["targets"]
        expression = filled(target["expr"].replace("$host", "nobody"), "everything")
        assert [series.value for series in prometheus.query(expression)] == [0], title


def test_the_matrix_shows_the_state_of_each_port(prometheus: RealPrometheus) -> None:
    (target,) = panel_of("Hosts and ports")["targets"]
    shown = {(series.labels["host"], series.labels["port"]): series.value for series in answer(prometheus, target)}
    assert shown == {
        ("mx.example.org", "25"): state.GOOD,
        ("mx.example.org", "587"): state.GOOD,
        ("mx.example.org", "993"): state.CLOSED,
        ("old.example.org", "995"): state.FAILING,
        ("old.example.org", "110"): state.NO_STARTTLS,
        ("gone.example.org", "465"): state.NO_ADDRESS,
        ("pop.example.org", "110"): state.CLOSED_AS_EXPECTED,
        ("pop.example.org", "143"): state.UNEXPECTED,
        ("bare.example.org", "2525"): state.NOTHING_THERE,
        ("busy.example.org", "25"): state.FAILING,
    }


def test_closed_ports_of_which_nothing_is_expected_are_no_failures(prometheus: RealPrometheus) -> None:
    (target,) = panel_of("Failed probes per minute")["targets"]
    bare = filled(target["expr"].replace("$host", "bare.example.org"), "everything")
    now = time.time()
    assert prometheus.query_range(bare, now - 60, now, 1) == []
    assert {series.labels["outcome"] for series in answer(prometheus, target)} >= {"connect_refused", "dns_nxdomain"}
