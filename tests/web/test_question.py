"""What can be asked of the pages, in the address."""

import pytest

from exporter.metrics.state import TargetState
from exporter.results import Outcome, Phase
from exporter.targets import IpFamily
from exporter.web.question import Question, QuestionError, Stretch, found, parse_question, stretch
from exporter.web.standing import Standing
from tests.web.browser import browsing
from tests.web.daemon import IMAPS, SMTP, StandingDaemon, answered, failed, seen, target


@pytest.mark.parametrize(
    ("pairs", "question"),
    [
        ([], Question()),
        ([("state", "failing")], Question(Standing.FAILING)),
        ([("q", "  mail 587 ")], Question(words="mail 587")),
        ([("state", ""), ("q", ""), ("page", "")], Question()),
        ([("page", "3")], Question(page=3)),
        ([("row", "a"), ("row", "b")], Question(rows=frozenset({"a", "b"}))),
    ],
    ids=["nothing", "a state", "words", "an empty form", "a stretch", "rows"],
)
def test_a_question_is_read(pairs: list[tuple[str, str]], question: Question) -> None:
    assert parse_question(pairs) == question


@pytest.mark.parametrize(
    ("pairs", "complaint"),
    [
        ([("state", "<b>")], "unknown state, known are failing, ok, closed, pending, unknown, left-out"),
        ([("host", "x")], "unknown parameter, known are state, q, page, row"),
        ([("q", "x" * 257)], "a search has at most 8 words and 256 characters"),
        ([("q", "a b c d e f g h i")], "a search has at most 8 words and 256 characters"),
        ([("page", "0")], "page must be a number from 1 on"),
        ([("page", "9999999")], "page must be a number from 1 on"),
        ([("page", "\u0663")], "page must be a number from 1 on"),
        ([("q", "a"), ("q", "b")], "a parameter comes too often"),
        ([("row", str(number)) for number in range(65)], "a parameter comes too often"),
    ],
    ids=["state", "parameter", "long", "many words", "zero", "far", "other digits", "twice", "many rows"],
)
async def test_a_question_that_nobody_understands_is_refused_with_what_is_known(
    pairs: list[tuple[str, str]], complaint: str
) -> None:
    with pytest.raises(QuestionError, match=f"^{complaint}$"):
        parse_question(pairs)


@pytest.mark.parametrize("path", ["/", "/certificates", "/host/mail.example.org"])
async def test_every_page_refuses_it_in_plain_text(path: str) -> None:
    async with browsing(StandingDaemon(TargetState(target()))) as browser:
        reply = await browser.ask(f"{path}?page=%3Cb%3E")
    assert (reply.status, reply.text) == (400, "400: page must be a number from 1 on\n")


def test_a_link_keeps_what_is_asked_for_and_begins_at_the_first_stretch() -> None:
    question = Question(Standing.FAILING, "a&b=\u00e9", page=4, rows=frozenset({"x"}))
    assert question.of_state(Standing.OK) == "?state=ok&q=a%26b%3D%C3%A9"
    assert question.of_all() == "?q=a%26b%3D%C3%A9"
    assert question.of_page(2) == "?state=failing&q=a%26b%3D%C3%A9&page=2"
    assert Question().of_page(1) == "?"


STATES = (
    seen(answered(target("mx1.example.org", SMTP, labels=(("site", "milan"),)))),
    seen(failed(target("mx2.example.org", SMTP), Outcome.CONNECT_REFUSED, Phase.CONNECT, "Connection refused")),
    TargetState(target("imap.example.net", IMAPS, ip_family=IpFamily.IPV6)),
)


@pytest.mark.parametrize(
    ("words", "places"),
    [
        ("", [0, 1, 2]),
        ("MX", [0, 1]),
        ("mx2", [1]),
        ("25", [0, 1]),
        ("mx 993", []),
        ("993", [2]),
        ("refused", [1]),
        ("connect_refused", [1]),
        ("site:milan", [0]),
        ("milan", [0]),
        ("postfix", [0]),
        ("ipv6", [2]),
        ("imap", [2]),
        ("192.0.2.25 smtp", [0, 1]),
        ("nothing", []),
    ],
)
def test_a_search_finds_what_a_person_would_type(words: str, places: list[int]) -> None:
    assert found(STATES, words) == [STATES[place] for place in places]


@pytest.mark.parametrize(
    ("page", "shown"),
    [
        (1, Stretch("abc", 1, 3, 1, 7)),
        (2, Stretch("def", 2, 3, 4, 7)),
        (3, Stretch("g", 3, 3, 7, 7)),
        (9, Stretch("g", 3, 3, 7, 7)),
    ],
)
def test_a_long_list_is_shown_in_stretches_and_past_its_end_the_last(page: int, shown: Stretch[str]) -> None:
    assert stretch("abcdefg", page, 3) == shown


def test_an_empty_list_is_one_empty_stretch() -> None:
    nothing: tuple[str, ...] = ()
    assert stretch(nothing, 1, 3) == Stretch((), 1, 1, 1, 0)
