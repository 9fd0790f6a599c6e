"""What the valid forms of a configuration mean, as targets."""

from dataclasses import replace
from pathlib import Path

import pytest

from exporter.config.fault import ConfigError
from exporter.config.load import load, parse
from exporter.config.model import Config, Watch
from exporter.config.wellknown import COMMON_PORTS, WELL_KNOWN
from exporter.targets import (
    AddressRule,
    AuthRule,
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

EXAMPLE = Path(__file__).parents[2] / "config.example.yml"


def config(text: str, folder: Path = Path()) -> Config:
    return parse(text, "conf.yml", folder)


def only(text: str) -> Target:
    """The one target of a text that yields one."""
    (target,) = config(text).targets
    return target


def places(found: Config) -> list[tuple[str, int, str]]:
    return [(target.host, target.service.port, target.ip_family.value) for target in found.targets]


def test_a_bare_name_is_looked_at_on_the_eight_common_ports_and_nothing_is_expected_of_them() -> None:
    found = config("hosts: [mail.example.org]").targets
    assert [target.service.port for target in found if target.ip_family is IpFamily.IPV4] == list(COMMON_PORTS)
    assert {target.expectation.state for target in found} == {PortState.ANY}


def test_a_mapping_without_ports_is_a_bare_name() -> None:
    bare, mapping = config("hosts: [mail.example.org]"), config("hosts: [{host: mail.example.org}]")
    assert mapping.targets == bare.targets


def test_named_ports_should_be_open() -> None:
    found = config("hosts: [{host: mail.example.org, ports: [25, {port: 465}]}]").targets
    assert {target.expectation.state for target in found} == {PortState.OPEN}


def test_targets_come_in_the_order_they_are_written_by_host_port_and_family() -> None:
    text = """
    hosts:
      - {host: b.example.org, ports: [993, 25]}
      - {host: a.example.org, ports: [465], ip_families: [ipv6, ipv4]}
    """
    assert places(config(text)) == [
        ("b.example.org", 993, "ipv4"),
        ("b.example.org", 993, "ipv6"),
        ("b.example.org", 25, "ipv4"),
        ("b.example.org", 25, "ipv6"),
        ("a.example.org", 465, "ipv6"),
        ("a.example.org", 465, "ipv4"),
    ]


@pytest.mark.parametrize(
    ("families", "first"),
    [("[ipv4, ipv6]", "ipv4"), ("[ipv6, ipv4]", "ipv6"), ("[ipv6]", "ipv6")],
)
def test_the_first_family_of_the_host_reports_a_failing_name(families: str, first: str) -> None:
    found = config(f"hosts: [{{host: mail.example.org, ip_families: {families}, ports: [25]}}]").targets
    assert [target.ip_family.value for target in found if target.first_family] == [first]


@pytest.mark.parametrize(
    ("host", "family"),
    [
        pytest.param("192.0.2.1", IpFamily.IPV4, id="ipv4"),
        pytest.param("2001:db8::1", IpFamily.IPV6, id="ipv6"),
    ],
)
@pytest.mark.parametrize("defaults", ["{}", "{ip_families: [ipv4]}", "{ip_families: [ipv6]}"])
def test_an_ip_literal_is_probed_over_its_own_family_only(host: str, family: IpFamily, defaults: str) -> None:
    target = only(f'defaults: {defaults}\nhosts: [{{host: "{host}", ports: [25]}}]')
    assert (target.host, target.ip_family, target.first_family) == (host, family, True)


@pytest.mark.parametrize(
    "host",
    [
        "mail",
        "localhost",
        "MAIL.Example.org",
        "mail_1.example.org",
        "münchen.example.org",
        "xn--mnchen-3ya.example.org",
    ],
)
def test_a_host_stays_as_it_is_written(host: str) -> None:
    assert {target.host for target in config(f"hosts: [{host}]").targets} == {host}


def test_two_scripts_of_one_name_are_one_host() -> None:
    text = "hosts: [{host: münchen.example.org, ports: [25]}, {host: xn--mnchen-3ya.example.org, ports: [465]}]"
    with pytest.raises(ConfigError, match="write both the same way"):
        config(text)


def test_a_host_may_have_several_entries_for_different_ports() -> None:
    text = "hosts: [{host: mail.example.org, ports: [25]}, {host: mail.example.org, ports: [465], interval: 60s}]"
    assert [target.interval for target in config(text).targets] == [300, 300, 60, 60]


UPGRADED = Expectation(PortState.OPEN, StarttlsRule.REQUIRED, True, AuthRule.FORBIDDEN)
IMPLICIT = Expectation(PortState.OPEN, StarttlsRule.OPTIONAL, True, AuthRule.FORBIDDEN)
RELAY = Expectation(PortState.OPEN, StarttlsRule.REQUIRED, False, AuthRule.FORBIDDEN)
KEY_TYPES = (Variant.RSA, Variant.ECDSA)


@pytest.mark.parametrize(
    ("port", "protocol", "tls", "expectation", "interval"),
    [
        (25, Protocol.SMTP, TlsMode.STARTTLS, RELAY, 300),
        (465, Protocol.SMTP, TlsMode.IMPLICIT, IMPLICIT, 120),
        (587, Protocol.SMTP, TlsMode.STARTTLS, UPGRADED, 120),
        (2525, Protocol.SMTP, TlsMode.STARTTLS, UPGRADED, 120),
        (110, Protocol.POP3, TlsMode.STARTTLS, UPGRADED, 120),
        (995, Protocol.POP3, TlsMode.IMPLICIT, IMPLICIT, 120),
        (143, Protocol.IMAP, TlsMode.STARTTLS, UPGRADED, 120),
        (993, Protocol.IMAP, TlsMode.IMPLICIT, IMPLICIT, 120),
        (4190, Protocol.SIEVE, TlsMode.STARTTLS, UPGRADED, 120),
    ],
)
def test_a_well_known_port_needs_nothing_but_its_number(
    port: int, protocol: Protocol, tls: TlsMode, expectation: Expectation, interval: float
) -> None:
    target = only(f"hosts: [{{host: mail.example.org, ip_families: [ipv4], ports: [{port}]}}]")
    assert target == Target(
        host="mail.example.org",
        service=Service(port, protocol, tls),
        ip_family=IpFamily.IPV4,
        expectation=expectation,
        ip_families=(IpFamily.IPV4,),
        interval=interval,
        certificate_group="mail.example.org",
        variants=(Variant.NO_SNI, *KEY_TYPES) if port == 25 else KEY_TYPES,
    )


def test_the_common_ports_are_the_well_known_ones_without_sieve() -> None:
    assert set(COMMON_PORTS) == WELL_KNOWN.keys() - {4190}
    assert len(COMMON_PORTS) == 8


@pytest.mark.parametrize(
    ("entry", "service", "expectation"),
    [
        pytest.param(
            "{port: 26, protocol: imap, tls: starttls}",
            Service(26, Protocol.IMAP, TlsMode.STARTTLS),
            UPGRADED,
            id="unknown port with starttls",
        ),
        pytest.param(
            "{port: 26, protocol: smtp, tls: implicit}",
            Service(26, Protocol.SMTP, TlsMode.IMPLICIT),
            IMPLICIT,
            id="unknown port with implicit tls",
        ),
        pytest.param(
            "{port: 26, protocol: pop3, tls: none}",
            Service(26, Protocol.POP3, TlsMode.NONE),
            Expectation(PortState.OPEN, StarttlsRule.OPTIONAL, False, AuthRule.FORBIDDEN),
            id="unknown port without tls",
        ),
        pytest.param(
            "{port: 2525, tls: implicit}",
            Service(2525, Protocol.SMTP, TlsMode.IMPLICIT),
            IMPLICIT,
            id="well-known port with another tls",
        ),
        pytest.param(
            "{port: 26, protocol: smtp, tls: none, valid_certificate: false}",
            Service(26, Protocol.SMTP, TlsMode.NONE),
            Expectation(PortState.OPEN, StarttlsRule.OPTIONAL, False, AuthRule.FORBIDDEN),
            id="no certificate wanted where there is none",
        ),
    ],
)
def test_what_is_expected_follows_from_the_way_into_tls(entry: str, service: Service, expectation: Expectation) -> None:
    target = only(f"hosts: [{{host: mail.example.org, ip_families: [ipv4], ports: [{entry}]}}]")
    assert (target.service, target.expectation) == (service, expectation)


def test_a_rule_for_all_ports_passes_over_those_it_cannot_apply_to() -> None:
    text = """
    defaults: {starttls: forbidden, valid_certificate: true, ip_families: [ipv4]}
    hosts: [{host: mail.example.org, ports: [587, 465, {port: 26, protocol: smtp, tls: none}]}]
    """
    found = [target.expectation for target in config(text).targets]
    assert [(rule.starttls, rule.valid_certificate) for rule in found] == [
        (StarttlsRule.FORBIDDEN, True),
        (StarttlsRule.OPTIONAL, True),
        (StarttlsRule.OPTIONAL, False),
    ]


def test_a_port_that_changes_its_tls_is_not_bound_by_the_rules_for_its_number() -> None:
    text = """
    defaults: {ports: {2525: {starttls: required}}}
    hosts: [{host: mail.example.org, ip_families: [ipv4], ports: [{port: 2525, tls: implicit}]}]
    """
    assert only(text).expectation.starttls is StarttlsRule.OPTIONAL


def test_everything_of_a_target_can_be_configured(tmp_path: Path) -> None:
    (tmp_path / "roots.pem").write_text("-----BEGIN CERTIFICATE-----\n")
    text = """
    hosts:
      - host: mail.example.org
        ip_families: [ipv6]
        require_families: [ipv6]
        addresses: all
        labels: {team: mail, site: milan}
        ports:
          - port: 587
            expect: filtered
            starttls: optional
            valid_certificate: {name: false}
            certificate_group: MX.example.org
            variants: [ecdsa, no_sni]
            auth_before_tls: allowed
            min_tls: TLSv1.3
            greeting_codes: [554, 521]
            capabilities: {must: [8bitmime, size 10240000], must_not: [vrfy]}
            interval: 1h30m
            timeouts: {connect: 500ms, greeting: 1m, reply: 2s, handshake: 3s, total: 90s}
            ehlo_name: "[IPv6:2001:db8::9]"
            server_name: smtp.example.org
            ca_file: roots.pem
            source_address: {ipv6: "2001:db8::9", ipv4: 192.0.2.9}
    """
    assert config(text, tmp_path).targets == (
        Target(
            host="mail.example.org",
            service=Service(587, Protocol.SMTP, TlsMode.STARTTLS),
            ip_family=IpFamily.IPV6,
            expectation=Expectation(
                PortState.FILTERED,
                StarttlsRule.OPTIONAL,
                True,
                AuthRule.ALLOWED,
                certificate_checks=CertificateChecks(name=False),
                greeting_codes=(554, 521),
                capabilities_must=("8BITMIME", "SIZE 10240000"),
                capabilities_must_not=("VRFY",),
                min_tls=TlsVersion.TLS_1_3,
            ),
            ip_families=(IpFamily.IPV6,),
            interval=5400,
            timeouts=Timeouts(0.5, 60, 2, 3, 90),
            ehlo_name="[IPv6:2001:db8::9]",
            server_name="smtp.example.org",
            ca_file=str(tmp_path / "roots.pem"),
            source_address="2001:db8::9",
            labels=(("site", "milan"), ("team", "mail")),
            addresses=AddressRule.ALL,
            family_required=True,
            certificate_group="mx.example.org",
            variants=(Variant.ECDSA, Variant.NO_SNI),
        ),
    )


def test_a_source_address_goes_to_the_targets_of_its_family() -> None:
    text = "hosts: [{host: mail.example.org, source_address: {ipv4: 192.0.2.9}, ports: [25]}]"
    assert [target.source_address for target in config(text).targets] == ["192.0.2.9", None]


def test_the_daemon_has_its_own_settings() -> None:
    text = """
    nameservers: [192.0.2.53, "2001:db8::53"]
    max_sessions: 10
    sessions_per_address: 2
    min_gap: 0s
    first_round: 5s
    certificate_retention: 36h
    metrics: {capabilities: true}
    variant_interval: 7d
    variant_gap: 0s
    address_grace: 1d
    watch:
      stale_certificates: false
      tls_findings: false
      suspected_bans: false
      lost_families: false
      inferred_vantage: false
    hosts: []
    """
    found = config(text)
    assert found.nameservers == ("192.0.2.53", "2001:db8::53")
    assert (found.max_sessions, found.sessions_per_address) == (10, 2)
    assert (found.min_gap, found.first_round, found.certificate_retention) == (0, 5, 129_600)
    assert found.capability_metrics is True
    assert (found.variant_interval, found.variant_gap, found.address_grace) == (604_800, 0, 86_400)
    assert found.watch == Watch(False, False, False, False, False)


@pytest.mark.parametrize("name", Watch.__slots__)
def test_each_conclusion_can_be_switched_off_by_itself(name: str) -> None:
    found = config(f"{{watch: {{{name}: false}}, hosts: []}}").watch
    assert found == replace(Watch(), **{name: False})


def test_what_is_left_out_is_built_in() -> None:
    found = config("hosts: []")
    assert found == Config(targets=(), settings=found.settings, modules=found.modules, files=("conf.yml",))


def test_anchors_aliases_and_standard_tags_are_plain_yaml() -> None:
    text = """
    hosts:
      - {host: &name mail.example.org, server_name: *name, ports: &ports [!!int 25, 465]}
      - {host: !!str mx.example.org, ports: *ports}
    """
    assert {(target.host, target.service.port) for target in config(text).targets} == {
        ("mail.example.org", 25),
        ("mail.example.org", 465),
        ("mx.example.org", 25),
        ("mx.example.org", 465),
    }


def test_the_example_loads() -> None:
    assert {target.host for target in load(EXAMPLE).targets} == {
        "mail.example.net",
        "mail.example.org",
        "imap.example.org",
        "192.0.2.25",
        "mx2.example.org",
    }
