"""The inventory: every host with what it inherits, as targets.

A setting is taken from the port's entry, else the host, else `defaults.ports.<number>`, else `defaults`, else the
built-in of the well-known port. What contradicts itself only when everything is put together is found here.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from exporter.config import key
from exporter.config.capability import contradiction
from exporter.config.certificate import uniform
from exporter.config.entry import HOST_TITLE, PORT_TITLE, Defaults, HostEntry, PortEntry, port_defaults_title
from exporter.config.fault import Fault, Place
from exporter.config.hostname import identity, literal_family
from exporter.config.label import Label
from exporter.config.layer import Choice, Layer, Setting, written
from exporter.config.model import EffectivePort
from exporter.config.wellknown import COMMON_PORTS, WELL_KNOWN, expectation_for, interval_for
from exporter.targets import (
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
)


@dataclass(frozen=True, slots=True)
class _Host:
    """What all ports of a host share."""

    entry: HostEntry
    families: Setting[tuple[IpFamily, ...]]
    labels: tuple[tuple[Label, str], ...]

    @property
    def label_pairs(self) -> tuple[tuple[str, str], ...]:
        return tuple((label.name, label.value) for label, _ in self.labels)


class Inventory:
    """Collects targets host by host, and what is wrong with them in `faults`."""

    def __init__(self, defaults: Defaults, faults: list[Fault]) -> None:
        self._defaults = defaults
        self._faults = faults
        self._hosts: dict[str, _Host] = {}
        self._ports: dict[tuple[str, int], Place] = {}
        self._targets: list[Target] = []
        self._effective: list[EffectivePort] = []

    @property
    def targets(self) -> tuple[Target, ...]:
        """All targets so far, in the order of the file."""
        return tuple(self._targets)

    @property
    def ports(self) -> tuple[EffectivePort, ...]:
        """The same by port, with the origin of each setting."""
        return tuple(self._effective)

    def add(self, entry: HostEntry) -> None:
        """Add one host with its ports."""
        host = _Host(entry, self._families(entry), self._labels(entry))
        self._compare(host)
        if entry.ports is not None:
            for port in entry.ports:
                self._add_port(host, port, PortState.OPEN)
            return
        for number in COMMON_PORTS:
            if not self._add_port(host, PortEntry(number, Layer(PORT_TITLE), entry.place), PortState.ANY):
                return  # the other seven would say the same of the same line

    def _families(self, entry: HostEntry) -> Setting[tuple[IpFamily, ...]]:
        found = Choice((entry.layer, self._defaults.layer)).find(key.IP_FAMILIES)
        setting = found or Setting(key.FAMILIES)
        own = literal_family(entry.host)
        if own is None:
            return setting
        if setting.place is not None and setting.layer == HOST_TITLE and own not in setting.value:
            self._faults.append(setting.place.fault(f"leaves nothing to probe: {entry.host} is {own.value}"))
        return Setting((own,), "the address")

    def _labels(self, entry: HostEntry) -> tuple[tuple[Label, str], ...]:
        merged: dict[str, tuple[Label, str]] = {}
        for layer in (self._defaults.layer, entry.layer):
            found = layer.find(key.LABEL_SET)
            for label in found.value if found is not None else ():
                merged[label.name] = (label, layer.title)
        return tuple(merged[name] for name in sorted(merged))

    def _compare(self, host: _Host) -> None:
        """A host may have several entries, but its series have one name and one set of labels."""
        first = self._hosts.setdefault(identity(host.entry.host), host)
        where = first.entry.place
        wrong = None
        if first.entry.host != host.entry.host:
            wrong = f"{host.entry.host} is the host that {where} calls {first.entry.host}: write both the same way"
        elif first.label_pairs != host.label_pairs:
            wrong = f"{host.entry.host} has other labels in {where}: they are put on all series of a host"
        elif first.families.value != host.families.value:
            wrong = f"{host.entry.host} has other ip_families in {where}: they hold for all ports of a host"
        if wrong is not None:
            self._faults.append(host.entry.place.fault(wrong))

    def _add_port(self, host: _Host, port: PortEntry, state: PortState) -> bool:
        """Add the targets of one port; False if the port was there before."""
        name = host.entry.host
        first = self._ports.setdefault((identity(name), port.number), port.place)
        if first is not port.place:
            self._faults.append(port.place.fault(f"port {port.number} of {name} is named twice, first in {first}"))
            return False
        of_this_number = self._defaults.ports.get(port.number)
        layers = [port.layer, host.entry.layer, *filter(None, [of_this_number]), self._defaults.layer]
        builder = _PortBuilder(host, port, layers, self._faults)
        service = builder.service()
        if service is not None:
            self._targets += builder.targets(service, state)
            self._effective.append(EffectivePort(name, port.number, str(port.place), builder.choice.settings))
        return True


class _PortBuilder:
    """Puts together what holds for one port of one host."""

    def __init__(self, host: _Host, port: PortEntry, layers: Sequence[Layer], faults: list[Fault]) -> None:
        self.choice = Choice(layers)
        self._host = host
        self._port = port
        self._layers = layers
        self._faults = faults

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
        expectation = self._expectation(service, state)
        interval = choice.required(key.INTERVAL, interval_for(service.port)).value
        timeouts = self._timeouts()
        ehlo_name = choice.optional(key.EHLO)
        server_name = choice.optional(key.SERVER)
        ca_file = choice.optional(key.CA_FILE)
        source_keys = {IpFamily.IPV4: key.SOURCE_IPV4, IpFamily.IPV6: key.SOURCE_IPV6}
        sources = {family: choice.optional(source_keys[family]) for family in families}
        for label, title in self._host.labels:
            choice.add(f"{key.LABEL_SET.name}.{label.name}", label.value, f"{title} ({label.place})")
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
                labels=self._host.label_pairs,
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

    def _refuse(self, found: Setting[object] | None, message: str, because: key.Key[object]) -> None:
        """A rule that cannot apply, `because` of another key, is a fault where it is written for this port, and else
        meant for other ports.
        """
        if found is None or found.place is None:
            return
        reason = self.choice.find(because)
        overruled = reason is not None and reason.layer == PORT_TITLE
        if found.layer == PORT_TITLE or (found.layer == port_defaults_title(self._port.number) and not overruled):
            self._faults.append(found.place.fault(message))

    def _timeouts(self) -> Timeouts:
        built_in = Timeouts()
        connect = self.choice.required(key.CONNECT, built_in.connect)
        greeting = self.choice.required(key.GREETING, built_in.greeting)
        reply = self.choice.required(key.REPLY, built_in.reply)
        handshake = self.choice.required(key.HANDSHAKE, built_in.handshake)
        total = self.choice.required(key.TOTAL, built_in.total)
        place = total.place or connect.place
        if total.value < connect.value and place is not None:
            whole = f"timeouts.total is {written(total.value)}, {total.origin}"
            first = f"timeouts.connect {written(connect.value)}, {connect.origin}"
            self._faults.append(place.fault(f"no probe could get past connecting: {whole}; {first}"))
        return Timeouts(connect.value, greeting.value, reply.value, handshake.value, total.value)
