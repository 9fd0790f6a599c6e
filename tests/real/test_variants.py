"""Other handshakes at real servers: what they find, how a server says that it has nothing to show, and what that costs.

Postfix and Dovecot with certificates of two key types, of one, and with another one for clients that name no server.
"""

import asyncio
import re
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from exporter.demo.mint import Credential
from exporter.judgement.variant import VariantSeen, VariantStanding, variant_seen, variant_target, worth_making
from exporter.probe.seams import Hold
from exporter.results import CertificateFault, Outcome, ProbeResult
from exporter.schedule.limits import Limits
from exporter.schedule.scheduler import Scheduler
from exporter.targets import Target, TargetKey, Variant
from tests.manual_loop import START, run
from tests.real.clients import room
from tests.real.dovecot import RealDovecot
from tests.real.fail2ban import moments
from tests.real.hosts import GOOD, Issuer
from tests.real.loopback import fresh_address, port_for
from tests.real.mailhost import ALL_PORTS, POSTFIX_PORTS, MailHost, MailSystem, serve, write_certificate
from tests.real.monitor import Monitor
from tests.real.postfix import RealPostfix, by_name, smtp
from tests.real.require import require_file
from tests.real.serverlog import ServerLog
from tests.schedule.world import run_for

pytestmark = pytest.mark.real

NO_SNI, RSA, ECDSA = Variant.NO_SNI, Variant.RSA, Variant.ECDSA
DAY = 86_400.0


@dataclass(frozen=True, slots=True)
class Served:
    """A host whose servers run, and the monitor that probes it."""

    host: MailHost
    monitor: Monitor
    system: MailSystem

    async def both(self, port: int, variant: Variant) -> tuple[ProbeResult, VariantSeen]:
        """An ordinary probe and what `variant` shows beside it."""
        target = self.monitor.target(self.host, port)
        ordinary = await self.monitor.probe(target)
        assert ordinary.outcome is Outcome.OK, ordinary.detail
        other = await self.monitor.probe(variant_target(target, variant, DAY))
        return ordinary, variant_seen(other, ordinary.certificates[0])


@contextmanager
def served(folder: Path, issuer: Issuer, *credentials: Credential) -> Iterator[Served]:
    """Serve one host with these certificates on every port."""
    files = [write_certificate(folder, f"{GOOD}-{position}", one) for position, one in enumerate(credentials)]
    host = MailHost(GOOD, fresh_address(), files)
    with serve(folder, [host], files[0]) as system:
        yield Served(host, Monitor(folder, issuer.root_file, [host]), system)


@pytest.fixture(scope="module")
def expired_rsa(module_folder: Path, issuer: Issuer) -> Iterator[Served]:
    """A valid ECDSA certificate, and an RSA one that nobody renewed."""
    began, ended = issuer.now - timedelta(days=91), issuer.now - timedelta(days=1)
    rsa = issuer.intermediate.issue([GOOD], key="rsa-2048", not_before=began, not_after=ended)
    with served(room(module_folder, "both"), issuer, rsa, issuer.intermediate.issue([GOOD])) as both:
        yield both


@pytest.fixture(scope="module")
def ecdsa_only(module_folder: Path, issuer: Issuer) -> Iterator[Served]:
    with served(room(module_folder, "ecdsa"), issuer, issuer.intermediate.issue([GOOD])) as one:
        yield one


@pytest.fixture(scope="module")
def rsa_only(module_folder: Path, issuer: Issuer) -> Iterator[Served]:
    with served(room(module_folder, "rsa"), issuer, issuer.intermediate.issue([GOOD], key="rsa-2048")) as one:
        yield one


@pytest.mark.parametrize("port", ALL_PORTS)
async def test_an_expired_rsa_certificate_behind_a_valid_ecdsa_one_is_found(port: int, expired_rsa: Served) -> None:
    ordinary, seen = await expired_rsa.both(port, RSA)

    assert ordinary.certificates[0].key_type == "ecdsa"
    assert ordinary.verdict is not None
    assert ordinary.verdict.valid
    assert seen.standing is VariantStanding.DIFFERENT
    assert seen.certificates[0].key_type == "rsa"
    assert seen.verdict is not None
    assert seen.verdict.faults == (CertificateFault.EXPIRED,)
    # The other key type has nothing new to show, and is not even asked for.
    assert worth_making(RSA, ordinary, None, ordinary.started)
    assert not worth_making(ECDSA, ordinary, None, ordinary.started)


@pytest.mark.parametrize("port", ALL_PORTS)
async def test_a_handshake_for_the_key_type_that_everybody_is_shown_finds_the_same(
    port: int, expired_rsa: Served
) -> None:
    assert (await expired_rsa.both(port, ECDSA))[1].standing is VariantStanding.SAME


