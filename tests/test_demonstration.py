"""`mailprobe demo`: every state that it promises is to be seen soon after its start."""

import fcntl
import os
import re
import signal
import socket
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio

from exporter.demo.host import PORT_OFFSET, Host, Port, Sight
from exporter.demo.hosts import FIRST_ADDRESS, NETWORK
from exporter.demo.roster import HOSTS, REFERENCE
from exporter.results import Outcome
from tests.demo.query import results
from tests.ipv6 import ipv6_here
from tests.real.require import lack
from tests.running import FREE_PORT, Scrape, pages_at, started

DAY = 86400.0

# What the machine of the tests can have.
SHOWN = tuple(host for host in HOSTS if ipv6_here() or not host.has_ipv6)

# The ports that do not end well, by the host's label and the well-known port; all others do. Over IPv6, and at a second
# address, nothing does.
TROUBLED = {
    ("expired", 465): Outcome.EXPECTATION_FAILED,
    ("expired", 587): Outcome.EXPECTATION_FAILED,
    ("expired", 993): Outcome.EXPECTATION_FAILED,
    ("closed", 587): Outcome.CONNECT_REFUSED,
    ("stripped", 25): Outcome.STARTTLS_MISSING,
    ("stripped", 587): Outcome.STARTTLS_MISSING,
    ("overloaded", 25): Outcome.GREETING_REJECTED_TEMPORARILY,
    ("surprising", 110): Outcome.UNEXPECTED_OPEN,
    ("surprising", 587): Outcome.EXPECTATION_FAILED,
    ("blocked", 2525): Outcome.CONNECT_TIMEOUT,
    ("banning", 465): Outcome.CONNECT_REFUSED,
    ("banning", 143): Outcome.CONNECT_REFUSED,
    ("banning", 993): Outcome.CONNECT_REFUSED,
    ("rewritten", 25): Outcome.STARTTLS_MISSING,
    ("rewritten", 587): Outcome.STARTTLS_PLAINTEXT_INJECTED,
    ("balking", 25): Outcome.STARTTLS_REJECTED,
    ("balking", 587): Outcome.TLS_HANDSHAKE_FAILED,
    ("careless", 110): Outcome.EXPECTATION_FAILED,
    ("careless", 143): Outcome.STARTTLS_MISSING,
}

# What is found on the way into TLS, by the host's label; at all others there is nothing.
FINDINGS = {
    "stripped": {(587, "starttls_lost")},
    "rewritten": {(25, "starttls_mangled"), (25, "greeting_masked"), (587, "starttls_plaintext_injected")},
    "balking": {(25, "starttls_refused"), (587, "starttls_failed")},
    "careless": {(110, "cleartext_auth"), (143, "preauthenticated"), (587, "starttls_offered_again")},
}

TARGETS = [(host, port) for host in SHOWN for port in host.ports]
SIGHTS = [
    pytest.param(host, sight, id=f"{host.label}{place or ''}")
    for host in SHOWN
    for place, sight in enumerate(host.sights)
]


