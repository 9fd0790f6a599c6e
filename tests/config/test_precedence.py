"""A setting comes from the port's entry, else the host, else the port's defaults, else the defaults, else built in."""

from collections.abc import Callable, Sequence

import pytest

from exporter.config.load import parse
from exporter.targets import AddressRule, CertificateChecks, Target, TlsVersion, Variant

PORT, HOST, PORT_DEFAULT, DEFAULT = "port", "host", "port default", "default"

# For each setting that may stand at all four levels: a value for each, how a target shows it, and what is built in.
SETTINGS: dict[str, tuple[Sequence[str], Callable[[Target], object], Sequence[object], object]] = {
    "interval": (["11s", "12s", "13s", "14s"], lambda target: target.interval, [11, 12, 13, 14], 120),
    "ehlo_name": (
        ["a.example", "b.example", "c.example", "d.example"],
        lambda target: target.ehlo_name,
        ["a.example", "b.example", "c.example", "d.example"],
        None,
    ),
    "timeouts": (
        ["{reply: 1s}", "{reply: 2s}", "{reply: 3s}", "{reply: 4s}"],
        lambda target: target.timeouts.reply,
        [1, 2, 3, 4],
        10,
    ),
    "source_address": (
        ["{ipv4: 192.0.2.1}", "{ipv4: 192.0.2.2}", "{ipv4: 192.0.2.3}", "{ipv4: 192.0.2.4}"],
        lambda target: target.source_address,
        ["192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4"],
        None,
    ),
    "expect": (
        ["any", "closed", "any", "closed"],
        lambda target: target.expectation.state.value,
        ["any", "closed", "any", "closed"],
        "open",
    ),
    "starttls": (
        ["optional", "forbidden", "optional", "forbidden"],
        lambda target: target.expectation.starttls.value,
        ["optional", "forbidden", "optional", "forbidden"],
        "required",
    ),
    "valid_certificate": (
        ["false", "true", "false", "true"],
        lambda target: target.expectation.valid_certificate,
        [False, True, False, True],
        True,
    ),
    "certificate checks": (
        ["{chain: false}", "true", "{name: false, dates: false}", "{}"],
        lambda target: target.expectation.certificate_checks,
        [
            CertificateChecks(chain=False),
            CertificateChecks(),
            CertificateChecks(name=False, dates=False),
            CertificateChecks(),
        ],
        CertificateChecks(),
    ),
    "certificate_group": (
        ["a.example", "none", "B.example", "none"],
        lambda target: target.certificate_group,
        ["a.example", None, "b.example", None],
        "mail.example.org",
    ),
    "variants": (
        ["[no_sni]", "[]", "[rsa]", "[ecdsa, no_sni]"],
        lambda target: target.variants,
        [(Variant.NO_SNI,), (), (Variant.RSA,), (Variant.ECDSA, Variant.NO_SNI)],
        (Variant.RSA, Variant.ECDSA),
    ),
    "min_tls": (
        ["TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"],
        lambda target: target.expectation.min_tls,
        list(TlsVersion),
        None,
    ),
    "greeting_codes": (
        ["[220]", "[554, 521]", "[220, 421]", "[554]"],
        lambda target: target.expectation.greeting_codes,
        [(220,), (554, 521), (220, 421), (554,)],
        (),
    ),
    "capabilities": (
        ["{must: []}", "{must: [a]}", "{must: [b]}", "{must: [c d]}"],
        lambda target: target.expectation.capabilities_must,
        [(), ("A",), ("B",), ("C D",)],
        (),
    ),
    "auth_before_tls": (
        ["allowed", "forbidden", "allowed", "forbidden"],
        lambda target: target.expectation.auth_before_tls.value,
        ["allowed", "forbidden", "allowed", "forbidden"],
        "forbidden",
    ),
}


def resolved(key: str, values: dict[str, str]) -> Target:
    """The target of a configuration that has `key` at the levels named."""

    def at(level: str) -> str:
        return f", {key}: {values[level]}" if level in values else ""

    text = f"""
    defaults: {{ip_families: [ipv4], ports: {{587: {{protocol: smtp{at(PORT_DEFAULT)}}}}}{at(DEFAULT)}}}
    hosts: [{{host: mail.example.org{at(HOST)}, ports: [{{port: 587{at(PORT)}}}]}}]
    """
    (target,) = parse(text, "conf.yml").targets
    return target


@pytest.mark.parametrize("first", range(5), ids=["port", "host", "port default", "default", "built in"])
@pytest.mark.parametrize("key", SETTINGS)
def test_the_nearest_layer_has_the_last_word(key: str, first: int) -> None:
    written, shown, expected, built_in = SETTINGS[key]
    levels = [PORT, HOST, PORT_DEFAULT, DEFAULT]
    name = "valid_certificate" if key == "certificate checks" else key
    target = resolved(name, dict(zip(levels[first:], written[first:], strict=True)))
    assert shown(target) == [*expected, built_in][first]


