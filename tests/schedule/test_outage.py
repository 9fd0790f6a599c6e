"""When a host is lost as a whole."""

import pytest

from exporter.results import Outcome
from exporter.schedule.outage import Outage
from exporter.targets import PortState
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
