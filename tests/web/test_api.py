"""Targets and their history as JSON, over real HTTP; and that every field of it is written down."""

import asyncio
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import pytest

from exporter.check.document import as_json
from exporter.check.together import Round
from exporter.check.verdict import Checked
from exporter.judgement.expectation import judge
from exporter.judgement.reach import Reach
from exporter.judgement.security import TlsFinding
from exporter.judgement.vantage import Basis, Vantage
from exporter.metrics.history import ATTEMPTS, CHANGES, DETAIL_LIMIT, FAILED_DIALOGS, FAILURES
from exporter.metrics.state import HostState, TargetState
from exporter.results import Capability, Outcome, Phase, Resolution, TranscriptLine
from exporter.targets import IpFamily, PortState, Variant
from exporter.web.api import encoded
from exporter.web.standing import Standing
from tests.web.browser import Reply, browsing
from tests.web.daemon import (
    IMAPS,
    NOW,
    SMTP,
    StandingDaemon,
    answered,
    certificate,
    failed,
    other_handshake,
    seen,
    target,
)

DOCUMENTED = Path(__file__).parent.parent.parent / "deploy" / "api.md"
LIST = "/api/v1/targets"

Json = Any  # what a parser of JSON yields

GOOD = target(labels=(("site", "milan"),))
GOOD_V6 = replace(GOOD, ip_family=IpFamily.IPV6)
BAD = target(service=SMTP)
SHUT = target("mx2.example.org", IMAPS, state=PortState.CLOSED)
DIALOG = (TranscriptLine(False, "220 mail.example.org ESMTP"), TranscriptLine(True, "QUIT", True))
LOST = failed(BAD, Outcome.CONNECT_TIMEOUT, Phase.CONNECT, "no answer within 5 s")
BROKEN = replace(
    failed(GOOD, Outcome.GREETING_TIMEOUT, Phase.GREETING, "no greeting within 30 s"),
    transcript=DIALOG[:1],
    started=NOW - 150,
)


def rich() -> TargetState:
    """A target of which everything is known that can be."""
    sound = answered(GOOD)
    offered = replace(
        sound.findings,
        capabilities=(Capability("STARTTLS"),),
        capabilities_tls=(Capability("AUTH", ("PLAIN", "LOGIN")),),
    )
    state = seen(BROKEN, replace(sound, findings=offered, transcript=DIALOG))
    return replace(
        state,
        tls_findings=(TlsFinding.CLEARTEXT_AUTH,),
        variants=(other_handshake(Variant.RSA, certificate(3)),),
        reach=Reach(last_open=NOW - 30),
    )


HOST = HostState(
    GOOD.host,
    labels=GOOD.labels,
    resolution=Resolution(Outcome.OK, ("192.0.2.25",), None, 0.004),
    missed=2,
    family_lost=((IpFamily.IPV6, True),),
    suspected_ban=((IpFamily.IPV4, False),),
)


def daemon() -> StandingDaemon:
    """Two hosts, of which one has two ports, of which one has two families."""
    return StandingDaemon(
        *(rich(), TargetState(GOOD_V6), seen(LOST)),
        seen(failed(SHUT, Outcome.CONNECT_REFUSED, Phase.CONNECT)),
        hosts=(HOST, HostState(SHUT.host)),
        vantages=(
            Vantage(25, IpFamily.IPV4, False, Basis.INFERRED),
            Vantage(587, IpFamily.IPV4, True, Basis.REFERENCES),
        ),
    )


def body(reply: Reply) -> Json:
    assert reply.headers["Content-Type"] == "application/json"
    assert reply.headers["Cache-Control"] == "no-store"
    assert reply.body.isascii()
    return json.loads(reply.body)


async def asked(path: str, of: StandingDaemon | None = None) -> Json:
    async with browsing(of or daemon()) as browser:
        reply = await browser.ask(path)
    assert reply.status == 200
    return body(reply)


def names(found: Json) -> list[tuple[str, int, str]]:
    return [(one["host"], one["port"], one["ip_family"]) for one in found["targets"]]


