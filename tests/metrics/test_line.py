"""One line: labels and numbers as Prometheus reads them."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.utils import floatToGoString

from exporter.config.label import OUR_LABELS, SCRAPE_LABELS
from exporter.metrics import owner
from exporter.metrics.line import LABEL_VALUE_BYTES, bounded, label, number
from exporter.metrics.state import HostState
from tests.judgement.sessions import target


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0.0"),
        (1.0, "1.0"),
        (True, "1.0"),
        (False, "0.0"),
        (-0.25, "-0.25"),
        (0.1, "0.1"),
        (999_999.5, "999999.5"),
        (1_000_000, "1e+06"),
        (1_750_000_000.0, "1.75e+09"),
        (1_750_000_000.5, "1.7500000005e+09"),
        (-1_750_000_000.5, "-1750000000.5"),
        (1e-07, "1e-07"),
        (1e22, "1e+22"),
        (math.nan, "NaN"),
        (math.inf, "+Inf"),
        (-math.inf, "-Inf"),
        (10**400, "+Inf"),
        (-(10**400), "-Inf"),
    ],
    ids=lambda value: str(value)[:24],
)
def test_a_number_is_written_as_the_client_writes_it(value: float, text: str) -> None:
    assert number(value) == text


@given(st.floats() | st.integers(-(10**300), 10**300) | st.booleans())
def test_every_number_is_written_as_the_client_writes_it(value: float) -> None:
    assert number(value) == floatToGoString(value)  # type: ignore[no-untyped-call] # the library says no types


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


def test_a_label_is_escaped() -> None:
    assert label("a", 'x"y\\z\n\x00') == 'a="x\\"y\\\\z\\n\ufffd"'


def test_a_target_is_named_by_its_identity_and_the_users_labels() -> None:
    of = target(labels=(("site", "milan"),), address="192.0.2.25")
    assert owner.of_target(of) == (
        ("host", "mail.example.org"),
        ("port", "587"),
        ("protocol", "smtp"),
        ("tls", "starttls"),
        ("ip_family", "ipv4"),
        ("address", "192.0.2.25"),
        ("site", "milan"),
    )


def test_a_host_is_named_by_its_name_and_the_users_labels() -> None:
    labels = (("site", "milan"),)
    assert owner.of_host(HostState("mail.example.org", labels)) == (("host", "mail.example.org"), *labels)


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
