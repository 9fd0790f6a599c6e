"""The reader of expressions sees what the other tests rely on."""

import pytest

from tests.grafana.promql import Matcher, Selector, grouping_labels, selectors


@pytest.mark.parametrize(
    ("expression", "metrics"),
    [
        pytest.param("up", ["up"], id="bare"),
        pytest.param("count(a == 0) or vector(0)", ["a"], id="functions-are-no-metrics"),
        pytest.param('a{x="b",y=~"c|d"} and on (host, port) e unless f', ["a", "e", "f"], id="joins"),
        pytest.param("min by (host) (a - time() < bool 5)", ["a"], id="aggregation"),
        pytest.param("rate(a_total[$__rate_interval])", ["a_total"], id="range"),
        pytest.param("max_over_time(a[$__range] @ end()) == 0", ["a"], id="fixed-instant"),
        pytest.param("level:a:sum + b", ["level:a:sum", "b"], id="recorded"),
        pytest.param("a < $warning_days", ["a"], id="variable"),
    ],
)
def test_metrics_are_found(expression: str, metrics: list[str]) -> None:
    assert [selector.metric for selector in selectors(expression)] == metrics


def test_matchers_stay_with_their_metric() -> None:
    assert selectors('a{x="1", y!~"b{2}|c"} + b{z=~"d"}') == [
        Selector("a", (Matcher("x", "=", "1"), Matcher("y", "!~", "b{2}|c"))),
        Selector("b", (Matcher("z", "=~", "d"),)),
    ]


def test_labels_of_joins_and_groups_are_found() -> None:
    assert grouping_labels("sum by (a, b) (x) * on (c) group_left (d) y and on () z") == {"a", "b", "c", "d"}
