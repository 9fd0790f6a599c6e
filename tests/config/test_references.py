"""References: hosts that are known to answer, and of which as little as possible is asked."""

from pathlib import Path

import pytest

from exporter.config.fault import ConfigError
from exporter.config.load import load, parse, targets_for_hosts
from exporter.config.reference import MAX_HOSTS, REFERENCE_SECONDS
from exporter.config.wellknown import WELL_KNOWN
from exporter.targets import (
    AuthRule,
    Expectation,
    IpFamily,
    PortState,
    Service,
    StarttlsRule,
    Target,
    Timeouts,
    TlsMode,
)

# Nothing on somebody else's server is judged but that it answers.
ANSWERS = Expectation(PortState.OPEN, StarttlsRule.OPTIONAL, False, AuthRule.ALLOWED)


def references(text: str) -> tuple[Target, ...]:
    return parse(text, "conf.yml").references


@pytest.mark.parametrize("port", sorted(WELL_KNOWN))
def test_a_reference_is_greeted_and_never_upgraded(port: int) -> None:
    known = WELL_KNOWN[port].service
    tls = TlsMode.IMPLICIT if known.tls is TlsMode.IMPLICIT else TlsMode.NONE
    (target,) = references(f"{{references: {{{port}: [192.0.2.1]}}, hosts: []}}")
    assert target == Target(
        host="192.0.2.1",
        service=Service(port, known.protocol, tls),
        ip_family=IpFamily.IPV4,
        expectation=ANSWERS,
        ip_families=(IpFamily.IPV4,),
        interval=REFERENCE_SECONDS,
        reference=True,
    )


def test_references_come_in_the_order_they_are_written_one_for_each_family() -> None:
    text = "{references: {587: [b.example.net], 25: [a.example.net, '2001:db8::1', b.example.net]}, hosts: []}"
    assert [(target.host, target.service.port, target.ip_family.value) for target in references(text)] == [
        ("b.example.net", 587, "ipv4"),
        ("b.example.net", 587, "ipv6"),
        ("a.example.net", 25, "ipv4"),
        ("a.example.net", 25, "ipv6"),
        ("2001:db8::1", 25, "ipv6"),
        ("b.example.net", 25, "ipv4"),
        ("b.example.net", 25, "ipv6"),
    ]


def test_a_reference_takes_from_the_defaults_how_it_is_reached_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "roots.pem").write_text("-----BEGIN CERTIFICATE-----\n")
    text = """
    reference_interval: 1h
    references: {25: [mx.example.net]}
    defaults:
      ip_families: [ipv6]
      require_families: [ipv6]
      addresses: all
      ehlo_name: monitor.example.org
      source_address: {ipv4: 192.0.2.9, ipv6: "2001:db8::9"}
      timeouts: {connect: 2s, total: 20s}
      ca_file: roots.pem
      labels: {team: mail}
      interval: 60s
      variants: [rsa]
      certificate_group: ours
      starttls: required
      valid_certificate: true
      min_tls: TLSv1.3
      greeting_codes: [554]
      capabilities: {must: [DSN]}
      ports: {25: {tls: implicit, ehlo_name: other.example.org}}
    hosts: []
    """
    found = parse(text, "conf.yml", tmp_path)
    assert found.targets == ()
    assert found.references == (
        Target(
            host="mx.example.net",
            service=Service(25, WELL_KNOWN[25].service.protocol, TlsMode.NONE),
            ip_family=IpFamily.IPV6,
            expectation=ANSWERS,
            ip_families=(IpFamily.IPV6,),
            interval=3600,
            timeouts=Timeouts(connect=2, total=20),
            ehlo_name="monitor.example.org",
            ca_file=str(tmp_path / "roots.pem"),
            source_address="2001:db8::9",
            reference=True,
        ),
    )


def test_a_reference_may_be_watched_on_other_ports() -> None:
    text = "{references: {25: [mail.example.org]}, hosts: [{host: mail.example.org, ports: [587]}]}"
    found = parse(text, "conf.yml")
    assert {target.service.port for target in found.targets} == {587}
    assert {target.service.port for target in found.references} == {25}


def test_a_host_of_another_file_is_no_witness_either(tmp_path: Path) -> None:
    (tmp_path / "more.yml").write_text("- mail.example.org\n")
    (tmp_path / "conf.yml").write_text("references: {25: [mail.example.org]}\nhosts_files: [more.yml]\n")
    with pytest.raises(ConfigError, match=r"more\.yml:1\): it cannot be its own witness"):
        load(tmp_path / "conf.yml")


def test_a_port_has_as_many_references_as_the_bound() -> None:
    names = [f"mx{number}.example.net" for number in range(MAX_HOSTS)]
    found = references(f"{{defaults: {{ip_families: [ipv4]}}, references: {{25: [{', '.join(names)}]}}, hosts: []}}")
    assert [target.host for target in found] == names


@pytest.mark.parametrize("written", ["", "references: {}, "])
def test_without_references_there_are_none(written: str) -> None:
    assert references(f"{{{written}hosts: [mail.example.org]}}") == ()


def test_a_command_line_has_no_references() -> None:
    assert targets_for_hosts(["mail.example.org"]).references == ()
