"""What holds for one port of one host, as targets: one for each address family.

What contradicts itself only when everything is put together is found here.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from exporter.config import key
from exporter.config.capability import contradiction
from exporter.config.certificate import NO_GROUP, uniform
from exporter.config.entry import PORT_TITLE, HostEntry, PortEntry, port_defaults_title
from exporter.config.fault import Fault
from exporter.config.layer import Choice, Layer, Setting, written
from exporter.config.model import EffectiveSetting
from exporter.config.row import Key
from exporter.config.wellknown import WELL_KNOWN, expectation_for, interval_for, variants_for
from exporter.targets import (
    AddressRule,
    CertificateChecks,
    Expectation,
    IpFamily,
    PortState,
    Protocol,
    Service,
    StarttlsRule,
    Target,
    Timeouts,
    TlsMode,
    TlsVersion,
    Variant,
)


@dataclass(frozen=True, slots=True)
class Labels:
    """The labels of a host: as its targets have them, and with their origins."""

    pairs: tuple[tuple[str, str], ...] = ()
    settings: tuple[EffectiveSetting, ...] = ()


@dataclass(frozen=True, slots=True)
class Host:
    """What all ports of a host share.

    identity  what all spellings of its name have in common; its certificate group, unless another one is named
    literal   the family of a host that is an address; `None` for a name
    """

    entry: HostEntry
    identity: str
    literal: IpFamily | None
    families: Setting[tuple[IpFamily, ...]]
    required: Setting[tuple[IpFamily, ...]]
    addresses: Setting[AddressRule]
    labels: Labels = Labels()


class PortBuilder:
    """Puts together what holds for one port of one host."""

    def __init__(
        self, host: Host, port: PortEntry, layers: Sequence[Layer], faults: list[Fault], title: str = PORT_TITLE
    ) -> None:
        """`title` is that of the first of the layers."""
        self.choice = Choice(layers)
        self._host = host
        self._port = port
        self._layers = layers
        self._faults = faults
        self._title = title

    def service(self) -> Service | None:
        """What is spoken on the port; `None`, with a fault, if nobody said so."""
        known = WELL_KNOWN.get(self._port.number)
        if known is not None:
            protocol = self.choice.required(key.PROTOCOL, known.service.protocol)
            tls = self.choice.required(key.TLS, known.service.tls)
            return Service(self._port.number, protocol.value, tls.value)
        missing = [
            wanted.name for wanted in (key.PROTOCOL, key.TLS) if not any(layer.names(wanted) for layer in self._layers)
        ]
        if missing:
            needs = f"port {self._port.number} is not well known: it needs {' and '.join(missing)}"
            self._faults.append(self._port.place.fault(needs))
        own_protocol, own_tls = self.choice.find(key.PROTOCOL), self.choice.find(key.TLS)
        if own_protocol is None or own_tls is None:
            return None
        self.choice.note(key.PROTOCOL, own_protocol)
        self.choice.note(key.TLS, own_tls)
        return Service(self._port.number, own_protocol.value, own_tls.value)

    def targets(self, service: Service, state: PortState) -> list[Target]:
        """One target for each address family."""
        choice = self.choice
        families = choice.note(key.IP_FAMILIES, self._host.families).value
        required = choice.note(key.REQUIRE_FAMILIES, self._host.required).value
        addresses = choice.note(key.ADDRESSES, self._host.addresses).value
        expectation = self._expectation(service, state)
        certificate_group = self._certificate_group(service.tls)
        variants = self._variants(service)
        interval = choice.required(key.INTERVAL, interval_for(service.port)).value
        timeouts = stage_limits(choice, self._faults)
        ehlo_name = choice.optional(key.EHLO)
        server_name = choice.optional(key.SERVER)
        ca_file = choice.optional(key.CA_FILE)
        sources = {family: choice.optional(key.SOURCES[family]) for family in families}
        return [
            Target(
                host=self._host.entry.host,
                service=service,
                ip_family=family,
                expectation=expectation,
                ip_families=tuple(families),
                interval=interval,
                timeouts=timeouts,
                ehlo_name=ehlo_name,
                server_name=server_name,
                ca_file=ca_file,
                source_address=sources[family],
                labels=self._host.labels.pairs,
                addresses=addresses,
                family_required=family in required,
                certificate_group=certificate_group,
                variants=variants,
            )
            for family in families
        ]

    def _expectation(self, service: Service, state: PortState) -> Expectation:
        built_in = expectation_for(service)
        declared = self.choice.required(key.EXPECT, state).value
        starttls = self._starttls(service.tls, built_in.starttls)
        checks = self._checks(service.tls, uniform(built_in.valid_certificate))
        auth_before_tls = self.choice.required(key.AUTH_BEFORE_TLS, built_in.auth_before_tls).value
        min_tls = self._min_tls(service.tls)
        greeting_codes = self._greeting_codes(service.protocol)
        must, must_not = self._capabilities()
        return Expectation(
            state=declared,
            starttls=starttls,
            valid_certificate=bool(checks),
            auth_before_tls=auth_before_tls,
            certificate_checks=checks or CertificateChecks(),
            greeting_codes=greeting_codes,
            capabilities_must=must,
            capabilities_must_not=must_not,
            min_tls=min_tls,
        )

    def _starttls(self, tls: TlsMode, built_in: StarttlsRule) -> StarttlsRule:
        if tls is TlsMode.STARTTLS:
            return self.choice.required(key.STARTTLS, built_in).value
        message = f"has no meaning with tls: {tls.value}, where nothing is upgraded"
        self._refuse(self.choice.find(key.STARTTLS), message, key.TLS)
        return built_in

    def _checks(self, tls: TlsMode, built_in: CertificateChecks) -> CertificateChecks:
        if tls is not TlsMode.NONE:
            return self.choice.required(key.VALID_CERTIFICATE, built_in).value
        found = self.choice.find(key.VALID_CERTIFICATE)
        if found is not None and found.value:
            self._refuse(found, "cannot be met with tls: none, where no certificate is ever seen", key.TLS)
        return built_in

    def _min_tls(self, tls: TlsMode) -> TlsVersion | None:
        if tls is not TlsMode.NONE:
            return self.choice.optional(key.MIN_TLS)
        message = "has no meaning with tls: none, where no version is ever negotiated"
        self._refuse(self.choice.find(key.MIN_TLS), message, key.TLS)
        return None

    def _greeting_codes(self, protocol: Protocol) -> tuple[int, ...]:
        if protocol is Protocol.SMTP:
            return self.choice.optional(key.GREETING_CODES) or ()
        message = f"has no meaning with protocol: {protocol.value}, whose greetings have no code"
        self._refuse(self.choice.find(key.GREETING_CODES), message, key.PROTOCOL)
        return ()

    def _capabilities(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        must = self.choice.required(key.CAPABILITIES_MUST, ())
        must_not = self.choice.required(key.CAPABILITIES_MUST_NOT, ())
        found = contradiction(must.value, must_not.value)
        if found is not None and must_not.place is not None:
            offered, unwanted = found
            both = f"{offered} must be offered, {must.origin}, and {unwanted} must not, {must_not.origin}"
            self._faults.append(must_not.place.fault(f"no server could meet this: {both}"))
        return must.value, must_not.value

    def _certificate_group(self, tls: TlsMode) -> str | None:
        if tls is TlsMode.NONE:
            found = self.choice.find(key.CERTIFICATE_GROUP)
            if found is not None and found.value != NO_GROUP:
                self._refuse(found, "has no meaning with tls: none, where no certificate is ever seen", key.TLS)
            return None
        group = self.choice.required(key.CERTIFICATE_GROUP, self._host.identity)
        # Only the word that somebody wrote: there may be a host of that name.
        return None if group.place is not None and group.value == NO_GROUP else group.value

    def _variants(self, service: Service) -> tuple[Variant, ...]:
        found = self.choice.find(key.VARIANTS)
        if service.tls is TlsMode.NONE:
            if found is not None and found.value:
                self._refuse(found, "have no meaning with tls: none, where no handshake is ever made", key.TLS)
            return ()
        wanted = found or Setting(variants_for(service.port))
        # An IP literal is never sent, so the ordinary probe is the same handshake.
        unnamed = self._host.literal is not None and self.choice.find(key.SERVER) is None
        making = tuple(variant for variant in wanted.value if not (unnamed and variant is Variant.NO_SNI))
        return self.choice.note(key.VARIANTS, replace(wanted, value=making)).value

    def _refuse(self, found: Setting[object] | None, message: str, because: Key[object]) -> None:
        """A rule that cannot apply, `because` of another key, is a fault where it is written for this port, and else
        meant for other ports.
        """
        if found is None or found.place is None:
            return
        reason = self.choice.find(because)
        overruled = reason is not None and reason.layer == self._title
        if found.layer == self._title:
            # A module is written for many ports, unless it says itself what makes the rule meaningless.
            is_for_this = overruled or self._title == PORT_TITLE
        else:
            is_for_this = found.layer == port_defaults_title(self._port.number) and not overruled
        if is_for_this:
            self._faults.append(found.place.fault(message))


def stage_limits(choice: Choice, faults: list[Fault]) -> Timeouts:
    """The limit of each stage; a total that leaves no time after connecting is a fault."""
    built_in = Timeouts()
    connect = choice.required(key.CONNECT, built_in.connect)
    greeting = choice.required(key.GREETING, built_in.greeting)
    reply = choice.required(key.REPLY, built_in.reply)
    handshake = choice.required(key.HANDSHAKE, built_in.handshake)
    total = choice.required(key.TOTAL, built_in.total)
    place = total.place or connect.place
    if total.value < connect.value and place is not None:
        whole = f"timeouts.total is {written(total.value)}, {total.origin}"
        first = f"timeouts.connect {written(connect.value)}, {connect.origin}"
        faults.append(place.fault(f"no probe could get past connecting: {whole}; {first}"))
    return Timeouts(connect.value, greeting.value, reply.value, handshake.value, total.value)
