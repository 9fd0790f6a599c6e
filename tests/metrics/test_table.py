"""The table: every line is the one that prometheus_client writes, wherever the labels of its owner stand in it; and
lines that stand because nothing was read that is another are those that would be written anew."""

import gzip
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client import Metric as ClientMetric

from exporter.config.model import Watch
from exporter.judgement.expectation import judge
from exporter.judgement.sighting import Sightings
from exporter.judgement.variant import VariantSeen, VariantStanding
from exporter.metrics.catalogue import TARGET_METRICS
from exporter.metrics.column import PASSAGE_ROWS
from exporter.metrics.compression import Compression, Passage
from exporter.metrics.line import Labels, Sample
from exporter.metrics.metric import Kind, Metric, Scope
from exporter.metrics.naming import braces, label_names
from exporter.metrics.state import TargetState
from exporter.metrics.table import Table
from exporter.results import Capability, Durations, Outcome, Phase, ProbeResult
from exporter.targets import CertificateChecks, PortState, StarttlsRule, TlsMode, Variant
from tests.judgement.sessions import EXPIRED, GOOD, LEAF, STARTED, ended, expectation, healthy, target
from tests.metrics.test_reference import Families

TARGET = target()
SOUND = healthy(TARGET)
LATER = STARTED + 600


def after(*results: ProbeResult, interval: float = 120.0, watch: Watch | None = None) -> TargetState:
    """The state of a target that had these results."""
    state = TargetState(results[0].target)
    for result in results:
        judgement = judge(result, state.known, host_known=state.known)
        state = state.after(result, judgement, interval, watch or Watch())
    return state


def _states() -> Iterator[tuple[str, TargetState]]:
    found = SOUND.findings
    sound = after(SOUND)
    yield "sound", sound
    yield "a minute later", after(SOUND, replace(SOUND, started=LATER, duration=9.0))
    yield "before the first probe", TargetState(TARGET)
    yield "slowed down", after(SOUND, interval=600.0)
    yield "other phases", after(replace(SOUND, durations=Durations.of([(Phase.CONNECT, 0.25), (Phase.GREETING, 3.0)])))
    yield "other TLS", after(replace(SOUND, tls=replace(SOUND.tls, version="TLSv1")))  # type: ignore[type-var] # has TLS
    yield "no TLS", after(replace(SOUND, tls=None, certificates=(), verdict=None))
    yield "ended in TLS", after(replace(ended(TARGET, Outcome.TLS_HANDSHAKE_FAILED), phase=Phase.TLS))
    yield "refused", after(ended(TARGET, Outcome.CONNECT_REFUSED))
    yield "refused after all was well", after(SOUND, ended(TARGET, Outcome.CONNECT_REFUSED))
    for name, other in (
        ("greeting code", replace(found, greeting_code=221)),
        ("size limit", replace(found, message_size_limit=77)),
        ("offer of STARTTLS", replace(found, starttls_advertised=False)),
        ("passwords before TLS", replace(found, cleartext_auth=True)),
        ("capabilities", replace(found, capabilities=(Capability("PIPELINING"),))),
        ("capabilities inside TLS", replace(found, capabilities_tls=(Capability("AUTH"),))),
    ):
        yield f"other {name}", after(replace(SOUND, findings=other))
    yield "STARTTLS lost", after(SOUND, replace(SOUND, findings=replace(found, starttls_advertised=False), tls=None))
    yield "other certificate", after(replace(SOUND, certificates=(replace(LEAF, fingerprint_sha256="ff" * 32),)))
    yield (
        "renewed certificate",
        after(SOUND, replace(SOUND, certificates=(replace(LEAF, fingerprint_sha256="f" * 64),))),
    )
    yield "expired certificate", after(replace(SOUND, verdict=EXPIRED))
    yield "other end of the chain", after(replace(SOUND, verdict=replace(GOOD, chain_not_after=1.0)))
    yield "nothing of sightings", after(SOUND, watch=Watch(stale_certificates=False))
    yield "no sighting", replace(sound, sightings=Sightings())
    yield "stale", replace(sound, stale=True)
    yield "not stale", replace(sound, stale=False)
    yield (
        "a certificate for others",
        replace(sound, variants=(VariantSeen(Variant.RSA, VariantStanding.DIFFERENT, STARTED, (LEAF,), GOOD),)),
    )
    for name, of in (
        ("closed as expected", replace(TARGET, expectation=expectation(PortState.CLOSED))),
        ("nothing expected", replace(TARGET, expectation=expectation(PortState.ANY))),
        ("STARTTLS optional", replace(TARGET, expectation=replace(expectation(), starttls=StarttlsRule.OPTIONAL))),
        (
            "dates waived",
            replace(TARGET, expectation=replace(expectation(), certificate_checks=CertificateChecks(dates=False))),
        ),
        ("never TLS", replace(TARGET, service=replace(TARGET.service, tls=TlsMode.NONE))),
    ):
        yield name, after(replace(SOUND, target=of))
        yield f"{name}, refused", after(ended(of, Outcome.CONNECT_REFUSED))


