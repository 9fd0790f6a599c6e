"""The page of one host: the last probes, certificates, capabilities, dialogs, and what the state was before."""

from dataclasses import replace

import pytest

from exporter.metrics.history import Attempt
from exporter.metrics.state import HostState, TargetState
from exporter.results import Capability, Findings, Outcome, Phase, ProbeResult, Resolution, TranscriptLine
from exporter.targets import IpFamily
from exporter.web.chart import HEIGHT, chart, stacked
from exporter.web.page import TARGETS_SHOWN, Snapshot, render_host
from exporter.web.question import Question
from tests.web.browser import browsing
from tests.web.daemon import IMAPS, NOW, StandingDaemon, answered, certificate, failed, seen, target
from tests.web.test_page import Document, host_page

HOST = "mail.example.org"
DIALOG = (
    TranscriptLine(False, "220 mail.example.org ESMTP"),
    TranscriptLine(True, "EHLO monitor.example.org"),
    TranscriptLine(False, r"250 \x1b[2J", secured=True),
)


def attempt(*durations: tuple[Phase, float], success: bool | None = True, duration: float = 0.0) -> Attempt:
    outcome = Outcome.OK if success else Outcome.REPLY_TIMEOUT
    return Attempt(NOW - 60, duration, outcome, Phase.CAPABILITIES, success, durations, "")


def test_a_bar_is_made_of_its_phases_from_the_bottom_up_and_the_longest_fills_the_height() -> None:
    drawn = chart([attempt((Phase.CONNECT, 1.0), (Phase.TLS, 3.0)), attempt((Phase.CONNECT, 2.0))], NOW)
    assert drawn is not None
    longest, half = drawn.bars
    assert [(piece.phase, piece.y, piece.height) for piece in longest.pieces] == [
        (Phase.CONNECT, 75.0, 25.0),
        (Phase.TLS, 0.0, 75.0),
    ]
    assert [(piece.y, piece.height) for piece in half.pieces] == [(HEIGHT / 2, HEIGHT / 2)]
    assert longest.x + longest.width < half.x
    assert half.x + half.width == drawn.width
    assert drawn.scale == "4.0 s"


def test_the_first_byte_is_a_part_of_the_greeting_and_not_counted_twice() -> None:
    assert list(stacked([(Phase.GREETING_FIRST_BYTE, 1.0), (Phase.GREETING, 3.0), (Phase.TLS, 0.5)])) == [
        (Phase.GREETING_FIRST_BYTE, 1.0),
        (Phase.GREETING, 2.0),
        (Phase.TLS, 0.5),
    ]


def test_a_probe_that_failed_shows_the_time_until_it_did() -> None:
    drawn = chart([attempt((Phase.CONNECT, 1.0), success=False, duration=4.0), attempt((Phase.CONNECT, 2.0))], NOW)
    assert drawn is not None
    failed_bar, good = drawn.bars
    assert failed_bar.rest is not None
    assert (failed_bar.rest.y, failed_bar.rest.height) == (0.0, 75.0)
    assert failed_bar.failed
    assert failed_bar.outcome == "no reply"
    assert good.rest is None


def test_a_failure_that_took_no_time_can_be_seen_all_the_same() -> None:
    drawn = chart([attempt(success=False), attempt((Phase.CONNECT, 2.0))], NOW)
    assert drawn is not None
    assert drawn.bars[0].rest is not None
    assert drawn.bars[0].rest.height > 0


def test_probes_of_no_length_and_no_probes_break_nothing() -> None:
    assert chart([attempt()], NOW) is not None
    assert chart([], NOW) is None


def cards(document: Document) -> list[str]:
    """The whole text of each target's part of the page."""
    return document.texts("article")


def test_everything_about_a_target_is_on_the_page_of_its_host() -> None:
    result = answered(
        target(),
        transcript=DIALOG,
        findings=Findings(
            greeting="mail.example.org ESMTP",
            starttls_advertised=True,
            cleartext_auth=False,
            capabilities=(Capability("STARTTLS"),),
            capabilities_tls=(Capability("AUTH", ("PLAIN", "LOGIN")), Capability("SIZE", ("1000",))),
            message_size_limit=1000,
        ),
        certificates=(
            certificate(62, subject="CN=mail.example.org", issuer="CN=R11", dns_names=("mail.example.org",)),
            certificate(400, position=1, subject="CN=R11", issuer="CN=Root"),
        ),
    )
    document = host_page(seen(result))
    [card] = cards(document)
    assert card.startswith("587 SMTP over IPv4 ok since 2026-11-21 22:26:10 UTC, 30 s ago")
    for said in ("Greeting 42 ms", "TLS TLSv1.3 TLS_AES_256_GCM_SHA384 X25519", "Message size limit 1,000 bytes"):
        assert said in card
    for said in (
        "Expected: starttls met",
        "Certificates for everybody: holds",
        "Server Ends in 62 days",
        "Issuer 1 Ends",
    ):
        assert said in card
    assert {"STARTTLS", "AUTH PLAIN LOGIN", "SIZE 1000", *(line.text for line in DIALOG)} <= set(document.texts("code"))
    assert "server, TLS" in document.texts("span")
    assert [text for text in document.texts("h3") if text.startswith("Capabilities")] == [
        "Capabilities before TLS",
        "Capabilities inside TLS",
    ]
    # One bar of two phases; their names are in the legend and over the numbers.
    assert len(document.texts("rect")) == 2
    assert {"Began", "connection", "greeting", "In all"} <= set(document.texts("th"))


