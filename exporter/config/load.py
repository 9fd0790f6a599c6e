"""Reading a configuration: files, a text or a command line in, a `Config` or every fault out. Nothing is remembered."""

import glob
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from exporter.config import daemon, key
from exporter.config.cursor import Cursor, Source
from exporter.config.document import Items, MalformedError, Node, Pairs, Scalar, ScalarKind, compose
from exporter.config.entry import Defaults, HostEntry, read_defaults, read_hosts, read_hosts_file
from exporter.config.fault import ConfigError, Fault, visible
from exporter.config.inventory import Inventory
from exporter.config.layer import Choice, Layer, Setting, read_layer, written
from exporter.config.model import Config, Watch
from exporter.config.module import defaults_as_written, read_modules
from exporter.config.reference import REFERENCE_SECONDS
from exporter.config.row import Level

# A hundred thousand hosts, a name on each line, are three megabytes.
MAX_BYTES = 10_000_000

COMMAND_LINE = "the command line"


def load(path: str | Path) -> Config:
    """Read the file at `path` and the files it names. Raises `ConfigError` with all that is wrong in any of them."""
    source = Source(str(path), Path(path).parent, [])
    text = _read_file(source, Path(path))
    if text is None:
        raise ConfigError(source.faults)
    return _parse(source, text)


def parse(text: str, name: str, folder: str | Path = ".") -> Config:
    """Read `text`, which faults call `name` and whose relative paths start from `folder`. Raises `ConfigError`."""
    return _parse(Source(name, Path(folder), []), text)


def targets_for_hosts(hosts: Sequence[str], ports: Sequence[int] | None = None) -> Config:
    """What to probe without a file: the ports given, which should be open, or else the common ones. No port but a
    well-known one can be given, since nothing here could say what is spoken there. Raises `ConfigError`.
    """
    source = Source(COMMAND_LINE, Path(), [])
    node = Items(0, tuple(_host_node(host, ports) for host in hosts))
    entries = read_hosts(Cursor(source, node, 0, key.HOSTS.name))
    return _config(source, Layer(COMMAND_LINE), read_defaults(None), entries, ())


def _host_node(host: str, ports: Sequence[int] | None) -> Node:
    name = Scalar(0, host)
    if not ports:
        return name
    numbers = Items(0, tuple(Scalar(0, str(port), ScalarKind.INTEGER) for port in ports))
    return Pairs(0, ((Scalar(0, key.HOST_NAME.name), name), (Scalar(0, key.PORTS.name), numbers)))


def _parse(source: Source, text: str) -> Config:
    root = _root(source, text)
    if root is None:
        raise ConfigError(source.faults)
    if isinstance(root.node, Items):
        root.fault("must be a mapping, not a list: put the list under the key hosts")
        raise ConfigError(source.faults)
    top = read_layer(root, Level.FILE, "main file")
    if isinstance(root.node, Pairs) and not top.parts.keys() & {key.HOSTS.name, key.HOSTS_FILES.name}:
        root.fault("names no hosts: write them under hosts, or name files with them under hosts_files")
    defaults = read_defaults(top.parts.get(key.DEFAULTS.name))
    files = [source.name]
    return _config(source, top, defaults, _entries(source, top, files), files)


def _entries(source: Source, top: Layer, files: list[str]) -> Iterator[HostEntry]:
    """The hosts of all files, and in `files` the names of those that the main one names. One by one: an entry with all
    its places is several times as large as what is kept of it.
    """
    yield from read_hosts(top.parts.get(key.HOSTS.name))
    for path in _hosts_files(top.parts.get(key.HOSTS_FILES.name)):
        files.append(str(path))
        yield from _read_hosts_file(Source(str(path), path.parent, source.faults), path)


def _config(
    source: Source, top: Layer, defaults: Defaults, entries: Iterable[HostEntry], files: Sequence[str]
) -> Config:
    contradictions: list[Fault] = []
    inventory = Inventory(defaults, contradictions)
    for entry in entries:
        inventory.add(entry)
    choice = Choice((top,))
    whole = _daemon(choice)
    _refuse_gap(choice, whole, contradictions)
    interval = choice.required(daemon.REFERENCE_INTERVAL, REFERENCE_SECONDS)
    inventory.refer(choice.optional(daemon.REFERENCES) or {}, interval)
    # Of one line, what cannot be read is named before what cannot be.
    source.faults.extend(contradictions)
    modules = read_modules(top.parts.get(key.MODULES.name), defaults, source.name, source.faults)
    if source.faults:
        raise ConfigError(source.faults)
    return replace(
        whole,
        targets=inventory.targets,
        references=inventory.references,
        modules=modules,
        defaults=defaults_as_written(defaults),
        settings=choice.settings,
        ports=inventory.ports,
        files=tuple(files),
    )


