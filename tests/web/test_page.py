"""The status page: what it says, and what it lets through."""

import re
from collections.abc import Sequence
from dataclasses import replace
from html.parser import HTMLParser
from urllib.parse import urljoin

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.judgement.security import SEVERITY, TlsFinding
from exporter.judgement.sighting import Sighting, Sightings
from exporter.judgement.vantage import Vantage
from exporter.judgement.variant import VariantSeen, VariantStanding
from exporter.metrics.state import AddressCount, HostState, TargetState
from exporter.results import (
    Capability,
    CertificateFault,
    Findings,
    Outcome,
    Phase,
    ProbeResult,
    TlsFacts,
    TranscriptLine,
)
from exporter.targets import IpFamily, PortState, Protocol, Service, TlsMode, Variant
from exporter.web.asset import ASSETS, STYLESHEET
from exporter.web.page import Snapshot, render_host, render_status
from exporter.web.question import Question
from exporter.web.standing import Standing, standing
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
    other_handshake,
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
        if tag not in ("meta", "link", "input"):
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


def page(
    *states: TargetState,
    only: Standing | None = None,
    progress: tuple[int, int] = (0, 0),
    hosts: Sequence[HostState] = (),
    vantages: Sequence[Vantage] = (),
) -> Document:
    """The status page of these targets."""
    return Document(render_status(Snapshot("0.1.0", NOW, states, progress, Question(only), hosts, vantages)))


def listed(state: TargetState, hosts: Sequence[HostState] = ()) -> Document:
    """The list in which this target stands in full."""
    return page(state, only=standing(state), hosts=hosts)


COLUMNS = ["Port", "TLS", "Family", "State", "Reason", "Since", "Greeting", "Certificate", "Probed"]


def host_page(*states: TargetState, number: int = 1) -> Document:
    """The page of the host of these targets."""
    html = render_host(Snapshot("0.1.0", NOW, states, (0, 0), Question(page=number)), states[0].target.host)
    assert html is not None
    return Document(html)


def row(state: TargetState) -> dict[str, str]:
    """The cells of the only row of its list, by their columns."""
    cells = listed(state).texts("th", "td")
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
        "Reason": "connection refused connect_refused connection refused not met: open",
        "Since": "30 s ago 2026-11-21 22:26:10 UTC",
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
    assert mood in listed(state).attributes("class")


def test_what_the_neighbours_say_comes_before_the_reason() -> None:
    state = replace(seen(REFUSED), remarks=("this network blocks port 587 over ipv4", "perhaps banned there"))
    assert row(state)["Reason"].startswith(
        "this network blocks port 587 over ipv4 perhaps banned there connection refused connect_refused"
    )


def test_unmet_expectations_are_told_by_name_and_met_ones_are_not() -> None:
    state = seen(
        answered(
            target(),
            findings=Findings(starttls_advertised=False, cleartext_auth=True),
            tls=None,
            certificates=(),
            verdict=None,
        )
    )
    assert "not met: starttls, auth_before_tls" in row(state)["Reason"]
    assert "not met" not in row(seen(answered(target())))["Reason"]


@pytest.mark.parametrize("finding", TlsFinding)
def test_every_finding_on_the_way_into_tls_is_told_with_its_severity(finding: TlsFinding) -> None:
    document = listed(replace(seen(answered(target())), tls_findings=(finding,)))
    [(attributes, text)] = [
        (attributes, "".join(text))
        for _, attributes, text in document.elements
        if "finding" in (attributes.get("class") or "").split()
    ]
    assert attributes["class"] == f"finding {SEVERITY[finding]}"
    assert text.startswith(f"{SEVERITY[finding]}: ")
    assert finding not in text, "words for people"


def test_an_offer_that_is_lost_is_told_with_when_it_was_first_missed() -> None:
    lost = answered(target(), findings=Findings(starttls_advertised=False), tls=None, certificates=(), verdict=None)
    state = seen(answered(target(), started=NOW - 9000), replace(lost, started=NOW - 7200), lost)
    assert "critical: STARTTLS is no longer offered, first missed 2 h ago" in row(state)["Reason"]


