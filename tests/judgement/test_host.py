"""What the ports of a host mean together: when a ban is suspected, and when a family is dead alone."""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from exporter.judgement.host import BAN_REMARK, EARLIER_MATTER, family_lost, reached_elsewhere, suspected_ban
from exporter.judgement.reach import Reach
from exporter.results import Outcome
from exporter.targets import PortState
from tests.judgement.reaching import OK, REFUSED, TIMEOUT, Port, reach, rounds, seen

ANY, CLOSED = PortState.ANY, PortState.CLOSED
HOUR = EARLIER_MATTER

# Two ports in their rhythm: seen open at 90 and 95, and lost from 100 on.
SMTP = reach((90.0, OK), (210.0, REFUSED))
IMAPS = reach((95.0, OK), (100.0, REFUSED), (115.0, REFUSED))
LATER = 300.0


def numbered(ports: Sequence[Reach]) -> list[tuple[int, Reach]]:
    """Each as a port of its own."""
    return list(enumerate(ports))


def test_the_remark_names_fail2ban_and_the_page_that_helps() -> None:
    assert "fail2ban" in BAN_REMARK
    assert "deploy/welcome.md" in BAN_REMARK


@pytest.mark.parametrize(
    ("ports", "suspected"),
    [
        pytest.param([SMTP, IMAPS], True, id="all-at-once"),
        pytest.param([reach((90, OK), (100, TIMEOUT)), reach((95, OK), (210, TIMEOUT))], True, id="by-silence"),
        pytest.param([reach((90, OK), (100, REFUSED)), reach((95, OK), (210, TIMEOUT))], True, id="in-two-ways"),
        pytest.param(
            [reach((90, OK), (210, REFUSED), state=ANY), reach((95, OK), (100, REFUSED), state=ANY)],
            True,
            id="expected-by-nobody-but-once-open",
        ),
        pytest.param([SMTP, IMAPS, reach((100, REFUSED), state=CLOSED)], True, id="beside-a-closed-port"),
        pytest.param([SMTP, IMAPS, reach((100, REFUSED), state=ANY)], True, id="beside-one-that-was-never-open"),
        pytest.param([SMTP, IMAPS, reach((250, REFUSED))], True, id="beside-one-that-came-in-since"),
        pytest.param([SMTP, IMAPS, Reach()], True, id="beside-one-that-was-never-probed"),
        pytest.param([SMTP, IMAPS, reach((99, Outcome.DNS_ERROR))], True, id="beside-one-that-never-had-an-address"),
        pytest.param([SMTP, IMAPS, reach((250, OK))], False, id="one-that-came-in-since-answers"),
        pytest.param([reach((90, OK), (100, REFUSED)), reach((100, OK), (210, REFUSED))], True, id="at-one-instant"),
        pytest.param([SMTP, reach((95, OK), (100, REFUSED), (220, OK))], False, id="one-is-back"),
        pytest.param([SMTP, reach((95, OK), (215, OK))], False, id="one-still-answers"),
        pytest.param([SMTP, reach((95, OK), (215, Outcome.GREETING_TIMEOUT))], False, id="one-accepts-and-is-silent"),
        pytest.param([SMTP, IMAPS, reach((215, OK), state=CLOSED)], False, id="one-that-should-be-closed-answers"),
        pytest.param([SMTP, reach((95, OK), (211, OK), (215, REFUSED))], False, id="one-after-the-other"),
        pytest.param([SMTP, IMAPS, reach((215, OK), (216, REFUSED), state=CLOSED)], False, id="closed-last"),
        pytest.param([SMTP, reach((100, REFUSED))], False, id="one-was-never-open"),
        pytest.param([SMTP], None, id="a-single-port"),
        pytest.param([SMTP, reach((100, REFUSED), state=ANY)], None, id="one-that-counts"),
        pytest.param([SMTP, Reach()], None, id="one-was-never-probed"),
        pytest.param([reach((100, REFUSED)), reach((210, REFUSED))], None, id="none-was-ever-open"),
        pytest.param([], None, id="no-ports"),
    ],
)
def test_a_ban_is_suspected_when_all_ports_went_together(ports: Sequence[Reach], suspected: bool | None) -> None:
    assert suspected_ban(numbered(ports), LATER) is suspected


@pytest.mark.parametrize(
    ("elsewhere", "suspected"),
    [(None, False), (99.0, False), (100.0, True), (300.0, True)],
    ids=["never", "before", "at-the-first-loss", "since"],
)
def test_a_ban_is_suspected_only_while_others_are_reached(elsewhere: float | None, suspected: bool) -> None:
    assert suspected_ban(numbered([SMTP, IMAPS]), elsewhere) is suspected


def test_what_this_network_does_is_no_ban() -> None:
    assert suspected_ban([(25, SMTP), (993, IMAPS)], LATER, {25, 993}) is False
    assert suspected_ban([(25, SMTP), (993, IMAPS)], LATER, {25}) is True
    # Whether the port that was never there is blocked as well says nothing.
    assert suspected_ban([(25, SMTP), (993, IMAPS), (4190, reach((250, TIMEOUT)))], LATER, {25, 993}) is False


