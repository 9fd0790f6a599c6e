"""The status page: what it says, and what it lets through."""

import re
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.metrics.state import TargetState
from exporter.results import CertificateFault, Findings, Outcome, Phase, ProbeResult
from exporter.targets import IpFamily, PortState, Protocol, Service, TlsMode
from exporter.web.page import STYLESHEET, Snapshot, render
from exporter.web.standing import Standing
from tests.web.browser import browsing
from tests.web.daemon import (
    DAY,
    GOOD,
    IMAPS,
    NOW,
    SMTP,
    StandingDaemon,
    answered,
    certificate,
    failed,
    faulty,
    seen,
    target,
)


class Document(HTMLParser):
    """What a browser makes of a page: its elements with their attributes, and the text inside each."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None], list[str]]] = []
        self._open: list[list[str]] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        text: list[str] = []
        self.elements.append((tag, dict(attrs), text))
        if tag not in ("meta", "link"):
            self._open.append(text)

    def handle_endtag(self, tag: str) -> None:
        self._open.pop()

    def handle_data(self, data: str) -> None:
        for text in self._open:
            text.append(data)

    def texts(self, *tags: str) -> list[str]:
        """The texts of all elements with one of these names."""
        return [" ".join("".join(text).split()) for tag, _, text in self.elements if tag in tags]

    def attributes(self, name: str) -> list[str]:
        """The values of all attributes of this name."""
        return [value for _, attributes, _ in self.elements if (value := attributes.get(name)) is not None]


def page(*states: TargetState, only: Standing | None = None, progress: tuple[int, int] = (0, 0)) -> Document:
    """The page of these targets."""
    return Document(render(Snapshot("0.1.0", NOW, states, progress, only)))


COLUMNS = ["Port", "TLS", "Family", "State", "Reason", "Since", "Greeting", "Certificate", "Probed"]


def row(state: TargetState) -> dict[str, str]:
    """The cells of the page's only row, by their columns."""
    cells = page(state).texts("th", "td")
    assert cells[: len(COLUMNS)] == COLUMNS
    # After the head comes the line with the host.
    return dict(zip(COLUMNS, cells[len(COLUMNS) + 1 :], strict=True))


REFUSED = failed(target(), Outcome.CONNECT_REFUSED, Phase.CONNECT, "connection refused")
ALL_KINDS = (
    seen(answered(target())),
    seen(answered(target(service=IMAPS))),
    seen(REFUSED),
    seen(failed(target(service=SMTP, state=PortState.CLOSED), Outcome.CONNECT_REFUSED, Phase.CONNECT)),
    TargetState(target("mx2.example.net")),
    seen(failed(target("mx2.example.net", SMTP), Outcome.NO_ROUTE, Phase.CONNECT, port_open=None)),
    seen(answered(target("mx2.example.net", IMAPS), outcome=Outcome.INTERNAL_ERROR)),
)


def test_a_port_that_is_well_is_told_in_one_row() -> None:
    state = seen(answered(target(), started=NOW - 3 * DAY), answered(target()))
    assert row(state) == {
        "Port": "587 SMTP",
        "TLS": "STARTTLS TLSv1.3",
        "Family": "IPv4 192.0.2.25",
        "State": "ok",
        "Reason": "mail.example.org ESMTP Postfix",
        "Since": "3 days ago",
        "Greeting": "42 ms",
        "Certificate": "62 days",
        "Probed": "30 s ago",
    }


def test_a_port_that_fails_is_told_with_its_reason_and_what_was_known_before() -> None:
    state = seen(answered(target(), started=NOW - 7200), REFUSED)
    assert row(state) == {
        "Port": "587 SMTP",
        "TLS": "STARTTLS",
        "Family": "IPv4 192.0.2.25",
        "State": "failing",
        "Reason": "connect_refused connection refused",
        "Since": "30 s ago",
        "Greeting": "",
        "Certificate": "62 days seen 2 h ago",
        "Probed": "30 s ago",
    }


def test_what_was_not_probed_yet_has_empty_cells() -> None:
    cells = row(TargetState(target(service=Service(4190, Protocol.SIEVE, TlsMode.NONE), ip_family=IpFamily.IPV6)))
    assert cells == dict.fromkeys(COLUMNS, "") | {
        "Port": "4190 SIEVE",
        "TLS": "none",
        "Family": "IPv6",
        "State": "not yet probed",
    }


