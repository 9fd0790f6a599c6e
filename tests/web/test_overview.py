"""The status page as a whole: hosts down the side, ports across, what fails on top, and thousands of targets."""

from dataclasses import replace

import pytest

from exporter.judgement.security import TlsFinding
from exporter.metrics.state import TargetState
from exporter.results import CertificateFault, Outcome, Phase, TranscriptLine
from exporter.targets import IpFamily, PortState, Variant
from exporter.web.page import (
    CERTIFICATES_SHOWN,
    FAILING_SHOWN,
    HOSTS_SHOWN,
    ROWS_SHOWN,
    Snapshot,
    render_certificates,
    render_status,
)
from exporter.web.question import Question
from exporter.web.standing import Standing
from tests.web.browser import browsing
from tests.web.daemon import (
    IMAPS,
    NOW,
    SMTP,
    StandingDaemon,
    answered,
    certificate,
    failed,
    faulty,
    other_handshake,
    seen,
    target,
)
from tests.web.test_page import Document

EVERYTHING = Question()

REFUSED = seen(failed(target(), Outcome.CONNECT_REFUSED, Phase.CONNECT, "Connection refused"))


def overview(*states: TargetState, question: Question = EVERYTHING) -> Document:
    """The status page."""
    return Document(render_status(Snapshot("0.1.0", NOW, states, (0, 0), question)))


def lines(document: Document) -> dict[str, list[str]]:
    """The cells of each host of the overview."""
    found: dict[str, list[str]] = {}
    cells: list[str] = []
    inside = False
    for tag, attributes, text in document.elements:
        words = " ".join("".join(text).split())
        if tag == "tr":
            inside = (attributes.get("data-live") or "").startswith("row:")
        elif inside and tag == "th":
            cells = found.setdefault(words, [])
        elif inside and tag == "td":
            cells.append(words)
    return found


def test_every_cell_tells_the_state_its_reason_in_words_and_the_latency() -> None:
    closed = seen(failed(target("mx.example", SMTP, state=PortState.CLOSED), Outcome.CONNECT_REFUSED, Phase.CONNECT))
    document = overview(REFUSED, seen(answered(target(service=IMAPS))), closed, TargetState(target("mx.example")))
    assert lines(document) == {
        "mail.example.org": ["", "failing connection refused since 30 s ago", "ok 42 ms"],
        "mx.example": ["closed closed, as it should be", "not yet probed", ""],
    }
    assert [text for text in document.texts("th") if text.endswith(("SMTP", "IMAP"))][-3:] == [
        "25 SMTP",
        "587 SMTP",
        "993 IMAP",
    ]


def test_a_cell_tells_families_apart_where_there_are_two() -> None:
    over_ipv6 = replace(REFUSED, target=target(ip_family=IpFamily.IPV6))
    assert lines(overview(seen(answered(target())), over_ipv6)) == {
        "mail.example.org": ["ok v4 42 ms failing v6 connection refused since 30 s ago"]
    }


def test_of_many_addresses_those_that_fail_come_first_and_the_rest_is_counted() -> None:
    states = [seen(answered(target(address=f"192.0.2.{number}"))) for number in range(1, 6)]
    states.append(replace(REFUSED, target=target(address="192.0.2.9")))
    [[cell]] = lines(overview(*states)).values()
    assert cell.startswith("failing 192.0.2.9 connection refused since 30 s ago ok 42 ms 192.0.2.1 ")
    assert cell.endswith(" and 2 more")


def test_a_cell_tells_what_somebody_should_know_though_the_port_is_well() -> None:
    ending = seen(answered(target(), certificates=(certificate(3),)))
    state = replace(ending, tls_findings=(TlsFinding.STARTTLS_LOST,), remarks=("an older certificate",))
    assert lines(overview(state)) == {
        "mail.example.org": ["ok 42 ms an older certificate STARTTLS is no longer offered certificate 3 days, ending"]
    }


def test_what_failed_last_stands_on_top_with_since_when_and_what_the_server_said_last() -> None:
    said = (TranscriptLine(True, "EHLO monitor"), TranscriptLine(False, "451 4.3.0 try again"))
    old = answered(target("old.example"), started=NOW - 7200, outcome=Outcome.EHLO_REJECTED, phase=Phase.CAPABILITIES)
    document = overview(
        seen(answered(target("well.example"))),
        seen(old, replace(old, started=NOW - 30, transcript=said)),
        REFUSED,
    )
    top = [text for text in document.texts("td") if "connect_refused" in text or "ehlo_rejected" in text]
    assert top[0].startswith("connection refused connect_refused")
    assert top[1].endswith("The server said last: 451 4.3.0 try again")
    assert "2 h ago 2026-11-21 20:26:40 UTC" in document.texts("td")


@pytest.mark.parametrize(
    ("lines_said", "detail", "told"),
    [
        (("S 250 HELP", "C STARTTLS", "S 454 4.7.0 no", "C QUIT", "S 221 bye"), "", ["454 4.7.0 no"]),
        (("S * OK ready", "C a1 CAPABILITY", "S a1 NO", "C a2 LOGOUT", "S * BYE"), "", ["a1 NO"]),
        (("S 250 HELP", "C STARTTLS", "S 454 4.7.0 no"), "<454 4.7.0 no> as the answer", []),
        (("S 220 mail.example.org ESMTP Postfix", "C EHLO x"), "", []),
        (("C EHLO x",), "", []),
    ],
    ids=["before QUIT", "before LOGOUT", "in the detail", "the greeting", "nothing"],
)
def test_the_last_words_are_those_that_are_news(lines_said: tuple[str, ...], detail: str, told: list[str]) -> None:
    transcript = tuple(TranscriptLine(text.startswith("C "), text[2:]) for text in lines_said)
    result = answered(
        target(), outcome=Outcome.STARTTLS_REJECTED, phase=Phase.STARTTLS, detail=detail, transcript=transcript
    )
    quoted = overview(seen(result)).texts("q")
    assert [text for text in quoted if text != "mail.example.org ESMTP Postfix"] == told