STATES = dict(_states())


def written(*states: TargetState) -> list[tuple[str, bytes]]:
    """What a table says of one owner of which these states were written, one after the other."""
    table = Table(TARGET_METRICS)
    row = table.add((("host", "a"),))
    for state in states:
        table.write(row, state)
    return [(metric.name, b"".join(lines)) for metric, lines in table.families()]


@pytest.mark.parametrize("name", STATES)
def test_what_was_written_before_leaves_nothing_behind(name: str) -> None:
    anew = written(STATES[name])
    for before, state in STATES.items():
        assert written(state, STATES[name]) == anew, f"after {before}"


@pytest.mark.parametrize("metric", TARGET_METRICS, ids=lambda metric: metric.name)
def test_every_metric_of_a_target_changes_between_two_of_the_states(metric: object) -> None:
    """Or the test above would say nothing about it."""
    lines = {tuple(metric.samples(state)) for state in STATES.values()}  # type: ignore[attr-defined] # a row
    assert len(lines) > 1


def test_an_owner_with_other_labels_is_written_anew() -> None:
    table = Table(TARGET_METRICS)
    row = table.add((("host", "a"),))
    table.write(row, STATES["sound"])
    table.rename(row, (("host", "b"),))
    table.write(row, STATES["sound"])
    assert b'host="a"' not in b"".join(row for _, rows in table.families() for row in rows)


def test_what_was_written_apart_is_written_anew_with_the_rest() -> None:
    table = Table([STEADY])
    row = table.add((("host", "a"),))
    table.write(row, [Sample(1.0)])
    table.write_what(all_of_it, row, [Sample(2.0)])
    assert in_rows(table) == b's{host="a"} 2.0\n'
    table.write(row, [Sample(1.0)])
    assert in_rows(table) == b's{host="a"} 1.0\n'


def test_a_row_that_was_left_is_written_anew_for_the_next_owner() -> None:
    table = Table(TARGET_METRICS)
    row = table.add((("host", "a"),))
    table.write(row, STATES["sound"])
    table.remove(row)
    assert list(table.families()) == []
    assert table.add((("host", "b"),)) == row
    table.write(row, STATES["sound"])
    assert [name for name, _ in written(STATES["sound"])] == [metric.name for metric, _ in table.families()]


# Of any kind to the table: the state is what is to be shown.
ROW: Metric[list[Sample]] = Metric(
    "m_seconds", Kind.HISTOGRAM, Scope.TARGET, help="Help.", samples=lambda state: state, labels=("c", "g", "k")
)


def by_the_client(owners: list[Labels], shown: list[list[Sample]]) -> bytes:
    """What prometheus_client writes of these samples of these owners."""
    family = ClientMetric("m_seconds", "Help.", "histogram")
    for owner, samples in zip(owners, shown, strict=True):
        for value, pairs, suffix in samples:
            labels = {name: value for name, value in (*owner, *pairs) if value}
            family.add_sample(f"m_seconds{suffix}", labels, value)
    registry = CollectorRegistry()
    registry.register(Families([family]))
    return generate_latest(registry)


def by_the_table(table: Table[list[Sample]]) -> bytes:
    return b"".join(ROW.text_header() + b"".join(rows) for _, rows in table.families())


VALUES = st.text(st.characters(exclude_categories=["C"]), max_size=5)
# Between, before and behind the names that a sample may have.
OWNERS = st.dictionaries(st.sampled_from("abdefhijlmnz"), VALUES, max_size=6).map(lambda pairs: tuple(pairs.items()))
SAMPLES = st.builds(
    Sample,
    st.floats(allow_nan=False),
    st.dictionaries(st.sampled_from(["c", "g", "k", "le"]), VALUES).map(lambda pairs: tuple(pairs.items())),
    st.sampled_from(["", "_sum"]),
)


@given(st.lists(st.tuples(OWNERS, st.lists(SAMPLES, min_size=1, max_size=3)), min_size=1, max_size=6))
def test_the_lines_are_those_of_the_client_whatever_the_owners_labels(
    rows: list[tuple[Labels, list[Sample]]],
) -> None:
    table = Table([ROW])
    for owner, samples in rows:
        table.write(table.add(owner), samples)
    assert by_the_table(table) == by_the_client([owner for owner, _ in rows], [samples for _, samples in rows])


@given(was=OWNERS, becomes=OWNERS, other=OWNERS, samples=st.lists(SAMPLES, min_size=1, max_size=3))
def test_an_owner_is_shown_with_the_labels_that_it_was_given_last(
    was: Labels, becomes: Labels, other: Labels, samples: list[Sample]
) -> None:
    table = Table([ROW])
    row = table.add(was)
    table.write(row, samples)
    table.write(table.add(other), samples)
    by_the_table(table)
    table.rename(row, becomes)
    table.write(row, samples)
    assert by_the_table(table) == by_the_client([becomes, other], [samples, samples])


