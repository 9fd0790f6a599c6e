"""Does a monitor get itself banned? What fail2ban's own filters count in the logs after a round over every port.

Postfix: nothing, in any mode. Dovecot: nothing in the mode that is shipped; in `aggressive` every session that ends
without a login is counted, however polite, so a host whose jail runs in that mode must list the monitor in `ignoreip`.
"""

import asyncio
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from exporter.results import Outcome
from tests.real.fail2ban import count
from tests.real.hosts import GOOD, Issuer, shared_hosts
from tests.real.loopback import fresh_address, port_for
from tests.real.mailhost import POSTFIX_PORTS, MailHost, serve
from tests.real.monitor import Monitor
from tests.real.postfix import RealPostfix, screened, smtp
from tests.real.serverlog import ServerLog

pytestmark = pytest.mark.real

SCREENED = "screened.example.org"
# `normal` and `more` are what the shipped jails use, `aggressive` is every rule there is.
POSTFIX_MODES = ("normal", "more", "extra", "ddos", "aggressive")


@dataclass(frozen=True, slots=True)
class Round:
    """What the servers logged while every port was probed, and how many sessions each of them saw."""

    postfix: ServerLog
    postfix_sessions: int
    dovecot: ServerLog
    dovecot_sessions: int


@pytest.fixture(scope="module")
def full_round(module_folder: Path, issuer: Issuer) -> Iterator[Round]:
    """Every host, also those with bad certificates, without TLS and behind postscreen, on every port it has."""
    known = shared_hosts(module_folder, issuer)
    (certificate,) = known.by_name[GOOD].certificates
    behind = MailHost(SCREENED, fresh_address(), [certificate])
    screen = screened(behind.address, port_for(25), behind.certificates, wait="1s", teaser="one moment")
    monitor = Monitor(module_folder, issuer.root_file, [*known.by_name.values(), behind])
    ports = [(host, port) for host in known.by_name.values() for port in host.ports]
    with serve(module_folder, known.by_name.values(), certificate, [screen]) as system:
        asyncio.run(_probe_all(monitor, [*ports, (behind, 25)]))
        at_postfix = 1 + sum(port in POSTFIX_PORTS for _, port in ports)
        at_dovecot = sum(port not in POSTFIX_PORTS for _, port in ports)
        system.postfix.wait_for_sessions(at_postfix)
        system.dovecot.wait_for_sessions(at_dovecot)
        yield Round(system.postfix.log, at_postfix, system.dovecot.log, at_dovecot)


async def _probe_all(monitor: Monitor, ports: list[tuple[MailHost, int]]) -> None:
    for host, port in ports:
        result = await monitor.probe(monitor.target(host, port))
        # ManageSieve on the host without TLS offers STARTTLS all the same, and refuses it.
        assert result.outcome in (Outcome.OK, Outcome.STARTTLS_REJECTED), result


@pytest.mark.parametrize("mode", POSTFIX_MODES)
def test_nothing_in_postfix_log_counts_against_us(mode: str, full_round: Round) -> None:
    counted = count(full_round.postfix, "postfix", mode)

    # A connect and a disconnect for each session at the least: the log that was looked at is the whole one.
    assert counted.lines >= 2 * full_round.postfix_sessions
    assert counted.matched == 0


def test_every_session_at_postfix_ends_with_its_quit(full_round: Round) -> None:
    ends = full_round.postfix.lines(r"smtpd\[\d+\]: disconnect from ")

    assert len(ends) == full_round.postfix_sessions
    assert [line for line in ends if "quit=1" not in line] == []
    assert full_round.postfix.lines("lost connection|improper command|non-SMTP|SSL_accept error|HANGUP|PREGREET") == []


def test_dovecot_normal_filter_counts_nothing(full_round: Round) -> None:
    counted = count(full_round.dovecot, "dovecot", "normal")

    assert counted.lines >= full_round.dovecot_sessions
    assert counted.matched == 0


def test_dovecot_aggressive_filter_counts_every_session_because_nobody_logs_in(full_round: Round) -> None:
    # The unavoidable line, of IMAP, POP3 and ManageSieve alike; only a login would end otherwise.
    ends = full_round.dovecot.lines(
        r"(imap|pop3|managesieve)-login: Info: Disconnected: Aborted login by logging out "
        r"\(no auth attempts in \d+ secs\): user=<>, rip=127\.0\.0\.1, "
    )

    assert len(ends) == full_round.dovecot_sessions
    assert count(full_round.dovecot, "dovecot", "aggressive").matched == full_round.dovecot_sessions
    # And no other line about a session.
    assert len(full_round.dovecot.lines("-login: ")) == full_round.dovecot_sessions


@pytest.mark.parametrize("behind_postscreen", [False, True], ids=["smtpd", "postscreen"])
def test_a_bare_connection_would_have_been_counted(behind_postscreen: bool, folder: Path) -> None:
    # What a TCP check does, and why none is made before a session.
    address, port = fresh_address(), port_for(25)
    service = (
        screened(address, port, (), wait="1s", teaser="one moment") if behind_postscreen else smtp(address, port, ())
    )

    with RealPostfix(folder, [service]) as postfix:
        socket.create_connection((address, port), timeout=10).close()
        postfix.log.wait_for(r"postscreen\[\d+\]: DISCONNECT " if behind_postscreen else "disconnect from ")

    assert count(postfix.log, "postfix", "normal").matched == 0
    assert count(postfix.log, "postfix", "aggressive").matched == 1
