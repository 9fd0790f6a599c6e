"""When a host is lost as a whole."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.results import Outcome, ProbeResult
from exporter.schedule.backoff import LOSSES, reached
from exporter.schedule.outage import LEAST_PORTS, Outage
from exporter.targets import PortState, Target, TargetKey
from tests.schedule.world import result, target

SMTP = target(port=25)
IMAPS = target(port=993)
CLOSED = target(port=110, state=PortState.CLOSED)
ANY = target(port=143, state=PortState.ANY)

ANY_TOO = target(port=587, state=PortState.ANY)

PORTS = {25: SMTP, 993: IMAPS, 110: CLOSED, 143: ANY, 587: ANY_TOO}

OK = Outcome.OK
REFUSED = Outcome.CONNECT_REFUSED
TIMEOUT = Outcome.CONNECT_TIMEOUT


@pytest.mark.parametrize(
    ("watched", "results", "lost"),
    [
        pytest.param([25, 993], [(25, REFUSED), (993, TIMEOUT)], True, id="all-ports-gone"),
        pytest.param(
            [25, 993], [(25, Outcome.NETWORK_UNREACHABLE), (993, Outcome.CONNECTION_RESET)], True, id="in-other-ways"
        ),
        pytest.param([25, 993], [(25, REFUSED)], False, id="one-not-yet-probed"),
        pytest.param([25, 993], [(25, REFUSED), (993, OK)], False, id="one-is-there"),
        pytest.param(
            [25, 993], [(25, REFUSED), (993, Outcome.GREETING_TIMEOUT)], False, id="one-connects-and-is-silent"
        ),
        pytest.param([25, 993], [(25, REFUSED), (993, REFUSED), (25, OK)], False, id="one-is-back"),
        pytest.param([25], [(25, REFUSED)], False, id="a-single-port-is-no-host"),
        pytest.param([25, 110], [(25, REFUSED), (110, REFUSED)], False, id="closed-as-expected-is-no-loss"),
        pytest.param([25, 143], [(25, REFUSED), (143, REFUSED)], False, id="nor-is-what-nobody-expected"),
        pytest.param([110, 143], [(110, REFUSED), (143, REFUSED)], False, id="nothing-expected-open"),
        pytest.param(
            [143, 587], [(143, OK), (587, OK), (143, REFUSED), (587, REFUSED)], True, id="nothing-expected-but-was-open"
        ),
        pytest.param([143, 587], [(143, OK), (143, REFUSED), (587, REFUSED)], False, id="one-of-two-was-never-open"),
        pytest.param(
            [25, 993, 110], [(25, REFUSED), (993, REFUSED), (110, REFUSED)], True, id="lost-beside-a-closed-port"
        ),
        pytest.param([25, 993, 143], [(25, REFUSED), (993, REFUSED)], True, id="lost-beside-an-unknown-port"),
        pytest.param(
            [25, 993, 143], [(143, OK), (25, REFUSED), (993, REFUSED)], False, id="another-port-still-answers"
        ),
        pytest.param(
            [25, 993, 143], [(143, OK), (25, REFUSED), (993, REFUSED), (143, REFUSED)], True, id="until-it-does-not"
        ),
        pytest.param(
            [25, 993], [(25, REFUSED), (993, REFUSED), (25, Outcome.DNS_ERROR)], True, id="a-failing-name-says-nothing"
        ),
        pytest.param([25, 993], [(25, Outcome.DNS_ERROR), (993, Outcome.NO_ROUTE)], False, id="names-are-not-ports"),
    ],
)
def test_a_host_is_lost_when_every_port_that_should_be_open_is_gone(
    watched: list[int], results: list[tuple[int, Outcome]], lost: bool
) -> None:
    outage = Outage()
    for port in watched:
        outage.join(PORTS[port])
    for port, outcome in results:
        outage.note(result(PORTS[port], outcome))
    assert outage.total is lost


def test_one_port_at_several_addresses_is_one_port() -> None:
    outage = Outage()
    for port in (25, 465):
        for address in ("192.0.2.25", "192.0.2.26"):
            outage.join(target(port=port, address=address))
            outage.note(result(target(port=port, address=address), REFUSED))
        assert outage.total is (port == 465)


def test_a_new_port_is_hope_and_one_that_leaves_takes_its_state_with_it() -> None:
    outage = Outage()
    third = target(port=465)
    for port in (SMTP, IMAPS):
        outage.join(port)
        outage.note(result(port, REFUSED))
    outage.join(third)
    assert not outage.total
    outage.note(result(third, OK))
    outage.leave(third)
    assert outage.total
    assert outage.members == {SMTP.key, IMAPS.key}


class PlainOutage:
    """The same as sets, each for one thing that is known of a port."""

    def __init__(self) -> None:
        self.members: set[TargetKey] = set()
        self._expected: set[TargetKey] = set()
        self._lost: set[TargetKey] = set()
        self._open: set[TargetKey] = set()

    def join(self, target: Target) -> None:
        self.members.add(target.key)
        if target.expectation.state is PortState.OPEN:
            self._expected.add(target.key)

    def leave(self, target: Target) -> None:
        for ports in (self.members, self._expected, self._lost, self._open):
            ports.discard(target.key)

    def note(self, result: ProbeResult) -> None:
        key = result.target.key
        if reached(result):
            self._lost.discard(key)
            self._open.add(key)
            if result.target.expectation.state is PortState.ANY:
                self._expected.add(key)
        elif result.outcome in LOSSES:
            self._open.discard(key)
            self._lost.add(key)

    @property
    def total(self) -> bool:
        numbers = {key.port for key in self._expected}
        return len(numbers) >= LEAST_PORTS and self._expected <= self._lost and not self._open


@given(
    st.lists(
        st.tuples(
            st.sampled_from(list(PORTS.values())),
            st.sampled_from(["join", "leave", OK, REFUSED, TIMEOUT, Outcome.GREETING_TIMEOUT, Outcome.DNS_ERROR]),
        )
    )
)
def test_it_agrees_with_plain_sets(steps: list[tuple[Target, str | Outcome]]) -> None:
    outage, plain = Outage(), PlainOutage()
    for port, step in steps:
        watched = port.key in plain.members
        for one in (outage, plain):
            if step == "join" and not watched:
                one.join(port)
            elif step == "leave" and watched:
                one.leave(port)
            elif isinstance(step, Outcome) and watched:
                one.note(result(port, step))
        assert outage.total is plain.total
        assert outage.members == plain.members
