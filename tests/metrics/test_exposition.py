"""The document: read back by other people's parsers, in every format, whatever is in the store."""

import gzip
import subprocess
from collections.abc import Iterable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import Metric as Family
from prometheus_client.openmetrics import parser as openmetrics_parser
from prometheus_client.parser import text_string_to_metric_families as text_families

from exporter.judgement.expectation import judge
from exporter.metrics import owner
from exporter.metrics.catalogue import CATALOGUE, TARGET_METRICS
from exporter.metrics.exposition import Exposition
from exporter.metrics.metric import Kind, Metric
from exporter.metrics.own import private_registry
from exporter.metrics.state import TargetState
from exporter.metrics.store import Store
from exporter.metrics.table import Table
from tests.judgement.sessions import LEAF, healthy, target
from tests.metrics.rich import rich_world
from tests.metrics.world import World, rendered
from tests.real.require import require

OPENMETRICS = "application/openmetrics-text; version=1.0.0"
Series = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def series(families: Iterable[Family]) -> Series:
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in families
        for sample in family.samples
    }


def openmetrics_families(text: str) -> list[Family]:
    return list(openmetrics_parser.text_string_to_metric_families(text))  # type: ignore[no-untyped-call]  # has no types


def openmetrics(world: World) -> str:
    return rendered(world.exposition, OPENMETRICS).body.decode()


def test_both_formats_say_the_same() -> None:
    world = rich_world()
    plain = series(text_families(world.text()))
    assert series(openmetrics_families(openmetrics(world))) == plain
    assert len(plain) == sum(not line.startswith("#") for line in world.text().splitlines())


def test_no_series_is_there_twice() -> None:
    lines = [line for line in rich_world().text().splitlines() if not line.startswith("#")]
    names = [line.rpartition(" ")[0] for line in lines]
    assert len(names) == len(set(names))


def test_openmetrics_knows_kinds_and_units() -> None:
    families = {family.name: family for family in openmetrics_families(openmetrics(rich_world()))}
    assert {name: (family.type, family.unit) for name, family in families.items()} == {
        row.family: (row.kind, row.unit) for row in CATALOGUE
    }


def test_the_end_mark_of_openmetrics_stands_once_and_last() -> None:
    text = openmetrics(rich_world())
    assert text.count("# EOF") == 1
    assert text.endswith("\n# EOF\n")
    assert "# EOF" not in rich_world().text()


def test_a_family_stands_in_one_piece() -> None:
    for text in (rich_world().text(), openmetrics(rich_world())):
        headers = [line.split()[2] for line in text.splitlines() if line.startswith("# TYPE")]
        assert len(headers) == len(set(headers))


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        pytest.param("", "text/plain; version=0.0.4; charset=utf-8", id="text"),
        pytest.param(
            "text/plain;version=1.0.0", "text/plain; version=1.0.0; charset=utf-8; escaping=underscores", id="text-1"
        ),
        pytest.param(
            OPENMETRICS,
            "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=underscores",
            id="openmetrics",
        ),
    ],
)
def test_the_content_type_says_what_is_in_the_body(accept: str, content_type: str) -> None:
    document = rendered(rich_world().exposition, accept)
    assert (document.content_type, document.content_encoding) == (content_type, None)
    assert document.body.endswith(b"# EOF\n") is ("openmetrics" in content_type)


def test_a_compressed_body_is_the_same_body() -> None:
    exposition = rich_world().exposition
    compressed = rendered(exposition).compressed()
    assert compressed.content_encoding == "gzip"
    assert gzip.decompress(compressed.body) == rendered(exposition).body
    assert compressed.content_type == rendered(exposition).content_type


def test_an_empty_store_is_a_whole_document() -> None:
    world = World()
    assert series(text_families(world.text())) == {("mailprobe_build_info", (("version", "1.2.3"),)): 1}
    assert [family.name for family in openmetrics_families(openmetrics(world))] == ["mailprobe_build"]


def test_the_librarys_own_metrics_are_in_both_formats() -> None:
    exposition = Exposition(Store(), private_registry())
    for accept in ("", OPENMETRICS):
        text = rendered(exposition, accept).body.decode()
        assert "\nprocess_resident_memory_bytes " in text
        assert "\npython_info{" in text
        assert "_created" not in text