def test_what_happens_after_a_metric_was_handed_out_has_no_part_in_its_lines() -> None:
    table, samples = Table([ROW]), [Sample(1.0, (("c", "x"),))]
    first, second = table.add((("a", "1"),)), table.add((("a", "2"),))
    table.write(first, samples)
    table.write(second, samples)
    before = by_the_table(table)
    [(_, rows)] = table.families()
    table.remove(second)
    table.write(table.add((("a", "3"),)), [Sample(3.0)])
    table.write(table.add((("a", "4"),)), [Sample(4.0)])
    table.rename(first, (("a", "5"),))
    assert ROW.text_header() + b"".join(rows) == before != by_the_table(table)


def test_owners_may_have_labels_of_more_names_than_there_are_marks_of_one_byte() -> None:
    # Before, between and behind the labels of the samples, so many of each.
    owners = [tuple((f"{name}{number}", "1") for number in range(many) for name in "adhl") for many in range(1, 20)]
    samples = [Sample(1.0, (("c", "x"), ("k", "y"))), Sample(2.0, (("g", "z"),))]
    table = Table([ROW])
    for owner in owners:
        table.write(table.add(owner), samples)
    assert by_the_table(table) == by_the_client([*owners], [samples] * len(owners))
    marked = {
        stretch.mark
        for owner in owners
        for sample in samples
        for stretch in braces(label_names(tuple(name for name, _ in owner)), sample.labels)[1]
    }
    assert {len(mark) for mark in marked} == {1, 2}


def all_of_it(state: list[Sample]) -> object:
    return state


# One that seldom changes, as most are, so that its lines are kept compressed.
STEADY: Metric[list[Sample]] = Metric(
    "s", Kind.GAUGE, Scope.TARGET, help="Help.", samples=lambda state: state, reads=all_of_it
)


def in_parts(table: Table[list[Sample]]) -> list[bytes | Passage]:
    return [part for _, lines in table.families() for part in lines.parts()]


def unpacked(parts: Iterable[bytes | Passage]) -> bytes:
    compression = Compression()
    compression.add(parts)
    return gzip.decompress(compression.end())


def in_rows(table: Table[list[Sample]]) -> bytes:
    return b"".join(row for _, rows in table.families() for row in rows)


def full_table() -> Table[list[Sample]]:
    """Two full passages, and one that is not."""
    table = Table([STEADY])
    for number in range(2 * PASSAGE_ROWS + 5):
        table.write(table.add((("host", f"h{number}"),)), [Sample(1.0)])
    return table


ROWS = st.integers(0, 2 * PASSAGE_ROWS + 4)
CHANGES: dict[str, Callable[[Table[list[Sample]], int], None]] = {
    "write": lambda table, row: table.write(row, [Sample(2.0)]),
    "the same again": lambda table, row: table.write(row, [Sample(1.0)]),
    "write what": lambda table, row: table.write_what(all_of_it, row, [Sample(3.0)]),
    "clear": lambda table, row: table.clear(row),
    "rename": lambda table, row: table.rename(row, (("host", "renamed"),)),
    "other names": lambda table, row: table.rename(row, (("host", "renamed"), ("zone", "z"))),
    "leave": lambda table, row: table.remove(row),
    "join": lambda table, row: table.write(table.add((("host", f"new{row}"),)), [Sample(4.0)]),
}


@settings(max_examples=25)
@given(
    st.lists(st.tuples(st.sampled_from(sorted(CHANGES)), ROWS), min_size=1, max_size=6, unique_by=lambda one: one[1])
)
def test_what_is_kept_compressed_says_what_the_rows_say_after_every_change(changes: list[tuple[str, int]]) -> None:
    table = full_table()
    assert unpacked(in_parts(table)) == in_rows(table)
    for change, row in changes:
        CHANGES[change](table, row)
        assert unpacked(in_parts(table)) == in_rows(table), change


def test_lines_that_stay_as_they_are_are_kept_and_those_beside_a_change_are_not() -> None:
    table = full_table()
    unpacked(in_parts(table))
    table.write(PASSAGE_ROWS + 1, [Sample(2.0)])
    first, second, rest = in_parts(table)
    assert isinstance(first, Passage)
    assert isinstance(second, Passage)
    assert isinstance(rest, bytes)
    assert (first.segment is not None, second.segment is not None) == (True, False)


def test_what_changes_at_every_probe_is_never_kept() -> None:
    table = Table([ROW])
    for number in range(PASSAGE_ROWS):
        table.write(table.add((("a", str(number)),)), [Sample(1.0)])
    assert all(isinstance(part, bytes) for part in in_parts(table))


def test_a_line_that_changes_while_it_is_compressed_is_told_as_it_is_the_next_time() -> None:
    table = full_table()
    before, parts = in_rows(table), in_parts(table)
    table.write(0, [Sample(2.0)])
    assert unpacked(parts) == before
    assert unpacked(in_parts(table)) == in_rows(table) != before
