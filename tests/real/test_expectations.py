"""What can be declared about a port beyond its defaults, met and unmet by real servers.

One Postfix whose ports differ in what they offer and whom they greet, a Dovecot without TLS 1.3, and ports that are
closed or silent.
"""

import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from exporter.judgement.expectation import ExpectationName, Judgement, judge
from exporter.results import Outcome, Phase, ProbeResult
from exporter.targets import CertificateChecks, PortState, Target, Timeouts, TlsVersion
from tests.real.dovecot import DovecotAddress, RealDovecot
from tests.real.hosts import GOOD, Hosts, Issuer
from tests.real.loopback import fresh_address, is_listening, port_for
from tests.real.mailhost import MailHost, write_certificate
from tests.real.monitor import Monitor
from tests.real.postfix import PostfixService, RealPostfix

pytestmark = pytest.mark.real

# Ports of the Postfix below, by the name of the standard whose dialog they hold.
BARE, OLD_TLS = 25, 587

# OpenSSL's own limit for every program that reads this file: Dovecot 2.3 can name only the oldest version.
_NO_TLS_1_3 = """\
openssl_conf = init
[init]
ssl_conf = ssl
[ssl]
system_default = limits
[limits]
MaxProtocol = TLSv1.2
"""


@dataclass(frozen=True, slots=True)
class OldDovecotAddress(DovecotAddress):
    """An address of a Dovecot whose processes all read `openssl_conf`."""

    openssl_conf: Path = Path("/dev/null")

    def block(self) -> str:
        return DovecotAddress.block(self) + f"import_environment = OPENSSL_CONF={self.openssl_conf}\n"


def _greeting_by_table(folder: Path, address: str, port: int, action: str) -> PostfixService:
    """A port that greets everybody with `action` of an access table (Postfix access(5))."""
    table = folder / f"access-{port}"
    table.write_text(f"127.0.0.0/8 {action}\n")
    options = {"smtpd_client_restrictions": f"check_client_access cidr:{table}", "smtpd_delay_reject": "no"}
    return PostfixService(address, port, options)


@pytest.fixture(scope="module")
def strict(module_folder: Path, issuer: Issuer) -> Iterator[MailHost]:
    """25 offers neither PIPELINING nor DSN, 587 speaks TLS 1.2 and nothing newer; the others greet by a table."""
    certificate = write_certificate(module_folder, "strict", issuer.intermediate.issue(["strict.example.org"]))
    host = MailHost("strict.example.org", fresh_address(), [certificate])
    tls = {"smtpd_tls_security_level": "may", "smtpd_tls_chain_files": str(certificate)}
    services = [
        PostfixService(host.address, port_for(BARE), tls | {"smtpd_discard_ehlo_keywords": "pipelining, dsn"}),
        PostfixService(host.address, port_for(OLD_TLS), tls | {"smtpd_tls_protocols": "<=TLSv1.2"}),
        _greeting_by_table(module_folder, host.address, port_for(2525), "REJECT"),
        _greeting_by_table(module_folder, host.address, port_for(2526), "421 4.3.2 busy"),
    ]
    servers = module_folder / "postfix"
    servers.mkdir(mode=0o755)
    with RealPostfix(servers, services):
        yield host


@pytest.fixture(scope="module")
def strict_monitor(module_folder: Path, issuer: Issuer, strict: MailHost) -> Monitor:
    return Monitor(module_folder, issuer.root_file, [strict])


def declaring(target: Target, **declared: object) -> Target:
    """The same port with something more declared about it."""
    expectation = replace(target.expectation, **declared)  # type: ignore[arg-type]  # tests name fields of Expectation
    return replace(target, expectation=expectation)


def judged(result: ProbeResult) -> Judgement:
    return judge(result, known_before=True)