@pytest.mark.parametrize(
    "old",
    [
        reach((0, OK), (10, REFUSED), (2 * HOUR, REFUSED)),
        reach((10, REFUSED), (2 * HOUR, REFUSED)),
        reach((0, OK), (10, REFUSED), (2 * HOUR, REFUSED), state=ANY),
    ],
    ids=["given-up", "never-open", "given-up-and-expected-by-nobody"],
)
def test_a_service_that_is_gone_for_hours_does_not_hide_a_ban(old: Reach) -> None:
    banned = [reach((2 * HOUR, OK), (2 * HOUR + 100 + port, REFUSED)) for port in range(3)]

    assert suspected_ban(numbered([old, *banned]), 3 * HOUR) is True
    assert suspected_ban(numbered([old, banned[0]]), 3 * HOUR) is False
    # Nobody was reached since.
    assert suspected_ban(numbered([old, *banned]), 2 * HOUR) is False


def test_one_port_at_two_addresses_is_one_port_whatever_is_beside_it() -> None:
    at_two = [(25, reach((2 * HOUR, OK), (2 * HOUR + 100 + n, REFUSED))) for n in range(2)]
    given_up, never_there = reach((0, OK), (10, REFUSED), (2 * HOUR, REFUSED)), reach((2 * HOUR + 10, REFUSED))

    assert suspected_ban(at_two, 3 * HOUR) is None
    assert suspected_ban([*at_two, (587, given_up)], 3 * HOUR) is False
    assert suspected_ban([*at_two, (587, never_there)], 3 * HOUR) is False


LOST = reach((50, OK), (100, TIMEOUT), (200, TIMEOUT))


@pytest.mark.parametrize(
    ("others", "instant"),
    [
        pytest.param([reach((90, OK), (150, OK), (190, OK))], 190.0, id="well-all-the-time"),
        pytest.param(
            [reach((90, OK), (150, OK), (210, OK), (280, OK))], 130.0, id="and-at-least-every-seventy-seconds"
        ),
        pytest.param([reach((90, OK)), reach((90, OK), (150, OK))], 150.0, id="the-newest-of-them"),
        pytest.param([reach((120, TIMEOUT), (190, OK))], 190.0, id="back-before-the-newest-loss"),
        pytest.param([reach((90, OK), (120, TIMEOUT), (210, OK))], None, id="back-only-after-it"),
        pytest.param([reach((90, TIMEOUT)), Reach()], None, id="never-reached"),
        pytest.param([], None, id="nobody-else"),
    ],
)
def test_others_are_heard_if_they_were_well_before_the_newest_loss(
    others: Sequence[Reach], instant: float | None
) -> None:
    assert reached_elsewhere([reach((50, OK), (90, TIMEOUT)), LOST], others) == instant


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(reach((10, REFUSED), (300, REFUSED)), id="never-open"),
        pytest.param(reach((10, REFUSED), (300, REFUSED), state=CLOSED), id="that-should-be-closed"),
        pytest.param(reach((10 - HOUR, OK), (20 - HOUR, REFUSED), (300, REFUSED)), id="of-an-earlier-matter"),
    ],
)
def test_a_port_that_is_not_lost_with_the_others_does_not_let_them_be_heard_later(other: Reach) -> None:
    back_only_after_the_loss = [reach((90, OK), (120, TIMEOUT), (210, OK))]

    assert reached_elsewhere([LOST, other], back_only_after_the_loss) is None


def test_while_nothing_is_lost_nobody_is_asked() -> None:
    assert reached_elsewhere([reach((50, OK)), Reach()], [reach((60, OK))]) is None


@pytest.mark.parametrize(
    ("own", "other", "lost"),
    [
        pytest.param([LOST, LOST], [reach((100, OK))], True, id="dead-alone"),
        pytest.param([LOST], [LOST, reach((100, OK))], True, id="one-port-is-enough-on-either-side"),
        pytest.param([reach((100, TIMEOUT))], [reach((100, OK))], True, id="dead-from-the-beginning"),
        pytest.param([LOST, reach((100, TIMEOUT), state=ANY)], [reach((100, OK))], True, id="beside-an-unknown-port"),
        pytest.param([LOST, reach((100, OK))], [reach((100, OK))], False, id="one-answers"),
        pytest.param([LOST, reach((100, OK), state=CLOSED)], [reach((100, OK))], False, id="an-unexpected-one-answers"),
        pytest.param([reach((100, OK))], [LOST], False, id="the-other-one-is-dead"),
        pytest.param([LOST], [LOST], None, id="both-are-dead"),
        pytest.param([LOST], [], None, id="there-is-no-other"),
        pytest.param([LOST, Reach()], [reach((100, OK))], None, id="one-was-never-probed"),
        pytest.param([reach((100, TIMEOUT), state=ANY)], [reach((100, OK))], None, id="expected-by-nobody"),
        pytest.param([reach((100, Outcome.NO_ROUTE))], [reach((100, OK))], None, id="no-way-out-of-here"),
        pytest.param([], [reach((100, OK))], None, id="not-configured"),
    ],
)
def test_a_family_is_lost_when_it_is_dead_alone(
    own: Sequence[Reach], other: Sequence[Reach], lost: bool | None
) -> None:
    assert family_lost(own, other) is lost