@pytest.mark.parametrize(
    ("result", "cell", "mood"),
    [
        pytest.param(answered(target(), certificates=(certificate(62),)), "62 days", "good", id="long"),
        pytest.param(answered(target(), certificates=(certificate(22.6),)), "22 days", "good", id="a-quarter-left"),
        pytest.param(answered(target(), certificates=(certificate(22.4),)), "22 days, ending", "warning", id="less"),
        pytest.param(answered(target(), certificates=(certificate(3, 6),)), "3 days", "good", id="short-lived"),
        pytest.param(answered(target(), certificates=(certificate(1.4, 6),)), "1 day, ending", "warning", id="one-day"),
        pytest.param(answered(target(), certificates=(certificate(0.5),)), "12 h, ending", "warning", id="hours"),
        pytest.param(
            answered(target(), certificates=(certificate(-0.01),)), "ended 14 min ago", "bad", id="just-ended"
        ),
        pytest.param(answered(target(), certificates=(certificate(-3.5),)), "ended 3 days ago", "bad", id="ended"),
        pytest.param(
            answered(target(), certificates=(certificate(20, not_before=None),)),
            "20 days, ending",
            "warning",
            id="no-begin",
        ),
        pytest.param(
            answered(target(), certificates=(certificate(20, not_after=None),)), "unreadable", "bad", id="malformed"
        ),
        pytest.param(
            answered(
                target(),
                verdict=type(GOOD)(
                    chain_valid=True, name_valid=True, dates_valid=True, chain_not_after=NOW + 4.5 * DAY
                ),
            ),
            "4 days, ending",
            "warning",
            id="an-intermediate-ends-sooner",
        ),
        pytest.param(
            answered(target(), verdict=faulty(CertificateFault.SELF_SIGNED, CertificateFault.NAME_MISMATCH)),
            "62 days self_signed, name_mismatch",
            "warning",
            id="not-valid",
        ),
    ],
)
def test_a_certificate_is_told_by_the_days_that_are_left(result: ProbeResult, cell: str, mood: str) -> None:
    state = seen(result)
    assert row(state)["Certificate"] == cell
    assert mood in page(state).attributes("class")


@pytest.mark.parametrize(("age", "late"), [(359.0, False), (361.0, True)])
def test_a_probe_that_is_overdue_is_marked(age: float, late: bool) -> None:
    state = seen(answered(target(), started=NOW - age), interval=120.0)
    assert row(state)["Probed"].endswith("late") is late


def test_rows_stand_under_their_host_in_the_order_of_the_configuration() -> None:
    labels = (("site", "milan"), ("tier", "1"))
    states = [TargetState(target(host, labels=labels)) for host in ("b.example", "a.example")]
    states.append(TargetState(target("b.example", SMTP, labels=labels)))
    assert page(*states).texts("th")[len(COLUMNS) :] == [
        "b.example site: milan tier: 1",
        "587 SMTP",
        "25 SMTP",
        "a.example site: milan tier: 1",
        "587 SMTP",
    ]


def test_the_counts_are_on_top_and_the_failing_in_the_title() -> None:
    document = page(*ALL_KINDS)
    assert document.texts("li")[4:] == [
        "7 all",
        "1 failing",
        "2 ok",
        "1 closed",
        "1 not yet probed",
        "1 unknown",
        "1 left out",
    ]
    assert document.texts("title") == ["1 failing - mailprobe"]


def test_no_failure_is_said_and_rare_states_are_only_named_where_they_occur() -> None:
    document = page(seen(answered(target())))
    assert document.texts("li")[4:] == ["1 all", "0 failing", "1 ok", "0 closed", "0 not yet probed"]
    assert document.texts("title") == ["none failing - mailprobe"]


@pytest.mark.parametrize("only", list(Standing))
async def test_a_count_leads_to_its_targets(only: Standing) -> None:
    async with browsing(StandingDaemon(*ALL_KINDS)) as browser:
        everything = Document((await browser.ask("/")).text)
        assert f"?state={only}" in everything.attributes("href")
        document = Document((await browser.ask(f"/?state={only}")).text)
    states = document.texts("span")
    assert states.count(only.words) == (2 if only is Standing.OK else 1)
    assert not set(states) & ({which.words for which in Standing} - {only.words})
    assert document.texts("li")[4:] == everything.texts("li")[4:], "the counts are of all targets"
    assert [text for tag, attributes, text in document.elements if "aria-current" in attributes] != []


def test_nothing_to_show_is_said() -> None:
    assert "The configuration names no targets." in page().texts("p")
    assert "No target is failing." in page(seen(answered(target())), only=Standing.FAILING).texts("p")


@pytest.mark.parametrize(("progress", "told"), [((2, 5), True), ((5, 5), False)])
def test_the_first_round_is_told_while_it_lasts(progress: tuple[int, int], told: bool) -> None:
    [asof] = [text for text in page(progress=progress).texts("p") if text.startswith("As of")]
    assert asof == "As of 2026-11-21 22:26:40 UTC." + (" First round: 2 of 5 targets probed." if told else "")


HOSTILE = "</td><script>alert(1)</script><img src=x onerror='alert(2)'>\"&lt;\x00\x1b[2J\u202etxt.exe\udcff"
SHOWN = "</td><script>alert(1)</script><img src=x onerror='alert(2)'>\"&lt;" + r"\x00\x1b[2J\u202etxt.exe\udcff"