@pytest.mark.parametrize("port", ALL_PORTS)
async def test_a_server_without_a_key_type_is_known_by_its_refusal(
    port: int, ecdsa_only: Served, rsa_only: Served
) -> None:
    for server, variant in ((ecdsa_only, RSA), (rsa_only, ECDSA)):
        ordinary, seen = await server.both(port, variant)

        assert worth_making(variant, ordinary, None, seen.observed)
        assert (seen.standing, seen.certificates) == (VariantStanding.NOT_INSTALLED, ())
        assert not worth_making(variant, ordinary, seen, seen.observed + DAY)


@pytest.mark.parametrize("variant", [RSA, ECDSA])
async def test_a_postfix_that_speaks_tls_1_3_only_has_nothing_for_older_clients(
    variant: Variant, folder: Path, issuer: Issuer
) -> None:
    credentials = issuer.intermediate.issue([GOOD], key="rsa-2048"), issuer.intermediate.issue([GOOD])
    files = [write_certificate(folder, f"{GOOD}-{position}", one) for position, one in enumerate(credentials)]
    host = MailHost(GOOD, fresh_address(), files)
    service = smtp(host.address, port_for(25), files)
    service = replace(service, options={**service.options, "smtpd_tls_protocols": ">=TLSv1.3"})
    monitor = Monitor(folder, issuer.root_file, [host])
    target = monitor.target(host, 25)
    with RealPostfix(room(folder, "postfix"), [service]):
        ordinary = await monitor.probe(target)
        other = await monitor.probe(variant_target(target, variant, DAY))

    assert (ordinary.outcome, other.outcome) == (Outcome.OK, Outcome.TLS_HANDSHAKE_FAILED)
    assert variant_seen(other, ordinary.certificates[0]).standing is VariantStanding.NOT_INSTALLED


async def test_what_postfix_shows_to_servers_that_deliver_without_a_name_is_found(folder: Path, issuer: Issuer) -> None:
    issue, ended = issuer.intermediate.issue, issuer.now - timedelta(days=1)
    named = write_certificate(folder, "named", issue([GOOD]))
    forgotten = issue(["old.example.org"], not_before=ended - timedelta(days=90), not_after=ended)
    unnamed = write_certificate(folder, "unnamed", forgotten)
    host = MailHost(GOOD, fresh_address(), [unnamed])
    service = by_name(room(folder, "map"), smtp(host.address, port_for(25), host.certificates), {GOOD: [named]})
    monitor = Monitor(folder, issuer.root_file, [host])
    target = monitor.target(host, 25)
    with RealPostfix(room(folder, "postfix"), [service]) as postfix:
        ordinary = await monitor.probe(target)
        other = await monitor.probe(variant_target(target, NO_SNI, DAY))
        postfix.wait_for_sessions(2)

    assert ordinary.verdict is not None
    assert ordinary.verdict.valid
    seen = variant_seen(other, ordinary.certificates[0])
    assert seen.standing is VariantStanding.DIFFERENT
    assert seen.verdict is not None
    # Judged by the name that clients look for, whether it is said or not.
    assert seen.verdict.faults == (CertificateFault.NAME_MISMATCH, CertificateFault.EXPIRED)
    # And a session like any other.
    assert len(postfix.log.lines(r"disconnect from .* ehlo=2 starttls=1 quit=1 commands=4$")) == 2


class Diary:
    """What one server logged about variants, dated by the schedule, whose time is virtual while the server's is not."""

    def __init__(self, folder: Path, server: RealPostfix | RealDovecot, begins: datetime) -> None:
        self.log = ServerLog(folder / f"{server.log.path.name}.dated")
        self._server = server
        self._begins = begins
        self._sessions = 0
        self._read = len(server.log.text())
        self.log.path.touch()

    def session_over(self, target: Target, at: float) -> None:
        """A session that began at `at` on the schedule's clock has ended on our side; take in what is logged of it."""
        self._sessions += 1
        self._server.wait_for_sessions(self._sessions)
        lines = self._server.log.text()[self._read :].splitlines()
        self._read = len(self._server.log.text())
        if target.variant is not Variant.DEFAULT:
            date = (self._begins + timedelta(seconds=at - START)).strftime("%b %d %H:%M:%S")
            with self.log.path.open("a") as dated:
                dated.writelines(f"{date}{line[len(date) :]}\n" for line in lines)


