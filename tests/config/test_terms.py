"""What ports are told alike is put together once, and no port can be seen to have shared it."""

import json
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.config.fault import ConfigError, Fault
from exporter.config.load import parse
from exporter.targets import Target

DURATIONS = st.sampled_from(["10s", "60s", "70s"])
FAMILIES = st.sampled_from([["ipv4"], ["ipv6"], ["ipv6", "ipv4"]])

# Few values for each key, so that some ports are told alike, some nearly, and some what contradicts itself.
SETTINGS: dict[str, st.SearchStrategy[object]] = {
    "interval": DURATIONS,
    "timeouts": st.fixed_dictionaries({}, optional={"connect": DURATIONS, "total": DURATIONS}),
    "ehlo_name": st.just("monitor.example.org"),
    "expect": st.sampled_from(["open", "closed"]),
    "starttls": st.sampled_from(["required", "optional"]),
    "valid_certificate": st.sampled_from([True, False, {"dates": False}]),
    "certificate_group": st.sampled_from(["none", "ours", "host0.example.org"]),
    "variants": st.sampled_from([[], ["no_sni", "rsa"]]),
    "min_tls": st.sampled_from(["TLSv1.2", "TLSv1.3"]),
    "greeting_codes": st.just([220, 554]),
    "capabilities": st.fixed_dictionaries({}, optional={"must": st.just(["AUTH"]), "must_not": st.just(["AUTH"])}),
    "source_address": st.fixed_dictionaries({}, optional={"ipv4": st.just("192.0.2.9")}),
}
SERVER_NAMES = st.sampled_from(["mx.example.org", "mx.example.net"])
HOST_SETTINGS = SETTINGS | {
    "labels": st.dictionaries(st.sampled_from(["team", "site"]), st.sampled_from(["a", "b"])),
    "ip_families": FAMILIES,
    "require_families": FAMILIES,
    "addresses": st.sampled_from(["first", "all"]),
}
SPOKEN = {"protocol": st.sampled_from(["smtp", "imap"]), "tls": st.sampled_from(["none", "starttls", "implicit"])}


def some(settings: dict[str, st.SearchStrategy[object]]) -> st.SearchStrategy[dict[str, object]]:
    """At most two of them: what says everything is like nothing else."""
    names = st.lists(st.sampled_from(sorted(settings)), max_size=2, unique=True)
    return names.flatmap(lambda chosen: st.fixed_dictionaries({name: settings[name] for name in chosen}))


NUMBERS = st.sampled_from([25, 587, 993])
PORTS = NUMBERS | st.builds(
    lambda number, said: {"port": number, **said}, NUMBERS, some(SETTINGS | SPOKEN | {"server_name": SERVER_NAMES})
)
HOSTS = st.builds(
    lambda said, ports: {**said, **({} if ports is None else {"ports": ports})},
    some(HOST_SETTINGS | {"server_name": SERVER_NAMES}),
    st.none()
    | st.lists(PORTS, min_size=1, max_size=3, unique_by=lambda port: port["port"] if isinstance(port, dict) else port),
)
DEFAULTS = st.builds(
    lambda said, of_port: {**said, "ports": {587: of_port}}, some(HOST_SETTINGS), some(SETTINGS | SPOKEN)
)

Outcome = tuple[set[Fault], Sequence[Target], Sequence[object]]


def outcome(defaults: object, lines: Sequence[str]) -> Outcome:
    text = f"defaults: {json.dumps(defaults)}\nhosts:\n" + "\n".join(lines)
    try:
        found = parse(text, "conf.yml")
    except ConfigError as error:
        # A key path counts the hosts before it.
        return {Fault(fault.file, fault.line, "", fault.message) for fault in error.faults}, (), ()
    return set(), found.targets, [(port.host, port.port, port.place, port.settings) for port in found.ports]


@given(DEFAULTS, st.lists(HOSTS, min_size=1, max_size=6), st.data())
def test_a_host_means_the_same_whoever_stands_before_it(
    defaults: object, hosts: list[dict[str, object]], data: st.DataObject
) -> None:
    names = [f"host{number}.example.org" for number in range(len(hosts))]
    names[-1] = data.draw(st.sampled_from([names[-1], "192.0.2.1", "2001:db8::1", "Host.Example.ORG", "none"]))
    lines = [f"- {json.dumps({'host': name, **host})}" for name, host in zip(names, hosts, strict=True)]
    alone = [outcome(defaults, [""] * number + [line]) for number, line in enumerate(lines)]
    faults = set().union(*(found for found, _, _ in alone))
    together = outcome(defaults, lines)
    assert together[0] == faults
    if not faults:
        assert list(together[1]) == [target for _, targets, _ in alone for target in targets]
        assert list(together[2]) == [port for _, _, ports in alone for port in ports]


def test_what_ports_have_in_common_is_held_once() -> None:
    text = """
    defaults: {labels: {team: mail}, ip_families: [ipv4], timeouts: {reply: 3s}}
    hosts:
      - {host: a.example.org, server_name: mx.example.org, ports: [25, 993]}
      - {host: b.example.org, server_name: mx.example.net, ports: [25]}
      - {host: c.example.org, server_name: mx.example.com, interval: 1h, certificate_group: ours, ports: [25]}
      - {host: d.example.org, server_name: mx.example.com, interval: 1h, certificate_group: others, ports: [25]}
    """
    found = parse(text, "conf.yml")
    first, _, second, third, fourth = found.targets
    assert first.expectation is second.expectation
    assert first.timeouts is second.timeouts
    assert first.labels is fourth.labels
    assert third.expectation is fourth.expectation
    assert found.ports[0].common is found.ports[2].common
    assert found.ports[3].common is found.ports[4].common
    assert [target.certificate_group for target in (first, third, fourth)] == ["a.example.org", "ours", "others"]


def test_none_is_no_group_like_another() -> None:
    text = """
    defaults: {ip_families: [ipv4]}
    hosts:
      - {host: a.example.org, certificate_group: ours, ports: [25]}
      - {host: b.example.org, certificate_group: none, ports: [25]}
      - {host: c.example.org, certificate_group: others, ports: [25]}
    """
    assert [target.certificate_group for target in parse(text, "conf.yml").targets] == ["ours", None, "others"]


def test_hosts_that_differ_in_their_labels_alone_keep_them() -> None:
    text = """
    defaults: {ip_families: [ipv4]}
    hosts:
      - {host: a.example.org, labels: {site: milan}, ports: [25]}
      - {host: b.example.org, labels: {site: rome}, ports: [25]}
    """
    found = parse(text, "conf.yml")
    assert [target.labels for target in found.targets] == [(("site", "milan"),), (("site", "rome"),)]
    assert [(port.settings[-1].value, port.settings[-1].origin) for port in found.ports] == [
        ("milan", "host (conf.yml:4)"),
        ("rome", "host (conf.yml:5)"),
    ]


def test_what_is_wrong_alike_is_named_at_each_port() -> None:
    text = """
    hosts:
      - {host: a.example.org, ports: [{port: 465, starttls: required}]}
      - {host: b.example.org, ports: [{port: 465, starttls: required}]}
    """
    with pytest.raises(ConfigError) as caught:
        parse(text, "conf.yml")
    assert [(fault.line, fault.path) for fault in caught.value.faults] == [
        (3, "hosts[0].ports[0].starttls"),
        (4, "hosts[1].ports[0].starttls"),
    ]
