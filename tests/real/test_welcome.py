"""Every snippet of the page on letting the monitor in does what the page says: each is tried with and without.

Here are the page itself, the monitor's configuration and Postfix; Dovecot with fail2ban and Exim have modules of their
own.
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from exporter.config.load import parse
from exporter.results import Outcome, ProbeResult
from exporter.targets import IpFamily
from tests.real.clients import Clients, clients, room
from tests.real.command import run
from tests.real.hosts import Issuer
from tests.real.loopback import port_for
from tests.real.mailhost import MailHost
from tests.real.monitor import EHLO_NAME
from tests.real.postfix import PostfixService, RealPostfix, smtp
from tests.real.require import require
from tests.real.welcome import IPV4, IPV6, blocks, log_table, names, number, page, parameters, snippet

pytestmark = pytest.mark.real

# What Postfix and Dovecot serve of the eight common ports.
AT_POSTFIX, AT_DOVECOT = (25, 465, 587, 2525), (110, 143, 993, 995)


@pytest.fixture
def pair(folder: Path, issuer: Issuer) -> Clients:
    return clients(folder, issuer)


def test_every_block_of_the_page_is_named_and_tried_here() -> None:
    here = "".join(file.read_text() for file in Path(__file__).parent.glob("test_welcome*.py"))
    tried = set(re.findall(r'(?:snippet|commands|parameters)\(\s*"([a-z0-9-]+)"', here))

    assert len(names()) == len(set(names())) == blocks()
    assert tried == set(names())


def test_the_log_table_counts_the_sessions_of_the_default_schedule() -> None:
    targets = parse("hosts: [mail.example.org]", "mailprobe.yml").targets

    for row, ports in zip(log_table().values(), (AT_POSTFIX, AT_DOVECOT), strict=True):
        sessions = sum(86_400 / target.interval for target in targets if target.service.port in ports)
        assert row.ports == ports
        assert row.sessions == sessions
        assert row.lines == row.sessions * row.lines_each
    assert {port for row in log_table().values() for port in row.ports} == {one.service.port for one in targets}


def test_the_sessions_that_a_server_sees_are_those_of_the_default_schedule() -> None:
    targets = parse("hosts: [mail.example.org]", "mailprobe.yml").targets

    hourly = sum(3600 / target.interval for target in targets)
    assert f"- {hourly:.0f} sessions an hour, {hourly / 2:.0f} on each address: {24 * hourly:,.0f} a day;" in page()


def test_the_configuration_of_the_monitor_loads_and_says_who_it_is() -> None:
    targets = parse(snippet("mailprobe"), "mailprobe.yml").targets

    assert {target.ehlo_name for target in targets} == {EHLO_NAME}
    assert {target.ip_family: target.source_address for target in targets} == {
        IpFamily.IPV4: IPV4,
        IpFamily.IPV6: IPV6,
    }


def test_an_interval_of_ten_minutes_makes_the_sessions_that_the_page_promises() -> None:
    targets = parse(snippet("mailprobe-seldom"), "mailprobe.yml").targets

    promised = re.search(r"make ([\d,]+) sessions a day", page())
    assert promised is not None
    assert sum(86_400 / target.interval for target in targets) == number(promised[1])


@pytest.mark.parametrize(
    ("parameter", "value"),
    [
        ("postscreen_greet_wait", "${stress?{2}:{6}}s"),
        ("smtpd_client_connection_count_limit", "50"),
        ("smtpd_client_connection_rate_limit", "0"),
    ],
    ids=str,
)
def test_the_defaults_of_postfix_that_the_page_names_are_postfix_own(parameter: str, value: str) -> None:
    assert run(require("postconf", "postfix"), "-dh", parameter).strip() == value


@pytest.mark.parametrize("address", [IPV4, IPV6], ids=["ipv4", "ipv6"])
def test_postfix_reads_both_addresses_in_the_access_list(address: str, folder: Path) -> None:
    table = folder / "postscreen_access.cidr"
    table.write_text(snippet("postscreen-table"))

    assert run(require("postmap", "postfix"), "-q", address, f"cidr:{table}").strip() == "permit"


async def test_postscreen_lets_the_monitor_on_its_list_through_at_once(folder: Path, pair: Clients) -> None:
    (folder / "postscreen_access.cidr").write_text(snippet("postscreen-table", monitor=pair.monitor))
    listed = parameters("postscreen-parameter", monitor=pair.monitor, folder=folder)
    patience = {
        "postscreen_greet_wait": "1s",
        "postscreen_greet_banner": "one moment",
        "postscreen_cache_map": "",
        "mynetworks": "127.0.0.1/32",
    }
    with RealPostfix(room(folder, "postfix"), [smtpd(pair.host, screen_options=patience | listed)]) as postfix:
        monitor, stranger = await pair.visit(pair.monitor, 25), await pair.visit(pair.stranger, 25)
        postfix.wait_for_sessions(2)

    assert (monitor.outcome, stranger.outcome) == (Outcome.OK, Outcome.OK)
    assert [line.startswith("220-one moment") for line in greeting(stranger)] == [True, False]
    assert [line.startswith("220 mail.example.org") for line in greeting(monitor)] == [True]
    assert len(postfix.log.lines(rf"postscreen\[\d+\]: (ALLOW|WHITE)LISTED \[{pair.monitor}\]")) == 1
    assert len(postfix.log.lines(rf"postscreen\[\d+\]: PASS NEW \[{pair.stranger}\]")) == 1
    # The page's two lines of postscreen, the same for both.
    assert [len(postfix.log.lines(rf"postscreen\[\d+\].*\[{one}\]")) for one in (pair.monitor, pair.stranger)] == [2, 2]


async def test_a_rate_limit_turns_the_stranger_away_and_not_the_monitor(folder: Path, pair: Clients) -> None:
    strict = {"smtpd_client_connection_rate_limit": "1", "mynetworks": "127.0.0.1/32"}
    excepted = parameters("postfix-event-limits", monitor=pair.monitor, folder=folder)
    with RealPostfix(room(folder, "postfix"), [smtpd(pair.host, options=strict | excepted)]) as postfix:
        monitor = [(await pair.visit(pair.monitor, 25)).outcome for _ in range(3)]
        stranger = [(await pair.visit(pair.stranger, 25)).outcome for _ in range(3)]
        postfix.wait_for_sessions(6)

    assert monitor == [Outcome.OK] * 3
    assert stranger == [Outcome.OK, *[Outcome.GREETING_REJECTED_TEMPORARILY] * 2]
    # The IPv6 address, which the stranger's is compared with as well, was understood.
    complaints = postfix.log.lines("warning|error|fatal")
    assert all("rate limit exceeded" in line and f"[{pair.stranger}]" in line for line in complaints)


async def test_postfix_that_checks_names_refuses_localhost_and_takes_the_full_name(folder: Path, pair: Clients) -> None:
    checks = {"smtpd_helo_restrictions": "reject_non_fqdn_helo_hostname", "smtpd_delay_reject": "no"}
    with RealPostfix(room(folder, "postfix"), [smtpd(pair.host, options=checks)]):
        named = await pair.visit(pair.monitor, 25)
        unnamed = await pair.visit(pair.monitor, 25, ehlo_name="localhost")

    assert (named.outcome, unnamed.outcome) == (Outcome.OK, Outcome.EHLO_REJECTED)


async def test_postfix_logs_as_many_lines_for_a_session_as_the_page_says(folder: Path, pair: Clients) -> None:
    with RealPostfix(room(folder, "postfix"), [smtpd(pair.host)]) as postfix:
        await pair.both_visit(25)
        postfix.wait_for_sessions(2)

    lines = postfix.log.lines(r"smtpd\[\d+\]: ")
    assert len(lines) == 2 * log_table()["Postfix"].lines_each
    assert all(70 <= len(line) <= 200 for line in lines)


async def test_postfix_that_logs_tls_writes_one_more_line_for_a_session(folder: Path, pair: Clients) -> None:
    with RealPostfix(room(folder, "postfix"), [smtpd(pair.host, options={"smtpd_tls_loglevel": "1"})]) as postfix:
        await pair.both_visit(25)
        postfix.wait_for_sessions(2)

    assert len(postfix.log.lines(r"smtpd\[\d+\]: ")) == 2 * (log_table()["Postfix"].lines_each + 1)


def smtpd(
    host: MailHost, *, options: Mapping[str, str] | None = None, screen_options: Mapping[str, str] | None = None
) -> PostfixService:
    """Port 25 of `host`, with more options, and behind postscreen where there are options for that."""
    service = smtp(host.address, port_for(25), host.certificates)
    return replace(
        service,
        options={**service.options, **(options or {})},
        screened=screen_options is not None,
        screen_options=screen_options or {},
    )


def greeting(result: ProbeResult) -> list[str]:
    """The lines that a server sent before we said anything."""
    lines = list(result.transcript)
    first_sent = next(position for position, line in enumerate(lines) if line.sent)
    return [line.text for line in lines[:first_sent]]