@pytest.mark.parametrize(
    ("defaults", "host", "addresses", "required"),
    [
        pytest.param("", "", AddressRule.FIRST, [False, False], id="built in"),
        pytest.param("addresses: all, require_families: [ipv6]", "", AddressRule.ALL, [False, True], id="defaults"),
        pytest.param(
            "addresses: all, require_families: [ipv6]",
            "addresses: first, require_families: [ipv4]",
            AddressRule.FIRST,
            [True, False],
            id="host",
        ),
        pytest.param("require_families: [ipv6]", "require_families: []", AddressRule.FIRST, [False] * 2, id="nothing"),
    ],
)
def test_what_is_said_about_addresses_at_the_host_comes_before_the_defaults(
    defaults: str, host: str, addresses: AddressRule, required: list[bool]
) -> None:
    text = f"""
    defaults: {{{defaults}}}
    hosts: [{{host: mail.example.org, ports: [25], {host}}}]
    """
    found = parse(text, "conf.yml").targets
    assert [(target.addresses, target.family_required) for target in found] == [(addresses, one) for one in required]


def test_each_timeout_is_inherited_by_itself() -> None:
    text = """
    defaults: {ip_families: [ipv4], timeouts: {total: 50s}, ports: {25: {timeouts: {handshake: 4s, reply: 4s}}}}
    hosts: [{host: mail.example.org, timeouts: {reply: 3s, connect: 3s}, ports: [{port: 25, timeouts: {connect: 2s}}]}]
    """
    (target,) = parse(text, "conf.yml").targets
    timeouts = target.timeouts
    assert (timeouts.connect, timeouts.greeting, timeouts.reply, timeouts.handshake, timeouts.total) == (
        2,
        30,
        3,
        4,
        50,
    )


def test_each_list_of_capabilities_is_inherited_by_itself() -> None:
    text = """
    defaults: {ip_families: [ipv4], capabilities: {must: [DSN], must_not: [VRFY]}}
    hosts: [{host: mail.example.org, capabilities: {must: [PIPELINING]}, ports: [25, {port: 587, capabilities: {}}]}]
    """
    for target in parse(text, "conf.yml").targets:
        expected = target.expectation
        assert (expected.capabilities_must, expected.capabilities_must_not) == (("PIPELINING",), ("VRFY",))


def test_the_checks_of_a_certificate_are_inherited_together() -> None:
    text = """
    defaults: {ip_families: [ipv4], valid_certificate: {chain: false}}
    hosts: [{host: mail.example.org, ports: [{port: 465, valid_certificate: {name: false}}]}]
    """
    (target,) = parse(text, "conf.yml").targets
    assert target.expectation.certificate_checks == CertificateChecks(name=False)


def test_labels_are_merged_by_name_and_the_host_wins() -> None:
    text = """
    defaults: {ip_families: [ipv4], labels: {team: mail, site: unknown}}
    hosts: [{host: mail.example.org, labels: {site: milan, rack: "7"}, ports: [25]}]
    """
    (target,) = parse(text, "conf.yml").targets
    assert target.labels == (("rack", "7"), ("site", "milan"), ("team", "mail"))


def test_the_server_name_of_a_port_comes_before_that_of_its_host() -> None:
    text = """
    defaults: {ip_families: [ipv4]}
    hosts:
      - host: mail.example.org
        server_name: host.example.org
        ports: [{port: 465, server_name: port.example.org}, 993]
      - {host: mx.example.org, ports: [25]}
    """
    assert [target.reference_name for target in parse(text, "conf.yml").targets] == [
        "port.example.org",
        "host.example.org",
        "mx.example.org",
    ]


def test_the_port_defaults_can_name_an_unknown_port() -> None:
    text = """
    defaults: {ip_families: [ipv4], ports: {26: {protocol: smtp, tls: starttls}}}
    hosts: [{host: a.example.org, ports: [26]}, {host: b.example.org, ports: [{port: 26, tls: implicit}]}]
    """
    assert [target.service.tls.value for target in parse(text, "conf.yml").targets] == ["starttls", "implicit"]


def test_a_setting_of_expect_holds_for_bare_hosts_too() -> None:
    text = "defaults: {expect: open, ports: {110: {expect: closed}}}\nhosts: [mail.example.org]"
    states = {target.service.port: target.expectation.state.value for target in parse(text, "conf.yml").targets}
    assert states == {
        25: "open",
        110: "closed",
        143: "open",
        465: "open",
        587: "open",
        993: "open",
        995: "open",
        2525: "open",
    }