def read_back(subject: str, user_label: str) -> set[tuple[str, str]]:
    """What each parser reads after a server sent this subject and a user wrote this label: certificate and label."""
    asked = target(labels=(("note", user_label),))
    world = World(asked)
    world.deliver(replace(healthy(asked), certificates=(replace(LEAF, subject=subject),)))
    found = set()
    for families in (text_families(world.text()), openmetrics_families(openmetrics(world))):
        (labels,) = (
            sample.labels
            for family in families
            for sample in family.samples
            if sample.name == "mailprobe_certificate_info"
        )
        found.add((labels.get("subject", ""), labels.get("note", "")))
    return found


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        pytest.param("back\\slash", "back\\slash", id="backslash"),
        pytest.param("ends in \\", "ends in \\", id="last-backslash"),
        pytest.param('quo"te', 'quo"te', id="quote"),
        pytest.param("line\nfeed", "line\nfeed", id="line-feed"),
        pytest.param("\\n", "\\n", id="backslash-and-n"),
        pytest.param('"} 1\n# EOF\n', '"} 1\n# EOF\n', id="a-line-of-its-own"),
        pytest.param("a\x00b\tc\rd\x7fe\x85f", "a\ufffdb\ufffdc\ufffdd\ufffde\ufffdf", id="control-characters"),
        pytest.param("lone \udcff surrogate", "lone \ufffd surrogate", id="surrogate"),
        pytest.param("übergröße 📬", "übergröße 📬", id="not-ascii"),
    ],
)
def test_no_label_value_breaks_the_exposition(value: str, shown: str) -> None:
    assert read_back(value, value) == {(shown, shown)}


def parsed(row: Metric[TargetState], state: TargetState) -> list[Series]:
    """One family with the lines of one target, as each parser reads it."""
    table = Table([row])
    table.write(table.add(owner.of_target(state.target)), state)
    lines = b"".join(line for _, lines in table.families() for line in lines).decode()
    return [
        series(text_families(row.text_header().decode() + lines)),
        series(openmetrics_families(row.openmetrics_header().decode() + lines + "# EOF\n")),
    ]


CERTIFICATE_ROW = next(row for row in TARGET_METRICS if row.name == "mailprobe_certificate_info")
ANY_TEXT = st.text(st.characters(exclude_categories=()))


@given(subject=ANY_TEXT, serial=ANY_TEXT, note=ANY_TEXT)
def test_whatever_is_sent_both_parsers_read_the_same_and_no_more_than_128_bytes(
    subject: str, serial: str, note: str
) -> None:
    asked = target(labels=(("note", note),))
    result = replace(healthy(asked), certificates=(replace(LEAF, subject=subject, serial=serial),))
    state = TargetState(asked).after(result, judge(result, known_before=True), 120.0)
    text, openmetrics = parsed(CERTIFICATE_ROW, state)
    assert text == openmetrics
    ((_, pairs),) = text
    labels = dict(pairs)
    assert all(len(labels.get(name, "").encode()) <= 128 for name in ("subject", "serial"))
    assert labels["issuer"] == LEAF.issuer


@given(st.lists(st.tuples(st.text(max_size=9), st.text(min_size=1, max_size=9)), max_size=4))
def test_no_label_name_breaks_the_exposition(labels: list[tuple[str, str]]) -> None:
    asked = target(labels=tuple(labels))
    state = TargetState(asked).after(healthy(asked), judge(healthy(asked), known_before=True), 120.0)
    text, openmetrics = parsed(TARGET_METRICS[0], state)
    assert text == openmetrics
    assert list(text.values()) == [1]


def test_promtool_finds_no_fault() -> None:
    promtool = require("promtool", "prometheus")
    checked = subprocess.run(
        [promtool, "check", "metrics"], input=rich_world().text().encode(), capture_output=True, timeout=30, check=False
    )
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, b"", b"")


def test_an_openmetrics_info_has_no_unit_and_a_counter_no_total_in_its_header() -> None:
    text = openmetrics(rich_world())
    assert "# TYPE mailprobe_probes counter\n" in text
    assert "# TYPE mailprobe_tls info\n" in text
    assert "# UNIT mailprobe_duration_seconds seconds\n" in text
    assert not any(row.unit for row in CATALOGUE if row.kind is Kind.INFO)