ALL = [
    ("mail.example.org", 587, "ipv4"),
    ("mail.example.org", 587, "ipv6"),
    ("mail.example.org", 25, "ipv4"),
    ("mx2.example.org", 993, "ipv4"),
]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        pytest.param("", ALL, id="all"),
        pytest.param("?host=mx2.example.org", ALL[3:], id="one-host"),
        pytest.param("?host=MX2.Example.org", ALL[3:], id="in-any-case"),
        pytest.param("?host=mx2.example.org&host=mail.example.org", ALL, id="two-hosts"),
        pytest.param("?host=example.org", [], id="no-such-host"),
        pytest.param("?state=failing", ALL[2:3], id="one-state"),
        pytest.param("?state=failing&state=pending", ALL[1:3], id="two-states"),
        pytest.param("?state=failing&host=mx2.example.org", [], id="both-must-hold"),
        pytest.param("?limit=2", ALL[:2], id="limit"),
        pytest.param("?offset=3", ALL[3:], id="offset"),
        pytest.param("?offset=4", [], id="behind-the-end"),
        pytest.param("?offset=1000000000", [], id="far-behind-the-end"),
    ],
)
async def test_the_list_has_what_is_asked_for(query: str, found: Sequence[tuple[str, int, str]]) -> None:
    assert names(await asked(LIST + query)) == found


async def test_following_the_pages_finds_every_target_once() -> None:
    found: list[tuple[str, int, str]] = []
    path = f"{LIST}?limit=1&host=mail.example.org&state=ok&state=pending&state=failing"
    async with browsing(daemon()) as browser:
        while path:
            page = body(await browser.ask(path))
            assert (page["total"], page["limit"], page["offset"]) == (3, 1, len(found))
            found += names(page)
            path = urljoin(path, page["next"]) if page["next"] else ""
    assert found == ALL[:3]


async def test_the_counts_are_of_all_states_of_the_hosts_that_are_asked_for() -> None:
    found = await asked(f"{LIST}?host=mail.example.org&state=failing")
    assert found["counts"] == dict.fromkeys(Standing, 0) | {"ok": 1, "pending": 1, "failing": 1}
    assert found["total"] == 1


async def test_an_exporter_without_targets_has_an_empty_list() -> None:
    found = await asked(LIST, StandingDaemon())
    assert (found["targets"], found["total"], found["next"], found["now"]) == ([], 0, None, NOW)


async def test_the_link_of_every_target_leads_to_it() -> None:
    literal = target("2001:db8::25")
    odd = StandingDaemon(TargetState(GOOD), TargetState(literal))
    async with browsing(odd) as browser:
        for one in body(await browser.ask(LIST))["targets"]:
            details = body(await browser.ask(urljoin(LIST, one["details"])))
            assert (details["host"], details["port"]) == (one["host"], one["port"])
            assert names(details) == [(one["host"], one["port"], one["ip_family"])]


@pytest.mark.parametrize(
    ("query", "error"),
    [
        ("?state=broken", "unknown state, known are failing, ok, closed, pending, unknown, left-out"),
        ("?stat=failing", "unknown parameter, known are host, state, limit, offset"),
        ("?limit=0", "limit must be one number from 1 to 1000"),
        ("?limit=1001", "limit must be one number from 1 to 1000"),
        ("?limit=", "limit must be one number from 1 to 1000"),
        ("?limit=ten", "limit must be one number from 1 to 1000"),
        ("?limit=1&limit=2", "limit must be one number from 1 to 1000"),
        ("?limit=%D9%A1", "limit must be one number from 1 to 1000"),
        ("?offset=-1", "offset must be one number from 0 to 1000000000"),
        ("?offset=1000000001", "offset must be one number from 0 to 1000000000"),
        ("?offset=" + "9" * 5000, "offset must be one number from 0 to 1000000000"),
    ],
    ids=lambda text: text[:20],
)
async def test_a_parameter_that_cannot_be_is_refused_in_json(query: str, error: str) -> None:
    async with browsing(daemon()) as browser:
        reply = await browser.ask(LIST + query)
    assert (reply.status, body(reply)) == (400, {"error": error})


@pytest.mark.parametrize(
    "path",
    [
        f"{LIST}/mail.example.org/26",
        f"{LIST}/nowhere.example.org/25",
        f"{LIST}/mail.example.org/smtp",
        f"{LIST}/mail.example.org/025",
        f"{LIST}/%3Cb%3E/25",
        f"{LIST}/mail.example.org",
        f"{LIST}/",
        "/api/v1",
        "/api/v2/targets",
        "/api/",
    ],
)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_what_is_not_there_is_404_in_json(path: str, method: str) -> None:
    async with browsing(daemon()) as browser:
        reply = await browser.ask(path, method)
    assert reply.status == 404
    assert reply.headers["Content-Type"] == "application/json"
    if method == "GET":
        assert list(body(reply)) == ["error"]


