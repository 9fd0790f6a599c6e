"""The strip above the table: what explains many rows at once."""

from dataclasses import replace

import pytest

from exporter.judgement.host import BAN_REMARK
from exporter.judgement.reach import Reach
from exporter.judgement.vantage import Basis, Vantage
from exporter.metrics.state import HostState, TargetState
from exporter.results import Outcome, Phase
from exporter.targets import IpFamily
from exporter.web.notice import MOST_NOTICES, Notice, notices
from exporter.web.wording import Moment
from tests.web.browser import browsing
from tests.web.daemon import NOW, SMTP, StandingDaemon, failed, seen, target

IPV4, IPV6 = IpFamily.IPV4, IpFamily.IPV6
HOST = "mail.example.org"


def lost(state: TargetState, seconds: float, *, counts: bool = True) -> TargetState:
    """The same, lost for so long."""
    since = NOW - seconds
    return replace(state, reach=Reach(lost_since=since, outcome=Outcome.CONNECT_TIMEOUT, counts=counts))


SUBMISSION = TargetState(target())
INCOMING = TargetState(target(service=SMTP))
OVER_IPV6 = TargetState(target(ip_family=IPV6))


def told(host: HostState, *states: TargetState) -> list[str]:
    """What is said of a host, and for how long it has been so."""
    return [
        f"{notice.host} {notice.text}" + (f" ({notice.since.text})" if notice.since else "")
        for notice in notices([host], [], states, NOW).shown
    ]


def test_nothing_is_said_while_all_is_well() -> None:
    well = HostState(HOST, family_lost=((IPV4, False), (IPV6, False)), suspected_ban=((IPV4, False),))
    open_port = Vantage(25, IPV4, True, Basis.REFERENCES)

    assert notices([well], [open_port], [SUBMISSION], NOW).shown == ()


@pytest.mark.parametrize(
    ("basis", "text"),
    [
        (Basis.REFERENCES, "this network blocks port 25 over ipv4"),
        (Basis.INFERRED, "this network blocks port 25 over ipv4, as inferred from all hosts failing alike"),
    ],
)
def test_a_port_that_this_network_blocks_comes_first(basis: Basis, text: str) -> None:
    banned = HostState(HOST, suspected_ban=((IPV4, True),))

    first, second = notices([banned], [Vantage(25, IPV4, False, basis)], [], NOW).shown

    assert first == Notice(None, text)
    assert second.host == HOST


def test_a_suspected_ban_is_told_with_what_to_read_and_since_when_no_port_answers() -> None:
    banned = HostState(HOST, suspected_ban=((IPV4, True),))

    assert told(banned, lost(SUBMISSION, 3700), lost(INCOMING, 7300)) == [
        f"{HOST} does not answer over IPv4; {BAN_REMARK} (1 h)"
    ]


def test_a_family_that_is_lost_is_told_with_the_one_that_is_not() -> None:
    alone = HostState(HOST, family_lost=((IPV4, False), (IPV6, True)))

    assert told(alone, SUBMISSION, lost(OVER_IPV6, 600)) == [
        f"{HOST} does not answer over IPv6, while IPv4 does (10 min)"
    ]


def test_a_ban_over_one_family_is_one_notice() -> None:
    both = HostState(HOST, family_lost=((IPV4, True), (IPV6, False)), suspected_ban=((IPV4, True), (IPV6, False)))

    assert told(both) == [f"{HOST} does not answer over IPv4, while IPv6 does; {BAN_REMARK}"]


def test_ports_of_others_of_the_other_family_or_without_a_promise_say_nothing_about_the_time() -> None:
    banned = HostState(HOST, suspected_ban=((IPV4, True),))
    others = lost(TargetState(target("other.example.org")), 10)

    assert told(banned, lost(SUBMISSION, 3700), lost(OVER_IPV6, 20), lost(INCOMING, 30, counts=False), others) == [
        f"{HOST} does not answer over IPv4; {BAN_REMARK} (1 h)"
    ]


def test_a_strip_that_would_hide_the_table_is_cut() -> None:
    hosts = [HostState(f"mx{number}.example.org", suspected_ban=((IPV4, True),)) for number in range(MOST_NOTICES + 3)]

    found = notices(hosts, [], [], NOW)

    assert [notice.host for notice in found.shown] == [host.host for host in hosts[:MOST_NOTICES]]
    assert found.more == 3


def test_the_exact_instant_stands_beside_the_words() -> None:
    (notice,) = notices([HostState(HOST, suspected_ban=((IPV4, True),))], [], [lost(SUBMISSION, 60)], NOW).shown

    assert notice.since == Moment("1 min", "2026-11-21T22:25:40Z")


async def test_the_strip_stands_above_the_table_and_only_when_there_is_something_to_say() -> None:
    state = seen(failed(target(), Outcome.CONNECT_TIMEOUT, Phase.CONNECT))
    hosts = [HostState(f"mx{number}.example.org", suspected_ban=((IPV4, True),)) for number in range(MOST_NOTICES + 1)]
    blocked = Vantage(25, IPV4, False, Basis.REFERENCES)
    async with browsing(StandingDaemon(state, hosts=hosts, vantages=[blocked])) as browser:
        told = (await browser.ask("/?state=failing")).text
    async with browsing(StandingDaemon(state)) as browser:
        quiet = (await browser.ask("/")).text

    assert told.index("this network blocks port 25") < told.index("mx0.example.org") < told.index("<table")
    assert "and 2 more" in told
    assert 'class="notices"' not in quiet
