"""With which certificates a port's own is compared, and by which further handshakes others are looked for."""

import pytest

from exporter.config.hostname import MAX_NAME
from exporter.targets import AddressRule, IpFamily, Variant
from tests.config.test_forms import config, only


@pytest.mark.parametrize(
    ("host", "group"),
    [
        pytest.param("MAIL.Example.org", "mail.example.org", id="case"),
        pytest.param("münchen.example", "xn--mnchen-3ya.example", id="script"),
        pytest.param("2001:DB8:0::1", "2001:db8::1", id="zeros"),
    ],
)
def test_the_ports_of_a_host_are_a_group_however_it_is_spelled(host: str, group: str) -> None:
    found = config(f'hosts: [{{host: "{host}", ports: [25, 993]}}]').targets
    assert {target.certificate_group for target in found} == {group}


@pytest.mark.parametrize("written", ["mail.example.org", "Mail.Example.ORG", "mail.example.org."])
def test_the_name_of_another_host_joins_its_group(written: str) -> None:
    text = f"""
    hosts:
      - {{host: mail.example.org, ports: [25]}}
      - {{host: mx.example.org, certificate_group: {written}, ports: [25]}}
    """
    assert {target.certificate_group for target in config(text).targets} == {"mail.example.org"}


@pytest.mark.parametrize("written", ["none", "None", "NONE"])
def test_none_compares_with_none(written: str) -> None:
    text = f"hosts: [{{host: a, ip_families: [ipv4], certificate_group: {written}, ports: [25]}}]"
    assert only(text).certificate_group is None


def test_a_host_that_is_called_none_has_a_group() -> None:
    assert only("hosts: [{host: none, ip_families: [ipv4], ports: [25]}]").certificate_group == "none"


@pytest.mark.parametrize("group", ["the imap servers", "a" * MAX_NAME])
def test_a_group_may_have_any_name_as_long_as_that_of_a_host(group: str) -> None:
    text = f"hosts: [{{host: a, ip_families: [ipv4], certificate_group: {group}, ports: [25]}}]"
    assert only(text).certificate_group == group


def test_a_port_without_tls_shows_no_certificate_to_compare() -> None:
    text = """
    defaults: {ip_families: [ipv4], certificate_group: ours, variants: [rsa]}
    hosts: [{host: a, ports: [{port: 26, protocol: smtp, tls: none}, {port: 25, tls: none}, 465]}]
    """
    assert [(target.certificate_group, target.variants) for target in config(text).targets] == [
        (None, ()),
        (None, ()),
        ("ours", (Variant.RSA,)),
    ]


@pytest.mark.parametrize(
    ("port", "variants"),
    [
        pytest.param("25", "no_sni rsa ecdsa", id="smtp"),
        pytest.param("{port: 25, tls: implicit}", "no_sni rsa ecdsa", id="smtp with another tls"),
        pytest.param("{port: 25, tls: none}", "", id="smtp without tls"),
        pytest.param("587", "rsa ecdsa", id="submission"),
        pytest.param("993", "rsa ecdsa", id="imaps"),
        pytest.param("{port: 26, protocol: smtp, tls: starttls}", "rsa ecdsa", id="unknown port"),
        pytest.param("{port: 26, protocol: smtp, tls: none}", "", id="unknown port without tls"),
    ],
)
def test_the_further_handshakes_follow_from_the_port(port: str, variants: str) -> None:
    found = only(f"hosts: [{{host: a, ip_families: [ipv4], ports: [{port}]}}]").variants
    assert " ".join(found) == variants


@pytest.mark.parametrize(
    ("server_name", "variants"),
    [
        pytest.param("", "rsa ecdsa", id="no name is ever sent"),
        pytest.param("server_name: mx.example.org, ", "no_sni rsa ecdsa", id="a name is sent"),
    ],
)
@pytest.mark.parametrize("written", ["", "variants: [no_sni, rsa, ecdsa], "], ids=["built in", "written"])
def test_an_address_without_a_name_is_never_asked_twice_without_one(
    server_name: str, variants: str, written: str
) -> None:
    found = only(f"hosts: [{{host: 192.0.2.1, {server_name}{written}ports: [25]}}]").variants
    assert " ".join(found) == variants


def test_a_family_is_required_where_it_is_named_and_probed() -> None:
    text = """
    defaults: {require_families: [ipv6]}
    hosts:
      - {host: a, ports: [25]}
      - {host: b, ip_families: [ipv4], ports: [25]}
      - {host: 192.0.2.1, ports: [25]}
      - {host: c, require_families: [ipv6, ipv4], ports: [25]}
    """
    required = [(target.host, target.ip_family) for target in config(text).targets if target.family_required]
    assert required == [("a", IpFamily.IPV6), ("c", IpFamily.IPV4), ("c", IpFamily.IPV6)]


def test_all_addresses_of_a_name_are_one_target_for_each_family_until_dns_names_them() -> None:
    text = """
    defaults: {addresses: all}
    hosts: [{host: a, ports: [25]}, {host: 192.0.2.1, ports: [25]}, {host: 192.0.2.2, addresses: first, ports: [25]}]
    """
    found = [(target.host, target.ip_family.value, target.address, target.addresses) for target in config(text).targets]
    assert found == [
        ("a", "ipv4", "", AddressRule.ALL),
        ("a", "ipv6", "", AddressRule.ALL),
        ("192.0.2.1", "ipv4", "", AddressRule.FIRST),
        ("192.0.2.2", "ipv4", "", AddressRule.FIRST),
    ]
