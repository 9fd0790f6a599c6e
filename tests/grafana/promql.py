"""What a PromQL expression names: metrics with their matchers, and labels. A reader for our own expressions, no parser.

Prometheus itself decides whether an expression is correct; here is only read what must agree with the catalogue.
"""

import re
from dataclasses import dataclass

# Words that stand where a metric could, and are none. Functions are known by the parenthesis that follows.
_KEYWORDS = {"and", "or", "unless", "by", "without", "on", "ignoring", "group_left", "group_right", "bool", "offset"}

_STRING = re.compile(r'"(?:[^"\\]|\\.)*"')
_LABEL_LIST = re.compile(r"\b(?:by|without|on|ignoring|group_left|group_right)\s*\(([^)]*)\)")
_SELECTOR = re.compile(r"(?<![\w:$@.])([a-zA-Z_:][\w:]*)\s*(\{[^}]*\})?(?!\s*\(|[\w:])")
_MATCHER = re.compile(r'(\w+)\s*(=~|!~|!=|=)\s*"((?:[^"\\]|\\.)*)"')
_DURATION = re.compile(r"\[[^\]]*\]|@\s*(?:end|start)\(\)")


@dataclass(frozen=True, slots=True)
class Matcher:
    """One condition of a selector."""

    label: str
    operator: str
    value: str


@dataclass(frozen=True, slots=True)
class Selector:
    """A metric and its conditions."""

    metric: str
    matchers: tuple[Matcher, ...]


def selectors(expression: str) -> list[Selector]:
    """Every metric that is read."""
    text = _DURATION.sub("", _LABEL_LIST.sub("", expression))
    # Words inside strings are no metrics, and the strings are needed for the matchers.
    strings: list[str] = _STRING.findall(text)
    masked = _STRING.sub('""', text)
    found = []
    for name, braces in _SELECTOR.findall(masked):
        taken, strings = strings[: braces.count('""')], strings[braces.count('""') :]
        if name in _KEYWORDS:
            continue
        filled = braces
        for string in taken:
            filled = filled.replace('""', string, 1)
        found.append(Selector(name, tuple(Matcher(*parts) for parts in _MATCHER.findall(filled))))
    return found


def grouping_labels(expression: str) -> set[str]:
    """Every label that an aggregation or a join names."""
    return {label.strip() for names in _LABEL_LIST.findall(expression) for label in names.split(",") if label.strip()}
