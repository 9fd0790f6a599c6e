"""Dashboards and catalogue agree: every name that is queried is exported, and every exported metric is shown."""

import re
from typing import Any

import pytest

from exporter.metrics.catalogue import CATALOGUE
from tests.deploy.rules import expressions as rule_expressions
from tests.grafana.model import Panel, dashboards, legend_labels, targets, variables
from tests.grafana.promql import grouping_labels, selectors
from tests.grafana.vocabulary import LABEL_VALUES, labels_by_series, metric_of

KNOWN = labels_by_series()
EVERY_LABEL = set().union(*KNOWN.values())
QUERIES = [
    pytest.param(panel, target, id=f"{panel['title']}-{target['refId']}".replace(" ", "_"))
    for dashboard in dashboards()
    for panel, target in targets(dashboard)
]

# Exported, and neither in a dashboard nor in a rule.
NOT_SHOWN = {
    "mailprobe_duration_seconds": "the phases say more",
    "mailprobe_greeting_code": "the outcome says what it means",
    "mailprobe_capability_info": "only exported on demand",
    "mailprobe_message_size_limit_bytes": "a fact to look up, not to watch",
    "mailprobe_cleartext_auth_advertised": "shown as an unmet expectation where it is one",
    "mailprobe_certificate_observed_timestamp_seconds": "for queries of one's own",
}


@pytest.mark.parametrize(("panel", "target"), QUERIES)
def test_every_queried_series_is_exported_with_these_labels(panel: Panel, target: dict[str, Any]) -> None:
    expression = target["expr"]
    found = selectors(expression)
    assert found, panel["title"]
    for selector in found:
        assert selector.metric in KNOWN
        assert {matcher.label for matcher in selector.matchers} <= KNOWN[selector.metric]
    available = set().union(*(KNOWN[selector.metric] for selector in found))
    assert grouping_labels(expression) <= available
    if target["legendFormat"] != "__auto":
        assert set(legend_labels(target["legendFormat"])) <= available


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
