"""A result that was packed and unpacked is the one it was."""

import pickle
from dataclasses import fields, replace

import pytest

from exporter.results import (
    Capability,
    CertificateFacts,
    CertificateFault,
    CertificateVerdict,
    Durations,
    Findings,
    LatencyClock,
    Outcome,
    Phase,
    ProbeResult,
    Resolution,
    TlsFacts,
    TranscriptLine,
)
from exporter.schedule.parcel import pack, unpack
from exporter.targets import IpFamily
from tests.schedule.world import target

TARGET = target()

# The least that a probe can say.
BARE = ProbeResult(TARGET, 1.0, 0.0, Outcome.DNS_ERROR, Phase.RESOLVE)

# The most: no field has its default.
FULL = ProbeResult(
    target=TARGET,
    started=1764000000.25,
    duration=0.5,
    outcome=Outcome.EHLO_REJECTED,
    phase=Phase.GOODBYE,
    detail="a detail",
    resolution=Resolution(Outcome.OK, ("192.0.2.1",), ("2001:db8::1",), 0.01, "half of it", (IpFamily.IPV6,)),
    address="192.0.2.1",
    port_open=True,
    durations=Durations.of([(Phase.CONNECT, 0.1), (Phase.GREETING, 0.2)]),
    clock=LatencyClock.KERNEL,
    findings=Findings(
        greeting_code=220,
        greeting="mail ESMTP",
        capabilities=(Capability("SIZE", ("1000",)), Capability("STARTTLS")),
        capabilities_tls=(Capability("AUTH", ("PLAIN", "LOGIN")),),
        starttls_advertised=True,
        starttls_offered_again=False,
        cleartext_auth=False,
        preauthenticated=False,
        message_size_limit=1000,
    ),
    tls=TlsFacts("TLSv1.3", "TLS_AES_256_GCM_SHA384", "X25519"),
    certificates=(
        CertificateFacts(
            0, "ab" * 32, 1.0, 2.0, "CN=mail", "CN=root", "7", "rsa", 2048, "rsa-sha256", ("a.test",), ("::1",)
        ),
        CertificateFacts(1, "cd" * 32, None, None),
    ),
    verdict=CertificateVerdict(True, False, True, (CertificateFault.NAME_MISMATCH,), 2.0),
    transcript=(TranscriptLine(False, "220 mail ESMTP"), TranscriptLine(True, "QUIT", True)),
    tls_alert=40,
)

RESULTS = {
    "everything": FULL,
    "next to nothing": BARE,
    "a resolution without a family": replace(BARE, resolution=Resolution(Outcome.DNS_NXDOMAIN, None, (), 0.0)),
    "nothing offered": replace(BARE, findings=Findings(capabilities=(), capabilities_tls=())),
    "TLS without a group": replace(BARE, tls=TlsFacts("TLSv1.2", "AES128-SHA")),
    "a closed port": replace(BARE, port_open=False, address="192.0.2.1"),
}


@pytest.mark.parametrize("result", RESULTS.values(), ids=RESULTS)
def test_a_result_arrives_as_it_was_sent(result: ProbeResult) -> None:
    parcel = pickle.loads(pickle.dumps(pack(result)))

    assert unpack(TARGET, parcel) == result


def test_every_field_of_a_result_is_in_the_fullest_one() -> None:
    for value in (FULL, FULL.findings, FULL.resolution, FULL.tls, FULL.certificates[0]):
        bare = {field.name for field in fields(value) if getattr(value, field.name) == field.default}  # type: ignore[arg-type]  # none of them is None

        assert not bare


def test_what_many_results_have_in_common_is_kept_once() -> None:
    one, other = (unpack(TARGET, pickle.loads(pickle.dumps(pack(FULL)))) for _ in range(2))

    assert one.certificates is other.certificates
    assert one.findings.capabilities is other.findings.capabilities
    assert one.transcript[0] is other.transcript[0]
