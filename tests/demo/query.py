"""The answers to the demo's own queries, from one scrape.

Knows the few shapes that those have, and fails on every other one: Prometheus itself is not needed to see that what the
demo promises is there.
"""

import math
import operator
import re
from collections.abc import Callable, Iterator, Mapping

from tests.grafana.promql import Matcher, selectors
from tests.running import Scrape

_SELECTOR = r"mailprobe_\w+\{[^}]*\}"
_SHAPE = re.compile(
    rf"(?P<left>{_SELECTOR})(?P<age> - time\(\))?(?: (?P<compare>==|<|>) (?P<right>{_SELECTOR}|[0-9]+(?: \* [0-9]+)*))?"
)
_COMPARE: dict[str, Callable[[float, float], bool]] = {"==": operator.eq, "<": operator.lt, ">": operator.gt}
_MATCH: dict[str, Callable[[str, str], bool]] = {
    "=": operator.eq,
    "=~": lambda value, pattern: re.fullmatch(pattern, value) is not None,
}


def results(query: str, scrape: Scrape, now: float) -> list[Mapping[str, str]]:
    """The labels of every series that `query` results in at `now` (Unix seconds)."""
    shape = _SHAPE.fullmatch(query)
    assert shape is not None, f"a query of another shape: {query}"
    samples = list(_selected(shape["left"], scrape))
    if shape["age"]:
        samples = [(has, value - now) for has, value in samples]
    if shape["compare"] is None:
        return [has for has, _ in samples]
    compare, right = _COMPARE[shape["compare"]], shape["right"]
    if right[0].isdigit():
        bound = float(math.prod(int(factor) for factor in right.split(" * ")))
        return [has for has, value in samples if compare(value, bound)]
    # As Prometheus pairs two vectors: by all of their labels.
    others = {frozenset(has.items()): value for has, value in _selected(right, scrape)}
    return [has for has, value in samples if compare(value, others.get(frozenset(has.items()), math.nan))]


def _selected(selector: str, scrape: Scrape) -> Iterator[tuple[Mapping[str, str], float]]:
    (wanted,) = selectors(selector)
    for has, value in scrape.found(wanted.metric):
        if all(_holds(matcher, has) for matcher in wanted.matchers):
            yield has, value


def _holds(matcher: Matcher, has: Mapping[str, str]) -> bool:
    return _MATCH[matcher.operator](has.get(matcher.label, ""), matcher.value)
