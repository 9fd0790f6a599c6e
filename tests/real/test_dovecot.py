"""What a probe finds on the ports of a real Dovecot: IMAP, POP3 and ManageSieve, through both ways into TLS."""

from pathlib import Path

import pytest

from exporter.judgement.expectation import ExpectationName, judge
from exporter.results import Capability, Findings, Outcome, Phase
from exporter.targets import PortState, Timeouts, TlsMode
from tests.real.dovecot import DovecotAddress, RealDovecot
from tests.real.hosts import GOOD, LAX, PLAIN, Hosts, Issuer
from tests.real.loopback import fresh_address, is_listening, port_for
from tests.real.mailhost import MailHost
from tests.real.monitor import Monitor

pytestmark = pytest.mark.real

LOGIN_DISABLED = Capability("LOGINDISABLED")
PLAIN_SASL = {
    143: Capability("AUTH=PLAIN"),
    110: Capability("SASL", ("PLAIN",)),
    4190: Capability("SASL", ("PLAIN",)),
}
UPGRADE = {143: Capability("STARTTLS"), 110: Capability("STLS"), 4190: Capability("STARTTLS")}

# Dovecot lists the capabilities of IMAP and ManageSieve in the greeting, so that nothing needs to be asked.
LISTED_IN_GREETING = (143, 993, 4190)


@pytest.mark.parametrize("port", [143, 110, 4190])
async def test_starttls_turns_a_session_without_passwords_into_one_with_them(
    port: int, monitor: Monitor, hosts: Hosts
) -> None:
    result = await monitor.probe(monitor.target(hosts.by_name[GOOD], port))

    assert (result.outcome, result.port_open) == (Outcome.OK, True), result.detail
    before, inside = _capabilities(result.findings)
    assert UPGRADE[port] in before
    assert PLAIN_SASL[port] not in before
    assert UPGRADE[port] not in inside
    assert PLAIN_SASL[port] in inside
    assert result.findings.starttls_advertised is True
    assert result.findings.starttls_offered_again is False
    assert result.findings.cleartext_auth is False
    assert result.tls is not None
    assert result.tls.version == "TLSv1.3"
    asked = [] if port in LISTED_IN_GREETING else [Phase.CAPABILITIES]
    assert [phase for phase, _ in result.durations] == [
        Phase.RESOLVE,
        Phase.CONNECT,
        Phase.GREETING_FIRST_BYTE,
        Phase.GREETING,
        *asked,
        Phase.STARTTLS,
        Phase.TLS,
        Phase.CAPABILITIES_TLS,
        Phase.GOODBYE,
    ]
    assert judge(result, known_before=True).success is True


async def test_imap_says_that_logins_are_disabled_before_tls_only(monitor: Monitor, hosts: Hosts) -> None:
    result = await monitor.probe(monitor.target(hosts.by_name[GOOD], 143))

    before, inside = _capabilities(result.findings)
    assert LOGIN_DISABLED in before
    assert LOGIN_DISABLED not in inside
    assert result.findings.preauthenticated is False


@pytest.mark.parametrize(
    ("port", "expected"),
    [(993, Capability("AUTH=PLAIN")), (995, Capability("SASL", ("PLAIN",)))],
    ids=["imaps", "pop3s"],
)
async def test_implicit_tls_has_capabilities_inside_tls_only(
    port: int, expected: Capability, monitor: Monitor, hosts: Hosts
) -> None:
    result = await monitor.probe(monitor.target(hosts.by_name[GOOD], port))

    assert (result.outcome, result.port_open) == (Outcome.OK, True), result.detail
    assert result.findings.capabilities is None
    assert expected in (result.findings.capabilities_tls or ())
    assert result.findings.starttls_advertised is None
    assert result.findings.cleartext_auth is None
    asked = [] if port in LISTED_IN_GREETING else [Phase.CAPABILITIES_TLS]
    assert [phase for phase, _ in result.durations] == [
        Phase.RESOLVE,
        Phase.CONNECT,
        Phase.TLS,
        Phase.GREETING_FIRST_BYTE,
        Phase.GREETING,
        *asked,
        Phase.GOODBYE,
    ]
    assert judge(result, known_before=True).success is True


@pytest.mark.parametrize("port", [143, 110])
async def test_a_server_without_tls_misses_starttls(port: int, monitor: Monitor, hosts: Hosts) -> None:
    result = await monitor.probe(monitor.target(hosts.by_name[PLAIN], port))

    assert (result.outcome, result.phase) == (Outcome.OK, Phase.GOODBYE), result.detail
    assert result.findings.starttls_advertised is False
    assert result.findings.capabilities
    assert result.findings.capabilities_tls is None
    assert result.tls is None
    assert result.certificates == ()
    assert judge(result, known_before=True).outcome is Outcome.STARTTLS_MISSING


