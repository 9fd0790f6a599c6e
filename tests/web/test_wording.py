"""How the page says numbers and foreign text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup

from exporter.results import Outcome, Phase
from exporter.targets import Protocol, TlsMode
from exporter.web.wording import OUTCOME, PHASE, PROTOCOL, TLS, clock, instant, latency, span, visible


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-5.0, "0 s"),
        (0.0, "0 s"),
        (59.9, "59 s"),
        (60.0, "1 min"),
        (3599.0, "59 min"),
        (3600.0, "1 h"),
        (172_799.0, "47 h"),
        (172_800.0, "2 days"),
        (86400.0 * 400, "400 days"),
    ],
)
def test_a_span_is_said_in_its_largest_whole_unit(seconds: float, words: str) -> None:
    assert span(seconds) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.0004, "0.4 ms"),
        (0.00949, "9.5 ms"),
        (0.0095, "10 ms"),
        (0.042, "42 ms"),
        (0.9994, "999 ms"),
        (0.9995, "1.0 s"),
        (6.04, "6.0 s"),
    ],
)
def test_a_latency_has_as_many_digits_as_matter(seconds: float, words: str) -> None:
    assert latency(seconds) == words


def test_instants_are_in_utc() -> None:
    assert instant(1_795_300_000.9) == "2026-11-21T22:26:40Z"
    assert clock(1_795_300_000.9) == "2026-11-21 22:26:40 UTC"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        pytest.param("mail.example.org ESMTP", "mail.example.org ESMTP", id="plain"),
        pytest.param("Grüße Ω", "Grüße Ω", id="other-languages"),
        pytest.param("a\r\nb\x00\x1b[31m", r"a\r\nb\x00\x1b[31m", id="control-characters"),
        pytest.param("\u202egro.elpmaxe", r"\u202egro.elpmaxe", id="right-to-left-override"),
        pytest.param("a\u200bb", r"a\u200bb", id="zero-width"),
        pytest.param("caf\udce9", r"caf\udce9", id="lone-surrogate"),
        pytest.param("<b>", "<b>", id="markup-is-the-templates-work"),
        pytest.param("x" * 601, "x" * 600 + "…", id="too-long"),
    ],
)
def test_what_cannot_be_seen_is_made_visible(text: str, shown: str) -> None:
    assert visible(text) == shown


@pytest.mark.parametrize("value", [None, 25, Markup("<i>\n</i>")], ids=["none", "number", "markup"])
def test_what_is_no_foreign_text_passes_unchanged(value: object) -> None:
    assert visible(value) is value


@given(st.text(st.characters()))
def test_any_text_can_be_seen_and_sent(text: str) -> None:
    shown = visible(text)
    assert isinstance(shown, str)
    assert shown.isprintable()
    shown.encode()


def test_every_outcome_and_every_phase_has_words_for_people() -> None:
    assert set(OUTCOME) == set(Outcome)
    assert set(PHASE) == set(Phase)
    assert set(PROTOCOL) == set(Protocol)
    assert set(TLS) == set(TlsMode)
    assert not [words for words in (*OUTCOME.values(), *PHASE.values()) if "_" in words or not words.strip()]
    assert len(set(OUTCOME.values())) == len(Outcome)