@pytest.fixture(scope="module")
def addresses() -> Iterator[None]:
    """The demo's addresses are the same for everybody, so one run of the tests after the other may use them."""
    with (Path(tempfile.gettempdir()) / f"mailprobe-demo-tests-{os.getuid()}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            # The last is a well-known port: where a real server has it, the demo leaves out what needs it.
            for port in (*HOSTS[0].ports, *REFERENCE.ports):
                socket.create_server((f"{NETWORK}.{FIRST_ADDRESS}", port.at)).close()
        except OSError as error:
            lack(f"the demo cannot run as a whole beside another one, or beside a server on its ports: {error}")
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

    def ended(self, host: Host, port: Port) -> set[tuple[str, str, str]]:
        """Family, address (of hosts with several) and outcome of each target of a port."""
        found = self.scrape.found("mailprobe_outcome_info", host=host.name, port=port.at)
        return {(has["ip_family"], has.get("address", ""), has["outcome"]) for has, _ in found}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shown(addresses: None) -> AsyncIterator[Shown]:
    async with started("demo", f"--web.listen-address={FREE_PORT}") as demo:
        url = await demo.url()
        async with pages_at(url) as pages:
            await pages.ready()
            # What is still not there when patience is at its end fails in the test that is about it.
            with suppress(TimeoutError):
                await pages.scrape_with(all_is_there)
            scrape, scraped = await pages.scrape(), time.time()
        demo.send(signal.SIGINT)
        code = await demo.exit_code()
    yield Shown(url, demo.printed.text, demo.log.text, scrape, scraped, code)


def all_is_there(scrape: Scrape) -> bool:
    """Every query has a result."""
    queries = (sight.query.format(host=host.name) for host in SHOWN for sight in host.sights)
    return all(results(query, scrape, time.time()) for query in queries)


def test_the_demo_tells_where_to_look_and_what_there_is_to_see(shown: Shown) -> None:
    assert f"Look at     {shown.url}/  or  {shown.url}/metrics\n" in shown.printed
    for host in SHOWN:
        for sight in host.sights:
            fault, query = re.escape(sight.fault), re.escape(sight.query.format(host=host.name))
            assert re.search(rf"^  {re.escape(host.name)} +{fault}\n +{query}$", shown.printed, re.MULTILINE)


def test_the_demo_ends_in_peace_when_it_is_interrupted(shown: Shown) -> None:
    assert shown.code == 0
    assert "Traceback" not in shown.log


@pytest.mark.parametrize(
    ("host", "port"), TARGETS, ids=lambda value: getattr(value, "label", None) or getattr(value, "number", None)
)
def test_every_port_ends_as_it_should(host: Host, port: Port, shown: Shown) -> None:
    expected = {("ipv4", "", str(TROUBLED.get((host.label, port.number), Outcome.OK)))}
    if host.has_ipv6:
        expected |= {("ipv6", "", "connect_refused")}
    if host.label == "limping":
        first, second = (f"{NETWORK}.{number}" for number in (21, 22))
        expected = {("ipv4", first, "ok"), ("ipv4", second, "connect_refused")}

    assert shown.ended(host, port) == expected


@pytest.mark.parametrize(("host", "sight"), SIGHTS)
def test_the_query_has_a_result_at_its_host_and_nowhere_else(host: Host, sight: Sight, shown: Shown) -> None:
    found = results(sight.query.format(host=host.name), shown.scrape, shown.scraped)

    assert found
    assert {has.get("host", host.name) for has in found} == {host.name}


@pytest.mark.parametrize(("host", "sight"), [sight for sight in SIGHTS if sight.id != "healthy"])
def test_the_same_query_has_none_at_the_healthy_host(host: Host, sight: Sight, shown: Shown) -> None:
    found = results(sight.query.format(host="healthy.mail.example"), shown.scrape, shown.scraped)

    assert not [has for has in found if "host" in has]


@pytest.mark.parametrize("host", SHOWN, ids=lambda host: host.label)
def test_what_is_found_on_the_way_into_tls_is_what_was_put_there(host: Host, shown: Shown) -> None:
    found = shown.scrape.found("mailprobe_tls_finding_info", host=host.name)

    expected = {(str(PORT_OFFSET + port), finding) for port, finding in FINDINGS.get(host.label, ())}
    assert {(has["port"], has["finding"]) for has, _ in found} == expected


@pytest.mark.parametrize("host", SHOWN, ids=lambda host: host.label)
def test_no_host_is_suspected_of_what_another_one_does(host: Host, shown: Shown) -> None:
    """Conclusions from several results: not one too many."""
    labels = {"host": host.name}

    assert (1.0 in shown.scrape.values("mailprobe_suspected_ban", **labels)) is host.bans
    assert (1.0 in shown.scrape.values("mailprobe_family_lost", **labels)) is host.has_ipv6
    assert (1.0 in shown.scrape.values("mailprobe_certificate_stale", **labels)) is (host.label == "forgotten")


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
    lost = shown.scrape.values("mailprobe_starttls_lost_timestamp_seconds", host=host)
    return shown.scrape.values("mailprobe_starttls_advertised", host=host) == [0.0, 0.0] and len(lost) == 1


def slow(shown: Shown, host: str) -> bool:
    labels = {"host": host, "port": 10025}
    (first,) = shown.scrape.values("mailprobe_phase_duration_seconds", phase="greeting_first_byte", **labels)
    (whole,) = shown.scrape.values("mailprobe_phase_duration_seconds", phase="greeting", **labels)
    return first < 2 < whole


def forgotten(shown: Shown, host: str) -> bool:
    stale = shown.scrape.found("mailprobe_certificate_stale", host=host)
    return {has["port"]: value for has, value in stale} == {"10465": 0.0, "10993": 1.0}


def overloaded(shown: Shown, host: str) -> bool:
    found = shown.scrape.found("mailprobe_outcome_info", host=host, outcome="greeting_rejected_temporarily")
    return [value for _, value in found] == [1.0]


def surprising(shown: Shown, host: str) -> bool:
    met = shown.scrape.found("mailprobe_expectation_met", host=host)
    unmet = {(has["port"], has["expectation"]) for has, value in met if value == 0.0}
    return unmet == {("10110", "closed"), ("10587", "capabilities_must")}


def twofaced(shown: Shown, host: str) -> bool:
    checks = shown.scrape.found("mailprobe_certificate_valid", host=host)
    failed = {(has["port"], has["variant"], has["check"]) for has, value in checks if value == 0.0}
    return failed == {("10025", "no_sni", "name"), ("10465", "rsa", "dates")}


def limping(shown: Shown, host: str) -> bool:
    counted = (shown.scrape.values(f"mailprobe_addresses_{what}", host=host) for what in ("open", "probed"))
    return list(counted) == [[1.0, 1.0], [2.0, 2.0]]


def lopsided(shown: Shown, host: str) -> bool:
    lost = shown.scrape.found("mailprobe_family_lost", host=host)
    return {has["ip_family"]: value for has, value in lost} == {"ipv4": 0.0, "ipv6": 1.0}


def blocked(shown: Shown, host: str) -> bool:
    vantages = shown.scrape.found("mailprobe_vantage_ok")
    return [(has["port"], has["basis"]) for has, value in vantages if value == 0.0] == [("2525", "references")]


def banning(shown: Shown, host: str) -> bool:
    # The last port to be lost is the first that is probed less often.
    return max(shown.scrape.values("mailprobe_interval_seconds", host=host)) > 10


STATES: dict[str, Callable[[Shown, str], bool]] = {
    state.__name__: state
    for state in (
        *(healthy, expiring, expired, closed, stripped, slow, forgotten, overloaded),
        *(surprising, twofaced, limping, lopsided, blocked, banning),
    )
}


@pytest.mark.parametrize("host", [host for host in SHOWN if host.label in STATES], ids=lambda host: host.label)
def test_the_promised_state_is_to_be_seen(host: Host, shown: Shown) -> None:
    assert STATES[host.label](shown, host.name)


def test_every_host_is_looked_at_more_closely() -> None:
    assert STATES.keys() | FINDINGS.keys() == {host.label for host in HOSTS}


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