async def test_managesieve_without_tls_misses_starttls(folder: Path, issuer: Issuer) -> None:
    host = MailHost(PLAIN, fresh_address(), ())
    monitor = Monitor(folder, issuer.root_file, [host])
    servers = folder / "dovecot"
    servers.mkdir(mode=0o755)

    with RealDovecot(servers, [DovecotAddress(host.address, ())], default_certificate=None):
        result = await monitor.probe(monitor.target(host, 4190))

    assert (result.outcome, result.phase) == (Outcome.OK, Phase.GOODBYE), result.detail
    assert result.findings.starttls_advertised is False
    assert judge(result, known_before=True).outcome is Outcome.STARTTLS_MISSING


async def test_managesieve_that_offers_starttls_and_refuses_it_is_rejecting(monitor: Monitor, hosts: Hosts) -> None:
    # Pigeonhole 0.5 makes this list once for all addresses: turned off for one of them, STARTTLS is still in its list.
    result = await monitor.probe(monitor.target(hosts.by_name[PLAIN], 4190))

    assert (result.outcome, result.phase) == (Outcome.STARTTLS_REJECTED, Phase.STARTTLS)
    assert "TLS support isn't enabled." in result.detail
    assert result.findings.starttls_advertised is True
    assert result.tls is None
    # The dialog is in step after the refusal, so the session ends as it should.
    assert [line.text for line in result.transcript if line.sent] == ["STARTTLS", "LOGOUT"]


@pytest.mark.parametrize("port", [143, 110, 4190])
async def test_passwords_before_tls_are_found(port: int, monitor: Monitor, hosts: Hosts) -> None:
    result = await monitor.probe(monitor.target(hosts.by_name[LAX], port))

    before, _ = _capabilities(result.findings)
    assert PLAIN_SASL[port] in before
    assert result.findings.cleartext_auth is True
    judgement = judge(result, known_before=True)
    assert (judgement.outcome, judgement.success) == (Outcome.EXPECTATION_FAILED, False)
    assert (ExpectationName.AUTH_BEFORE_TLS, False) in judgement.expectations


@pytest.mark.parametrize("port", [993, 995])
async def test_a_tls_port_that_does_no_tls_is_open_and_fails(port: int, monitor: Monitor, hosts: Hosts) -> None:
    # With `ssl = no` Dovecot still listens there, and hangs up.
    host = hosts.by_name[PLAIN]
    assert is_listening(host.address, port_for(port))

    result = await monitor.probe(monitor.target(host, port))

    assert result.port_open is True
    assert result.outcome in (Outcome.CONNECTION_RESET, Outcome.CLOSED_EARLY)
    assert result.phase is Phase.TLS
    assert judge(result, known_before=True).success is False


@pytest.mark.parametrize("port", [143, 110, 4190])
async def test_implicit_tls_on_a_port_that_speaks_first_is_called_by_its_name(
    port: int, monitor: Monitor, hosts: Hosts
) -> None:
    result = await monitor.probe(monitor.target(hosts.by_name[GOOD], port, tls=TlsMode.IMPLICIT))

    assert (result.outcome, result.phase) == (Outcome.PLAIN_ON_TLS_PORT, Phase.TLS)


@pytest.mark.parametrize("port", [993, 995])
async def test_a_silent_port_that_waits_for_tls_is_called_by_its_name(
    port: int, monitor: Monitor, hosts: Hosts
) -> None:
    impatient = Timeouts(greeting=0.3)

    result = await monitor.probe(monitor.target(hosts.by_name[GOOD], port, tls=TlsMode.STARTTLS, timeouts=impatient))

    assert (result.outcome, result.phase) == (Outcome.TLS_ON_PLAIN_PORT, Phase.GREETING_FIRST_BYTE)


@pytest.mark.parametrize(
    ("state", "outcome", "success"),
    [
        (PortState.OPEN, Outcome.OK, True),
        (PortState.ANY, Outcome.OK, True),
        (PortState.CLOSED, Outcome.UNEXPECTED_OPEN, False),
    ],
    ids=lambda value: str(value),
)
async def test_an_open_port_is_judged_by_what_it_should_be(
    state: PortState, outcome: Outcome, success: bool, monitor: Monitor, hosts: Hosts
) -> None:
    judgement = judge(await monitor.probe(monitor.target(hosts.by_name[GOOD], 993, state=state)), known_before=True)

    assert (judgement.outcome, judgement.success) == (outcome, success)


def _capabilities(findings: Findings) -> tuple[tuple[Capability, ...], tuple[Capability, ...]]:
    """Before and inside TLS; both must be known."""
    assert findings.capabilities is not None
    assert findings.capabilities_tls is not None
    return findings.capabilities, findings.capabilities_tls