def test_a_large_outage_does_not_hide_the_overview() -> None:
    states = [replace(REFUSED, target=target(f"mx{number}.example")) for number in range(FAILING_SHOWN + 3)]
    document = overview(*states)
    assert document.texts("code").count("connect_refused") == FAILING_SHOWN
    assert "and 3 more that fail" in document.texts("a")


FARM = [TargetState(target(f"mx{number}.example")) for number in range(HOSTS_SHOWN * 2 + 1)]


@pytest.mark.parametrize(("page", "first", "shown"), [(1, 0, HOSTS_SHOWN), (3, HOSTS_SHOWN * 2, 1)])
def test_thousands_of_hosts_are_shown_in_stretches(page: int, first: int, shown: int) -> None:
    document = overview(*FARM, question=Question(page=page))
    assert list(lines(document)) == [f"mx{number}.example" for number in range(first, first + shown)]
    assert f"Hosts {first + 1} to {first + shown} of {len(FARM)}" in document.texts("p")
    assert ("Next" in document.texts("a"), "Previous" in document.texts("a")) == (page < 3, page > 1)


def test_a_long_list_of_one_state_is_shown_in_stretches_that_keep_the_state() -> None:
    states = [TargetState(target(f"mx{number}.example")) for number in range(ROWS_SHOWN + 1)]
    document = overview(*states, question=Question(Standing.PENDING))
    assert f"Targets 1 to {ROWS_SHOWN} of {ROWS_SHOWN + 1}" in document.texts("p")
    assert "?state=pending&page=2" in document.attributes("href")


def test_the_links_of_a_long_search_in_another_script_are_whole() -> None:
    question = Question(words="п" * 200)
    links = overview(REFUSED, question=question).attributes("href")
    assert {question.of_all(), question.of_state(Standing.FAILING)} <= set(links)


async def test_a_search_finds_its_hosts_and_counts_them() -> None:
    async with browsing(StandingDaemon(*FARM, REFUSED)) as browser:
        document = Document((await browser.ask("/?q=mail.example")).text)
        nothing = Document((await browser.ask("/?q=elsewhere")).text)
    assert list(lines(document)) == ["mail.example.org"]
    assert "1 all" in document.texts("li")
    assert document.attributes("value") == ["mail.example"]
    assert nothing.texts("p").count("No target has these words.") == 1


def test_rows_that_are_asked_for_by_name_come_alone_and_in_the_same_columns() -> None:
    states = (*FARM[:3], seen(answered(target("mx0.example", IMAPS))))
    document = overview(*states, question=Question(rows=frozenset({"mx1.example"})))
    assert lines(document) == {"mx1.example": ["not yet probed", ""]}
    assert "4 all" in document.texts("li")
    assert lines(overview(*states, question=Question(rows=frozenset({"-"})))) == {}


def test_certificates_stand_by_their_end_each_once_with_who_shows_it() -> None:
    shared = certificate(62)
    ended = certificate(-3, fingerprint_sha256="cd" * 32, subject="CN=old")
    broken = certificate(9, fingerprint_sha256="ef" * 32, not_after=None)
    two_faced = replace(
        seen(answered(target("b.example"), certificates=(shared,))),
        variants=(other_handshake(Variant.RSA, ended, faulty(CertificateFault.EXPIRED)),),
    )
    states = (
        seen(answered(target("a.example"), certificates=(shared,))),
        seen(answered(target("a.example", IMAPS), certificates=(shared,))),
        two_faced,
        seen(answered(target("c.example"), certificates=(broken,))),
        seen(failed(target("d.example"), Outcome.CONNECT_REFUSED, Phase.CONNECT)),
    )
    document = Document(render_certificates(Snapshot("0.1.0", NOW, states, (0, 0))))
    ends = [text for text in document.texts("th") if text not in ("Ends in", "Faults", "Shown by", "Subject", "Issuer")]
    assert ends == [
        "unreadable",
        "ended 3 days ago 2026-11-18 22:26:40 UTC",
        "62 days 2027-01-22 22:26:40 UTC",
    ]
    shown = [
        text
        for tag, attributes, parts in document.elements
        if attributes.get("data-label") == "Shown by"
        for text in [" ".join("".join(parts).split())]
    ]
    assert shown == ["c.example 587", "b.example 587 (RSA clients)", "a.example 587, 993 b.example 587"]


def test_certificates_that_need_a_look_are_on_the_status_page_and_others_are_not() -> None:
    well, ending = (
        seen(answered(target("a.example"))),
        seen(answered(target("b.example"), certificates=(certificate(3, fingerprint_sha256="cd" * 32),))),
    )
    assert "all certificates by their end" in overview(well, ending).texts("a")
    assert "Certificates that need a look" not in overview(well).texts("h2")


def test_many_certificates_are_shown_in_stretches() -> None:
    states = [
        seen(
            answered(target(f"mx{number}.example"), certificates=(certificate(62, fingerprint_sha256=f"{number:064}"),))
        )
        for number in range(CERTIFICATES_SHOWN + 1)
    ]
    document = Document(render_certificates(Snapshot("0.1.0", NOW, states, (0, 0))))
    assert f"Certificates 1 to {CERTIFICATES_SHOWN} of {CERTIFICATES_SHOWN + 1}" in document.texts("p")
