"""The numbers on the dashboards are those of a small installation that is known, scraped by a real Prometheus."""

import time
from collections.abc import Iterator

import pytest

from grafana import expression as state
from tests.grafana.installation import scraped
from tests.grafana.model import Panel, dashboards, panels
from tests.grafana.question import EVERYTHING, answer, filled
from tests.real.prometheus import RealPrometheus

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealPrometheus]:
    with scraped(tmp_path_factory.mktemp("prometheus")) as running:
        yield running


def panel_of(title: str) -> Panel:
    """The panel with this title."""
    return next(panel for dashboard in dashboards() for panel in panels(dashboard) if panel["title"] == title)


# As Grafana writes several chosen values.
SOME = {
    **EVERYTHING,
    "job": "mailprobe",
    "host": r"(mx\\.example\\.org|old\\.example\\.org)",
    "port": "(25|587|993|995)",
}


def test_a_choice_of_some_hosts_and_ports_leaves_the_others_out(prometheus: RealPrometheus) -> None:
    (target,) = panel_of("Hosts and ports")["targets"]
    shown = {(series.labels["host"], series.labels["port"]) for series in answer(prometheus, target, SOME)}
    mx = {("mx.example.org", port) for port in ("25", "587", "993")}
    assert shown == {*mx, ("old.example.org", "995")}


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
        pytest.param("Certs stale", 0, id="stale"),
        pytest.param("Unmet", 4, id="unmet"),
        pytest.param("Next expiry", -1, id="next-expiry"),
        pytest.param("Configuration", 1, id="configuration"),
    ],
)
def test_the_numbers_on_top_are_those_of_the_installation(prometheus: RealPrometheus, title: str, value: float) -> None:
    (target,) = panel_of(title)["targets"]
    (series,) = answer(prometheus, target)
    assert series.value == pytest.approx(value, abs=0.01)


# All but those about the exporter and the next expiry, which would be no truth as a zero.
COUNTS = (
    *("Closed", "Failing", "Unexpected", "No STARTTLS", "Certs ending", "Certs invalid"),
    *("Blocked ways", "Banned?", "Families lost", "IPs down"),
    *("Certs stale", "Certs of others", "TLS findings", "Unmet"),
)


def test_a_healthy_selection_counts_zero_and_not_nothing(prometheus: RealPrometheus) -> None:
    for title in COUNTS:
        (target,) = panel_of(title)["targets"]
        expression = filled(target["expr"].replace("$host", "nobody").replace("$port", "none"))
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
    bare = filled(target["expr"].replace("$host", "bare.example.org"))
    now = time.time()
    assert prometheus.query_range(bare, now - 60, now, 1) == []
    assert {series.labels["outcome"] for series in answer(prometheus, target)} >= {"connect_refused", "dns_nxdomain"}