@pytest.mark.parametrize("path", [LIST, f"{LIST}/mail.example.org/587"])
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
async def test_it_can_only_be_read(path: str, method: str) -> None:
    async with browsing(daemon()) as browser:
        reply = await browser.ask(path, method)
    assert (reply.status, body(reply)) == (405, {"error": "this can only be read"})
    assert reply.headers["Allow"] == "GET,HEAD"


@pytest.mark.parametrize("path", [LIST, f"{LIST}/mail.example.org/587"])
async def test_head_shows_what_get_would(path: str) -> None:
    async with browsing(daemon()) as browser:
        got, head = await browser.ask(path), await browser.ask(path, "HEAD")
    assert (head.status, head.body, head.headers["Content-Length"]) == (200, b"", str(len(got.body)))
    assert head.headers["Content-Type"] == "application/json"


async def test_many_clients_at_once_all_get_their_answer() -> None:
    async with browsing(daemon()) as browser, asyncio.TaskGroup() as clients:
        replies = [clients.create_task(browser.ask(LIST)) for _ in range(20)]
    assert {reply.result().body for reply in replies} == {replies[0].result().body}


async def test_a_target_in_short() -> None:
    [found] = (await asked(f"{LIST}?state=failing"))["targets"]
    assert found == {
        "host": "mail.example.org",
        "port": 25,
        "protocol": "smtp",
        "tls": "starttls",
        "ip_family": "ipv4",
        "address": "192.0.2.25",
        "labels": {},
        "details": "targets/mail.example.org/25",
        "state": "failing",
        "since": NOW - 30,
        "success": False,
        "outcome": "connect_timeout",
        "phase": "connect",
        "detail": "no answer within 5 s",
        "remarks": [],
        "port_open": False,
        "port_expected_open": True,
        "last_probe": NOW - 30,
        "last_success": None,
        "interval": 120.0,
        "duration": 0.1,
        "greeting_latency": None,
        "certificate_not_after": None,
        "findings": [],
    }


async def test_one_port_has_all_its_families_its_host_and_its_way_out() -> None:
    found = await asked(f"{LIST}/Mail.example.org/587")
    assert names(found) == ALL[:2]
    assert found["shared"]["missed_rounds"] == 2
    assert found["shared"]["resolution"]["ipv6"] is None
    assert [vantage["port"] for vantage in found["vantages"]] == [587]


async def test_one_port_tells_what_happened_and_what_was_said() -> None:
    one = (await asked(f"{LIST}/mail.example.org/587"))["targets"][0]
    assert [attempt["outcome"] for attempt in one["history"]["attempts"]] == ["greeting_timeout", "ok"]
    assert one["history"]["attempts"][1]["greeting_latency"] == pytest.approx(0.042, rel=1 / 2000)
    assert [(run["first"], run["last"], run["count"]) for run in one["history"]["failures"]] == [
        (NOW - 150, NOW - 150, 1)
    ]
    assert [change["since"] for change in one["history"]["changes"]] == [NOW - 150, NOW - 30]
    assert [dialog["outcome"] for dialog in one["dialogs"]] == ["greeting_timeout", "ok"]
    assert one["dialogs"][1]["lines"] == [
        {"sent": False, "secured": False, "text": "220 mail.example.org ESMTP"},
        {"sent": True, "secured": True, "text": "QUIT"},
    ]


async def test_what_is_not_known_is_null_and_never_zero() -> None:
    one = (await asked(f"{LIST}/mail.example.org/587"))["targets"][1]
    unknown = [
        *("address", "since", "success", "outcome", "phase", "detail", "port_open", "last_probe", "last_success"),
        *("interval", "duration", "greeting_latency", "certificate_not_after", "last_open", "lost_since", "clock"),
        *("greeting", "greeting_code", "starttls_advertised", "cleartext_auth", "capabilities", "capabilities_tls"),
        *("tls_session", "certificate_verdict", "certificates_observed", "stale", "message_size_limit"),
    ]
    assert {key: one[key] for key in unknown} == dict.fromkeys(unknown)
    assert one["history"] == {"attempts": [], "failures": [], "changes": []}


async def test_it_is_spelt_as_mailprobe_check_spells_it() -> None:
    result = replace(answered(GOOD), transcript=DIALOG)
    judged = Checked(result, judge(result, known_before=True))
    [printed] = json.loads(json.dumps(as_json(Round((judged,)), NOW)))["targets"]
    del printed["status"]  # the word for the exit code of a plugin
    state = replace(seen(result), tls_findings=())
    one = (await asked(f"{LIST}/mail.example.org/587", StandingDaemon(state)))["targets"][0]
    assert {key: one[key] for key in printed} == printed


