"""One store that shows every metric of the catalogue, for the golden file and for the readers of other people."""

from dataclasses import replace

from exporter.results import Capability, CertificateFault, CertificateVerdict, Outcome
from exporter.targets import IpFamily, PortState, Protocol, TlsMode
from tests.judgement.sessions import LEAF, ONLY_IPV4, STARTED, ended, expectation, healthy, target
from tests.metrics.world import World

USER_LABELS = {"site", "team"}
SUBMISSION = target(labels=(("site", "milan"), ("team", "mail")))
IMAPS = target(port=993, protocol=Protocol.IMAP, tls=TlsMode.IMPLICIT, labels=(("site", "milan"),))
POP3 = target(port=110, protocol=Protocol.POP3, expects=expectation(PortState.CLOSED), labels=(("site", "milan"),))
RELAY = target(host="mx2.example.org", port=25, expects=expectation(valid_certificate=False), address="192.0.2.25")
RELAY_V6 = target(host="mx2.example.org", port=25, family=IpFamily.IPV6)
SIEVE = target(host="192.0.2.25", port=4190, protocol=Protocol.SIEVE, expects=expectation(PortState.ANY))


def rich_world() -> World:
    """A healthy port, one with a bad certificate that hides something, one closed, one failing, one without a route."""
    world = World(SUBMISSION, IMAPS, POP3, RELAY, RELAY_V6, SIEVE, capability_metrics=True)
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
    world.deliver(replace(sound, findings=offered), bad, ended(POP3, Outcome.CONNECT_REFUSED))
    world.deliver(
        replace(healthy(RELAY), resolution=ONLY_IPV4),
        ended(RELAY, Outcome.CONNECT_TIMEOUT, STARTED + 120),
        interval=300,
    )
    world.deliver(ended(RELAY_V6, Outcome.NO_ROUTE), ended(SIEVE, Outcome.CONNECT_REFUSED))
    world.store.missed(RELAY)
    world.own.reload(True, STARTED)
    world.own.observe(
        targets=lambda: 6,
        in_flight=lambda: 2,
        lag=lambda: 0.015625,
        loop_lag=lambda: 0.001953125,
        first_round_progress=lambda: (3, 4),
    )
    return world
