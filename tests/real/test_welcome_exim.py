"""What the page on letting the monitor in says about Exim, tried on a real one."""

import re
from pathlib import Path

import pytest

from exporter.results import Outcome
from exporter.targets import TlsMode
from tests.real.clients import Clients, clients, room
from tests.real.exim import RealExim
from tests.real.fail2ban import count
from tests.real.hosts import Issuer
from tests.real.loopback import port_for
from tests.real.monitor import EHLO_NAME
from tests.real.serverlog import ServerLog
from tests.real.welcome import snippet

pytestmark = pytest.mark.real

# What exim4-config 4.96 sets besides what is built in.
DEBIANS_SELECTOR = "+smtp_protocol_error +smtp_syntax_error +tls_certificate_verified +tls_peerdn"


@pytest.fixture
def pair(folder: Path, issuer: Issuer) -> Clients:
    return clients(folder, issuer)


def exim(folder: Path, pair: Clients, settings: str, *, named: bool = True) -> RealExim:
    """An Exim with `settings`; with `named`, both clients have a reverse name."""
    known = {pair.monitor: EHLO_NAME, pair.stranger: "stranger.example.org"} if named else {}
    (certificate,) = pair.host.certificates
    return RealExim(
        room(folder, "exim"), pair.host.address, port_for(25), certificate, names=known, settings=f"{settings}\n"
    )


def sessions(log: ServerLog, address: str) -> list[str]:
    """The lines about a client."""
    return log.lines(re.escape(f"[{address}]") + f"|{re.escape(address)}$")


async def test_exim_logs_nothing_about_a_session_without_mail(folder: Path, pair: Clients) -> None:
    with exim(folder, pair, f"log_selector = {DEBIANS_SELECTOR}") as server:
        await pair.both_visit(25)

    assert sessions(server.log, pair.monitor) == []
    assert len(server.log.lines("daemon started")) == 1


async def test_exim_notes_a_client_without_a_name_and_fail2ban_counts_it_in_aggressive_mode(
    folder: Path, pair: Clients
) -> None:
    with exim(folder, pair, "", named=False) as server:
        await pair.both_visit(25)

    assert len(server.log.lines(f"no host name found for IP address {pair.monitor}$")) == 1
    assert count(server.log, "exim", "normal").matched == 0
    assert count(server.log, "exim", "aggressive").matched == 2


async def test_exim_leaves_the_monitors_connections_out_of_its_log(folder: Path, pair: Clients) -> None:
    settings = "log_selector = +smtp_connection\n" + snippet("exim-main", monitor=pair.monitor)
    with exim(folder, pair, settings) as server:
        await pair.both_visit(25)
        server.log.wait_for(f"{re.escape(pair.stranger)}.* closed by QUIT")

    assert sessions(server.log, pair.monitor) == []
    assert len(sessions(server.log, pair.stranger)) == 2


@pytest.mark.parametrize(("tls", "counted"), [(TlsMode.NONE, 2), (TlsMode.STARTTLS, 0)], ids=["in the clear", "TLS"])
async def test_exims_line_on_missing_mail_has_no_exception_and_fail2ban_counts_it_unless_it_names_tls(
    tls: TlsMode, counted: int, folder: Path, pair: Clients
) -> None:
    settings = "log_selector = +smtp_no_mail\n" + snippet("exim-main", monitor=pair.monitor)
    with exim(folder, pair, settings) as server:
        await pair.both_visit(25, tls=tls)
        server.log.wait_for("no MAIL in SMTP connection", 2)

    assert len(sessions(server.log, pair.monitor)) == 1
    assert count(server.log, "exim", "normal").matched == counted


async def test_the_first_statement_of_exims_acl_passes_the_monitor_by_what_follows(folder: Path, pair: Clients) -> None:
    main = snippet("exim-main", monitor=pair.monitor) + "acl_smtp_connect = acl_connect\n"
    acl = "begin acl\nacl_connect:\n" + snippet("exim-acl") + "  defer ratelimit = 1 / 1h / strict\n  accept\n"
    with exim(folder, pair, main + acl):
        monitor = [(await pair.visit(pair.monitor, 25)).outcome for _ in range(3)]
        stranger = [(await pair.visit(pair.stranger, 25)).outcome for _ in range(3)]

    assert monitor == [Outcome.OK] * 3
    # Exim counts the session at hand as well, so that the first one reaches a limit of one.
    assert stranger == [Outcome.GREETING_REJECTED_TEMPORARILY] * 3


async def test_nothing_in_a_session_counts_as_a_command_without_mail_for_exim(folder: Path, pair: Clients) -> None:
    with exim(folder, pair, "smtp_accept_max_nonmail = 0"):
        result = await pair.visit(pair.stranger, 25)

    assert result.outcome is Outcome.OK, result.detail
    assert result.tls is not None
