"""What the page on letting the monitor in says about Dovecot, fail2ban and rsyslog, tried on real ones."""

import asyncio
import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.real.clients import Clients, clients, room
from tests.real.dovecot import PORTS as DOVECOT_PORTS
from tests.real.dovecot import DovecotAddress, RealDovecot
from tests.real.fail2ban import count
from tests.real.fail2banserver import RealFail2ban
from tests.real.hosts import Issuer
from tests.real.loopback import port_for
from tests.real.mailhost import MailHost
from tests.real.postfix import RealPostfix, smtp
from tests.real.rsyslog import RealRsyslog
from tests.real.serverlog import ServerLog
from tests.real.welcome import IPV6, commands, log_table, snippet

pytestmark = pytest.mark.real


@pytest.fixture
def pair(folder: Path, issuer: Issuer) -> Clients:
    return clients(folder, issuer)


@pytest.fixture(scope="module")
def visited(module_folder: Path, issuer: Issuer) -> Iterator[tuple[Clients, ServerLog]]:
    """A Dovecot as it is shipped, at which the monitor and then the stranger were on every port."""
    pair = clients(module_folder, issuer)
    with dovecot(module_folder, pair.host) as server:
        asyncio.run(pair.both_visit(*DOVECOT_PORTS))
        server.wait_for_sessions(2 * len(DOVECOT_PORTS))
        yield pair, server.log


def dovecot(folder: Path, host: MailHost, settings: str = "") -> RealDovecot:
    """A Dovecot for `host`, with `settings` behind its own."""
    servers = room(folder, "dovecot")
    server = RealDovecot(
        servers, [DovecotAddress(host.address, host.certificates, host.auth_before_tls)], host.certificates[0]
    )
    with (servers / "dovecot.conf").open("a") as configuration:
        configuration.write(settings)
    return server


def test_dovecot_logs_as_many_lines_for_a_session_as_the_page_says(visited: tuple[Clients, ServerLog]) -> None:
    _, log = visited

    lines = log.lines("-login: ")

    assert len(lines) == 2 * len(DOVECOT_PORTS) * log_table()["Dovecot"].lines_each
    assert all(70 <= len(line) <= 200 for line in lines)


def test_fail2ban_bans_the_stranger_and_ignores_the_monitor(folder: Path, visited: tuple[Clients, ServerLog]) -> None:
    pair, log = visited
    ignored = ignoreip(pair)
    with RealFail2ban(folder, "dovecot", "aggressive", with_ipv6(folder, pair, log), ignored) as fail2ban:
        fail2ban.wait_for_ban(pair.stranger)

        assert fail2ban.banned() == {pair.stranger}
        for address in (pair.monitor, IPV6):
            assert len(fail2ban.log.lines(rf"\[dovecot\] Ignore {address} ")) == len(DOVECOT_PORTS)
        # The page's five in ten minutes.
        assert fail2ban.log.lines("maxRetry: 5$")
        assert fail2ban.log.lines("findtime: 600$")


def test_fail2ban_bans_the_monitor_where_it_was_not_told_and_lets_it_go_when_it_is(
    folder: Path, visited: tuple[Clients, ServerLog]
) -> None:
    pair, log = visited
    with RealFail2ban(folder, "dovecot", "aggressive", with_ipv6(folder, pair, log)) as fail2ban:
        fail2ban.wait_for_ban(pair.stranger)
        assert fail2ban.banned() == {pair.monitor, IPV6, pair.stranger}

        fail2ban.install(ignoreip(pair))
        reload, unban = commands("fail2ban-commands", "fail2ban-client", monitor=pair.monitor)
        fail2ban.command(*reload)
        # The page warns of this: the reload does not lift what is in force.
        assert pair.monitor in fail2ban.banned()
        fail2ban.command(*unban)

        assert fail2ban.banned() == {IPV6, pair.stranger}


def test_an_ignoreip_of_a_jail_replaces_the_one_for_all(folder: Path, visited: tuple[Clients, ServerLog]) -> None:
    pair, log = visited
    ignored = ignoreip(pair) + "[dovecot]\nignoreip = 127.0.0.1/32\n"
    with RealFail2ban(folder, "dovecot", "aggressive", log, ignored) as fail2ban:
        fail2ban.wait_for_ban(pair.stranger)

        assert fail2ban.banned() == {pair.monitor, pair.stranger}


def ignoreip(pair: Clients) -> str:
    """The snippet, without the loopback network: here the stranger lives there as well."""
    text = snippet("fail2ban-ignoreip", monitor=pair.monitor)
    assert " 127.0.0.1/8 " in text
    return text.replace(" 127.0.0.1/8 ", " ")