@pytest.mark.parametrize(
    ("must", "must_not", "detail"),
    [
        pytest.param(("CHUNKING", "SIZE 10240000"), ("PIPELINING", "DSN"), "", id="as declared"),
        pytest.param(("8BITMIME", "PIPELINING"), (), "not offered: PIPELINING", id="something missing"),
        pytest.param((), ("DSN", "VRFY", "SIZE"), "offered and unwanted: VRFY, SIZE", id="something unwanted"),
        # Offered before TLS, and not inside it.
        pytest.param(("STARTTLS",), (), "not offered: STARTTLS", id="only before TLS"),
    ],
)
async def test_capabilities_are_compared_with_what_postfix_offers_inside_tls(
    must: tuple[str, ...], must_not: tuple[str, ...], detail: str, strict: MailHost, strict_monitor: Monitor
) -> None:
    target = strict_monitor.target(strict, BARE)
    result = await strict_monitor.probe(declaring(target, capabilities_must=must, capabilities_must_not=must_not))

    assert result.outcome is Outcome.OK, result.detail
    judgement = judged(result)
    assert (judgement.success, judgement.detail) == (not detail, detail)
    assert judgement.phase is (Phase.CAPABILITIES_TLS if detail else Phase.GOODBYE)


@pytest.mark.parametrize(
    ("oldest", "met"), [(TlsVersion.TLS_1_2, True), (TlsVersion.TLS_1_3, False)], ids=["as old", "too old"]
)
async def test_the_version_of_tls_is_compared_with_what_postfix_negotiates(
    oldest: TlsVersion, met: bool, strict: MailHost, strict_monitor: Monitor
) -> None:
    result = await strict_monitor.probe(declaring(strict_monitor.target(strict, OLD_TLS), min_tls=oldest))

    assert result.outcome is Outcome.OK, result.detail
    judgement = judged(result)
    assert (ExpectationName.MIN_TLS, met) in judgement.expectations
    assert judgement.success is met
    if not met:
        assert (judgement.outcome, judgement.phase) == (Outcome.EXPECTATION_FAILED, Phase.TLS)
        assert judgement.detail == "TLSv1.2 was negotiated, which is older than TLSv1.3"


@dataclass(frozen=True, slots=True)
class OldDovecot:
    """A Dovecot that speaks TLS 1.2 and nothing newer, and who probes it."""

    host: MailHost
    monitor: Monitor


@pytest.fixture(scope="module")
def old_dovecot(module_folder: Path, issuer: Issuer) -> Iterator[OldDovecot]:
    folder = module_folder / "dovecot"
    folder.mkdir(mode=0o755)
    certificate = write_certificate(folder, "old", issuer.intermediate.issue(["old.example.org"]))
    host = MailHost("old.example.org", fresh_address(), [certificate])
    openssl_conf = folder / "openssl.cnf"
    openssl_conf.write_text(_NO_TLS_1_3)
    servers = folder / "servers"
    servers.mkdir(mode=0o755)
    address = OldDovecotAddress(host.address, host.certificates, openssl_conf=openssl_conf)
    with RealDovecot(servers, [address], certificate):
        yield OldDovecot(host, Monitor(folder, issuer.root_file, [host]))


@pytest.mark.parametrize("port", [143, 993, 110, 995, 4190])
async def test_the_version_of_tls_is_compared_with_what_dovecot_negotiates(port: int, old_dovecot: OldDovecot) -> None:
    target = old_dovecot.monitor.target(old_dovecot.host, port)
    for oldest, met in ((TlsVersion.TLS_1_2, True), (TlsVersion.TLS_1_3, False)):
        result = await old_dovecot.monitor.probe(declaring(target, min_tls=oldest))

        assert result.outcome is Outcome.OK, result.detail
        assert judged(result).success is met


@pytest.mark.parametrize(
    ("port", "code", "codes", "outcome"),
    [
        pytest.param(2525, 554, (), Outcome.GREETING_REJECTED, id="554 that nobody declared"),
        pytest.param(2525, 554, (554,), Outcome.OK, id="554 that should be"),
        pytest.param(2525, 554, (220, 421), Outcome.GREETING_REJECTED, id="554 where only overload is tolerated"),
        pytest.param(2526, 421, (220, 421), Outcome.OK, id="overload that is tolerated"),
        pytest.param(2526, 421, (220,), Outcome.GREETING_REJECTED_TEMPORARILY, id="overload that is not"),
        pytest.param(BARE, 220, (220, 421), Outcome.OK, id="220 that is tolerated"),
        pytest.param(BARE, 220, (521, 554), Outcome.EXPECTATION_FAILED, id="220 where a refusal should be"),
    ],
)
async def test_the_greeting_of_postfix_is_well_as_declared(
    port: int,
    code: int,
    codes: tuple[int, ...],
    outcome: Outcome,
    strict: MailHost,
    strict_monitor: Monitor,
) -> None:
    target = strict_monitor.target(strict, BARE)
    target = replace(target, service=replace(target.service, port=port_for(port)))

    result = await strict_monitor.probe(declaring(target, greeting_codes=codes))

    assert result.findings.greeting_code == code, result.detail
    judgement = judged(result)
    assert (judgement.outcome, judgement.success) == (outcome, outcome is Outcome.OK)
    expected = code in codes if codes else None
    assert dict(judgement.expectations).get(ExpectationName.GREETING_CODE) is expected
    # Welcome or not, it is said goodbye to.
    assert [line.text for line in result.transcript if line.sent][-1] == "QUIT"


