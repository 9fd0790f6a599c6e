"""Entries of the list of hosts: what the file says about one host and its ports, before anything is inherited."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from exporter.config.cursor import Cursor
from exporter.config.document import Items, Pairs, Scalar, ScalarKind, described
from exporter.config.fault import Place
from exporter.config.key import DEFAULT_PORTS, HOST_NAME, HOSTS, PORT, PORT_NUMBER, PORTS
from exporter.config.layer import Layer, read_layer
from exporter.config.row import Level

HOST_TITLE = "host"
PORT_TITLE = "port entry"
DEFAULTS_TITLE = "defaults"

# Of a port that is a mere number, as most are.
NO_SETTINGS = Layer(PORT_TITLE)


@dataclass(frozen=True, slots=True)
class PortEntry:
    """A port that a host names."""

    number: int
    layer: Layer
    place: Place


@dataclass(frozen=True, slots=True)
class HostEntry:
    """A host; `ports` is `None` if it names none."""

    host: str
    layer: Layer
    place: Place
    ports: tuple[PortEntry, ...] | None


@dataclass(frozen=True, slots=True)
class Defaults:
    """What holds for every host, and for one port of every host."""

    layer: Layer
    ports: Mapping[int, Layer]


def port_defaults_title(number: int) -> str:
    """How origins name the defaults of one port."""
    return f"{DEFAULTS_TITLE}.{DEFAULT_PORTS.name}.{number}"


def read_defaults(at: Cursor | None) -> Defaults:
    """The defaults; empty ones where the file has none."""
    if at is None:
        return Defaults(Layer(DEFAULTS_TITLE), {})
    layer = read_layer(at, Level.DEFAULTS, DEFAULTS_TITLE)
    part = layer.parts.get(DEFAULT_PORTS.name)
    if part is None:
        return Defaults(layer, {})
    if isinstance(part.node, Items):
        part.fault("must be a mapping of port numbers to settings: which ports a host has is said at the host")
        return Defaults(layer, {})
    ports: dict[int, Layer] = {}
    for name, entry in (part.entries() or {}).items():
        key = Cursor(entry.source, Scalar(entry.line, name, ScalarKind.INTEGER), entry.line, entry.path)
        number = PORT_NUMBER.read(key)
        if number is not None:
            ports[number] = read_layer(entry, Level.PORT_DEFAULTS, port_defaults_title(number))
    return Defaults(layer, ports)


def read_hosts(at: Cursor | None) -> Iterator[HostEntry]:
    """The hosts of a list, each read when it is asked for; none where there is no list."""
    if at is not None:
        yield from (entry for item in at.each() if (entry := _read_host(item)) is not None)


def read_hosts_file(at: Cursor) -> Iterator[HostEntry]:
    """The hosts of a further file, which is a list, or a mapping with the one key `hosts`."""
    if isinstance(at.node, Items):
        yield from read_hosts(at)
    elif isinstance(at.node, Pairs):
        yield from read_hosts(read_layer(at, Level.HOSTS_FILE, "hosts file").parts.get(HOSTS.name))
    else:
        at.fault(f"must be a list of hosts, not {described(at.node)}")


def _read_host(at: Cursor) -> HostEntry | None:
    if not isinstance(at.node, Pairs):
        name = HOST_NAME.kind.read(at)
        return None if name is None else HostEntry(name, Layer(HOST_TITLE), at.place, None)
    layer = read_layer(at, Level.HOST, HOST_TITLE)
    if not layer.names(HOST_NAME):
        at.fault("must name its host, under the key host")
    part = layer.parts.get(PORTS.name)
    ports = None if part is None else _read_ports(part)
    host = layer.find(HOST_NAME)
    return None if host is None else HostEntry(host.value, layer, at.place, ports)


def _read_ports(at: Cursor) -> tuple[PortEntry, ...]:
    items = at.items() or ()
    if isinstance(at.node, Items) and not items:
        at.fault("must name at least one port: without ports the common ones are probed")
    return tuple(entry for item in items if (entry := _read_port(item)) is not None)


def _read_port(at: Cursor) -> PortEntry | None:
    if not isinstance(at.node, Pairs):
        number = PORT_NUMBER.read(at)
        return None if number is None else PortEntry(number, NO_SETTINGS, at.place)
    layer = read_layer(at, Level.PORT, PORT_TITLE)
    if not layer.names(PORT):
        at.fault("must name its port, under the key port")
    port = layer.find(PORT)
    return None if port is None else PortEntry(port.value, layer, at.place)
