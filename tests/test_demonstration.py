"""`mailprobe demo`: every state that it promises is to be seen within the first round."""

import fcntl
import os
import re
import signal
import socket
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio

from exporter.demo.hosts import FIRST_ADDRESS, HOSTS, NETWORK, PORT_OFFSET, Host
from exporter.results import Outcome
from tests.real.require import lack
from tests.running import FREE_PORT, Scrape, pages_at, started

DAY = 86400.0

# The ports that do not end well, by the host's label and the well-known port; all others do.
TROUBLED = {
    ("expired", 465): Outcome.EXPECTATION_FAILED,
    ("expired", 587): Outcome.EXPECTATION_FAILED,
    ("expired", 993): Outcome.EXPECTATION_FAILED,
    ("closed", 587): Outcome.CONNECT_REFUSED,
    ("stripped", 25): Outcome.STARTTLS_MISSING,
    ("stripped", 587): Outcome.STARTTLS_MISSING,
    ("overloaded", 25): Outcome.GREETING_REJECTED_TEMPORARILY,
}

TARGETS = [(host, port.number) for host in HOSTS for port in host.ports]


@pytest.fixture(scope="module")
def addresses() -> Iterator[None]:
    """The demo's addresses are the same for everybody, so one run of the tests after the other may use them."""
    with (Path(tempfile.gettempdir()) / f"mailprobe-demo-tests-{os.getuid()}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            socket.create_server((f"{NETWORK}.{FIRST_ADDRESS}", PORT_OFFSET + 25)).close()
        except OSError as error:
            lack(f"the demo cannot run beside another one: {error}")
        yield


@dataclass(frozen=True)
class Shown:
    """What a demo showed: on its output, in its log, to Prometheus (and when), and at its end."""

    url: str
    printed: str
    log: str
    scrape: Scrape
    scraped: float
    code: int


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shown(addresses: None) -> AsyncIterator[Shown]:
    async with started("demo", f"--web.listen-address={FREE_PORT}") as demo:
        url = await demo.url()
        async with pages_at(url) as pages:
            await pages.ready()
            scrape, scraped = await pages.scrape(), time.time()
        demo.send(signal.SIGINT)
        code = await demo.exit_code()
    yield Shown(url, demo.printed.text, demo.log.text, scrape, scraped, code)


def test_the_demo_tells_where_to_look_and_what_there_is_to_see(shown: Shown) -> None:
    assert f"Look at     {shown.url}/  or  {shown.url}/metrics\n" in shown.printed
    for host in HOSTS:
        assert re.search(rf"^  {re.escape(host.name)} +{re.escape(host.fault)}$", shown.printed, re.MULTILINE)


def test_the_demo_ends_in_peace_when_it_is_interrupted(shown: Shown) -> None:
    assert shown.code == 0
    assert "Traceback" not in shown.log


@pytest.mark.parametrize(("host", "port"), TARGETS, ids=lambda value: getattr(value, "label", value))
def test_every_port_ends_as_it_should(host: Host, port: int, shown: Shown) -> None:
    expected = TROUBLED.get((host.label, port), Outcome.OK)

    labels = {"host": host.name, "port": PORT_OFFSET + port}
    assert shown.scrape.label("mailprobe_outcome_info", "outcome", **labels) == [expected]
    assert shown.scrape.values("mailprobe_success", **labels) == [float(expected is Outcome.OK)]


def left(shown: Shown, host: str) -> list[float]:
    """Days until the certificates of a host end."""
    ends = shown.scrape.values("mailprobe_certificate_not_after_timestamp_seconds", host=host)
    return [(end - shown.scraped) / DAY for end in ends]


def healthy(shown: Shown, host: str) -> bool:
    return shown.scrape.values("mailprobe_success", host=host) == [1.0] * 9 and min(left(shown, host)) > 60


def expiring(shown: Shown, host: str) -> bool:
    return [0 < days < 7 for days in left(shown, host)] == [True] * 4


def expired(shown: Shown, host: str) -> bool:
    return shown.scrape.values("mailprobe_certificate_valid", host=host, check="dates") == [0.0] * 4


def closed(shown: Shown, host: str) -> bool:
    return shown.scrape.values("mailprobe_port_open", host=host, port=10587) == [0.0]


def stripped(shown: Shown, host: str) -> bool:
    return shown.scrape.values("mailprobe_starttls_advertised", host=host) == [0.0, 0.0]


def slow(shown: Shown, host: str) -> bool:
    labels = {"host": host, "port": 10025}
    (first,) = shown.scrape.values("mailprobe_phase_duration_seconds", phase="greeting_first_byte", **labels)
    (whole,) = shown.scrape.values("mailprobe_phase_duration_seconds", phase="greeting", **labels)
    return first < 2 < whole


def forgotten(shown: Shown, host: str) -> bool:
    return len(set(shown.scrape.label("mailprobe_certificate_info", "fingerprint_sha256", host=host))) == 2


def overloaded(shown: Shown, host: str) -> bool:
    found = shown.scrape.found("mailprobe_outcome_info", host=host, outcome="greeting_rejected_temporarily")
    return [value for _, value in found] == [1.0]


STATES: dict[str, Callable[[Shown, str], bool]] = {
    state.__name__: state for state in (healthy, expiring, expired, closed, stripped, slow, forgotten, overloaded)
}


@pytest.mark.parametrize("host", HOSTS, ids=lambda host: host.label)
def test_the_promised_state_is_to_be_seen(host: Host, shown: Shown) -> None:
    assert STATES[host.label](shown, host.name)


@pytest.mark.parametrize("host", HOSTS, ids=lambda host: host.label)
def test_the_query_asks_for_samples_that_are_there(host: Host, shown: Shown) -> None:
    for name in re.findall(r"mailprobe_\w+", host.query):
        assert shown.scrape.values(name, host=host.name)


async def test_a_demo_whose_ports_are_taken_says_so_and_ends_with_1(addresses: None) -> None:
    with socket.create_server((f"{NETWORK}.{FIRST_ADDRESS}", PORT_OFFSET + 465)):
        async with started("demo", f"--web.listen-address={FREE_PORT}") as demo:
            code = await demo.exit_code()

    assert (code, demo.printed.text) == (1, "")
    address = f"{NETWORK}.{FIRST_ADDRESS} port {PORT_OFFSET + 465}"
    assert demo.log.lines == [f"the demo cannot listen on {address}: Address already in use"]


async def test_a_demo_whose_terminal_is_closed_ends(addresses: None) -> None:
    async with started("demo", f"--web.listen-address={FREE_PORT}") as demo:
        await demo.url()
        demo.send(signal.SIGHUP)
        code = await demo.exit_code()

    assert code == 0
