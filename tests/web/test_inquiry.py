"""What a request of `/probe` asks, and what it means by the configuration."""

from dataclasses import replace

import pytest

from exporter.config.load import parse
from exporter.config.wellknown import WELL_KNOWN
from exporter.targets import IpFamily, Protocol, Service, TlsMode
from exporter.web.inquiry import (
    SCHEMES,
    Aim,
    Directory,
    InquiryError,
    NotAllowed,
    Question,
    parse_inquiry,
    parse_target,
)

TEXT = """
probe_allow: [.example.com, 10.0.0.0/8, "2001:db8::/32"]
defaults: {labels: {team: mail}}
modules:
  strict: {port: 465, min_tls: TLSv1.3}
  retrieval: {protocol: imap, tls: implicit}
  legacy: {ip_families: [ipv4], source_address: {ipv4: 192.0.2.9}, timeouts: {reply: 1s}}
hosts:
  - {host: mail.example.org, ports: [25, {port: 10465, protocol: smtp, tls: implicit}]}
  - {host: münchen.example, ip_families: [ipv4], ports: [587], labels: {site: munich}}
  - {host: "2001:db8:1::1", ports: [993]}
"""
CONFIG = parse(TEXT, "conf.yml")
DIRECTORY = Directory(CONFIG)


def asked(target: str, module: str | None = None) -> Question:
    return DIRECTORY.question(parse_inquiry([("target", target), *([] if module is None else [("module", module)])]))


@pytest.mark.parametrize(
    ("text", "aim"),
    [
        ("mail.example.org", Aim("mail.example.org")),
        ("mail.example.org:587", Aim("mail.example.org", 587)),
        ("192.0.2.1", Aim("192.0.2.1")),
        ("192.0.2.1:25", Aim("192.0.2.1", 25)),
        ("[2001:db8::1]", Aim("2001:db8::1")),
        ("[2001:db8::1]:465", Aim("2001:db8::1", 465)),
        ("2001:db8::1", Aim("2001:db8::1")),
        ("münchen.example:25", Aim("münchen.example", 25)),
        ("smtp://mail.example.org", Aim("mail.example.org", None, "smtp")),
        ("SMTPS://mail.example.org:10465", Aim("mail.example.org", 10465, "smtps")),
        ("imaps://[2001:db8::1]:993", Aim("2001:db8::1", 993, "imaps")),
        ("pop3://192.0.2.1", Aim("192.0.2.1", None, "pop3")),
    ],
)
def test_a_target_is_read_in_every_form(text: str, aim: Aim) -> None:
    assert parse_target(text) == aim


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        pytest.param("", "names no host", id="nothing"),
        pytest.param(":25", "names no host", id="no host"),
        pytest.param("smtp://", "names no host", id="no host behind a scheme"),
        pytest.param("[]:25", "is not an IPv6 address", id="empty brackets"),
        pytest.param("[192.0.2.1]:25", "is not an IPv6 address", id="IPv4 in brackets"),
        pytest.param("[mail.example.org]:25", "is not an IPv6 address", id="name in brackets"),
        pytest.param("[2001:db8::g]", "must be a host name or an IP address", id="no address in brackets"),
        pytest.param("[fe80::1%eth0]:25", "without a zone", id="zone"),
        pytest.param("[::ffff:10.0.0.1]", "write 10.0.0.1", id="IPv4 inside IPv6"),
        pytest.param("0.0.0.0:25", "the address of one host", id="nowhere"),
        pytest.param("127.1:25", "ends in a number and is no IPv4 address", id="short address"),
        pytest.param("2130706433:25", "ends in a number and is no IPv4 address", id="address as a number"),
        pytest.param("0x7f.1:25", "ends in a number and is no IPv4 address", id="hexadecimal address"),
        pytest.param("mail.example.org:0", "not a port number", id="port 0"),
        pytest.param("mail.example.org:65536", "not a port number", id="port too large"),
        pytest.param("mail.example.org:025", "not a port number", id="leading zero"),
        pytest.param("mail.example.org:٢٥", "not a port number", id="other digits"),
        pytest.param("mail.example.org:", "not a port number", id="empty port"),
        pytest.param("mail.example.org:smtp", "not a port number", id="port by name"),
        pytest.param("mail.example.org:25:25", "must be a host name", id="two ports"),
        pytest.param("http://mail.example.org", "is no scheme, known are smtp", id="scheme"),
        pytest.param("://mail.example.org", "is no scheme", id="empty scheme"),
        pytest.param("smtp://user@mail.example.org", "must be a host name", id="user"),
        pytest.param("smtp://mail.example.org/", "not a URL", id="path"),
        pytest.param("mail.example.org.", "without a dot at its end", id="final dot"),
        pytest.param("mail example", "must be a host name", id="space"),
        pytest.param("mail\r\nQUIT", r"mail\r\nQUIT", id="line feed, made visible"),
    ],
)
def test_what_is_no_target_is_told(text: str, complaint: str) -> None:
    with pytest.raises(InquiryError) as caught:
        parse_target(text)
    assert complaint in str(caught.value)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    ("pairs", "complaint"),
    [
        pytest.param([], "target is missing", id="nothing"),
        pytest.param([("module", "strict")], "target is missing", id="no target"),
        pytest.param([("target", "a"), ("target", "b")], "target is given twice", id="twice"),
        pytest.param([("target", "a"), ("modul", "b")], 'unknown parameter "modul"', id="unknown"),
        pytest.param([("target", "a" * 300)], "longer than 275", id="long target"),
        pytest.param([("target", "a"), ("module", "m" * 300)], "longer than 275", id="long module"),
        pytest.param([("target", "a"), ("max_age", "10")], 'max_age "10" is no duration', id="age without a unit"),
        pytest.param([("target", "a"), ("debug", "yes")], "must be true or false", id="debug"),
    ],
)
def test_what_is_no_request_is_told(pairs: list[tuple[str, str]], complaint: str) -> None:
    with pytest.raises(InquiryError) as caught:
        parse_inquiry(pairs)
    assert complaint in str(caught.value)


