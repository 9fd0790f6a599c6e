"""Each way in which a certificate goes wrong, on every port of real servers, through both ways into TLS."""

import hashlib
import socket
import ssl

import pytest

from exporter.judgement.expectation import judge
from exporter.results import CertificateVerdict, Outcome
from tests.real.hosts import FLAWS, GOOD, TWO_KEYS, Flaw, Hosts
from tests.real.loopback import port_for
from tests.real.mailhost import ALL_PORTS, MailHost
from tests.real.monitor import Monitor

pytestmark = pytest.mark.real

# Port 25 is where certificates inform; elsewhere a bad one keeps mail users out.
INFORMATIONAL = 25


@pytest.mark.parametrize("port", ALL_PORTS)
async def test_a_good_certificate_is_valid_on_every_port(port: int, monitor: Monitor, hosts: Hosts) -> None:
    (credential,) = hosts.credentials[GOOD]

    result = await monitor.probe(monitor.target(hosts.by_name[GOOD], port))

    assert result.outcome is Outcome.OK, result.detail
    assert [facts.fingerprint_sha256 for facts in result.certificates] == _fingerprints(credential.chain)
    verdict = result.verdict
    assert verdict is not None
    assert verdict.valid
    assert verdict.faults == ()
    assert verdict.chain_not_after == result.certificates[0].not_after


@pytest.mark.parametrize("port", ALL_PORTS)
@pytest.mark.parametrize("flaw", FLAWS, ids=[flaw.host.partition(".")[0] for flaw in FLAWS])
async def test_a_flawed_certificate_is_seen_and_named_on_every_port(
    flaw: Flaw, port: int, monitor: Monitor, hosts: Hosts
) -> None:
    (credential,) = hosts.credentials[flaw.host]

    result = await monitor.probe(monitor.target(hosts.by_name[flaw.host], port))

    # The session itself goes well, up to its end: a bad certificate is a finding, not a failure.
    assert result.outcome is Outcome.OK, result.detail
    assert result.findings.capabilities_tls
    assert [facts.fingerprint_sha256 for facts in result.certificates] == _fingerprints(credential.chain)
    verdict = result.verdict
    assert verdict is not None
    assert set(verdict.faults) == set(flaw.faults)
    assert _checks(verdict) == (flaw.chain_valid, flaw.name_valid, flaw.dates_valid)
    assert not verdict.valid


@pytest.mark.parametrize("flaw", FLAWS, ids=[flaw.host.partition(".")[0] for flaw in FLAWS])
@pytest.mark.parametrize("port", ALL_PORTS)
async def test_a_flawed_certificate_fails_where_a_valid_one_is_expected(
    flaw: Flaw, port: int, monitor: Monitor, hosts: Hosts
) -> None:
    judgement = judge(await monitor.probe(monitor.target(hosts.by_name[flaw.host], port)), known_before=True)

    if port == INFORMATIONAL:
        assert (judgement.success, judgement.outcome) == (True, Outcome.OK)
    else:
        assert (judgement.success, judgement.outcome) == (False, Outcome.EXPECTATION_FAILED)
        assert all(fault.value in judgement.detail for fault in flaw.faults)


@pytest.mark.parametrize("port", ALL_PORTS)
async def test_of_two_certificates_the_ecdsa_one_is_seen(port: int, monitor: Monitor, hosts: Hosts) -> None:
    _, ecdsa = hosts.credentials[TWO_KEYS]

    result = await monitor.probe(monitor.target(hosts.by_name[TWO_KEYS], port))

    assert result.certificates[0].key_type == "ecdsa"
    assert result.certificates[0].fingerprint_sha256 == _fingerprints(ecdsa.chain)[0]
    assert result.verdict is not None
    assert result.verdict.valid


@pytest.mark.parametrize(("port", "goodbye"), [(465, b"QUIT\r\n"), (993, b"a LOGOUT\r\n")], ids=["postfix", "dovecot"])
@pytest.mark.usefixtures("mail_system")
def test_of_two_certificates_the_rsa_one_is_served_as_well(port: int, goodbye: bytes, hosts: Hosts) -> None:
    # What the test above sees is a choice only if there is one: a client that knows nothing but RSA gets the other.
    rsa, _ = hosts.credentials[TWO_KEYS]

    served = _served_to_rsa_only(hosts.by_name[TWO_KEYS], port, goodbye)

    assert served == rsa.certificate


def _served_to_rsa_only(host: MailHost, port: int, goodbye: bytes) -> bytes | None:
    """The certificate (DER) that a TLS 1.2 client without ECDSA is shown."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("ECDHE+aRSA")
    with (
        socket.create_connection((host.address, port_for(port)), timeout=10) as raw,
        context.wrap_socket(raw, server_hostname=host.name) as session,
    ):
        session.recv(4096)
        session.sendall(goodbye)
        return session.getpeercert(binary_form=True)


def _checks(verdict: CertificateVerdict) -> tuple[bool, bool, bool]:
    return verdict.chain_valid, verdict.name_valid, verdict.dates_valid


def _fingerprints(chain: tuple[bytes, ...]) -> list[str]:
    return [hashlib.sha256(der).hexdigest() for der in chain]
