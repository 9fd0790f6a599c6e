"""The buffer: where a line ends, what is too much, and that the cut of the segments changes nothing."""

import pytest

from exporter.protocols.lines import (
    LINE_LIMIT,
    REPLY_LIMIT,
    REPLY_LINES,
    SESSION_LIMIT,
    LimitExceeded,
    LineBuffer,
    literal_size,
)


def fed(*segments: bytes) -> LineBuffer:
    buffer = LineBuffer()
    for segment in segments:
        buffer.feed(segment)
    return buffer


@pytest.mark.parametrize(
    ("data", "line", "unread"),
    [
        pytest.param(b"a\r\nb", b"a", b"b", id="CRLF"),
        pytest.param(b"a\nb", b"a", b"b", id="bare LF"),
        pytest.param(b"a\r\r\n", b"a\r", b"", id="two CR"),
        pytest.param(b"a\rb\n", b"a\rb", b"", id="CR inside"),
        pytest.param(b"\n", b"", b"", id="empty"),
        pytest.param(b"\x00\xff\n", b"\x00\xff", b"", id="any bytes"),
    ],
)
def test_a_line_ends_at_its_line_feed(data: bytes, line: bytes, unread: bytes) -> None:
    buffer = fed(data)
    assert buffer.take_line() == line
    assert buffer.unread == unread


def test_half_a_line_is_none_and_stays() -> None:
    buffer = fed(b"half")
    assert buffer.take_line() is None
    assert buffer.take_line() is None
    buffer.feed(b" and half\r")
    assert buffer.take_line() is None
    buffer.feed(b"\nmore")
    assert buffer.take_line() == b"half and half"
    assert buffer.take_line() is None
    assert buffer.unread == b"more"


def test_waiting_lines_are_told_without_being_taken() -> None:
    buffer = fed(b"a\r\nb\nhal")
    assert buffer.whole_lines() == [b"a", b"b"]
    assert buffer.take_line() == b"a"
    assert buffer.whole_lines() == [b"b"]
    assert fed(b"half").whole_lines() == []
    assert fed().whole_lines() == []


def test_a_line_may_have_exactly_its_limit() -> None:
    line = b"x" * (LINE_LIMIT - 1)
    assert fed(line + b"\n").take_line() == line
    assert fed(line).take_line() is None


@pytest.mark.parametrize(
    "segments",
    [
        pytest.param((b"x" * LINE_LIMIT,), id="not ended yet"),
        pytest.param((b"x" * LINE_LIMIT + b"\n",), id="ended too late"),
        pytest.param((b"x" * 100, b"x" * LINE_LIMIT + b"\n"), id="in two segments"),
    ],
)
def test_a_longer_line_is_refused(segments: tuple[bytes, ...]) -> None:
    with pytest.raises(LimitExceeded, match="a line of more than 4096 bytes"):
        fed(*segments).take_line()


def test_a_reply_may_have_exactly_its_lines() -> None:
    buffer = fed(b"x\n" * (REPLY_LINES + 1))
    for _ in range(REPLY_LINES):
        assert buffer.take_line() == b"x"
    with pytest.raises(LimitExceeded, match="a reply of more than 100 lines"):
        buffer.take_line()


def test_a_new_reply_is_counted_anew() -> None:
    buffer = fed(b"x\n" * (REPLY_LINES + 1) + b"y" * REPLY_LIMIT)
    for _ in range(REPLY_LINES):
        buffer.take_line()
    buffer.begin_reply()
    assert buffer.take_line() == b"x"
    buffer.begin_reply()
    assert buffer.take_octets(REPLY_LIMIT) == b"y" * REPLY_LIMIT


def test_lines_and_octets_count_into_one_reply() -> None:
    buffer = fed(b"x\n" + b"y" * REPLY_LIMIT)
    buffer.take_line()
    with pytest.raises(LimitExceeded, match="a reply of more than 65536 bytes"):
        buffer.take_octets(REPLY_LIMIT - 1)
    assert buffer.take_octets(REPLY_LIMIT - 2) == b"y" * (REPLY_LIMIT - 2)
    with pytest.raises(LimitExceeded, match="a reply of more than 65536 bytes"):
        buffer.take_octets(1)


def test_octets_are_taken_whole_and_lines_go_on_behind_them() -> None:
    buffer = fed(b"a\nb")
    assert buffer.take_octets(4) is None
    buffer.feed(b"\nc\n")
    assert buffer.take_octets(4) == b"a\nb\n"
    assert buffer.take_octets(0) == b""
    assert buffer.take_line() == b"c"


def test_a_line_behind_octets_is_searched_from_its_beginning() -> None:
    buffer = fed(b"abc")
    assert buffer.take_line() is None
    assert buffer.take_octets(3) == b"abc"
    buffer.feed(b"\nd")
    assert buffer.take_line() == b""


@pytest.mark.parametrize("segment", [1000, 4096, SESSION_LIMIT + 1])
def test_a_session_keeps_its_limit_and_refuses_what_is_beyond(segment: int) -> None:
    buffer = LineBuffer()
    data = b"0123456\n" * (SESSION_LIMIT // 8) + b"8"
    for start in range(0, len(data), segment):
        buffer.feed(data[start : start + segment])
    for _ in range(SESSION_LIMIT // 8):
        buffer.begin_reply()
        assert buffer.take_line() == b"0123456"
    assert buffer.unread == b""
    for take in (buffer.take_line, lambda: buffer.take_octets(1)):
        with pytest.raises(LimitExceeded, match="a session of more than 262144 bytes"):
            take()


def test_a_session_of_exactly_its_limit_is_accepted() -> None:
    buffer = fed(b"0123456\n" * (SESSION_LIMIT // 8))
    for _ in range(SESSION_LIMIT // 8):
        buffer.begin_reply()
        assert buffer.take_line() == b"0123456"
    assert buffer.take_line() is None


@pytest.mark.parametrize(
    ("line", "size"),
    [
        (b"* X {12}", 12),
        (b"{12+}", 12),
        (b"{0}", 0),
        (b'"a" {3', None),
        (b"{}", None),
        (b"{+}", None),
        (b"{-1}", None),
        (b"{1 }", None),
        (b"{12} ", None),
        (b"12}", None),
        (b"{a} {4}", 4),
        (b"{4294967295}", 4294967295),
        (b"{00000000001}", None),
        (b"", None),
    ],
)
def test_a_literal_is_announced_at_the_end_of_a_line(line: bytes, size: int | None) -> None:
    assert literal_size(line) == size