def test_a_request_has_what_it_was_given() -> None:
    found = parse_inquiry([("target", "a"), ("module", "m"), ("max_age", "1m30s"), ("debug", "true")])
    assert (found.module, found.max_age, found.debug) == ("m", 90, True)
    assert parse_inquiry([("target", "a"), ("debug", "false")]).debug is False


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_scheme_brings_its_port_and_what_is_spoken_there(scheme: str) -> None:
    found = asked(f"{scheme}://mx.example.com")
    known = WELL_KNOWN[SCHEMES[scheme]].service
    assert {target.service for target in found.targets} == {known}
    moved = asked(f"{scheme}://mx.example.com:10025")
    assert {target.service for target in moved.targets} == {Service(10025, known.protocol, known.tls)}
    assert [target.expectation for target in moved.targets] == [target.expectation for target in found.targets]


def test_what_is_configured_is_asked_as_it_is_configured_and_wherever_it_is() -> None:
    found = asked("MAIL.example.org:10465")
    assert found == Question(tuple(target for target in CONFIG.targets if target.service.port == 10465), None)
    assert found.host == "mail.example.org"


@pytest.mark.parametrize("written", ["xn--mnchen-3ya.example:587", "submission://MÜNCHEN.example"])
def test_every_spelling_of_a_configured_host_is_that_host(written: str) -> None:
    assert asked(written).targets == tuple(target for target in CONFIG.targets if target.service.port == 587)


def test_every_spelling_of_a_configured_address_is_that_address() -> None:
    assert asked("[2001:db8:1:0::1]:993").allowed is None


def test_another_port_of_a_configured_host_is_not_configured() -> None:
    alone = Directory(parse("hosts: [{host: mail.example.org, ports: [25]}]", "conf.yml"))
    with pytest.raises(NotAllowed, match=r"port 587 of mail\.example\.org is not configured"):
        alone.question(parse_inquiry([("target", "mail.example.org:587")]))


def test_a_module_may_be_chosen_for_what_is_configured() -> None:
    found = asked("mail.example.org:25", "retrieval")
    assert {target.service for target in found.targets} == {Service(25, Protocol.IMAP, TlsMode.IMPLICIT)}
    assert {target.labels for target in found.targets} == {(("team", "mail"),)}
    assert (found.allowed, found.port) == (None, 25)


