"""What is said about this machine's own network."""

from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.judgement.reach import Reach
from exporter.judgement.vantage import LEAST_HOSTS, Basis, Side, Vantage, by_references, inferred, refuted, worth_asking
from exporter.results import Outcome
from exporter.targets import IpFamily, PortState
from tests.judgement.reaching import OK, REFUSED, TIMEOUT, Port, reach, rounds, seen

UNREACHABLE = Outcome.NETWORK_UNREACHABLE


@pytest.mark.parametrize(
    ("reached", "ok"),
    [
        pytest.param([True], True, id="reached"),
        pytest.param([False, None, True], True, id="one-is-enough"),
        pytest.param([False], False, id="lost"),
        pytest.param([False, None], False, id="lost-and-unknown"),
        pytest.param([None, None], None, id="unknown"),
        pytest.param([], None, id="none-configured"),
    ],
)
def test_references_tell_by_one_that_is_reached(reached: Sequence[bool | None], ok: bool | None) -> None:
    assert by_references(reached) is ok


SINCE_100 = reach((50, OK), (100, REFUSED), (400, REFUSED))


@pytest.mark.parametrize(
    ("references", "own", "so"),
    [
        pytest.param([SINCE_100], [reach((60, OK), (160, OK))], True, id="own-port-came-through-since"),
        pytest.param([SINCE_100], [reach((160, OK)), reach((160, TIMEOUT))], True, id="one-is-enough"),
        pytest.param([SINCE_100], [reach((60, OK))], False, id="not-since"),
        pytest.param([SINCE_100], [reach((100, OK))], False, id="at-the-same-time"),
        pytest.param([SINCE_100], [reach((160, OK), (280, TIMEOUT))], False, id="lost-as-well-by-now"),
        pytest.param([SINCE_100], [Reach()], False, id="not-probed"),
        pytest.param([SINCE_100], [], False, id="no-own-port"),
        pytest.param([SINCE_100, reach((200, REFUSED))], [reach((160, OK))], False, id="the-other-reference-well-then"),
        pytest.param([SINCE_100, Reach()], [reach((160, OK))], True, id="the-other-reference-unknown"),
        pytest.param([Reach()], [reach((160, OK))], False, id="nothing-to-refute"),
    ],
)
def test_references_are_refuted_by_a_port_of_ours_that_came_through_since_they_were_lost(
    references: Sequence[Reach], own: Sequence[Reach], so: bool
) -> None:
    assert refuted(references, own) is so


@pytest.mark.parametrize(
    ("vantage", "remark"),
    [
        (Vantage(25, IpFamily.IPV4, True, Basis.REFERENCES), ""),
        (Vantage(25, IpFamily.IPV4, True, Basis.INFERRED), ""),
        (Vantage(25, IpFamily.IPV4, False, Basis.REFERENCES), "this network blocks port 25 over ipv4"),
        (
            Vantage(587, IpFamily.IPV6, False, Basis.INFERRED),
            "this network blocks port 587 over ipv6, as inferred from all hosts failing alike",
        ),
    ],
    ids=["well", "well-as-inferred", "blocked", "blocked-as-inferred"],
)
def test_the_remark_says_which_port_and_how_it_is_known(vantage: Vantage, remark: str) -> None:
    assert vantage.remark == remark


GONE = reach((50, OK), (100, TIMEOUT), (400, TIMEOUT))
NEVER_THERE = reach((100, TIMEOUT), (400, TIMEOUT))
UNEXPECTED = reach((100, TIMEOUT), (400, TIMEOUT), state=PortState.ANY)
ONCE_THERE = reach((50, OK), (100, TIMEOUT), (400, TIMEOUT), state=PortState.ANY)
CLOSED = reach((100, TIMEOUT), (400, TIMEOUT), state=PortState.CLOSED)
THERE = reach((20, OK), (140, OK), (260, OK), (380, OK))
NOT_SINCE = reach((20, OK))
LOST_LATER = reach((20, OK), (140, OK), (420, TIMEOUT))
BACK_SOONER = reach((20, OK), (140, TIMEOUT), (420, OK))


def sides(*hosts: tuple[Reach, Reach]) -> list[Side]:
    """Hosts with a port 25 and a port 587 each."""
    return [
        side
        for number, (smtp, submission) in enumerate(hosts)
        for side in (Side(f"mx{number}.example", 25, smtp), Side(f"mx{number}.example", 587, submission))
    ]


