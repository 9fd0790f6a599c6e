"""Targets and results as a probe would hand them on, for the tests of what they mean and how they are exposed."""

from dataclasses import replace

from exporter.results import (
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
)
from exporter.targets import (
    AuthRule,
    Expectation,
    IpFamily,
    PortState,
    Protocol,
    Service,
    StarttlsRule,
    Target,
    TlsMode,
)

STARTED = 1_750_000_000.0
BOTH_FAMILIES = Resolution(Outcome.OK, ("192.0.2.25",), ("2001:db8::25",), 0.004)
ONLY_IPV4 = Resolution(Outcome.OK, ("192.0.2.25",), (), 0.004)
ONLY_IPV6 = Resolution(Outcome.OK, (), ("2001:db8::25",), 0.004)
LEAF = CertificateFacts(
    position=0,
    fingerprint_sha256="5e" * 32,
    not_before=1_747_000_000.0,
    not_after=1_754_776_000.0,
    subject="CN=mail.example.org",
    issuer="CN=E7,O=Let's Encrypt,C=US",
    serial="06d4a0",
    key_type="ecdsa",
    key_bits=256,
    signature="ecdsa-with-SHA384",
)
ISSUER = CertificateFacts(1, "aa" * 32, 1_700_000_000.0, 1_800_000_000.0)
GOOD = CertificateVerdict(True, True, True, (), 1_754_776_000.0)
EXPIRED = CertificateVerdict(True, True, False, (CertificateFault.EXPIRED,), 1_749_000_000.0)

# Where a session that ended so has ended; whatever is not here ended in its dialog.
NEVER_RESOLVED = {
    Outcome.DNS_NXDOMAIN: Phase.RESOLVE,
    Outcome.DNS_ERROR: Phase.RESOLVE,
    Outcome.DNS_NO_ADDRESS: Phase.RESOLVE,
}
NEVER_CONNECTED = {
    Outcome.CONNECT_REFUSED: Phase.CONNECT,
    Outcome.CONNECT_TIMEOUT: Phase.CONNECT,
    Outcome.NETWORK_UNREACHABLE: Phase.CONNECT,
}


def expectation(
    state: PortState = PortState.OPEN,
    starttls: StarttlsRule = StarttlsRule.REQUIRED,
    valid_certificate: bool = True,
    auth_before_tls: AuthRule = AuthRule.FORBIDDEN,
) -> Expectation:
    """What port 587 expects, or something else."""
    return Expectation(state, starttls, valid_certificate, auth_before_tls)


def target(
    host: str = "mail.example.org",
    port: int = 587,
    protocol: Protocol = Protocol.SMTP,
    tls: TlsMode = TlsMode.STARTTLS,
    family: IpFamily = IpFamily.IPV4,
    expects: Expectation | None = None,
    labels: tuple[tuple[str, str], ...] = (),
    address: str = "",
) -> Target:
    """A submission port, or something else."""
    return Target(
        host,
        Service(port, protocol, tls),
        family,
        expects if expects is not None else expectation(),
        labels=labels,
        address=address,
    )


def healthy(of: Target, started: float = STARTED) -> ProbeResult:
    """Everything that a submission port of a well-kept server shows in one session."""
    return ProbeResult(
        target=of,
        started=started,
        duration=0.25,
        outcome=Outcome.OK,
        phase=Phase.GOODBYE,
        resolution=BOTH_FAMILIES,
        address="192.0.2.25" if of.ip_family is IpFamily.IPV4 else "2001:db8::25",
        port_open=True,
        durations=Durations.of((phase, (position + 1) / 128) for position, phase in enumerate(Phase)),
        findings=Findings(
            greeting_code=220,
            greeting="mail.example.org ESMTP",
            capabilities=(),
            capabilities_tls=(),
            starttls_advertised=True,
            cleartext_auth=False,
            message_size_limit=52_428_800,
        ),
        tls=TlsFacts("TLSv1.3", "TLS_AES_256_GCM_SHA384", "X25519"),
        certificates=(LEAF, ISSUER),
        verdict=GOOD,
    )


def ended(of: Target, outcome: Outcome, started: float = STARTED) -> ProbeResult:
    """A session that ended with this outcome, no sooner and no later than such sessions do."""
    if outcome is Outcome.OK:
        return healthy(of, started)
    if outcome in (Outcome.INTERNAL_ERROR, Outcome.LOCAL_ERROR):
        return ProbeResult(of, started, 0.0, outcome, Phase.CONNECT, "KeyError")
    if outcome in NEVER_RESOLVED:
        return ProbeResult(of, started, 5.0, outcome, Phase.RESOLVE, resolution=Resolution(outcome, (), (), 5.0))
    unopened = ProbeResult(of, started, 5.0, outcome, Phase.CONNECT, resolution=BOTH_FAMILIES, address="192.0.2.25")
    if outcome is Outcome.NO_ROUTE:
        return unopened
    if outcome in NEVER_CONNECTED:
        return replace(unopened, port_open=False)
    return replace(unopened, phase=Phase.GREETING, port_open=True)
