"""What people are shown is printable and bounded."""

import pytest

from exporter.protocols.transcript import TEXT_LIMIT, TRANSCRIPT_LINES, Transcript, visible
from exporter.results import TranscriptLine


@pytest.mark.parametrize(
    ("data", "text"),
    [
        pytest.param(b"plain ~ text", "plain ~ text", id="printable"),
        pytest.param(b"\x00\t\x1b\x7f\r\n", "\\x00\\x09\\x1b\\x7f\\x0d\\x0a", id="control characters"),
        pytest.param(b"\x80\xe9\xff", "\\x80\\xe9\\xff", id="eight bits"),
        pytest.param(b"", "", id="nothing"),
    ],
)
def test_every_byte_is_made_visible(data: bytes, text: str) -> None:
    assert visible(data) == text


@pytest.mark.parametrize(
    ("data", "limit", "text"),
    [
        pytest.param(b"abcde", 5, "abcde", id="exactly the limit"),
        pytest.param(b"abcdef", 5, "abcd…", id="one more"),
        pytest.param(b"a\x00b", 5, "a\\x0…", id="longer once it is visible"),
        pytest.param(b"x" * 10_000, 5, "xxxx…", id="much longer"),
    ],
)
def test_a_long_text_is_cut(data: bytes, limit: int, text: str) -> None:
    assert visible(data, limit) == text


def test_lines_are_kept_in_their_order_and_cut() -> None:
    transcript = Transcript()
    transcript.add(b"one", sent=True, secured=False)
    transcript.add(b"\x00" * 5000, sent=False, secured=True)
    assert transcript.lines() == (
        TranscriptLine(sent=True, text="one"),
        TranscriptLine(sent=False, text=("\\x00" * 128)[: TEXT_LIMIT - 1] + "…", secured=True),
    )


def test_a_line_of_exactly_the_limit_is_not_cut() -> None:
    transcript = Transcript()
    transcript.add(b"x" * TEXT_LIMIT, sent=False, secured=False)
    transcript.add(b"x" * (TEXT_LIMIT + 1), sent=False, secured=False)
    assert [line.text for line in transcript.lines()] == ["x" * 512, "x" * 511 + "…"]


def test_the_first_lines_are_kept_and_no_more() -> None:
    transcript = Transcript()
    for number in range(TRANSCRIPT_LINES + 5):
        transcript.add(b"%d" % number, sent=False, secured=False)
    assert [line.text for line in transcript.lines()] == [str(number) for number in range(200)]
