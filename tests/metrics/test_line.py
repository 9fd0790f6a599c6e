"""One line: labels and numbers as Prometheus reads them."""

import math
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.config.label import OUR_LABELS, SCRAPE_LABELS
from exporter.metrics import owner
from exporter.metrics.line import LABEL_VALUE_BYTES, Sample, bounded, cell, labels, number
from exporter.metrics.state import HostState
from tests.judgement.sessions import target


def lines(name: str, of: str, samples: Iterable[Sample]) -> bytes:
    """The lines of an owner with these labels."""
    return of.encode().join(cell(name, samples, owned=bool(of)))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (1.0, "1"),
        (True, "1"),
        (False, "0"),
        (-0.25, "-0.25"),
        (0.1, "0.1"),
        (1_750_000_000.0, "1750000000"),
        (1_750_000_000.5, "1750000000.5"),
        (1e-07, "1e-07"),
        (2**53, "9007199254740992.0"),
        (1e22, "1e+22"),
        (math.nan, "NaN"),
        (math.inf, "+Inf"),
        (-math.inf, "-Inf"),
        (10**400, "+Inf"),
        (-(10**400), "-Inf"),
    ],
    ids=lambda value: str(value)[:24],
)
def test_a_number_is_written_as_prometheus_reads_it(value: float, text: str) -> None:
    assert number(value) == text


@given(st.floats(allow_nan=False))
def test_a_number_is_read_back_as_the_same_number(value: float) -> None:
    assert float(number(value)) == value


@pytest.mark.parametrize(
    ("text", "cut"),
    [
        pytest.param(None, "", id="unknown"),
        pytest.param("x" * 128, "x" * 128, id="just-short-enough"),
        pytest.param("x" * 129, "x" * 128, id="one-too-long"),
        pytest.param("ä" * 65, "ä" * 64, id="two-bytes-each"),
        pytest.param("x" + "ä" * 64, "x" + "ä" * 63, id="never-inside-two-bytes"),
        pytest.param("xx" + "📬" * 32, "xx" + "📬" * 31, id="never-inside-four-bytes"),
        pytest.param("\x00" * 99, "\ufffd" * 42, id="replaced-before-it-is-cut"),
    ],
)
def test_a_value_of_the_server_is_cut_between_characters(text: str | None, cut: str) -> None:
    assert bounded(text) == cut


@given(st.text(st.characters(exclude_categories=())))
def test_a_value_of_the_server_is_never_longer_than_its_bound(text: str) -> None:
    assert len(bounded(text).encode()) <= LABEL_VALUE_BYTES


def test_an_empty_label_is_no_label() -> None:
    assert labels((("a", "1"), ("b", ""), ("c", "2"))) == 'a="1",c="2"'


@pytest.mark.parametrize(
    ("of", "own", "line"),
    [
        ('host="a"', (("phase", "tls"),), b'm{host="a",phase="tls"} 1\n'),
        ('host="a"', (), b'm{host="a"} 1\n'),
        ("", (("ip_family", "ipv4"),), b'm{ip_family="ipv4"} 1\n'),
    ],
    ids=["both", "only-the-owners", "only-its-own"],
)
def test_the_labels_of_the_owner_come_first(of: str, own: tuple[tuple[str, str], ...], line: bytes) -> None:
    assert lines("m", of, [Sample(1, own)]) == line


def test_the_suffix_is_part_of_the_name() -> None:
    assert lines("m", 'host="a"', [Sample(2, suffix="_sum")]) == b'm_sum{host="a"} 2\n'


def test_a_target_is_named_by_its_identity_and_the_users_labels() -> None:
    of = target(labels=(("site", "milan"),), address="192.0.2.25")
    assert owner.of_target(of) == (
        'host="mail.example.org",port="587",protocol="smtp",tls="starttls",ip_family="ipv4",address="192.0.2.25",'
        'site="milan"'
    )


def test_a_host_is_named_by_its_name_and_the_users_labels() -> None:
    assert owner.of_host(HostState("mail.example.org", (("site", "milan"),))) == 'host="mail.example.org",site="milan"'


def test_a_host_has_the_labels_that_all_its_targets_share() -> None:
    one = target(labels=(("site", "milan"), ("team", "mail")))
    other = target(labels=(("site", "milan"), ("team", "web")))
    assert owner.shared_labels([one, other]) == (("site", "milan"),)


@pytest.mark.parametrize(
    ("name", "clean"),
    [
        pytest.param("site", "site", id="good"),
        pytest.param("data-centre", "data_centre", id="hyphen"),
        pytest.param("1st", "_1st", id="digit-first"),
        pytest.param("__name__", None, id="reserved-by-prometheus"),
        pytest.param("--x", None, id="reserved-after-cleaning"),
        pytest.param("host", None, id="identity"),
        pytest.param("outcome", None, id="label-of-a-metric"),
        pytest.param("le", None, id="histogram"),
        pytest.param("job", None, id="job"),
        pytest.param("instance", None, id="instance"),
        pytest.param("", None, id="empty"),
    ],
)
def test_a_label_name_is_taken_cleaned_or_left_out(name: str, clean: str | None) -> None:
    assert owner.sanitised([(name, "x")]) == (((clean, "x"),) if clean else ())


def test_the_configuration_refuses_every_label_that_would_be_left_out() -> None:
    assert owner.RESERVED <= OUR_LABELS | SCRAPE_LABELS


def test_of_two_labels_with_one_name_the_first_stays() -> None:
    assert owner.sanitised([("a-b", "1"), ("a_b", "2")]) == (("a_b", "1"),)


def plain_lines(name: str, of: str, samples: Iterable[Sample]) -> bytes:
    """The same without any cut: what a reader would write first."""
    text = ""
    for value, pairs, suffix in samples:
        inside = ",".join(part for part in (of, labels(pairs)) if part)
        text += f"{name}{suffix}{{{inside}}} {number(value)}\n"
    return text.encode()


VALUES = st.text(st.characters(exclude_categories=()), max_size=9)
SAMPLES = st.builds(
    Sample,
    st.floats() | st.integers() | st.booleans(),
    st.lists(st.tuples(st.sampled_from(["a", "b"]), VALUES), max_size=3).map(tuple),
    st.sampled_from(["", "_sum"]),
)


@given(of=VALUES, samples=st.lists(SAMPLES, max_size=4))
def test_what_was_cut_where_the_owners_labels_stand_is_whole_again(of: str, samples: list[Sample]) -> None:
    owners = labels((("host", of),))
    assert lines("m", owners, samples) == plain_lines("m", owners, samples)