@pytest.mark.parametrize(
    ("hosts", "ok"),
    [
        pytest.param([(GONE, THERE)] * 3, False, id="three-time-out-and-are-well-elsewhere"),
        pytest.param([(NEVER_THERE, THERE)] * 3, False, id="blocked-from-the-beginning"),
        pytest.param([(ONCE_THERE, THERE)] * 3, False, id="expected-by-nobody-but-once-there"),
        pytest.param([(GONE, THERE)] * 3 + [(GONE, GONE)], False, id="beside-a-dead-host"),
        pytest.param([(GONE, THERE)] * 3 + [(CLOSED, THERE)], False, id="beside-a-port-that-should-be-closed"),
        pytest.param([(GONE, THERE)] * 3 + [(UNEXPECTED, THERE)], False, id="beside-a-port-that-nobody-expects"),
        pytest.param([(GONE, THERE)] * 2, None, id="two-are-too-few"),
        pytest.param([(GONE, THERE)] * 2 + [(GONE, GONE)], None, id="two-and-a-dead-host"),
        pytest.param([(UNEXPECTED, THERE)] * 3, None, id="expected-by-nobody-and-never-there"),
        pytest.param([(GONE, THERE)] * 3 + [(THERE, THERE)], True, id="one-answers"),
        pytest.param([(GONE, THERE)] * 3 + [(reach((100, OK), state=PortState.ANY), THERE)], True, id="any-answers"),
        pytest.param([(THERE, GONE)] * 3, True, id="well-and-lost-elsewhere"),
        pytest.param([(GONE, THERE)] * 3 + [(reach((100, REFUSED)), THERE)], None, id="one-refuses"),
        pytest.param([(reach((100, UNREACHABLE)), THERE)] * 3, None, id="a-router-says-so"),
        pytest.param([(GONE, THERE)] * 3 + [(reach((9, Outcome.DNS_ERROR)), THERE)], None, id="one-is-not-known"),
        pytest.param([(GONE, GONE)] * 3, None, id="all-are-lost-everywhere"),
        pytest.param([(GONE, NOT_SINCE)] * 3, None, id="elsewhere-not-seen-since"),
        pytest.param([(GONE, LOST_LATER)] * 3, None, id="elsewhere-lost-by-now"),
        pytest.param([(GONE, BACK_SOONER)] * 3, None, id="elsewhere-back-sooner"),
        pytest.param([(Reach(), Reach())] * 3, None, id="never-probed"),
        pytest.param([], None, id="no-hosts"),
    ],
)
def test_a_block_is_inferred_only_from_three_hosts_that_fail_alike(
    hosts: list[tuple[Reach, Reach]], ok: bool | None
) -> None:
    assert inferred(25, sides(*hosts)) is ok


def test_three_addresses_of_one_host_are_one_host() -> None:
    many = [Side("mx.example", 25, GONE)] * 3 + [Side("mx.example", 587, THERE)] * 3

    assert inferred(25, many) is None


@st.composite
def rhythms(draw: st.DrawFn) -> list[Port]:
    """Three to five hosts with their ports, each begun at its own moment of the first round."""
    hosts = draw(st.integers(LEAST_HOSTS, LEAST_HOSTS + 2))
    return [
        Port(f"mx{number}.example", port, interval, draw(st.floats(0, interval)))
        for number in range(hosts)
        for port, interval in ((25, 300.0), (465, 120.0), (587, 120.0))
    ]


def verdicts(
    ports: list[Port], until: float, gone: tuple[float, float], blocked: set[int]
) -> list[tuple[float, bool | None]]:
    """What is inferred about port 25 after each probe, while the ports `blocked` time out between two instants."""
    said = []
    for at, one in rounds(ports, until):
        lost = one.port in blocked and gone[0] <= at < gone[1]
        one.reach = one.reach.after(seen(at, TIMEOUT if lost else OK, port=one.port, host=one.host))
        said.append((at, inferred(25, [Side(side.host, side.port, side.reach) for side in ports])))
    return said


@given(rhythms(), st.floats(0, 900), st.floats(1, 1800))
def test_a_network_that_is_gone_altogether_is_never_called_a_blocked_port(
    ports: list[Port], begin: float, seconds: float
) -> None:
    said = verdicts(ports, 3600, (begin, begin + seconds), {25, 465, 587})

    assert False not in [verdict for _, verdict in said]
    assert said[-1][1] is True


@given(rhythms(), st.floats(600, 1200))
def test_a_blocked_port_is_seen_within_two_of_its_rounds_and_so_is_the_end_of_it(
    ports: list[Port], begin: float
) -> None:
    end = begin + 1200
    said = verdicts(ports, end + 300, (begin, end), {25})

    assert {verdict for at, verdict in said if at < begin} <= {True, None}
    assert {verdict for at, verdict in said if begin + 600 <= at < end} == {False}
    assert said[-1][1] is True


def asking(*probes: tuple[float, Outcome], state: PortState = PortState.OPEN) -> list[bool]:
    """Whether the references are worth asking after each of these probes."""
    known = [reach(*probes[:number], state=state) for number in range(len(probes) + 1)]
    return [worth_asking(before, after) for before, after in pairwise(known)]


@pytest.mark.parametrize(
    ("probes", "state", "asked"),
    [
        pytest.param([(0, OK), (300, OK)], PortState.OPEN, [False, False], id="well"),
        pytest.param([(0, OK), (300, TIMEOUT), (315, TIMEOUT)], PortState.OPEN, [False, True, True], id="lost"),
        pytest.param([(0, REFUSED), (300, REFUSED)], PortState.OPEN, [True, True], id="lost-from-the-start"),
        pytest.param([(0, TIMEOUT), (600, TIMEOUT), (3000, TIMEOUT)], PortState.OPEN, [True, False, False], id="gone"),
        pytest.param([(0, TIMEOUT), (3000, TIMEOUT), (3300, OK)], PortState.OPEN, [True, False, True], id="back"),
        pytest.param([(0, TIMEOUT), (10, Outcome.DNS_ERROR)], PortState.OPEN, [True, False], id="nothing-new"),
        pytest.param([(0, REFUSED), (300, TIMEOUT)], PortState.CLOSED, [False, False], id="closed-as-it-should-be"),
        pytest.param([(0, REFUSED), (300, TIMEOUT)], PortState.ANY, [False, False], id="never-there"),
        pytest.param([(0, OK), (300, TIMEOUT)], PortState.ANY, [False, True], id="was-there"),
    ],
)
def test_references_are_asked_about_a_new_loss_and_not_for_ever(
    probes: list[tuple[float, Outcome]], state: PortState, asked: list[bool]
) -> None:
    assert asking(*probes, state=state) == asked
