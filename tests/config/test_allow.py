"""Whom `/probe` may ask: by name, by suffix, by network, and never by accident."""

import pytest

from exporter.config.allow import MAX_ENTRIES, Allowed
from exporter.config.fault import ConfigError
from exporter.config.load import parse

PUBLIC = "8.8.8.8"


def allowed(*entries: str) -> Allowed:
    """The meaning of entries that the loader accepts."""
    found = parse(f"{{hosts: [], probe_allow: {[*entries]}}}", "conf.yml").probe_allow
    assert found == entries
    return Allowed.of(found)


@pytest.mark.parametrize(
    ("entry", "host"),
    [
        pytest.param("mail.example.org", "mail.example.org", id="name"),
        pytest.param("mail.example.org", "MAIL.Example.ORG", id="letter case"),
        pytest.param("MAIL.Example.ORG", "mail.example.org", id="letter case of the entry"),
        pytest.param("münchen.example", "xn--mnchen-3ya.example", id="script"),
        pytest.param(".example.org", "mail.example.org", id="suffix"),
        pytest.param(".example.org", "a.b.example.org", id="suffix of many labels"),
        pytest.param(".München.example", "mx.xn--mnchen-3ya.example", id="suffix in another script"),
    ],
)
def test_who_is_named_may_be_asked_wherever_it_is_in_public(entry: str, host: str) -> None:
    found = allowed(entry)
    assert found.may_ask(host)
    assert found.admits(host, PUBLIC)


@pytest.mark.parametrize(
    ("entry", "host"),
    [
        pytest.param("mail.example.org", "example.org", id="the domain of a name"),
        pytest.param("mail.example.org", "evil-mail.example.org", id="longer in front"),
        pytest.param("mail.example.org", "mail.example.org.evil.example", id="longer behind"),
        pytest.param(".example.org", "example.org", id="the domain of a suffix"),
        pytest.param(".example.org", "evilexample.org", id="no dot before the suffix"),
        pytest.param("mail.example.org", PUBLIC, id="an address"),
    ],
)
def test_nobody_else_may_be_asked(entry: str, host: str) -> None:
    found = allowed(entry)
    assert not found.may_ask(host)
    assert not found.admits(host, PUBLIC)


def test_without_entries_nobody_may_be_asked() -> None:
    assert not Allowed().may_ask("mail.example.org")
    assert not Allowed().admits("mail.example.org", PUBLIC)


@pytest.mark.parametrize("entry", ["8.8.8.0/24", "8.8.8.8", "0.0.0.0/0"])
def test_a_network_lets_in_every_address_and_every_name_that_leads_there(entry: str) -> None:
    found = allowed(entry)
    assert found.may_ask(PUBLIC)
    assert found.may_ask("dns.example")
    assert found.admits("dns.example", PUBLIC)


def test_a_name_that_leads_elsewhere_is_not_let_in_by_a_network() -> None:
    assert not allowed("8.8.4.0/24").admits("dns.example", PUBLIC)


OURS = {
    "loopback": "127.0.0.1",
    "private": "10.1.2.3",
    "link-local": "169.254.169.254",
    "carrier": "100.64.0.1",
    "documentation": "192.0.2.1",
    "multicast": "224.0.0.1",
    "nowhere": "0.0.0.0",
    "broadcast": "255.255.255.255",
    "loopback of IPv6": "::1",
    "unique local": "fd00::1",
    "link-local of IPv6": "fe80::1",
    "link-local with a zone": "fe80::1%eth0",
    "site-local": "fec0::1",
    "multicast of IPv6": "ff02::1",
    "IPv4 inside IPv6": "::ffff:10.1.2.3",
    "IPv4 at the end of IPv6": "::127.0.0.1",
    "behind NAT64": "64:ff9b::10.1.2.3",
    "behind 6to4": "2002:0a01:0203::1",
    "behind Teredo": "2001:0:808:808::f5fe:fdfc",
}


@pytest.mark.parametrize("literal", OURS.values(), ids=OURS)
@pytest.mark.parametrize(
    "entries", [("mail.example.org",), (".org",), ("0.0.0.0/0", "::/0"), ("mail.example.org", "0.0.0.0/0", "::/0")]
)
def test_a_name_does_not_open_our_own_network(literal: str, entries: tuple[str, ...]) -> None:
    assert not allowed(*entries).admits("mail.example.org", literal)


@pytest.mark.parametrize(
    ("entry", "literal"),
    [
        ("127.0.0.0/8", "127.0.0.1"),
        ("10.1.2.3", "10.1.2.3"),
        ("100.64.0.0/10", "100.64.0.1"),
        ("::1", "::1"),
        ("fd00::/8", "fd00::1"),
        ("fe80::/10", "fe80::1%eth0"),
        ("fec0::/10", "fec0::1"),
    ],
)
def test_our_own_network_is_open_where_it_is_named_itself(entry: str, literal: str) -> None:
    assert allowed(entry).admits("anything.example", literal)
    assert allowed(entry, "mail.example.org").admits("mail.example.org", literal)


@pytest.mark.parametrize("literal", ["64:ff9b::10.1.2.3", "2002:0a01:0203::1"])
def test_a_gateway_leads_into_our_own_network_only_where_that_is_named_as_well(literal: str) -> None:
    gateways = ("mail.example.org", "64:ff9b::/96", "2002::/16")
    assert not allowed(*gateways).admits("mail.example.org", literal)
    assert allowed(*gateways, "10.0.0.0/8").admits("mail.example.org", literal)


@pytest.mark.parametrize("literal", ["2606:4700::1111", "64:ff9b::8.8.8.8"])
def test_public_addresses_of_ipv6_are_as_good_as_those_of_ipv4(literal: str) -> None:
    assert allowed(".example.org").admits("mail.example.org", literal)


def test_the_list_has_a_bound() -> None:
    names = [f"a{number}.example" for number in range(MAX_ENTRIES + 1)]
    assert len(parse(f"{{hosts: [], probe_allow: {names[1:]}}}", "conf.yml").probe_allow) == MAX_ENTRIES
    with pytest.raises(ConfigError, match=f"at most {MAX_ENTRIES}, not {MAX_ENTRIES + 1}"):
        parse(f"{{hosts: [], probe_allow: {names}}}", "conf.yml")