async def test_a_hostile_server_stays_text_wherever_it_speaks() -> None:
    state = seen(
        answered(
            target(labels=(("note", HOSTILE),), server_name=HOSTILE),
            outcome=Outcome.GREETING_REJECTED,
            phase=Phase.GREETING,
            detail=HOSTILE,
            findings=Findings(greeting_code=554, greeting=HOSTILE),
            address=HOSTILE,
        )
    )
    harmless = seen(
        answered(
            target(labels=(("note", "x"),)),
            outcome=Outcome.GREETING_REJECTED,
            phase=Phase.GREETING,
            detail="x",
            findings=Findings(greeting_code=554, greeting="x"),
            address="x",
        )
    )
    async with browsing(StandingDaemon(state)) as browser:
        reply = await browser.ask("/")
    document = Document(reply.text)
    assert [(tag, attributes) for tag, attributes, _ in document.elements] == [
        (tag, attributes) for tag, attributes, _ in page(harmless).elements
    ], "no element and no attribute is the server's"
    assert SHOWN in document.texts("q"), "the greeting"
    assert f"greeting_rejected {SHOWN} {SHOWN}" in document.texts("td"), "the reason"
    assert f"IPv4 {SHOWN}" in document.texts("td"), "the address"
    assert f"note: {SHOWN}" in document.texts("span"), "the label"


@settings(max_examples=50)
@given(st.text(st.characters(), max_size=80), st.text(st.characters(), max_size=80))
def test_no_text_adds_an_element(greeting: str, detail: str) -> None:
    result = answered(
        target(), outcome=Outcome.PROTOCOL_ERROR, detail=f"d{detail}", findings=Findings(greeting=f"g{greeting}")
    )
    plain = answered(target(), outcome=Outcome.PROTOCOL_ERROR, detail="d", findings=Findings(greeting="g"))
    html = render(Snapshot("0.1.0", NOW, [seen(result)], (0, 0)))
    html.encode()
    assert [element[:2] for element in Document(html).elements] == [
        element[:2] for element in page(seen(plain)).elements
    ]


def test_the_page_is_whole_and_needs_nothing_from_elsewhere() -> None:
    document = page(*ALL_KINDS)
    tags = [tag for tag, _, _ in document.elements]
    assert not {"script", "style", "img", "iframe", "form", "object"} & set(tags)
    assert document.attributes("style") == []
    assert not [name for _, attributes, _ in document.elements for name in attributes if name.startswith("on")]
    # Relative, so that it works behind a proxy that gives the exporter a path of its own.
    assert not [url for url in document.attributes("href") + document.attributes("src") if re.match(r"/|[a-z]+:", url)]
    assert "@import" not in STYLESHEET
    assert "url(" not in STYLESHEET


async def test_every_link_of_the_page_leads_somewhere() -> None:
    async with browsing(StandingDaemon(*ALL_KINDS, progress=(7, 7))) as browser:
        links = Document((await browser.ask("/")).text).attributes("href")
        assert {"metrics", "config", "-/healthy", "-/ready"} <= set(links)
        assert {link: (await browser.ask(f"/{link.removeprefix('./')}")).status for link in links} == dict.fromkeys(
            links, 200
        )


def test_the_page_can_be_read_without_eyes() -> None:
    document = page(*ALL_KINDS)
    [language] = document.attributes("lang")
    assert language == "en"
    assert document.texts("caption") == ["All targets, by host and port"]
    assert len(document.texts("h1")) == 1
    for tag, attributes, _ in document.elements:
        if tag == "th":
            assert attributes["scope"] in ("col", "row", "rowgroup")
        if tag == "nav":
            assert attributes["aria-label"]
        if tag == "td":
            assert attributes["data-label"] in COLUMNS
        if tag in ("table", "thead", "tbody", "tr", "th", "td"):
            assert attributes["role"], (
                "the narrow layout takes the meaning from the element, and the role gives it back"
            )
    assert {"viewport", "color-scheme"} <= set(document.attributes("name"))


def luminance(colour: str) -> float:
    """WCAG 2.2's relative luminance of #rrggbb."""
    channels = [int(colour[index : index + 2], 16) / 255 for index in (1, 3, 5)]
    linear = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    """WCAG 2.2's contrast ratio."""
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


PALETTES = [dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6});", block)) for block in STYLESHEET.split(":root {")[1:]]
GROUNDS = ["page", "surface", "band", "bad-back"]


@pytest.mark.parametrize("palette", PALETTES, ids=["light", "dark"])
@pytest.mark.parametrize(
    ("text", "ground"),
    [(text, ground) for text in ("text", "quiet", "link", "warning") for ground in GROUNDS]
    + [("ok", "surface"), ("ok", "ok-back"), ("bad", "bad-back"), ("bad", "surface"), ("warning", "warning-back")]
    + [("text", "still-back")],
)
def test_every_text_stands_out_from_its_ground(palette: dict[str, str], text: str, ground: str) -> None:
    # WCAG 2.2, success criterion 1.4.3: 4.5 for text of the usual size. A failing row has a ground between the surface
    # and `bad-back`, so whatever is read on both can be read on it.
    assert contrast(palette[text], palette[ground]) >= 4.5


def test_light_and_dark_define_the_same_colours() -> None:
    light, dark = PALETTES
    assert light.keys() == dark.keys()
    assert "prefers-color-scheme: dark" in STYLESHEET
