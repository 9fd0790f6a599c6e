"""The values of the format: durations, names and the texts of messages."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.config import duration
from exporter.config.fault import quoted
from exporter.config.hostname import EHLO_NAME, MAX_NAME, encoded, identity
from exporter.config.load import parse


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0s", 0),
        ("500ms", 0.5),
        ("60s", 60),
        ("5m", 300),
        ("1h", 3600),
        ("1h30m", 5400),
        ("1d", 86_400),
        ("1d2h3m4s5ms", 93_784.005),
    ],
)
def test_a_duration_is_a_number_of_seconds(text: str, seconds: float) -> None:
    assert duration.parsed(text) == seconds


@pytest.mark.parametrize(
    "text", ["", "60", "s", "1.5s", "-5s", "5 s", "5S", "30s5m", "1m1m", "60s\n", "٣s", "1234567890123s", "1w", "1e3s"]
)
def test_anything_else_is_no_duration(text: str) -> None:
    assert duration.parsed(text) is None


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0s"),
        (0.1, "100ms"),
        (1.5, "1500ms"),
        (90, "90s"),
        (300, "300s"),
        (3600, "1h"),
        (5400, "1h30m"),
        (90_061, "1d1h1m1s"),
    ],
)
def test_a_duration_is_written_as_people_do(seconds: float, text: str) -> None:
    assert duration.written(seconds) == text


@given(st.integers(0, 10**12 - 1))
def test_a_duration_survives_being_written(milliseconds: int) -> None:
    assert duration.parsed(duration.written(milliseconds / 1_000)) == milliseconds / 1_000


@pytest.mark.parametrize(
    "name", ["monitor.example.org", "[192.0.2.1]", "[IPv6:2001:db8::1]", "xn--mnchen-3ya.example.org"]
)
def test_an_ehlo_name_is_qualified_or_an_address_literal(name: str) -> None:
    (target,) = parse(
        f'defaults: {{ehlo_name: "{name}", ip_families: [ipv4]}}\nhosts: [{{host: a, ports: [25]}}]', "conf.yml"
    ).targets
    assert target.ehlo_name == name
    assert EHLO_NAME.schema == {"type": "string", "minLength": 1, "maxLength": MAX_NAME}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param("MAIL.Example.org", "mail.example.ORG", id="case"),
        pytest.param("2001:db8::1", "2001:0DB8:0:0::0001", id="zeros"),
        pytest.param("MÜNCHEN.example", "xn--mnchen-3ya.example", id="script"),
    ],
)
def test_spellings_of_one_host_have_one_identity(one: str, other: str) -> None:
    assert identity(one) == identity(other)


def test_a_name_may_be_as_long_as_dns_carries() -> None:
    longest = ".".join(["a" * 63, "b" * 63, "c" * 63, "d" * 61])
    assert (len(longest), encoded(longest)) == (MAX_NAME, longest)
    assert encoded(longest + "d") is None


def test_a_name_is_measured_as_dns_carries_it() -> None:
    name = ".".join(["ü" * 40] * 6)
    assert len(name) < MAX_NAME
    assert encoded(name) is None


@given(st.text())
def test_a_quotation_is_one_printable_line_of_bounded_length(text: str) -> None:
    assert quoted(text).isprintable()
    assert len(quoted(text)) <= 61 * 10 + 2


@given(st.text())
def test_any_text_has_an_encoding_for_dns_or_none(text: str) -> None:
    found = encoded(text)
    assert found is None or (found.isascii() and 0 < len(found) <= MAX_NAME)