@pytest.mark.parametrize(
    ("host", "failing", "wanted"),
    [
        ("expired.example.org", "dates (expired)", CertificateChecks(dates=False)),
        ("wrong-name.example.org", "name (name_mismatch)", CertificateChecks(name=False)),
        ("self-signed.example.org", "chain (self_signed)", CertificateChecks(chain=False)),
    ],
)
async def test_a_check_of_the_certificate_counts_where_it_is_wanted(
    host: str, failing: str, wanted: CertificateChecks, monitor: Monitor, hosts: Hosts
) -> None:
    result = await monitor.probe(monitor.target(hosts.by_name[host], 465))

    strictly = judged(result)
    assert strictly.success is False
    assert strictly.detail == f"the certificate is not valid: {failing}"
    leniently = judged(replace(result, target=declaring(result.target, certificate_checks=wanted)))
    assert (leniently.success, leniently.expectations[-1]) == (True, (ExpectationName.VALID_CERTIFICATE, True))


@contextmanager
def _silent(address: str, port: int) -> Iterator[None]:
    """A port that drops every new connection without a word, as behind a packet filter: its queue is full."""
    with ExitStack() as cleanup:
        listener = cleanup.enter_context(socket.socket())
        listener.bind((address, port))
        # Linux holds one connection more than it is told to.
        listener.listen(0)
        cleanup.enter_context(socket.create_connection((address, port), timeout=5))
        yield


@pytest.mark.parametrize(
    ("state", "outcome", "success"),
    [
        (PortState.OPEN, Outcome.CONNECT_TIMEOUT, False),
        (PortState.CLOSED, Outcome.CLOSED_AS_EXPECTED, True),
        (PortState.FILTERED, Outcome.CLOSED_AS_EXPECTED, True),
        (PortState.ANY, Outcome.CONNECT_TIMEOUT, None),
    ],
    ids=lambda value: str(value),
)
async def test_a_silent_port_is_judged_by_what_it_should_be(
    state: PortState, outcome: Outcome, success: bool | None, folder: Path, issuer: Issuer
) -> None:
    host = MailHost("silent.example.org", fresh_address(), ())
    monitor = Monitor(folder, issuer.root_file, [host])

    with _silent(host.address, port_for(25)):
        result = await monitor.probe(monitor.target(host, 25, state=state, timeouts=Timeouts(connect=0.3)))

    assert (result.outcome, result.phase, result.port_open) == (Outcome.CONNECT_TIMEOUT, Phase.CONNECT, False)
    assert (judged(result).outcome, judged(result).success) == (outcome, success)


async def test_a_filtered_port_that_refuses_is_reachable(folder: Path, issuer: Issuer) -> None:
    host = MailHost("refusing.example.org", fresh_address(), ())
    assert not is_listening(host.address, port_for(25))
    monitor = Monitor(folder, issuer.root_file, [host])

    judgement = judged(await monitor.probe(monitor.target(host, 25, state=PortState.FILTERED)))

    assert (judgement.outcome, judgement.success) == (Outcome.EXPECTATION_FAILED, False)
    assert judgement.expectations == ((ExpectationName.FILTERED, False),)
    assert judgement.detail == "the port should be filtered and answers; connecting: Connection refused"


async def test_a_filtered_port_that_is_open_is_unexpected(monitor: Monitor, hosts: Hosts) -> None:
    judgement = judged(await monitor.probe(monitor.target(hosts.by_name[GOOD], 993, state=PortState.FILTERED)))

    assert (judgement.outcome, judgement.success) == (Outcome.UNEXPECTED_OPEN, False)
    assert (ExpectationName.FILTERED, False) in judgement.expectations
