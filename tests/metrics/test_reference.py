"""The exposition beside the one of prometheus_client, the reference implementation: the same document, line for line.

Two spellings differ, and mean the same to every reader of both formats: labels stand in the order of the catalogue
instead of the alphabet's, and a whole number has no `.0`. Headers, their order, the order of the samples, escapes and
the end mark are compared as they are.
"""

import re
from collections.abc import Iterator

import pytest
from prometheus_client import CollectorRegistry, Metric
from prometheus_client.exposition import generate_latest as text_of
from prometheus_client.openmetrics.exposition import generate_latest as openmetrics_of
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics_families
from prometheus_client.parser import text_string_to_metric_families as text_families

from tests.metrics.rich import rich_world

OPENMETRICS = "application/openmetrics-text; version=1.0.0"

_SAMPLE = re.compile(r"(?P<name>[a-z_]+)(?:\{(?P<labels>.*)\})? (?P<value>\S+)")
_LABEL = re.compile(r'[a-z_0-9]+="(?:[^"\\]|\\.)*"')


class Families:
    """Hands a registry what was read from a document."""

    def __init__(self, families: list[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterator[Metric]:
        return iter(self._families)


def spelled_alike(document: str) -> list[str]:
    """The lines with sorted labels and values in one spelling."""
    return [line if line.startswith("#") else _alike(line) for line in document.splitlines()]


def _alike(line: str) -> str:
    parts = _SAMPLE.fullmatch(line)
    assert parts is not None, line
    labels = sorted(_LABEL.findall(parts["labels"] or ""))
    return f"{parts['name']} {labels} {float(parts['value'])!r}"


@pytest.mark.parametrize("accept", ["", OPENMETRICS], ids=["text", "OpenMetrics"])
def test_the_document_is_the_one_of_the_reference_implementation(accept: str) -> None:
    ours = rich_world().exposition.render(accept).body.decode()
    read, write = (openmetrics_families, openmetrics_of) if accept else (text_families, text_of)
    registry = CollectorRegistry()
    registry.register(Families(list(read(ours))))
    theirs = write(registry).decode()
    assert spelled_alike(ours) == spelled_alike(theirs)
    assert len(ours.splitlines()) > 200