def test_a_finding_of_now_has_no_time() -> None:
    state = seen(answered(target(), findings=Findings(starttls_advertised=True, cleartext_auth=True)))
    assert row(state)["Reason"].endswith("warning: passwords are accepted before TLS")


def notes(state: TargetState) -> list[str]:
    """What is told about the certificate besides its end, each with its mood."""
    return [
        f"{(attributes['class'] or '').removeprefix('note ')}: {''.join(text)}"
        for _, attributes, text in listed(state).elements
        if "note" in (attributes.get("class") or "").split()
    ]


def test_a_certificate_that_is_older_than_those_of_its_group_is_told() -> None:
    state = seen(answered(target()))
    assert notes(replace(state, stale=True)) == ["warning: older than on other ports of the group"]
    assert notes(replace(state, stale=False)) == []


OLD, NEW = Sighting("ab" * 32, "ecdsa", NOW + 5.5 * DAY, NOW - 90), Sighting("cd" * 32, "ecdsa", NOW + 89 * DAY, NOW)


@pytest.mark.parametrize(
    ("sightings", "told"),
    [
        ((NEW,), []),
        ((OLD, NEW), ["quiet: 2 different ones seen within the hour, the first ends in 5 days"]),
        (
            (replace(OLD, not_after=NOW - 7200), NEW),
            ["quiet: 2 different ones seen within the hour, the first ended 2 h ago"],
        ),
        (
            (replace(OLD, not_after=None), replace(NEW, not_after=None)),
            ["quiet: 2 different ones seen within the hour"],
        ),
    ],
    ids=["one", "two", "one has ended", "ends that nobody can read"],
)
def test_certificates_by_turns_are_counted(sightings: tuple[Sighting, ...], told: list[str]) -> None:
    assert notes(replace(seen(answered(target())), sightings=Sightings(sightings))) == told


EXPIRED = faulty(CertificateFault.EXPIRED)
BARE = VariantSeen(Variant.RSA, VariantStanding.NOT_INSTALLED, NOW)


@pytest.mark.parametrize(
    ("variant", "told"),
    [
        (
            other_handshake(Variant.RSA, certificate(-3), EXPIRED),
            ["bad: RSA clients see another certificate: expired"],
        ),
        (other_handshake(Variant.ECDSA, certificate(62)), ["good: ECDSA clients see another certificate: 62 days"]),
        (
            other_handshake(Variant.RSA, certificate(12)),
            ["warning: RSA clients see another certificate: 12 days, ending"],
        ),
        (
            other_handshake(Variant.NO_SNI, certificate(62), faulty(CertificateFault.NAME_MISMATCH)),
            ["warning: clients without SNI see another certificate: name_mismatch"],
        ),
        (
            other_handshake(
                Variant.NO_SNI,
                certificate(62),
                faulty(CertificateFault.ISSUER_MISSING),
                standing=VariantStanding.SAME,
            ),
            ["warning: clients without SNI: issuer_missing"],
        ),
        (other_handshake(Variant.NO_SNI, certificate(62), standing=VariantStanding.SAME), []),
        (BARE, []),
        (replace(BARE, standing=VariantStanding.FAILED), []),
    ],
    ids=[
        "expired",
        "well",
        "ending",
        "another name",
        "the same without its issuer",
        "the same",
        "not installed",
        "failed",
    ],
)
def test_what_other_clients_see_is_told_where_it_differs_or_does_not_hold(
    variant: VariantSeen, told: list[str]
) -> None:
    assert notes(replace(seen(answered(target())), variants=(variant,))) == told


def test_what_does_not_hold_for_anybody_is_told_once() -> None:
    state = seen(answered(target(), verdict=EXPIRED))
    same = other_handshake(Variant.NO_SNI, certificate(62), EXPIRED, standing=VariantStanding.SAME)
    assert notes(replace(state, variants=(same,))) == []