def test_another_scheme_than_what_is_configured_is_what_is_asked() -> None:
    (configured, *_) = asked("mail.example.org:10465").targets
    (other, *_) = asked("smtp://mail.example.org:10465").targets
    assert other.service == Service(10465, Protocol.SMTP, TlsMode.STARTTLS)
    assert other.expectation == asked("smtp://mx.example.com").targets[0].expectation
    assert replace(other, service=configured.service, expectation=configured.expectation) == configured
    assert asked("smtps://mail.example.org:10465") == asked("mail.example.org:10465")


def test_somebody_else_is_asked_only_where_the_list_says_so() -> None:
    found = asked("mx.example.com:25")
    assert found.allowed is not None
    assert {target.labels for target in found.targets} == {()}
    with pytest.raises(NotAllowed):
        asked("8.8.8.8:25")
    # Where a name leads is found out later.
    assert asked("mx.example.net:25").allowed is not None


def test_without_a_list_nothing_but_the_configuration_may_be_asked() -> None:
    alone = Directory(parse("hosts: [{host: a, ports: [25]}]", "conf.yml"))
    assert alone.question(parse_inquiry([("target", "a:25")])).allowed is None
    with pytest.raises(NotAllowed):
        alone.question(parse_inquiry([("target", "b:25")]))


@pytest.mark.parametrize(
    ("target", "module", "port"),
    [("mx.example.com", "strict", 465), ("mx.example.com:587", "strict", 587), ("mx.example.com:10", "retrieval", 10)],
)
def test_a_module_has_a_port_for_targets_without_one(target: str, module: str, port: int) -> None:
    assert asked(target, module).port == port


@pytest.mark.parametrize(
    ("target", "module", "complaint"),
    [
        pytest.param("mx.example.com", None, "names no port", id="no port"),
        pytest.param("mx.example.com", "retrieval", "names no port", id="no port in the module either"),
        pytest.param("mx.example.com:10", None, "port 10 is not well known", id="unknown port"),
        pytest.param("mx.example.com:10", "strict", "port 10 is not well known", id="the module does not say"),
        pytest.param("mx.example.com:25", "none", "the configuration has strict, retrieval, legacy", id="module"),
        pytest.param("smtp://mx.example.com", "retrieval", "do not go together", id="scheme against module"),
    ],
)
def test_what_means_nothing_is_told(target: str, module: str | None, complaint: str) -> None:
    with pytest.raises(InquiryError) as caught:
        asked(target, module)
    assert complaint in str(caught.value)


def test_where_there_are_no_modules_none_is_listed() -> None:
    with pytest.raises(InquiryError, match="the configuration has none"):
        Directory(parse("hosts: []", "conf.yml")).question(parse_inquiry([("target", "a:25"), ("module", "m")]))


def test_an_address_is_asked_over_its_own_family_whatever_the_module_has() -> None:
    (ipv4,) = asked("10.0.0.1:25", "legacy").targets
    assert (ipv4.ip_family, ipv4.ip_families, ipv4.source_address) == (IpFamily.IPV4, (IpFamily.IPV4,), "192.0.2.9")
    (ipv6,) = asked("[2001:db8::7]:25", "legacy").targets
    assert (ipv6.ip_family, ipv6.ip_families, ipv6.source_address) == (IpFamily.IPV6, (IpFamily.IPV6,), None)
    assert ipv6.timeouts.reply == 1


def test_requests_that_mean_the_same_are_equal() -> None:
    assert asked("mx.example.com:587") == asked("submission://mx.example.com")
    assert asked("mx.example.com:587") != asked("mx.example.com:587", "strict")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("mx.example.com:25", "MX.Example.COM:25"),
        ("b\u00fccher.example.com:25", "xn--bcher-kva.example.com:25"),
        ("[2001:db8::1]:25", "[2001:DB8:0::0001]:25"),
    ],
    ids=["letter case", "script", "zeros"],
)
def test_a_host_that_is_not_configured_is_one_question_in_every_spelling(one: str, other: str) -> None:
    directory = Directory(parse("probe_allow: [.example.com, '2001:db8::/32']\nhosts: [a.example.org]\n", "conf.yml"))
    asked = [directory.question(parse_inquiry([("target", target)])) for target in (one, other)]
    assert asked[0] == asked[1]