def _daemon(choice: Choice) -> Config:
    """The settings of the exporter as a whole, without anything to probe."""
    built_in = Config(targets=())
    watch = built_in.watch
    return Config(
        targets=(),
        nameservers=choice.required(daemon.NAMESERVERS, built_in.nameservers).value,
        max_sessions=choice.required(daemon.MAX_SESSIONS, built_in.max_sessions).value,
        sessions_per_address=choice.required(daemon.SESSIONS_PER_ADDRESS, built_in.sessions_per_address).value,
        min_gap=choice.required(daemon.MIN_GAP, built_in.min_gap).value,
        first_round=choice.required(daemon.FIRST_ROUND, built_in.first_round).value,
        certificate_retention=choice.required(daemon.CERTIFICATE_RETENTION, built_in.certificate_retention).value,
        capability_metrics=choice.required(daemon.CAPABILITY_METRICS, built_in.capability_metrics).value,
        variant_interval=choice.required(daemon.VARIANT_INTERVAL, built_in.variant_interval).value,
        variant_gap=choice.required(daemon.VARIANT_GAP, built_in.variant_gap).value,
        address_grace=choice.required(daemon.ADDRESS_GRACE, built_in.address_grace).value,
        probe_allow=choice.required(daemon.PROBE_ALLOW, built_in.probe_allow).value,
        probe_max_age=choice.required(daemon.PROBE_MAX_AGE, built_in.probe_max_age).value,
        watch=Watch(
            stale_certificates=choice.required(daemon.STALE_CERTIFICATES, watch.stale_certificates).value,
            tls_findings=choice.required(daemon.TLS_FINDINGS, watch.tls_findings).value,
            suspected_bans=choice.required(daemon.SUSPECTED_BANS, watch.suspected_bans).value,
            lost_families=choice.required(daemon.LOST_FAMILIES, watch.lost_families).value,
            inferred_vantage=choice.required(daemon.INFERRED_VANTAGE, watch.inferred_vantage).value,
        ),
    )


def _refuse_gap(choice: Choice, whole: Config, faults: list[Fault]) -> None:
    """A gap between variants that their interval has no room for is a fault."""
    interval = choice.find(daemon.VARIANT_INTERVAL) or Setting(whole.variant_interval)
    gap = choice.find(daemon.VARIANT_GAP) or Setting(whole.variant_gap)
    place = gap.place or interval.place
    if gap.value > interval.value and place is not None:
        pause = f"variant_gap is {written(gap.value)}, {gap.origin}"
        turn = f"variant_interval {written(interval.value)}, {interval.origin}"
        faults.append(place.fault(f"no variant could be made as often as it should: {pause}; {turn}"))


def _root(source: Source, text: str) -> Cursor | None:
    try:
        node = compose(text)
    except MalformedError as error:
        source.faults.append(Fault(source.name, error.line, "", error.message))
        return None
    if node is None:
        source.faults.append(Fault(source.name, 0, "", "is empty"))
        return None
    return Cursor(source, node, node.line, "")


def _read_file(source: Source, path: Path) -> str | None:
    def refuse(message: str, line: int = 0) -> None:
        source.faults.append(Fault(source.name, line, "", message))

    try:
        with path.open("rb") as file:
            held = file.read(MAX_BYTES + 1)
    except OSError as error:
        refuse(f"cannot be read: {error.strerror}")
        return None
    if len(held) > MAX_BYTES:
        refuse(f"is larger than {MAX_BYTES // 1_000_000} MB")
        return None
    try:
        return held.decode("utf-8")
    except UnicodeDecodeError as error:
        refuse("is not UTF-8 text", held.count(b"\n", 0, error.start) + 1)
        return None


def _hosts_files(at: Cursor | None) -> Iterator[Path]:
    """The files that the patterns name, each once, in the order of the patterns and then of their names."""
    seen: set[Path] = set()
    for item in (at.items() if at is not None else None) or ():
        pattern = key.PATTERN.read(item)
        if pattern is None:
            continue
        folder = item.source.folder
        found = sorted(glob.glob(pattern, root_dir=folder))
        if not found and not any(character in pattern for character in "*?["):
            item.fault(f"{visible(str(folder / pattern))} does not exist")
        for name in found:
            path = folder / name
            if os.path.abspath(path) == os.path.abspath(folder / os.path.basename(item.source.name)):
                item.fault("names this file itself, whose hosts belong under hosts")
            elif path not in seen:
                seen.add(path)
                yield path


def _read_hosts_file(source: Source, path: Path) -> Iterator[HostEntry]:
    text = _read_file(source, path)
    root = None if text is None else _root(source, text)
    if root is not None:
        yield from read_hosts_file(root)
