"""The effective configuration as text: with origins for people, and as YAML that loads again."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from itertools import groupby

import yaml

from exporter.config.certificate import NO_GROUP, uniform
from exporter.config.key import DEFAULT_PORTS
from exporter.config.layer import plain
from exporter.config.model import Config, EffectiveSetting, Written
from exporter.config.module import nested
from exporter.targets import IpFamily, Target, TlsMode


def show(config: Config) -> str:
    """Each setting, its value and its origin: first the daemon's, then those of each port of hosts and references."""
    references = {(target.host, target.service.port) for target in config.references}
    blocks = [("mailprobe", ", ".join(config.files), config.settings)]
    blocks += [(f"module {module.name}", module.place, module.settings) for module in config.modules if module.name]
    for port in config.ports:
        kind = "reference " if (port.host, port.port) in references else ""
        blocks.append((f"{kind}{port.host} port {port.port}", port.place, port.settings))
    return "\n".join(_block(title, place, settings) for title, place, settings in blocks)


def _block(title: str, place: str, settings: tuple[EffectiveSetting, ...]) -> str:
    rows = [(f"{title}:", place), *((f"  {setting.name}: {setting.value}", setting.origin) for setting in settings)]
    width = max(len(left) for left, _ in rows)
    return "".join((f"{left.ljust(width)}  # {right}" if right else left) + "\n" for left, right in rows)


def effective_text(config: Config) -> str:
    """The configuration as one YAML file in which no host inherits anything; it yields the same targets when it is
    loaded. The defaults are as they were written, and there for references and modules only.

    The format has no secrets; a key that ever holds one is to be left out here.
    """
    daemon = {
        "nameservers": config.nameservers,
        "max_sessions": config.max_sessions,
        "sessions_per_address": config.sessions_per_address,
        "min_gap": config.min_gap,
        "first_round": config.first_round,
        "certificate_retention": config.certificate_retention,
        "metrics": {"capabilities": config.capability_metrics},
        "variant_interval": config.variant_interval,
        "variant_gap": config.variant_gap,
        "address_grace": config.address_grace,
        "watch": asdict(config.watch),
        "probe_allow": config.probe_allow,
        "probe_max_age": config.probe_max_age,
        **_references(config.references),
        **_modules(config),
        "hosts": _hosts(config.targets),
    }
    text: str = yaml.safe_dump(plain(daemon), sort_keys=False, allow_unicode=True)
    return text


def _references(targets: tuple[Target, ...]) -> dict[str, object]:
    """The references; what they inherit is in the defaults."""
    if not targets:
        return {}
    hosts: dict[int, list[str]] = {}
    for target in targets:
        of_port = hosts.setdefault(target.service.port, [])
        if target.host not in of_port:
            of_port.append(target.host)
    return {
        "references": {port: tuple(names) for port, names in hosts.items()},
        "reference_interval": targets[0].interval,
    }


def _modules(config: Config) -> dict[str, object]:
    """The modules that have a name, and the defaults, from which also those take that have none."""
    named = {module.name: nested(module.written) for module in config.modules if module.name}
    shown: dict[str, object] = {"modules": named} if named else {}
    if config.defaults:
        shown["defaults"] = _defaults(config.defaults)
    return shown


def _defaults(said: Written) -> dict[str, object]:
    defaults = dict(nested(said))
    ports = defaults.get(DEFAULT_PORTS.name)
    if isinstance(ports, tuple):
        defaults[DEFAULT_PORTS.name] = {int(number): nested(of_port) for number, of_port in ports}
    return defaults


def _hosts(targets: tuple[Target, ...]) -> tuple[dict[str, object], ...]:
    ports = [list(families) for _, families in groupby(targets, key=lambda target: (target.host, target.service.port))]
    return tuple(
        {**entry, "ports": tuple(_port(families) for families in of_host)}
        for entry, of_host in groupby(ports, key=_host)
    )


def _host(families: list[Target]) -> dict[str, object]:
    """What the ports of one entry have in common."""
    target = families[0]
    entry = {
        "host": target.host,
        "ip_families": target.ip_families,
        "require_families": tuple(found.ip_family for found in families if found.family_required),
        "addresses": target.addresses,
        "labels": dict(target.labels) or None,
    }
    return _given(entry)


def _port(families: list[Target]) -> dict[str, object]:
    target = families[0]
    expectation = target.expectation
    entry = {
        "port": target.service.port,
        "protocol": target.service.protocol,
        "tls": target.service.tls,
        "expect": expectation.state,
        "starttls": expectation.starttls if target.service.tls is TlsMode.STARTTLS else None,
        "valid_certificate": expectation.certificate_checks if expectation.valid_certificate else uniform(False),
        "certificate_group": _certificate_group(target),
        "variants": target.variants,
        "auth_before_tls": expectation.auth_before_tls,
        "min_tls": expectation.min_tls,
        "greeting_codes": expectation.greeting_codes or None,
        "capabilities": {"must": expectation.capabilities_must, "must_not": expectation.capabilities_must_not},
        "interval": target.interval,
        "timeouts": asdict(target.timeouts),
        "ehlo_name": target.ehlo_name,
        "server_name": target.server_name,
        "ca_file": target.ca_file,
        "source_address": _sources(families),
    }
    return _given(entry)


def _certificate_group(target: Target) -> str | None:
    """As it is written; `None` where it is the built-in one of a host that is called like the word for none."""
    if target.certificate_group is None:
        return NO_GROUP
    return None if target.certificate_group == NO_GROUP else target.certificate_group


def _sources(targets: Iterable[Target]) -> dict[str, str] | None:
    sources = {found.ip_family: found.source_address for found in targets if found.source_address is not None}
    return {family.value: sources[family] for family in IpFamily if family in sources} or None


def _given(entry: Mapping[str, object]) -> dict[str, object]:
    """Without what is left to the built-in."""
    return {name: value for name, value in entry.items() if value is not None}
