"""References as targets: as little as possible is done on somebody else's server, and nothing there is judged.

A port that could be upgraded is not: connect, greeting, EHLO and goodbye show that it can be reached.
"""

from exporter.config import daemon, key
from exporter.config.fault import Fault
from exporter.config.hostname import literal_family
from exporter.config.layer import Choice, Layer, Setting
from exporter.config.model import EffectivePort
from exporter.config.port import stage_limits
from exporter.config.reference import Reference
from exporter.config.wellknown import WELL_KNOWN
from exporter.targets import AuthRule, Expectation, IpFamily, PortState, Service, StarttlsRule, Target, TlsMode

_EXPECTATION = Expectation(
    PortState.OPEN, StarttlsRule.OPTIONAL, valid_certificate=False, auth_before_tls=AuthRule.ALLOWED
)


def witness(
    reference: Reference, interval: Setting[float], defaults: Layer, faults: list[Fault]
) -> tuple[list[Target], EffectivePort]:
    """One target for each address family, and its settings with their origins; what is inherited is from `defaults`."""
    choice = Choice((defaults,))
    service = _service(reference.port)
    choice.note(key.PROTOCOL, Setting(service.protocol))
    choice.note(key.TLS, Setting(service.tls))
    families = choice.note(key.IP_FAMILIES, _families(reference.host, choice)).value
    choice.note(daemon.REFERENCE_INTERVAL, interval)
    timeouts = stage_limits(choice, faults)
    ehlo_name = choice.optional(key.EHLO)
    ca_file = choice.optional(key.CA_FILE)
    sources = {family: choice.optional(key.SOURCES[family]) for family in families}
    targets = [
        Target(
            host=reference.host,
            service=service,
            ip_family=family,
            expectation=_EXPECTATION,
            ip_families=families,
            interval=interval.value,
            timeouts=timeouts,
            ehlo_name=ehlo_name,
            ca_file=ca_file,
            source_address=sources[family],
            reference=True,
        )
        for family in families
    ]
    return targets, EffectivePort(reference.host, reference.port, str(reference.place), choice.settings)


def _service(port: int) -> Service:
    known = WELL_KNOWN[port].service
    return Service(port, known.protocol, TlsMode.NONE if known.tls is TlsMode.STARTTLS else known.tls)


def _families(host: str, choice: Choice) -> Setting[tuple[IpFamily, ...]]:
    own = literal_family(host)
    return Setting((own,), "the address") if own is not None else choice.find(key.IP_FAMILIES) or Setting(key.FAMILIES)