def test_every_address_has_a_row_and_its_port_says_how_many_are_open() -> None:
    states = [seen(answered(target(address=f"192.0.2.{number}"), address=f"192.0.2.{number}")) for number in (25, 26)]
    states.append(seen(answered(target(service=IMAPS))))
    host = HostState("mail.example.org", addresses=(AddressCount(states[0].target.service, IpFamily.IPV4, 2, 1),))
    shown = page(*states, hosts=[host], only=Standing.OK)
    families = [text for text in shown.texts("td") if text.startswith("IPv4")]
    assert families == [
        "IPv4 192.0.2.25 1 of 2 addresses open",
        "IPv4 192.0.2.26 1 of 2 addresses open",
        "IPv4 192.0.2.25",
    ]


@pytest.mark.parametrize(("age", "late"), [(359.0, False), (361.0, True)])
def test_a_probe_that_is_overdue_is_marked(age: float, late: bool) -> None:
    state = seen(answered(target(), started=NOW - age), interval=120.0)
    assert row(state)["Probed"].endswith("late") is late


def test_rows_stand_under_their_host_in_the_order_of_the_configuration() -> None:
    labels = (("site", "milan"), ("tier", "1"))
    states = [TargetState(target(host, labels=labels)) for host in ("b.example", "a.example")]
    states.append(TargetState(target("b.example", SMTP, labels=labels)))
    assert page(*states, only=Standing.PENDING).texts("th")[len(COLUMNS) :] == [
        "b.example site: milan tier: 1",
        "587 SMTP",
        "25 SMTP",
        "a.example site: milan tier: 1",
        "587 SMTP",
    ]


# The entries of the list of other pages come before the counts.
LINKS = 5


def counts(document: Document) -> list[str]:
    """How many targets stand how, as the filter above the list tells it."""
    return [text for text in document.texts("li")[LINKS:] if re.match(r"[0-9]+ [a-z]", text)]


