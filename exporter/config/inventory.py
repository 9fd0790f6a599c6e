"""The inventory: every host with what it inherits, as targets, and the references beside them.

A setting is taken from the port's entry, else the host, else `defaults.ports.<number>`, else `defaults`, else the
built-in of the well-known port. What contradicts itself only when everything is put together is found here.
"""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain

from exporter.config import key
from exporter.config.entry import HOST_TITLE, NO_SETTINGS, Defaults, HostEntry, PortEntry
from exporter.config.fault import Fault, Place
from exporter.config.hostname import identity, literal_family
from exporter.config.label import Label
from exporter.config.layer import Layer, Setting, written
from exporter.config.model import EffectivePort, EffectiveSetting
from exporter.config.port import Host, Labels, PortBuilder
from exporter.config.reference import Reference
from exporter.config.terms import Terms, terms_of, written_alike
from exporter.config.wellknown import COMMON_PORTS
from exporter.config.witness import witness
from exporter.targets import AddressRule, IpFamily, PortState, Target


@dataclass(frozen=True, slots=True)
class _Common:
    """What all entries of a host must have in common, and where the first of them is."""

    host: str
    place: Place
    labels: tuple[tuple[str, str], ...]
    families: tuple[IpFamily, ...]


class Inventory:
    """Collects targets host by host, and what is wrong with them in `faults`."""

    def __init__(self, defaults: Defaults, faults: list[Fault]) -> None:
        self._defaults = defaults
        self._faults = faults
        self._hosts: dict[str, _Common] = {}
        self._ports: dict[tuple[str, int], str] = {}
        self._targets: list[Target] = []
        self._references: list[Target] = []
        self._effective: list[EffectivePort] = []
        self._terms: dict[Hashable, Terms] = {}
        layer = defaults.layer
        self._default_families: Setting[tuple[IpFamily, ...]] = layer.find(key.IP_FAMILIES) or Setting(key.FAMILIES)
        self._default_required: Setting[tuple[IpFamily, ...]] = layer.find(key.REQUIRE_FAMILIES) or Setting(())
        self._default_addresses = layer.find(key.ADDRESSES) or Setting(AddressRule.FIRST)
        self._default_labels = _merged(layer)

    @property
    def targets(self) -> tuple[Target, ...]:
        """All targets so far, in the order of the file."""
        return tuple(self._targets)

    @property
    def references(self) -> tuple[Target, ...]:
        """The targets of all references so far, in the order of the file."""
        return tuple(self._references)

    @property
    def ports(self) -> tuple[EffectivePort, ...]:
        """Both by port, with the origin of each setting."""
        return tuple(self._effective)

    def add(self, entry: HostEntry) -> None:
        """Add one host with its ports."""
        host = self._host(entry)
        self._compare(host)
        if entry.ports is not None:
            for port in entry.ports:
                self._add_port(host, port, PortState.OPEN)
            return
        for number in COMMON_PORTS:
            if not self._add_port(host, PortEntry(number, NO_SETTINGS, entry.place), PortState.ANY):
                return  # the other seven would say the same of the same line

    def refer(self, references: Mapping[int, Sequence[Reference]], interval: Setting[float]) -> None:
        """Add the references, once all hosts are there: what is watched cannot be its own witness."""
        for reference in chain.from_iterable(references.values()):
            watched = self._ports.get((identity(reference.host), reference.port))
            if watched is not None:
                named = f"port {reference.port} of {reference.host} is watched itself ({watched})"
                self._faults.append(reference.place.fault(f"{named}: it cannot be its own witness"))
            targets, effective = witness(reference, interval, self._defaults.layer, self._faults)
            self._references += targets
            self._effective.append(effective)

    def _host(self, entry: HostEntry) -> Host:
        literal = literal_family(entry.host)
        families = self._families(entry, literal)
        return Host(
            entry,
            # Most names are spelled as they are known: one text for both.
            entry.host if (known := identity(entry.host)) == entry.host else known,
            literal,
            families,
            self._required(entry, families),
            self._addresses(entry, literal),
            self._labels(entry),
        )

    def _families(self, entry: HostEntry, own: IpFamily | None) -> Setting[tuple[IpFamily, ...]]:
        setting = entry.layer.find(key.IP_FAMILIES) or self._default_families
        if own is None:
            return setting
        if setting.place is not None and setting.layer == HOST_TITLE and own not in setting.value:
            self._faults.append(setting.place.fault(f"leaves nothing to probe: {entry.host} is {own.value}"))
        return Setting((own,), "the address")

    def _required(self, entry: HostEntry, families: Setting[tuple[IpFamily, ...]]) -> Setting[tuple[IpFamily, ...]]:
        setting = entry.layer.find(key.REQUIRE_FAMILIES) or self._default_required
        missing = tuple(family for family in setting.value if family not in families.value)
        if not missing:
            return setting
        if setting.place is not None and setting.layer == HOST_TITLE:
            probed = f"ip_families is {written(families.value)}, {families.origin}"
            self._faults.append(setting.place.fault(f"{written(missing)} would never be probed: {probed}"))
        return replace(setting, value=tuple(family for family in setting.value if family not in missing))

    def _addresses(self, entry: HostEntry, literal: IpFamily | None) -> Setting[AddressRule]:
        setting = entry.layer.find(key.ADDRESSES) or self._default_addresses
        if setting.value is AddressRule.FIRST or literal is None:
            return setting
        if setting.place is not None and setting.layer == HOST_TITLE:
            self._faults.append(setting.place.fault(f"has no meaning for {entry.host}, which is one address"))
        return Setting(AddressRule.FIRST, "the address")

    def _labels(self, entry: HostEntry) -> Labels:
        return _merged(self._defaults.layer, entry.layer) if entry.layer.names(key.LABEL_SET) else self._default_labels

    def _compare(self, host: Host) -> None:
        """A host may have several entries, but its series have one name and one set of labels."""
        this = _Common(host.entry.host, host.entry.place, host.labels.pairs, host.families.value)
        first = self._hosts.setdefault(host.identity, this)
        where = first.place
        wrong = None
        if first.host != this.host:
            wrong = f"{host.entry.host} is the host that {where} calls {first.host}: write both the same way"
        elif first.labels != this.labels:
            wrong = f"{host.entry.host} has other labels in {where}: they are put on all series of a host"
        elif first.families != this.families:
            wrong = f"{host.entry.host} has other ip_families in {where}: they hold for all ports of a host"
        if wrong is not None:
            self._faults.append(host.entry.place.fault(wrong))

    def _add_port(self, host: Host, port: PortEntry, state: PortState) -> bool:
        """Add the targets of one port; False if the port was there before."""
        first = self._ports.get((host.identity, port.number))
        if first is not None:
            twice = f"port {port.number} of {host.entry.host} is named twice, first in {first}"
            self._faults.append(port.place.fault(twice))
            return False
        place = self._ports[host.identity, port.number] = str(port.place)
        terms = self._terms_of(host, port, state)
        if terms is not None:
            targets, effective = terms.filled_in(host, port, place)
            self._targets += targets
            self._effective.append(effective)
        return True

    def _terms_of(self, host: Host, port: PortEntry, state: PortState) -> Terms | None:
        """The terms of a port; `None` if nobody said what is spoken there."""
        alike = written_alike(host, port, state)
        known = self._terms.get(alike)
        if known is not None:
            return known
        of_this_number = self._defaults.ports.get(port.number)
        layers = [port.layer, host.entry.layer, *filter(None, [of_this_number]), self._defaults.layer]
        # What is at fault is not remembered, so that it is named wherever it is written.
        faults: list[Fault] = []
        builder = PortBuilder(host, port, layers, faults)
        service = builder.service()
        terms = None if service is None else terms_of(builder.targets(service, state), builder.choice)
        if terms is not None and not faults:
            self._terms[alike] = terms
        self._faults += faults
        return terms


def _merged(*layers: Layer) -> Labels:
    """The labels of several layers, the last of which wins."""
    merged: dict[str, Setting[Label]] = {}
    for layer in layers:
        found = layer.find(key.LABEL_SET)
        for label in found.value if found is not None else ():
            merged[label.name] = Setting(label, layer.title, label.place)
    chosen = [merged[name] for name in sorted(merged)]
    prefix = key.LABEL_SET.name
    return Labels(
        tuple((one.value.name, one.value.value) for one in chosen),
        tuple(EffectiveSetting(f"{prefix}.{one.value.name}", one.value.value, one.origin) for one in chosen),
    )