def with_ipv6(folder: Path, pair: Clients, log: ServerLog) -> ServerLog:
    """A copy of `log` that begins with the monitor's lines once more, as its IPv6 address would have left them."""
    copy = ServerLog(folder / "watched.log")
    copied = [line.replace(pair.monitor, IPV6) for line in log.lines(f"rip={pair.monitor},")]
    copy.path.write_text("".join(f"{line}\n" for line in copied) + log.text())
    return copy


async def test_a_remote_block_keeps_the_monitors_address_out_of_dovecots_log(folder: Path, pair: Clients) -> None:
    with dovecot(folder, pair.host, snippet("dovecot-remote", monitor=pair.monitor)) as server:
        await pair.both_visit(*DOVECOT_PORTS)
        server.wait_for_sessions(2 * len(DOVECOT_PORTS))

    assert server.log.lines(f"rip={pair.monitor}") == []
    assert len(server.log.lines(f"rip={pair.stranger}")) == len(DOVECOT_PORTS)
    short = server.log.lines(r"Disconnected: Aborted login by logging out \(no auth attempts in \d+ secs\): *$")
    assert len(short) == len(DOVECOT_PORTS)
    assert count(server.log, "dovecot", "aggressive").matched == len(DOVECOT_PORTS)


@pytest.mark.parametrize(("with_block", "counted"), [(False, 1), (True, 0)], ids=["without", "with the block"])
def test_a_remote_block_also_hides_failed_logins_from_fail2ban(
    with_block: bool, counted: int, folder: Path, pair: Clients
) -> None:
    block = snippet("dovecot-remote", monitor=pair.monitor) if with_block else ""
    host = replace(pair.host, auth_before_tls=True)
    with dovecot(folder, host, f"auth_failure_delay = 0\n{block}") as server:
        log_in_with_a_wrong_password(host.address, source=pair.monitor)
        server.log.wait_for("Disconnected.*auth failed")

    assert count(server.log, "dovecot", "normal").matched == counted


def log_in_with_a_wrong_password(address: str, *, source: str) -> None:
    """What somebody does who sits on the monitor's machine and guesses."""
    with (
        socket.create_connection((address, port_for(143)), timeout=10, source_address=(source, 0)) as connection,
        connection.makefile("rwb") as stream,
    ):
        stream.readline()
        for command in (b"a LOGIN somebody guess\r\n", b"b LOGOUT\r\n"):
            stream.write(command)
            stream.flush()
            while not stream.readline().startswith(command[:1]):
                pass


async def test_a_trusted_network_hides_nothing_and_makes_dovecot_offer_passwords_in_the_clear(
    folder: Path, pair: Clients
) -> None:
    with dovecot(folder, pair.host, f"login_trusted_networks = {pair.monitor}\n") as server:
        monitor, stranger = await pair.visit(pair.monitor, 143), await pair.visit(pair.stranger, 143)
        server.wait_for_sessions(2)

    assert (monitor.findings.cleartext_auth, stranger.findings.cleartext_auth) == (True, False)
    assert count(server.log, "dovecot", "aggressive").matched == 2


async def test_the_filter_of_rsyslog_drops_ordinary_sessions_and_keeps_complaints(
    folder: Path, pair: Clients, visited: tuple[Clients, ServerLog]
) -> None:
    strict = {"smtpd_client_connection_rate_limit": "1", "mynetworks": "127.0.0.1/32"}
    service = smtp(pair.host.address, port_for(25), pair.host.certificates)
    with RealPostfix(room(folder, "postfix"), [replace(service, options={**service.options, **strict})]) as postfix:
        for source in (pair.monitor, pair.monitor, pair.stranger):
            await pair.visit(source, 25)
        postfix.wait_for_sessions(3)
    earlier, log = visited
    lines = [
        *(line.split(" ", 4)[4] for line in postfix.log.lines(r"smtpd\[\d+\]: ")),
        *(as_syslog(line).replace(earlier.monitor, pair.monitor) for line in log.lines("rip=")),
    ]

    with RealRsyslog(room(folder, "rsyslog"), snippet("rsyslog", monitor=pair.monitor)) as rsyslog:
        kept = rsyslog.take(lines)

    assert len(lines) == 2 * 3 + 1 + 2 * len(DOVECOT_PORTS)
    assert [line for line in kept if pair.monitor not in line] == [line for line in lines if pair.monitor not in line]
    (complaint,) = (line for line in kept if pair.monitor in line)
    assert "rate limit exceeded" in complaint


def as_syslog(line: str) -> str:
    """A line of Dovecot's own log file as it hands the same to syslog: its name in front, the level left out."""
    return "dovecot: " + line.split(" ", 3)[3].replace("Info: ", "", 1)