def test_the_counts_are_on_top_and_the_failing_in_the_title() -> None:
    document = page(*ALL_KINDS)
    assert counts(document) == [
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
    assert counts(document) == ["1 all", "0 failing", "1 ok", "0 closed", "0 not yet probed"]
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
    assert counts(document) == counts(everything), "the counts are of all targets"
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


def skeleton(document: Document) -> list[tuple[str, list[str]]]:
    """Every element with the names of its attributes: what text must never change."""
    return [(tag, list(attributes)) for tag, attributes, _ in document.elements]


@pytest.mark.parametrize("only", [None, Standing.FAILING])
def test_a_hostile_configuration_or_network_stays_text_in_notices_remarks_and_notes(only: Standing | None) -> None:
    def told(text: str) -> Document:
        state = replace(
            seen(failed(target(text), Outcome.CONNECT_TIMEOUT, Phase.CONNECT, text), interval=1e9), remarks=(text,)
        )
        banned = HostState(text, suspected_ban=((IpFamily.IPV4, True),))
        return page(state, hosts=[banned], only=only)

    document = told(HOSTILE)
    assert skeleton(document) == skeleton(told("x"))
    assert SHOWN in document.texts("strong"), "the remark"
    assert document.texts("bdi").count(SHOWN) >= 3, "the notice, the host and the detail"
    hosts = [address for address in document.attributes("href") if "host/" in address]
    assert not re.search(r"[<>\"' \x00-\x1f]", "".join(hosts))


def speaking(text: str) -> TargetState:
    """A target whose server, and whose network, say nothing but `text`."""
    hostile = certificate(62, subject=text, issuer=text, dns_names=(text,), serial=text, signature=text)
    result = answered(
        target(labels=(("note", text),), server_name=text, state=PortState.CLOSED),
        outcome=Outcome.GREETING_REJECTED,
        phase=Phase.CAPABILITIES,
        detail=text,
        findings=Findings(
            greeting_code=554,
            greeting=text,
            capabilities=(Capability(text, (text,)),),
            capabilities_tls=(Capability(text, (text,)),),
        ),
        address=text,
        certificates=(hostile,),
        tls=TlsFacts(text, text, text),
        transcript=(TranscriptLine(True, "EHLO x"), TranscriptLine(False, f"250 {text}.")),
    )
    return replace(seen(result), remarks=(text,))


@pytest.mark.parametrize("path", ["/", "/?state=failing", "/certificates", "/host/mail.example.org"])
async def test_a_hostile_server_stays_text_wherever_it_speaks(path: str) -> None:
    async with browsing(StandingDaemon(speaking(HOSTILE))) as browser:
        document = Document((await browser.ask(path)).text)
    async with browsing(StandingDaemon(speaking("x"))) as browser:
        harmless = Document((await browser.ask(path)).text)
    assert skeleton(document) == skeleton(harmless), "no element and no attribute is the server's"
    assert document.texts("script") == [""], "the page's own, which is a file"
    assert any(SHOWN in text for text in document.texts("bdi")), "it is shown all the same"
    assert not any(char in "".join(document.texts("body")) for char in "\x00\x1b\u202e\udcff")


def test_what_a_hostile_server_said_is_shown_in_the_place_of_what_a_harmless_one_says() -> None:
    list_page = page(speaking(HOSTILE), only=Standing.FAILING)
    assert SHOWN in list_page.texts("q"), "the greeting"
    assert f"250 {SHOWN}." not in list_page.texts("q"), "the last words have the greeting in them"
    assert f"IPv4 {SHOWN}" in list_page.texts("td"), "the address"
    assert f"note: {SHOWN}" in list_page.texts("span"), "the label"
    host = host_page(speaking(HOSTILE))
    assert f"{SHOWN} {SHOWN}" in host.texts("code"), "the capability"
    assert f"250 {SHOWN}." in host.texts("code"), "the dialog"
    assert SHOWN in host.texts("bdi"), "the subject, the names, the issuer"


@settings(max_examples=50)
@given(st.text(st.characters(), max_size=80), st.text(st.characters(), max_size=80))
def test_no_text_adds_an_element(greeting: str, detail: str) -> None:
    result = answered(
        target(), outcome=Outcome.PROTOCOL_ERROR, detail=f"d{detail}", findings=Findings(greeting=f"g{greeting}")
    )
    plain = answered(target(), outcome=Outcome.PROTOCOL_ERROR, detail="d", findings=Findings(greeting="g"))
    html = render_status(Snapshot("0.1.0", NOW, [seen(result)], (0, 0)))
    html.encode()
    assert skeleton(Document(html)) == skeleton(page(seen(plain)))


def test_the_page_is_whole_and_needs_nothing_from_elsewhere() -> None:
    document = page(*ALL_KINDS)
    tags = [tag for tag, _, _ in document.elements]
    assert not {"style", "img", "iframe", "object"} & set(tags)
    assert document.texts("script") == [""], "a file of its own"
    assert document.attributes("style") == []
    assert not [name for _, attributes, _ in document.elements for name in attributes if name.startswith("on")]
    # Relative, so that it works behind a proxy that gives the exporter a path of its own.
    assert not [url for url in document.attributes("href") + document.attributes("src") if re.match(r"/|[a-z]+:", url)]
    assert "@import" not in STYLESHEET
    assert "url(" not in STYLESHEET
    assert not re.search(r"innerHTML *=[^=]|insertAdjacent|document\.write|eval\(", ASSETS["live.js"].text)


@pytest.mark.parametrize("path", ["/", "/?state=failing", "/?q=mail", "/certificates", "/host/mail.example.org"])
async def test_every_link_of_a_page_leads_somewhere(path: str) -> None:
    async with browsing(StandingDaemon(*ALL_KINDS, progress=(7, 7))) as browser:
        links = Document((await browser.ask(path)).text).attributes("href")
        found = {link: (await browser.ask(urljoin(path, link.partition("#")[0]))).status for link in links}
    assert found == dict.fromkeys(links, 200)
    assert {link.removeprefix("../").removeprefix("./") for link in links} >= {"metrics", "config", "-/ready"}


def test_the_page_can_be_read_without_eyes() -> None:
    document = page(*ALL_KINDS)
    [language] = document.attributes("lang")
    assert language == "en"
    assert document.texts("caption") == [
        "What fails, the latest first",
        "2 hosts; each cell tells how a port stands, and how long its greeting took",
    ]
    assert len(document.texts("h1")) == 1
    for tag, attributes, _ in document.elements:
        if tag == "th":
            assert attributes["scope"] in ("col", "row", "rowgroup")
        if tag == "nav":
            assert attributes["aria-label"]
        if tag == "td":
            assert attributes["data-label"] in (*COLUMNS, "25", "587", "993")
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
