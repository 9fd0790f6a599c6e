"""One store that shows every metric of the catalogue, for the golden file and for the readers of other people."""

from dataclasses import replace

from exporter.judgement.variant import variant_target
from exporter.results import Capability, CertificateFault, CertificateVerdict, Outcome, ProbeResult
from exporter.targets import AddressRule, CertificateChecks, IpFamily, PortState, Protocol, Target, TlsMode, Variant
from tests.judgement.sessions import EXPIRED, LEAF, ONLY_IPV4, STARTED, ended, expectation, healthy, target
from tests.metrics.world import World

USER_LABELS = {"site", "team"}
GROUP = "mail.example.org"
SUBMISSION = replace(
    target(labels=(("site", "milan"), ("team", "mail"))), certificate_group=GROUP, variants=(Variant.RSA,)
)
IMAPS = replace(
    target(port=993, protocol=Protocol.IMAP, tls=TlsMode.IMPLICIT, labels=(("site", "milan"),)),
    expectation=replace(expectation(), certificate_checks=CertificateChecks(dates=False)),
    certificate_group=GROUP,
)
POP3 = target(port=110, protocol=Protocol.POP3, expects=expectation(PortState.CLOSED), labels=(("site", "milan"),))
RELAY = replace(
    target(host="mx2.example.org", port=25, expects=expectation(valid_certificate=False), address="192.0.2.25"),
    addresses=AddressRule.ALL,
)
RELAY_V6 = target(host="mx2.example.org", port=25, family=IpFamily.IPV6)
REFERENCE = replace(target(host="reference.example.net", port=25, tls=TlsMode.NONE), reference=True)
SIEVE = target(host="192.0.2.25", port=4190, protocol=Protocol.SIEVE, expects=expectation(PortState.ANY))


def rich_world() -> World:
    """A healthy port with another certificate for some, one with a bad certificate that hides something and was older
    before, one closed, one failing that lost STARTTLS, one without a route."""
    world = World(*(SUBMISSION, IMAPS, POP3, RELAY, RELAY_V6, SIEVE), capability_metrics=True, references=(REFERENCE,))
    sound = healthy(SUBMISSION)
    offered = replace(sound.findings, capabilities=(Capability("STARTTLS"),), capabilities_tls=(Capability("AUTH"),))
    faults = (CertificateFault.UNTRUSTED_ROOT, CertificateFault.NAME_MISMATCH)
    hostile = replace(LEAF, subject='CN="back\\slash"\nO=two\x00lines', issuer="CN=" + "ä" * 80)
    bad = replace(
        healthy(IMAPS),
        certificates=(hostile,),
        verdict=CertificateVerdict(False, False, True, faults),
        findings=replace(offered, greeting_code=None, starttls_advertised=None, cleartext_auth=None),
    )
    older = replace(LEAF, fingerprint_sha256="01" * 32, not_after=1_751_000_000.0)
    world.deliver(replace(bad, started=STARTED, certificates=(older,)))
    world.deliver(replace(sound, findings=offered), bad, ended(POP3, Outcome.CONNECT_REFUSED))
    world.deliver(_of_rsa(SUBMISSION), healthy(REFERENCE))
    world.deliver(
        replace(healthy(RELAY), resolution=ONLY_IPV4),
        without_starttls(RELAY, STARTED + 60),
        interval=300,
    )
    world.deliver(ended(RELAY_V6, Outcome.NO_ROUTE), ended(SIEVE, Outcome.CONNECT_REFUSED))
    world.store.missed(RELAY)
    world.own.reload(True, STARTED)
    world.own.observe_access(lambda: True)
    world.own.observe_workers(alive=lambda: 2, restarts=lambda: 1)
    world.own.observe(
        targets=lambda: 6,
        in_flight=lambda: 2,
        lag=lambda: 0.015625,
        loop_lag=lambda: 0.001953125,
        first_round_progress=lambda: (3, 4),
    )
    return world


def without_starttls(of: Target, started: float) -> ProbeResult:
    """A session that is well but for STARTTLS, which is not offered."""
    sound = healthy(of, started)
    findings = replace(sound.findings, starttls_advertised=False, capabilities_tls=None)
    return replace(sound, findings=findings, tls=None, certificates=(), verdict=None)


def _of_rsa(of: Target) -> ProbeResult:
    """An expired certificate for clients that take RSA only."""
    leaf = replace(LEAF, fingerprint_sha256="02" * 32, key_type="rsa", key_bits=2048, not_after=1_749_000_000.0)
    made = variant_target(of, Variant.RSA, 86_400.0)
    return replace(healthy(made, STARTED + 60), certificates=(leaf,), verdict=EXPIRED)
