"""The effective configuration as text: with origins for people, and as YAML that loads again."""

from itertools import groupby

import yaml

from exporter.config.certificate import uniform
from exporter.config.layer import plain
from exporter.config.model import Config, EffectiveSetting
from exporter.targets import Expectation, IpFamily, Target, TlsMode


def show(config: Config) -> str:
    """Each setting, its value and its origin: first the daemon's, then those of each port of each host."""
    blocks = [("mailprobe", ", ".join(config.files), config.settings)]
    blocks += [(f"{port.host} port {port.port}", port.place, port.settings) for port in config.ports]
    return "\n".join(_block(title, place, settings) for title, place, settings in blocks)


def _block(title: str, place: str, settings: tuple[EffectiveSetting, ...]) -> str:
    rows = [(f"{title}:", place), *((f"  {setting.name}: {setting.value}", setting.origin) for setting in settings)]
    width = max(len(left) for left, _ in rows)
    return "".join((f"{left.ljust(width)}  # {right}" if right else left) + "\n" for left, right in rows)


def effective_text(config: Config) -> str:
    """The configuration as one YAML file in which nothing is inherited; it yields the same targets when it is loaded.

    The format has no secrets; a key that ever holds one is to be left out here.
    """
    hosts = []
    for (host, labels), of_host in groupby(config.targets, key=lambda target: (target.host, target.labels)):
        ports = [list(families) for _, families in groupby(of_host, key=lambda target: target.service.port)]
        entry: dict[str, object] = {"host": host, "ip_families": [target.ip_family.value for target in ports[0]]}
        if labels:
            entry["labels"] = dict(labels)
        hosts.append(entry | {"ports": [_port(families) for families in ports]})
    daemon = {
        "nameservers": config.nameservers,
        "max_sessions": config.max_sessions,
        "sessions_per_address": config.sessions_per_address,
        "min_gap": config.min_gap,
        "first_round": config.first_round,
        "certificate_retention": config.certificate_retention,
    }
    whole = {name: plain(value) for name, value in daemon.items()}
    whole |= {"metrics": {"capabilities": config.capability_metrics}, "hosts": hosts}
    text: str = yaml.safe_dump(whole, sort_keys=False, allow_unicode=True)
    return text


def _port(families: list[Target]) -> dict[str, object]:
    target = families[0]
    expectation = target.expectation
    sources = {found.ip_family: found.source_address for found in families if found.source_address is not None}
    timeouts = target.timeouts
    entry = {
        "port": target.service.port,
        "protocol": target.service.protocol,
        "tls": target.service.tls,
        "expect": expectation.state,
        "starttls": expectation.starttls if target.service.tls is TlsMode.STARTTLS else None,
        "valid_certificate": expectation.certificate_checks if expectation.valid_certificate else uniform(False),
        "auth_before_tls": expectation.auth_before_tls,
        "min_tls": expectation.min_tls,
        "greeting_codes": expectation.greeting_codes or None,
        "capabilities": _capabilities(expectation) or None,
        "interval": target.interval,
        "timeouts": {
            "connect": plain(timeouts.connect),
            "greeting": plain(timeouts.greeting),
            "reply": plain(timeouts.reply),
            "handshake": plain(timeouts.handshake),
            "total": plain(timeouts.total),
        },
        "ehlo_name": target.ehlo_name,
        "server_name": target.server_name,
        "ca_file": target.ca_file,
        "source_address": {family.value: sources[family] for family in IpFamily if family in sources} or None,
    }
    return {name: plain(value) for name, value in entry.items() if value is not None}


def _capabilities(expectation: Expectation) -> dict[str, object]:
    """The lists that are not empty."""
    lists = {"must": expectation.capabilities_must, "must_not": expectation.capabilities_must_not}
    return {name: plain(entries) for name, entries in lists.items() if entries}