HOSTILE = "</script>\x1b[2J\x00\N{RIGHT-TO-LEFT OVERRIDE}\x9b2J\ud800 \N{SNOWMAN} \U0001f4a3"


async def test_a_hostile_greeting_is_a_text_and_nothing_else() -> None:
    result = answered(GOOD)
    hostile = replace(result, findings=replace(result.findings, greeting=HOSTILE))
    one = (await asked(f"{LIST}/mail.example.org/587", StandingDaemon(seen(hostile))))["targets"][0]
    assert one["greeting"] == HOSTILE.replace("\ud800", "?")


def test_whatever_is_written_is_printable_ascii() -> None:
    assert all(32 <= byte < 127 for byte in encoded({"text": HOSTILE}).rstrip(b"\n"))


# Where each table of the documentation is found in an answer.
OBJECTS: Mapping[str, str] = {
    "port": "",
    "shared": "shared",
    "resolution": "shared.resolution",
    "vantage": "vantages.0",
    "expectation": "targets.0.expectation",
    "certificate_checks": "targets.0.expectation.certificate_checks",
    "capability": "targets.0.capabilities.0",
    "tls_session": "targets.0.tls_session",
    "certificate": "targets.0.certificates.0",
    "certificate_verdict": "targets.0.certificate_verdict",
    "sighting": "targets.0.sightings.0",
    "variant": "targets.0.variants.0",
    "history": "targets.0.history",
    "attempt": "targets.0.history.attempts.0",
    "failure": "targets.0.history.failures.0",
    "change": "targets.0.history.changes.0",
    "dialog": "targets.0.dialogs.0",
    "line": "targets.0.transcript.0",
    "finding": "targets.0.findings.0",
}


def documented() -> dict[str, list[str]]:
    """The fields of each table, by its name."""
    tables = re.findall(r"<!-- fields: (\w+) -->\n((?:\|.*\n)+)", DOCUMENTED.read_text(encoding="utf-8"))
    return {name: re.findall(r"^\| `(\w+)`", table, re.MULTILINE) for name, table in tables}


def inside(found: Json, path: str) -> Json:
    for step in path.split(".") if path else ():
        found = found[int(step) if step.isdecimal() else step]
    return found


@pytest.mark.parametrize("name", OBJECTS)
async def test_every_field_is_documented_and_every_documented_field_is_there(name: str) -> None:
    found = inside(await asked(f"{LIST}/mail.example.org/587"), OBJECTS[name])
    assert documented()[name] == list(found)


async def test_the_fields_of_the_list_and_of_a_target_are_documented() -> None:
    tables = documented()
    listed = await asked(LIST)
    details = await asked(f"{LIST}/mail.example.org/587")
    assert tables["list"] == list(listed)
    assert tables["summary"] == list(listed["targets"][0])
    assert tables["summary"] + tables["details"] == list(details["targets"][0])
    assert tables["error"] == ["error"]
    assert tables.keys() == {*OBJECTS, "list", "summary", "details", "error"}


def test_the_documented_bounds_are_those_that_hold() -> None:
    text = DOCUMENTED.read_text(encoding="utf-8")
    for promise in (
        f"the last {ATTEMPTS} probes",
        f"the last {FAILURES} runs",
        f"the last {CHANGES} changes",
        f"at most {DETAIL_LIMIT} characters",
    ):
        assert promise in text
    assert FAILED_DIALOGS == 3
    assert "the last three runs" in text


async def test_every_object_of_an_answer_is_one_of_the_documented_ones() -> None:
    tables = documented()
    known = [*tables.values(), tables["summary"] + tables["details"]]
    # What has names of the user's or of a closed list for its keys.
    free = {"labels", "expectations", "probes", "durations", "family_lost", "suspected_ban", "counts"}

    def unknown(value: Json) -> list[list[str]]:
        if isinstance(value, list):
            return [fault for one in value for fault in unknown(one)]
        if not isinstance(value, dict):
            return []
        own = [] if list(value) in known else [list(value)]
        return own + [fault for key, one in value.items() if key not in free for fault in unknown(one)]

    assert unknown(await asked(f"{LIST}/mail.example.org/587")) == []
    assert unknown(await asked(LIST)) == []
