"""Dashboards and catalogue agree: every name that is queried is exported, and every exported metric is shown."""

import re
from typing import Any

import pytest

from exporter.metrics.catalogue import CATALOGUE
from tests.deploy.rules import expressions as rule_expressions
from tests.deploy.rules import recorded
from tests.grafana.model import Panel, annotations, dashboards, legend_labels, targets, variables
from tests.grafana.promql import grouping_labels, selectors
from tests.grafana.vocabulary import LABEL_VALUES, labels_by_series, metric_of

# What the recording rules make of a port's series keeps the labels that name the port.
PORT_LABELS = {"job", "instance", "host", "port"}
KNOWN = {**labels_by_series(), **{name: PORT_LABELS for name in recorded() if name.startswith("port:")}}
EVERY_LABEL = set().union(*KNOWN.values())
QUERIES = [
    pytest.param(panel, target, id=f"{panel['title']}-{target['refId']}".replace(" ", "_"))
    for dashboard in dashboards()
    for panel, target in targets(dashboard)
]
ANNOTATIONS = [
    pytest.param(annotation, id=annotation["name"]) for each in dashboards() for annotation in annotations(each)
]

# Exported, and neither in a dashboard nor in a rule, with the reason.
NOT_SHOWN: dict[str, str] = {}


@pytest.mark.parametrize(("panel", "target"), QUERIES)
def test_every_queried_series_is_exported_with_these_labels(panel: Panel, target: dict[str, Any]) -> None:
    expression = target["expr"]
    assert_exported(expression)
    available = set().union(*(KNOWN[selector.metric] for selector in selectors(expression)))
    if target["legendFormat"] != "__auto":
        assert set(legend_labels(target["legendFormat"])) <= available, panel["title"]


@pytest.mark.parametrize("annotation", ANNOTATIONS)
def test_every_series_of_an_annotation_is_exported_with_these_labels(annotation: dict[str, Any]) -> None:
    assert_exported(annotation["expr"])
    shown = {*legend_labels(annotation["titleFormat"]), *legend_labels(annotation["textFormat"])}
    assert shown <= grouping_labels(annotation["expr"])


def assert_exported(expression: str) -> None:
    """Every metric that is read exists and has the labels that are asked for."""
    found = selectors(expression)
    assert found
    for selector in found:
        assert selector.metric in KNOWN
        assert {matcher.label for matcher in selector.matchers} <= KNOWN[selector.metric]
    available = set().union(*(KNOWN[selector.metric] for selector in found))
    assert grouping_labels(expression) <= available


@pytest.mark.parametrize(("panel", "target"), QUERIES)
def test_every_value_that_is_compared_with_occurs(panel: Panel, target: dict[str, Any]) -> None:
    for selector in selectors(target["expr"]):
        for matcher in selector.matchers:
            if matcher.label in LABEL_VALUES:
                for part in matcher.value.split("|"):
                    assert any(re.fullmatch(part, value) for value in LABEL_VALUES[matcher.label]), panel["title"]


def test_variables_ask_for_exported_labels() -> None:
    asked = [variable["query"]["query"] for board in dashboards() for variable in variables(board, "query")]
    assert asked
    for query in asked:
        found = re.fullmatch(r"label_values\((.+), (\w+)\)", query)
        assert found is not None
        (selector,) = selectors(found[1])
        assert {found[2], *(matcher.label for matcher in selector.matchers)} <= KNOWN[selector.metric]


def test_every_exported_metric_is_in_a_dashboard_or_a_rule_or_left_out_for_a_reason() -> None:
    queries = [target["expr"] for dashboard in dashboards() for _, target in targets(dashboard)]
    used = {metric_of(selector.metric) for query in (*queries, *rule_expressions()) for selector in selectors(query)}
    exported = {metric.name for metric in CATALOGUE}
    assert exported - used == set(NOT_SHOWN)