# The rhythm of the defaults: port 25 every five minutes, all others every two.
HOST = "mail.example.org"
OTHER = "other.example.net"
SLOWEST = 300.0
STANDARD = ((25, SLOWEST), (465, 120.0), (587, 120.0), (993, 120.0))
FOREVER = math.inf
Lost = Callable[[Port, float], bool]


@st.composite
def rhythms(draw: st.DrawFn) -> list[Port]:
    """A host and another one, each port begun at its own moment of its interval."""
    return [
        Port(host, port, interval, draw(st.floats(0, interval)))
        for host in (HOST, OTHER)
        for port, interval in STANDARD
    ]


def verdicts(ports: list[Port], until: float, lost: Lost) -> list[tuple[float, bool | None]]:
    """What is suspected of `HOST` after each probe of any host, with the instants of the probes."""
    ports = [replace(port) for port in ports]
    own = [port for port in ports if port.host == HOST]
    others = [port for port in ports if port.host != HOST]
    said = []
    for at, one in rounds(ports, until):
        outcome = TIMEOUT if lost(one, at) else OK
        one.reach = one.reach.after(seen(at, outcome, port=one.port, host=one.host))
        reaches = [port.reach for port in own]
        elsewhere = reached_elsewhere(reaches, [port.reach for port in others])
        said.append((at, suspected_ban(numbered(reaches), elsewhere)))
    return said


def between(begin: float, end: float, hosts: frozenset[str]) -> Lost:
    """All ports of `hosts` are lost from `begin` to `end`."""
    return lambda port, at: port.host in hosts and begin <= at < end


@given(rhythms(), st.floats(2 * SLOWEST, 2000))
def test_a_ban_is_seen_when_every_port_was_tried_once_more_and_ends_with_the_first_that_answers(
    ports: list[Port], begin: float
) -> None:
    end = begin + 2000
    said = verdicts(ports, end + SLOWEST, between(begin, end, frozenset({HOST})))

    assert True not in [verdict for at, verdict in said if at < begin]
    # The slowest port, and one more interval of the others.
    assert {verdict for at, verdict in said if begin + SLOWEST + 120 <= at < end} == {True}
    assert {verdict for at, verdict in said if at >= end + 120} == {False}


@given(rhythms(), st.floats(0, 2000), st.floats(1, 4000))
# The other host's port 25 is probed a moment before the network goes and again a moment after it is back.
@example(
    [
        *(Port(HOST, port, interval, 0.0) for port, interval in STANDARD),
        *(Port(OTHER, port, interval, float(port == 25)) for port, interval in STANDARD),
    ],
    902.0,
    299.0,
)
def test_a_network_that_is_gone_and_back_is_never_called_a_ban(ports: list[Port], begin: float, seconds: float) -> None:
    everybody = frozenset(port.host for port in ports)
    said = verdicts(ports, begin + seconds + SLOWEST, between(begin, begin + seconds, everybody))

    assert True not in [verdict for _, verdict in said]


@given(
    rhythms(),
    st.permutations([port for port, _ in STANDARD]),
    st.floats(2 * SLOWEST, 1000),
    st.tuples(*[st.floats(1, 2 * SLOWEST)] * 2),
)
def test_services_that_are_stopped_one_by_one_over_half_an_hour_are_no_ban(
    ports: list[Port], order: list[int], begin: float, pauses: tuple[float, float]
) -> None:
    # However the steps between lie, the last service outlives the first by half an hour.
    stops = dict(zip(order, (begin, begin + pauses[0], begin + sum(pauses), begin + 1800), strict=True))
    said = verdicts(ports, 4 * HOUR, lambda port, at: port.host == HOST and at >= stops[port.port])

    assert True not in [verdict for _, verdict in said]


@given(rhythms())
def test_nothing_is_said_after_a_start_in_the_midst_of_a_ban(ports: list[Port]) -> None:
    said = verdicts(ports, 3000, between(0, FOREVER, frozenset({HOST})))

    assert {verdict for _, verdict in said} == {None}


def test_a_ban_of_one_address_of_ours_is_a_ban_and_a_lost_family_at_once() -> None:
    # fail2ban shuts out one address, so a monitor that is banned over IPv6 is still let in over IPv4.
    banned = [SMTP, IMAPS]
    well = [reach((90, OK), (LATER, OK)), reach((95, OK), (LATER, OK))]

    assert suspected_ban(numbered(banned), LATER) is True
    assert suspected_ban(numbered(well), LATER) is False
    assert (family_lost(banned, well), family_lost(well, banned)) == (True, False)
