"""The exposition beside that of prometheus_client, the reference implementation: the same document, byte for byte."""

from collections.abc import Iterator

import pytest
from prometheus_client import CollectorRegistry, Metric
from prometheus_client.exposition import generate_latest as text_of
from prometheus_client.openmetrics.exposition import generate_latest as openmetrics_of
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics_families
from prometheus_client.parser import text_string_to_metric_families as text_families

from tests.metrics.rich import rich_world
from tests.metrics.world import rendered

OPENMETRICS = "application/openmetrics-text; version=1.0.0"


class Families:
    """Hands a registry what was read from a document."""

    def __init__(self, families: list[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterator[Metric]:
        return iter(self._families)


@pytest.mark.parametrize("accept", ["", OPENMETRICS], ids=["text", "OpenMetrics"])
def test_the_document_is_the_one_of_the_reference_implementation(accept: str) -> None:
    ours = rendered(rich_world().exposition, accept).body
    read, write = (openmetrics_families, openmetrics_of) if accept else (text_families, text_of)
    registry = CollectorRegistry()
    registry.register(Families(list(read(ours.decode()))))
    assert ours == write(registry)
    assert len(ours.splitlines()) > 200
