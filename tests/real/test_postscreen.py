"""postscreen, which says the first line of its greeting at once and the last one when its patience test is over."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from exporter.judgement.expectation import judge
from exporter.results import LatencyClock, Outcome, Phase
from exporter.targets import Timeouts
from tests.real.hosts import GOOD, Issuer
from tests.real.loopback import fresh_address, port_for
from tests.real.mailhost import MailHost, write_certificate
from tests.real.monitor import Monitor
from tests.real.postfix import RealPostfix, screened

pytestmark = pytest.mark.real

WAIT_SECONDS = 2


@dataclass(frozen=True, slots=True)
class Screen:
    """A host behind postscreen, its server and a monitor for it."""

    host: MailHost
    postfix: RealPostfix
    monitor: Monitor


@pytest.fixture
def screen(folder: Path, issuer: Issuer) -> Iterator[Screen]:
    certificate = write_certificate(folder, GOOD, issuer.intermediate.issue([GOOD]))
    host = MailHost(GOOD, fresh_address(), [certificate])
    service = screened(
        host.address, port_for(25), host.certificates, wait=f"{WAIT_SECONDS}s", teaser="$myhostname one moment, please"
    )
    servers = folder / "postfix"
    servers.mkdir(mode=0o755)
    with RealPostfix(servers, [service]) as postfix:
        yield Screen(host, postfix, Monitor(folder, issuer.root_file, [host]))


async def test_the_first_byte_is_early_and_the_complete_greeting_comes_after_the_wait(screen: Screen) -> None:
    result = await screen.monitor.probe(screen.monitor.target(screen.host, 25))

    assert result.outcome is Outcome.OK, result.detail
    took = dict(result.durations)
    # Both are counted from the connection, so what lies between them is the server's wait and nobody else's.
    # Postfix' timers count whole seconds of the clock, so that up to one may be missing.
    assert took[Phase.GREETING] - took[Phase.GREETING_FIRST_BYTE] > WAIT_SECONDS - 1
    assert result.clock is LatencyClock.KERNEL
    greeting = [line.text for line in result.transcript if line.text.startswith("220")][:2]
    assert greeting[0] == "220-mail.example.org one moment, please"
    assert greeting[1].startswith("220 mail.example.org ESMTP")


async def test_a_probe_that_waits_passes_and_is_served_by_the_smtpd_behind(screen: Screen) -> None:
    result = await screen.monitor.probe(screen.monitor.target(screen.host, 25))

    assert judge(result, known_before=True).success is True
    assert result.findings.starttls_advertised is True
    assert result.verdict is not None
    assert result.verdict.valid
    screen.postfix.wait_for_sessions(1)
    assert len(screen.postfix.log.lines(r"postscreen\[\d+\]: PASS NEW ")) == 1
    assert screen.postfix.log.lines("PREGREET|COMMAND PIPELINING|HANGUP") == []


async def test_a_greeting_that_never_ends_is_a_timeout_after_its_first_byte(screen: Screen) -> None:
    impatient = Timeouts(greeting=WAIT_SECONDS / 2)

    result = await screen.monitor.probe(screen.monitor.target(screen.host, 25, timeouts=impatient))

    assert (result.outcome, result.phase) == (Outcome.GREETING_TIMEOUT, Phase.GREETING)
    assert result.port_open is True
    assert [phase for phase, _ in result.durations] == [Phase.RESOLVE, Phase.CONNECT, Phase.GREETING_FIRST_BYTE]
    assert [line for line in result.transcript if line.sent] == []
