"""The whole exposition of one fixed store, compared with a file.

After a deliberate change: `MAILPROBE_UPDATE_GOLDEN=1 pytest tests/metrics/test_golden.py`, and read the difference.
"""

import os
from pathlib import Path
from typing import Never

from prometheus_client.parser import text_string_to_metric_families

from exporter.metrics.catalogue import CATALOGUE, HOST_LABELS, TARGET_LABELS
from exporter.metrics.metric import Kind, Metric, Scope
from tests.metrics.rich import USER_LABELS, rich_world

GOLDEN = Path(__file__).with_name("golden.prom")
OWNER_LABELS: dict[Scope, set[str]] = {
    Scope.TARGET: set(TARGET_LABELS),
    Scope.HOST: set(HOST_LABELS),
    Scope.MACHINE: set(),
    Scope.EXPORTER: set(),
}


def golden() -> str:
    return GOLDEN.read_text(encoding="utf-8")


def test_the_exposition_is_that_of_the_golden_file() -> None:
    text = rich_world().text()
    if os.environ.get("MAILPROBE_UPDATE_GOLDEN") == "1":
        GOLDEN.write_text(text, encoding="utf-8")
    assert text == golden()


def test_every_row_of_the_catalogue_is_in_the_golden_file_with_its_kind_and_help() -> None:
    headers = [line for line in golden().splitlines() if line.startswith("#")]
    expected = [line for row in CATALOGUE for line in row.text_header().decode().splitlines()]
    assert headers == expected


def test_every_label_in_the_golden_file_is_in_the_catalogue_and_the_reverse() -> None:
    shown: dict[str, set[str]] = {}
    for family in text_string_to_metric_families(golden()):
        for sample in family.samples:
            shown.setdefault(family.name, set()).update(sample.labels.keys() - USER_LABELS - {"address"})
    assert shown == {family_in_text(row): all_labels(row) for row in CATALOGUE}


def test_an_address_stands_only_on_targets_that_have_one() -> None:
    scopes = {row.name: row.scope for row in CATALOGUE}
    with_address = {line.partition("{")[0] for line in golden().splitlines() if 'address="192.0.2.25"' in line}
    assert {scopes[name] for name in with_address if name in scopes} == {Scope.TARGET}


def all_labels(row: Metric[Never]) -> set[str]:
    own = {"le"} if row.kind is Kind.HISTOGRAM else set()
    return (OWNER_LABELS[row.scope] | set(row.labels) | own) - {"address"}


def family_in_text(row: Metric[Never]) -> str:
    return row.family if row.kind is Kind.COUNTER else row.name
