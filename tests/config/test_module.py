"""Modules: settings of a port without a host, put together once for every port they may be asked for."""

import pickle
from pathlib import Path

import pytest

from exporter.config.load import load, parse, targets_for_hosts
from exporter.config.model import Config, Module
from exporter.config.wellknown import WELL_KNOWN
from exporter.targets import IpFamily, Protocol, Service, StarttlsRule, Target, TlsMode, TlsVersion
from tests.config.test_forms import EXAMPLE


def module(text: str, name: str = "m") -> Module:
    return named(parse(f"{{hosts: [], {text}}}", "conf.yml"), name)


def named(config: Config, name: str) -> Module:
    (found,) = [one for one in config.modules if one.name == name]
    return found


def over_ipv4(found: Module, port: int) -> Target:
    (target,) = [target for target in found.targets(port) if target.ip_family is IpFamily.IPV4]
    return target


@pytest.mark.parametrize("port", WELL_KNOWN)
def test_an_empty_module_is_what_a_named_port_of_a_host_would_be(port: int) -> None:
    config = parse(f"{{hosts: [{{host: a, ports: [{port}]}}], modules: {{m: {{}}}}}}", "conf.yml")
    for found in (named(config, "m"), named(config, "")):
        assert [target.expectation for target in found.targets(port)] == [one.expectation for one in config.targets]
        assert [target.service for target in found.targets(port)] == [one.service for one in config.targets]
        assert [target.ip_family for target in found.targets(port)] == [one.ip_family for one in config.targets]


def test_a_single_probe_is_compared_with_nothing_and_makes_no_further_handshakes() -> None:
    found = module("modules: {m: {certificate_group: ours, variants: [rsa], interval: 1m}}")
    assert {(target.certificate_group, target.variants) for target in found.targets(993)} == {(None, ())}


def test_a_port_that_is_not_well_known_needs_a_module_that_says_what_is_spoken() -> None:
    assert module("modules: {m: {tls: implicit}}").targets(10465) == ()
    found = module("modules: {m: {protocol: imap, tls: implicit}}")
    assert {target.service for target in found.targets(10993)} == {Service(0, Protocol.IMAP, TlsMode.IMPLICIT)}
    assert {target.service for target in found.targets(25)} == {Service(25, Protocol.IMAP, TlsMode.IMPLICIT)}


def test_a_module_may_have_a_port_of_its_own() -> None:
    assert module("modules: {m: {port: 465}}").port == 465
    assert module("modules: {m: {port: 10465, protocol: smtp, tls: implicit}}").port == 10465
    assert module("modules: {m: {}}").port is None


def test_what_a_module_leaves_out_is_taken_from_the_defaults() -> None:
    found = module(
        "defaults: {ip_families: [ipv4], min_tls: TLSv1.2, timeouts: {reply: 3s}, labels: {team: mail}, "
        "ports: {587: {starttls: optional, min_tls: TLSv1.3}}}, modules: {m: {timeouts: {greeting: 4s}}}"
    )
    (submission,), (imap,) = found.targets(587), found.targets(143)
    assert (submission.expectation.min_tls, imap.expectation.min_tls) == (TlsVersion.TLS_1_3, TlsVersion.TLS_1_2)
    assert submission.expectation.starttls is StarttlsRule.OPTIONAL
    assert (submission.timeouts.reply, submission.timeouts.greeting, submission.timeouts.connect) == (3, 4, 5)
    assert submission.labels == ()


def test_a_module_goes_before_the_defaults() -> None:
    found = module(
        "defaults: {ip_families: [ipv6], ports: {587: {starttls: optional}}}, "
        "modules: {m: {ip_families: [ipv4], starttls: forbidden, server_name: mx.example, "
        "source_address: {ipv4: 192.0.2.9}}}"
    )
    (target,) = found.targets(587)
    assert (target.ip_family, target.ip_families) == (IpFamily.IPV4, (IpFamily.IPV4,))
    assert target.expectation.starttls is StarttlsRule.FORBIDDEN
    assert (target.server_name, target.source_address) == ("mx.example", "192.0.2.9")


@pytest.mark.parametrize(
    "settings",
    [
        pytest.param("starttls: required", id="starttls"),
        pytest.param("greeting_codes: [554]", id="greeting_codes"),
        pytest.param("port: 465, starttls: required", id="starttls with an implicit port"),
    ],
)
def test_a_rule_that_some_ports_have_no_use_for_is_meant_for_the_others(settings: str) -> None:
    assert module(f"modules: {{m: {{{settings}}}}}").targets(465)


def test_the_first_module_has_no_name_and_is_always_there() -> None:
    assert [one.name for one in parse("{hosts: [], modules: {b: {}, a: {}}}", "conf.yml").modules] == ["", "b", "a"]
    assert [one.name for one in targets_for_hosts(["mail.example.org"]).modules] == [""]


def test_the_roots_of_modules_are_among_those_that_are_needed(tmp_path: Path) -> None:
    for name in ("a.pem", "b.pem", "c.pem"):
        (tmp_path / name).write_text("-----BEGIN CERTIFICATE-----\n")
    text = (
        "{hosts: [{host: h, ca_file: a.pem, ports: [25]}], modules: {m: {ca_file: b.pem}, "
        "o: {ca_file: c.pem, protocol: smtp, tls: none}}}"
    )
    found = parse(text, "conf.yml", tmp_path).ca_files
    assert found == {str(tmp_path / name) for name in ("a.pem", "b.pem", "c.pem")}


def test_the_roots_of_the_system_are_needed_only_for_whom_somebody_may_ask(tmp_path: Path) -> None:
    (tmp_path / "a.pem").write_text("-----BEGIN CERTIFICATE-----\n")
    hosts = "hosts: [{host: h, ca_file: a.pem, ports: [25]}]"
    own = {str(tmp_path / "a.pem")}
    assert parse(hosts, "conf.yml", tmp_path).ca_files == own
    assert parse(f"probe_allow: [.example.org]\n{hosts}", "conf.yml", tmp_path).ca_files == {None, *own}
    assert parse(f"references: {{465: [192.0.2.1]}}\n{hosts}", "conf.yml", tmp_path).ca_files == {None, *own}


def test_the_modules_of_the_example_are_those_it_describes() -> None:
    config = load(EXAMPLE)
    strict, balancer = named(config, "submission_strict"), named(config, "smtp_behind_balancer")
    assert over_ipv4(strict, 587).expectation.min_tls is TlsVersion.TLS_1_2
    assert strict.port == 587
    assert over_ipv4(balancer, 10465).server_name == "mail.example.com"


def test_a_module_can_cross_a_process_border() -> None:
    found = module("modules: {m: {valid_certificate: {dates: false}}}")
    assert pickle.loads(pickle.dumps(found)) == found
