"""Results as probes bring them, built by hand for what is made of them."""

from collections.abc import Sequence
from dataclasses import replace

from exporter.check.together import Round, conclude
from exporter.check.verdict import Checked
from exporter.config.model import Watch
from exporter.config.wellknown import WELL_KNOWN
from exporter.judgement.expectation import judge
from exporter.judgement.variant import VariantSeen, VariantStanding
from exporter.results import (
    Capability,
    CertificateFacts,
    CertificateFault,
    CertificateVerdict,
    Durations,
    Findings,
    Outcome,
    Phase,
    ProbeResult,
    Resolution,
    TlsFacts,
    TranscriptLine,
)
from exporter.targets import IpFamily, PortState, Target, TlsMode, Variant

HOST = "mail.example.org"
DAY = 86400.0
NOW = 1_795_000_000.0
WATCH = Watch()

VALID = CertificateVerdict(True, True, True, (), NOW + 60 * DAY)
EXPIRED = CertificateVerdict(True, True, False, (CertificateFault.EXPIRED,), NOW - DAY)


def target(port: int, state: PortState = PortState.OPEN, host: str = HOST) -> Target:
    """A well-known port as it is expected by default."""
    row = WELL_KNOWN[port]
    expectation = replace(row.expectation, state=state)
    return Target(host, row.service, IpFamily.IPV4, expectation, certificate_group=host)


def at(result: ProbeResult, **changes: object) -> ProbeResult:
    """The same at another target: `changes` are fields of it."""
    other = replace(result.target, **changes)  # type: ignore[arg-type]  # the tests name fields of Target
    return replace(result, target=other)


def certificate(days: float = 60, life: float = 90, **changes: object) -> CertificateFacts:
    """One that ends `days` from now after a life of `life` days; `changes` are fields of it."""
    end = NOW + days * DAY
    plain = CertificateFacts(
        0, "ab" * 32, end - life * DAY, end, f"CN={HOST}", "CN=Issuer", "1f", "ecdsa", 256, "ecdsa-with-SHA256", (HOST,)
    )
    return replace(plain, **changes)  # type: ignore[arg-type]  # the tests name fields of CertificateFacts


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
        durations=Durations.of([(Phase.CONNECT, 0.01), (Phase.GREETING, 0.234)]),
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


def silent(port: int, state: PortState = PortState.OPEN) -> ProbeResult:
    """A port that said nothing."""
    return replace(closed(port, state), outcome=Outcome.CONNECT_TIMEOUT, detail="connecting: no answer within 5 s")


def other_handshake(
    variant: Variant,
    leaf: CertificateFacts | None = None,
    verdict: CertificateVerdict = VALID,
    standing: VariantStanding = VariantStanding.DIFFERENT,
    detail: str = "",
) -> VariantSeen:
    """What another handshake showed; without `leaf` no certificate."""
    if leaf is None:
        return VariantSeen(variant, standing, NOW, detail=detail)
    return VariantSeen(variant, standing, NOW, (leaf,), verdict, detail=detail)


def checked(result: ProbeResult, *variants: VariantSeen) -> Checked:
    """The result with its judgement, and what the other handshakes showed."""
    return Checked(result, judge(result, known_before=False, host_known=True), variants)


def a_round(*results: ProbeResult | Checked, references: Sequence[ProbeResult] = (), watch: Watch = WATCH) -> Round:
    """These results with what they mean together."""
    everything = [one if isinstance(one, Checked) else checked(one) for one in results]
    return conclude(everything, references, watch, NOW)
