"""Modules: what `/probe` is told to expect of a target, by a name of one's own, with the keys of a port.

What a module leaves out is taken from `defaults.ports.<number>`, else from `defaults`, else from what is built in for
the port. So each is put together once for every well-known port, and once for all others where it says what is spoken
there; and so is the module without a name, for requests that name none.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace

from exporter.config import key
from exporter.config.cursor import Cursor
from exporter.config.entry import Defaults, HostEntry, PortEntry
from exporter.config.fault import Fault, Place, quoted
from exporter.config.layer import Choice, Layer, Setting, read_layer, written
from exporter.config.model import EffectiveSetting, Module, Written
from exporter.config.port import Host, PortBuilder
from exporter.config.row import Level
from exporter.config.wellknown import WELL_KNOWN
from exporter.targets import AddressRule, PortState, Target

# Names stand in URLs and in the scrape configuration.
_NAME = re.compile(key.MODULE_NAME)

# No port has this number: it stands for every one that is not well known.
_OTHER = 0


def read_modules(at: Cursor | None, defaults: Defaults, source: str, faults: list[Fault]) -> tuple[Module, ...]:
    """All modules of a file that messages call `source`; the one without a name comes first."""
    unnamed = _module("", Layer("module"), Place(source, 0, ""), defaults, faults)
    return (unnamed, *_named(at, defaults, faults))


def _named(at: Cursor | None, defaults: Defaults, faults: list[Fault]) -> Iterator[Module]:
    for name, entry in ((at.entries() if at is not None else None) or {}).items():
        if not _NAME.fullmatch(name):
            rule = "letters, digits, dots, hyphens and underscores, at most 64"
            entry.fault(f"is not the name of a module: {quoted(name)} is not made of {rule}")
            continue
        yield _module(name, read_layer(entry, Level.MODULE, f"module {name}"), entry.place, defaults, faults)


def _module(name: str, layer: Layer, place: Place, defaults: Defaults, faults: list[Fault]) -> Module:
    port = layer.find(key.PORT)
    numbers = [*WELL_KNOWN]
    if layer.names(key.PROTOCOL) and layer.names(key.TLS):
        numbers.append(_OTHER)
    elif port is not None and port.value not in WELL_KNOWN:
        # The builder says what is missing, about this port.
        numbers.append(port.value)
    built = {number: _targets(number, layer, place, defaults, faults) for number in numbers}
    return Module(
        name=name,
        place=str(place),
        port=None if port is None else port.value,
        ports=tuple((number, targets) for number, targets in built.items() if number != _OTHER),
        other_ports=built.get(_OTHER, ()),
        written=as_written(layer),
        settings=_settings(layer),
    )


def _targets(number: int, layer: Layer, place: Place, defaults: Defaults, faults: list[Fault]) -> tuple[Target, ...]:
    of_this_number = defaults.ports.get(number)
    layers = [layer, *filter(None, [of_this_number]), defaults.layer]
    families = Choice(layers).find(key.IP_FAMILIES) or Setting(key.FAMILIES)
    # Of no host: which one is asked about comes with the request, and who has no entry has no labels.
    entry = HostEntry("", layer, place, None)
    host = Host(entry, "", None, families, Setting(()), Setting(AddressRule.FIRST))
    builder = PortBuilder(host, PortEntry(number, layer, place), layers, faults, title=layer.title)
    service = builder.service()
    targets = [] if service is None else builder.targets(service, PortState.OPEN)
    # One probe is compared with nothing, and makes no further handshakes.
    return tuple(replace(target, certificate_group=None, variants=()) for target in targets)


def _settings(layer: Layer) -> tuple[EffectiveSetting, ...]:
    """As they are written, for people; what could not be read is a fault already."""
    return tuple(
        EffectiveSetting(name, written(value), str(place))
        for name, (value, place) in layer.values.items()
        if value is not None
    )


def defaults_as_written(defaults: Defaults) -> Written:
    """The section `defaults`."""
    ports = tuple((str(number), as_written(layer)) for number, layer in defaults.ports.items())
    return (*as_written(defaults.layer), *((key.DEFAULT_PORTS.name, ports) for _ in ports[:1]))


def as_written(layer: Layer) -> Written:
    """What one mapping says, by full key name."""
    return tuple((name, value) for name, (value, _) in layer.values.items() if value is not None)


def nested(said: Written) -> Mapping[str, object]:
    """The same as the mapping that it was: groups as mappings of their own."""
    found: dict[str, object] = {}
    groups: dict[str, dict[str, object]] = {}
    for name, value in said:
        group, _, inner = name.partition(".")
        if inner:
            found[group] = groups.setdefault(group, {})
            groups[group][inner] = value
        else:
            found[name] = value
    return found