def went_through(*results: ProbeResult) -> TargetState:
    """The state after these probes, half a minute apart, the last half a minute before NOW."""
    apart = [replace(result, started=NOW - 30.0 * (len(results) - place)) for place, result in enumerate(results)]
    return seen(*apart)


def test_an_outage_is_told_with_its_dialog_opened_its_changes_and_its_length() -> None:
    well = answered(target(), transcript=DIALOG)
    down = failed(
        target(),
        Outcome.REPLY_TIMEOUT,
        Phase.CAPABILITIES,
        "no reply within 10 s",
        port_open=True,
        transcript=DIALOG[:2],
    )
    document = host_page(went_through(well, down, down))
    [card] = cards(document)
    assert card.startswith("587 SMTP over IPv4 failing since 2026-11-21 22:25:40 UTC, 1 min ago")
    assert "The server said last: 220 mail.example.org ESMTP" in card
    assert "Changes of state (2)" in card
    assert "no reply in the phase: capabilities, 2 times in a row until 2026-11-21 22:26:10 UTC" in card
    opened = [attributes["id"] for tag, attributes, _ in document.elements if tag == "details" and "open" in attributes]
    assert len(opened) == 1
    assert "-dialog-" in (opened[0] or "")
    assert [text for text in document.texts("summary") if text.startswith("Dialog")] == [
        "Dialog: no reply, 30 s ago",
        "Dialog: all as it should be, 1 min ago",
    ]


def test_what_was_not_probed_yet_is_said_without_anything_invented() -> None:
    document = host_page(TargetState(target()))
    assert cards(document) == ["587 SMTP over IPv4 not yet probed Last probe"]
    assert not {"svg", "rect"} & {tag for tag, _, _ in document.elements}


def test_a_host_of_many_targets_is_shown_in_stretches() -> None:
    states = [TargetState(target(address=f"192.0.2.{number}")) for number in range(1, TARGETS_SHOWN + 2)]
    assert len(cards(host_page(*states))) == TARGETS_SHOWN
    assert len(cards(host_page(*states, number=2))) == 1


def test_a_hosts_own_notices_and_addresses_stand_above_its_targets() -> None:
    resolution = Resolution(Outcome.OK, ("192.0.2.25",), ("2001:db8::25",), 0.01)
    banned = HostState(HOST, resolution=resolution, suspected_ban=((IpFamily.IPV4, True),))
    other = HostState("other.example", suspected_ban=((IpFamily.IPV4, True),))
    html = render_host(Snapshot("0", NOW, [TargetState(target())], (0, 0), Question(), [other, banned]), HOST)
    assert html is not None
    document = Document(html)
    assert "192.0.2.25, 2001:db8::25" in document.texts("span")
    assert "other.example" not in html
    assert any("does not answer over IPv4" in text for text in document.texts("li"))


@pytest.mark.parametrize("host", ["mail.example.org", "2001:db8::25", "m\u00fcll.example"])
async def test_every_host_is_found_by_its_name_as_the_status_page_links_it(host: str) -> None:
    state = seen(answered(target(host)))
    async with browsing(StandingDaemon(state, seen(answered(target("other.example", IMAPS))))) as browser:
        links = [
            link for link in Document((await browser.ask("/")).text).attributes("href") if link.startswith("host/")
        ]
        reply = await browser.ask(f"/{links[0]}")
    assert reply.status == 200
    assert Document(reply.text).texts("h1") == [host]


@pytest.mark.parametrize("path", ["/host/nobody.example", "/host/%3Cscript%3E", "/host/", "/host"])
async def test_a_host_that_is_not_configured_is_404_in_plain_text(path: str) -> None:
    async with browsing(StandingDaemon(TargetState(target()))) as browser:
        reply = await browser.ask(path)
    assert (reply.status, reply.text) == (404, "404: Not Found")


def test_a_session_that_was_complete_and_no_success_has_a_cap_and_no_time_until_it_broke_off() -> None:
    complete = attempt((Phase.CONNECT, 1.0), (Phase.GOODBYE, 1.0), success=False, duration=40.0)
    drawn = chart([complete, attempt((Phase.CONNECT, 4.0))], NOW)
    assert drawn is not None
    assert drawn.scale == "4.0 s"
    assert drawn.bars[0].rest is not None
    assert drawn.bars[0].rest.height < 5
