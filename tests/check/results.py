"""Results as probes bring them, built by hand for what is made of them."""

from dataclasses import replace

from exporter.check.verdict import Checked
from exporter.config.wellknown import WELL_KNOWN
from exporter.judgement.expectation import judge
from exporter.results import (
    Capability,
    CertificateFacts,
    CertificateFault,
    CertificateVerdict,
    Findings,
    Outcome,
    Phase,
    ProbeResult,
    Resolution,
    TlsFacts,
    TranscriptLine,
)
from exporter.targets import IpFamily, PortState, Target, TlsMode

HOST = "mail.example.org"
DAY = 86400.0
NOW = 1_795_000_000.0

VALID = CertificateVerdict(True, True, True, (), NOW + 60 * DAY)
EXPIRED = CertificateVerdict(True, True, False, (CertificateFault.EXPIRED,), NOW - DAY)


def target(port: int, state: PortState = PortState.OPEN, host: str = HOST) -> Target:
    """A well-known port as it is expected by default."""
    row = WELL_KNOWN[port]
    return Target(host, row.service, IpFamily.IPV4, replace(row.expectation, state=state))


def certificate(days: float = 60, life: float = 90) -> CertificateFacts:
    """One that ends `days` from now after a life of `life` days."""
    end = NOW + days * DAY
    return CertificateFacts(
        0, "ab" * 32, end - life * DAY, end, f"CN={HOST}", "CN=Issuer", "1f", "ecdsa", 256, "ecdsa-with-SHA256", (HOST,)
    )


def healthy(port: int, **changes: object) -> ProbeResult:
    """A session in which everything was found."""
    wanted = target(port)
    starttls = wanted.service.tls is TlsMode.STARTTLS
    result = ProbeResult(
        target=wanted,
        started=NOW,
        duration=0.25,
        outcome=Outcome.OK,
        phase=Phase.GOODBYE,
        resolution=Resolution(Outcome.OK, ("192.0.2.1",), (), 0.01),
        address="192.0.2.1",
        port_open=True,
        durations=((Phase.CONNECT, 0.01), (Phase.GREETING, 0.234)),
        findings=Findings(
            greeting="ready",
            capabilities=(Capability("STARTTLS"),) if starttls else None,
            capabilities_tls=(Capability("AUTH", ("PLAIN",)),),
            starttls_advertised=True if starttls else None,
            cleartext_auth=False if starttls else None,
        ),
        tls=TlsFacts("TLSv1.3", "TLS_AES_256_GCM_SHA384", "X25519"),
        certificates=(certificate(),),
        verdict=VALID,
        transcript=(TranscriptLine(False, "220 ready"), TranscriptLine(True, "QUIT", True)),
    )
    return replace(result, **changes)  # type: ignore[arg-type]  # the tests name fields of ProbeResult


def closed(port: int, state: PortState = PortState.OPEN) -> ProbeResult:
    """A port that refused."""
    return ProbeResult(
        target=target(port, state),
        started=NOW,
        duration=0.01,
        outcome=Outcome.CONNECT_REFUSED,
        phase=Phase.CONNECT,
        detail="connecting: Connection refused",
        resolution=Resolution(Outcome.OK, ("192.0.2.1",), (), 0.01),
        address="192.0.2.1",
        port_open=False,
    )


def checked(result: ProbeResult) -> Checked:
    """The result with its judgement."""
    return Checked(result, judge(result, known_before=False, host_known=True))
