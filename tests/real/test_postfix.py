"""What a probe finds on the ports of a real Postfix: mail between servers, and submission in both forms."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from exporter.judgement.expectation import ExpectationName, judge
from exporter.results import Capability, Findings, Outcome, Phase
from exporter.targets import PortState, Timeouts, TlsMode
from tests.real.hosts import GOOD, LAX, PLAIN, Hosts, Issuer
from tests.real.loopback import fresh_address, is_listening, port_for
from tests.real.mailhost import MailHost, write_certificate
from tests.real.monitor import Monitor
from tests.real.postfix import PostfixService, RealPostfix

pytestmark = pytest.mark.real

STARTTLS = Capability("STARTTLS")
# message_size_limit of a Postfix that was not told otherwise.
DEFAULT_SIZE_LIMIT = 10240000


@pytest.mark.parametrize("port", [25, 587])
async def test_starttls_is_done_and_not_offered_again(port: int, monitor: Monitor, hosts: Hosts) -> None:
    result = await monitor.probe(monitor.target(hosts.by_name[GOOD], port))

    assert (result.outcome, result.port_open) == (Outcome.OK, True), result.detail
    before, inside = _capabilities(result.findings)
    assert STARTTLS in before
    assert STARTTLS not in inside
    assert result.findings.starttls_advertised is True
    assert result.findings.starttls_offered_again is False
    assert result.findings.greeting_code == 220
    assert (result.findings.greeting or "").startswith("mail.example.org ESMTP")
    assert result.findings.message_size_limit == DEFAULT_SIZE_LIMIT
    assert result.tls is not None
    assert result.tls.version == "TLSv1.3"
    assert judge(result, known_before=True).success is True


async def test_submission_offers_logins_inside_tls_only(monitor: Monitor, hosts: Hosts) -> None:
    result = await monitor.probe(monitor.target(hosts.by_name[GOOD], 587))

    before, inside = _capabilities(result.findings)
    assert "AUTH" not in {capability.name for capability in before}
    assert Capability("AUTH", ("PLAIN",)) in inside
    assert result.findings.cleartext_auth is False


async def test_implicit_tls_has_capabilities_inside_tls_only(monitor: Monitor, hosts: Hosts) -> None:
    result = await monitor.probe(monitor.target(hosts.by_name[GOOD], 465))

    assert (result.outcome, result.port_open) == (Outcome.OK, True), result.detail
    assert result.findings.capabilities is None
    assert Capability("AUTH", ("PLAIN",)) in (result.findings.capabilities_tls or ())
    assert result.findings.starttls_advertised is None
    assert result.findings.cleartext_auth is None
    assert [phase for phase, _ in result.durations] == [
        Phase.RESOLVE,
        Phase.CONNECT,
        Phase.TLS,
        Phase.GREETING_FIRST_BYTE,
        Phase.GREETING,
        Phase.CAPABILITIES_TLS,
        Phase.GOODBYE,
    ]
    assert judge(result, known_before=True).success is True


@pytest.mark.parametrize("port", [25, 587])
async def test_a_server_without_tls_misses_starttls(port: int, monitor: Monitor, hosts: Hosts) -> None:
    result = await monitor.probe(monitor.target(hosts.by_name[PLAIN], port))

    assert (result.outcome, result.phase) == (Outcome.OK, Phase.GOODBYE), result.detail
    assert result.findings.starttls_advertised is False
    assert result.findings.capabilities
    assert result.findings.capabilities_tls is None
    assert result.tls is None
    assert judge(result, known_before=True).outcome is Outcome.STARTTLS_MISSING


async def test_passwords_before_tls_are_found(monitor: Monitor, hosts: Hosts) -> None:
    result = await monitor.probe(monitor.target(hosts.by_name[LAX], 587))

    before, _ = _capabilities(result.findings)
    assert Capability("AUTH", ("PLAIN",)) in before
    assert result.findings.cleartext_auth is True
    judgement = judge(result, known_before=True)
    assert (judgement.outcome, judgement.success) == (Outcome.EXPECTATION_FAILED, False)
    assert (ExpectationName.AUTH_BEFORE_TLS, False) in judgement.expectations


@pytest.mark.parametrize(
    ("state", "outcome", "success"),
    [
        (PortState.OPEN, Outcome.CONNECT_REFUSED, False),
        (PortState.ANY, Outcome.CONNECT_REFUSED, None),
        (PortState.CLOSED, Outcome.CLOSED_AS_EXPECTED, True),
    ],
    ids=lambda value: str(value),
)
async def test_a_closed_port_is_judged_by_what_it_should_be(
    state: PortState, outcome: Outcome, success: bool | None, monitor: Monitor, hosts: Hosts
) -> None:
    host = hosts.by_name[PLAIN]
    assert not is_listening(host.address, port_for(465))

    result = await monitor.probe(monitor.target(host, 465, state=state))

    assert (result.outcome, result.phase, result.port_open) == (Outcome.CONNECT_REFUSED, Phase.CONNECT, False)
    judgement = judge(result, known_before=True)
    assert (judgement.outcome, judgement.success) == (outcome, success)


async def test_implicit_tls_on_a_port_that_speaks_first_is_called_by_its_name(monitor: Monitor, hosts: Hosts) -> None:
    result = await monitor.probe(monitor.target(hosts.by_name[GOOD], 25, tls=TlsMode.IMPLICIT))

    assert (result.outcome, result.phase) == (Outcome.PLAIN_ON_TLS_PORT, Phase.TLS)


async def test_a_silent_port_that_waits_for_tls_is_called_by_its_name(monitor: Monitor, hosts: Hosts) -> None:
    impatient = Timeouts(greeting=0.3)

    result = await monitor.probe(monitor.target(hosts.by_name[GOOD], 465, tls=TlsMode.STARTTLS, timeouts=impatient))

    assert (result.outcome, result.phase) == (Outcome.TLS_ON_PLAIN_PORT, Phase.GREETING_FIRST_BYTE)


@pytest.fixture(scope="module")
def awkward(module_folder: Path, issuer: Issuer) -> Iterator[MailHost]:
    """25 turns everybody away, 587 whoever comes twice within a minute, 2525 speaks TLS 1.0 and nothing newer."""
    credential = issuer.intermediate.issue(["awkward.example.org"])
    certificate = write_certificate(module_folder, "awkward", credential)
    host = MailHost("awkward.example.org", fresh_address(), [certificate])
    services = [
        PostfixService(host.address, port_for(25), {"smtpd_client_restrictions": "reject", "smtpd_delay_reject": "no"}),
        PostfixService(
            host.address,
            port_for(587),
            {"smtpd_client_connection_rate_limit": "1", "smtpd_client_event_limit_exceptions": ""},
        ),
        PostfixService(
            host.address,
            port_for(2525),
            {
                "smtpd_tls_security_level": "may",
                "smtpd_tls_chain_files": str(certificate),
                "smtpd_tls_protocols": "<=TLSv1",
                # OpenSSL 3 lets TLS 1.0 through at its lowest security level only.
                "tls_medium_cipherlist": "ALL:@SECLEVEL=0",
            },
        ),
    ]
    servers = module_folder / "postfix"
    servers.mkdir(mode=0o755)
    with RealPostfix(servers, services):
        yield host


@pytest.fixture(scope="module")
def awkward_monitor(module_folder: Path, issuer: Issuer, awkward: MailHost) -> Monitor:
    return Monitor(module_folder, issuer.root_file, [awkward])


async def test_a_server_that_turns_us_away_is_rejecting(awkward: MailHost, awkward_monitor: Monitor) -> None:
    result = await awkward_monitor.probe(awkward_monitor.target(awkward, 25))

    assert (result.outcome, result.phase) == (Outcome.GREETING_REJECTED, Phase.GREETING)
    assert (result.port_open, result.findings.greeting_code) == (True, 554)
    # Postfix waits for QUIT after such a greeting, and gets it.
    assert [line.text for line in result.transcript if line.sent] == ["QUIT"]


async def test_a_server_that_is_busy_is_rejecting_temporarily(awkward: MailHost, awkward_monitor: Monitor) -> None:
    target = awkward_monitor.target(awkward, 587)
    await awkward_monitor.probe(target)

    result = await awkward_monitor.probe(target)

    assert (result.outcome, result.phase) == (Outcome.GREETING_REJECTED_TEMPORARILY, Phase.GREETING)
    assert (result.port_open, result.findings.greeting_code) == (True, 421)


async def test_the_certificate_of_a_server_that_only_knows_tls_1_0_is_seen(
    awkward: MailHost, awkward_monitor: Monitor
) -> None:
    result = await awkward_monitor.probe(awkward_monitor.target(awkward, 2525))

    assert result.outcome is Outcome.OK, result.detail
    assert result.tls is not None
    assert result.tls.version == "TLSv1"
    assert result.verdict is not None
    assert result.verdict.valid


def _capabilities(findings: Findings) -> tuple[tuple[Capability, ...], tuple[Capability, ...]]:
    """Before and inside TLS; both must be known."""
    assert findings.capabilities is not None
    assert findings.capabilities_tls is not None
    return findings.capabilities, findings.capabilities_tls