class VariantDays:
    """The schedule with every ordinary result remembered and every variant made in truth."""

    def __init__(self, served: Served, folder: Path, begins: datetime) -> None:
        self._served = served
        self._targets = [served.monitor.target(served.host, port) for port in ALL_PORTS]
        self._ordinary: dict[TargetKey, ProbeResult] = {}
        self.seen: dict[TargetKey, VariantSeen] = {}
        self.postfix = Diary(folder, served.system.postfix, begins)
        self.dovecot = Diary(folder, served.system.dovecot, begins)

    def pass_by(self, seconds: float) -> None:
        """Let that much time pass, from the start of the daemon on."""
        limits = Limits()
        scheduler = Scheduler(self._probe, self._deliver, limits=limits, missed=lambda _: None, wanted=self._wanted)
        others = [
            variant_target(target, variant, DAY)
            for target in self._targets
            for variant in (NO_SNI, RSA, ECDSA)
            if variant is not NO_SNI or target.service.port == port_for(25)
        ]
        scheduler.configure([*self._targets, *others], limits)
        run(run_for(scheduler, seconds))

    async def _probe(self, target: Target, hold: Hold) -> ProbeResult:
        async with hold(target.host, self._served.host.address):
            at = asyncio.get_running_loop().time()
            if target.key in self._ordinary:
                return replace(self._ordinary[target.key], started=at)
            # On a clock of its own, which waits for the server.
            with ThreadPoolExecutor() as thread:
                result = thread.submit(asyncio.run, self._served.monitor.probe(target)).result()
            at_postfix = target.service.port in map(port_for, POSTFIX_PORTS)
            (self.postfix if at_postfix else self.dovecot).session_over(target, at)
        return replace(result, started=at)

    def _deliver(self, result: ProbeResult, interval: float) -> None:
        key = result.target.key
        if key.variant is Variant.DEFAULT:
            assert result.outcome is Outcome.OK, result.detail
            self._ordinary[key] = result
        else:
            ordinary = self._ordinary[replace(key, variant=Variant.DEFAULT)]
            self.seen[key] = variant_seen(result, ordinary.certificates[0])

    def _wanted(self, target: Target) -> bool:
        ordinary = self._ordinary.get(replace(target.key, variant=Variant.DEFAULT))
        return worth_making(target.variant, ordinary, self.seen.get(target.key), asyncio.get_running_loop().time())


@pytest.fixture(scope="module")
def days(module_folder: Path, issuer: Issuer) -> VariantDays:
    """Two days at a host with an RSA certificate only: of eight ports each is asked for an ECDSA one."""
    with served(room(module_folder, "days"), issuer, issuer.intermediate.issue([GOOD], key="rsa-2048")) as rsa:
        lived = VariantDays(rsa, module_folder, issuer.now - timedelta(days=3))
        lived.pass_by(2 * DAY)
        return lived


def test_what_is_not_installed_is_asked_for_once_and_the_rest_every_day(days: VariantDays) -> None:
    standings = Counter((key.variant, seen.standing) for key, seen in days.seen.items())

    assert standings == {(ECDSA, VariantStanding.NOT_INSTALLED): 8, (NO_SNI, VariantStanding.SAME): 1}
    # Three ports once, and port 25 without a name on both days; five ports once.
    assert len(days.postfix.log.lines(r"smtpd\[\d+\]: disconnect from ")) == 3 + 2
    assert len(days.dovecot.log.lines(r"-login: Info: Disconnected")) == 5


@pytest.mark.parametrize(("mode", "counted"), [("normal", 0), ("more", 0), ("extra", 0), ("aggressive", 3)])
def test_postfix_filter_counts_refused_handshakes_in_its_aggressive_mode_only(
    mode: str, counted: int, days: VariantDays
) -> None:
    assert len(moments(days.postfix.log, "postfix", mode)) == counted


@pytest.mark.parametrize("mode", ["normal", "aggressive"])
def test_dovecot_filter_counts_them_in_its_aggressive_mode_only(mode: str, days: VariantDays) -> None:
    # Dovecot tells some of them as a system call that failed, which no rule of the filter knows.
    named = days.dovecot.log.lines(
        r"Connection closed: SSL_accept\(\) failed: error:\S+ routines::no shared cipher \(no auth"
    )
    unnamed = days.dovecot.log.lines(r"Connection closed: SSL_accept\(\) syscall failed: ")

    assert len(named) + len(unnamed) == 5
    assert len(moments(days.dovecot.log, "dovecot", mode)) == (len(named) if mode == "aggressive" else 0)


def test_never_two_lines_that_count_within_ten_minutes_where_the_fifth_one_would_ban(days: VariantDays) -> None:
    # Both jails may watch the same address, so the lines of both are looked at together.
    counted = sorted(
        moments(days.postfix.log, "postfix", "aggressive") + moments(days.dovecot.log, "dovecot", "aggressive")
    )

    assert 3 <= len(counted) <= 8
    assert min(after - before for before, after in pairwise(counted)) >= 600.0
    # What is shipped: `findtime` and `maxretry` of all jails.
    shipped = Path(require_file("/etc/fail2ban/jail.conf", "fail2ban")).read_text()
    assert re.search(r"^findtime\s*=\s*10m$", shipped, re.MULTILINE)
    assert re.search(r"^maxretry\s*=\s*5$", shipped, re.MULTILINE)
