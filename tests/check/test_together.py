"""What the results of one round say about each other, without a memory of any round before."""

from dataclasses import replace

import pytest

from exporter.check.together import AddressCount, Loss
from exporter.config.model import Watch
from exporter.judgement.security import TlsFinding
from exporter.judgement.vantage import Basis, Vantage
from exporter.judgement.variant import VariantSeen
from exporter.results import Capability, Findings, Outcome, ProbeResult
from exporter.targets import AddressRule, IpFamily, PortState, Variant
from tests.check.results import HOST, NOW, a_round, at, certificate, checked, closed, healthy, other_handshake, silent

IPV4, IPV6 = IpFamily.IPV4, IpFamily.IPV6


def over_ipv6(result: ProbeResult) -> ProbeResult:
    return at(result, ip_family=IPV6)


def shows(port: int, days: float, key_type: str = "ecdsa") -> ProbeResult:
    """A port with a certificate that ends in so many days."""
    leaf = certificate(days=days, fingerprint_sha256=f"{days:064}", key_type=key_type)
    return healthy(port, certificates=(leaf,))


def test_every_finding_on_the_way_into_tls_is_told_but_none_that_needs_a_memory() -> None:
    mangled = Findings(starttls_advertised=False, capabilities=(Capability("XXXXXXXA"),), cleartext_auth=True)

    one, other = a_round(healthy(587, findings=mangled, certificates=()), healthy(993)).checked

    assert one.findings == (TlsFinding.STARTTLS_MANGLED, TlsFinding.CLEARTEXT_AUTH)
    assert other.findings == ()


def test_findings_can_be_switched_off() -> None:
    accepts = healthy(587, findings=Findings(cleartext_auth=True))

    (one,) = a_round(accepts, watch=Watch(tls_findings=False)).checked

    assert one.findings == ()


@pytest.mark.parametrize(
    ("results", "stale"),
    [
        ([shows(465, 90), shows(993, 5), shows(995, 5)], [False, True, True]),
        ([shows(465, 90), shows(993, 89.1)], [False, False]),
        ([shows(465, 90), shows(993, 5, key_type="rsa")], [False, False]),
        ([shows(465, 90), at(shows(993, 5), certificate_group="other.example.org")], [False, False]),
        ([shows(465, 90), at(shows(993, 5), host="other.example.org")], [False, True]),
        ([shows(465, 90), at(shows(993, 5), certificate_group=None)], [False, None]),
        ([shows(465, 90), closed(993)], [False, None]),
        ([shows(993, 5)], [False]),
    ],
    ids=[
        "two were not reloaded",
        "hours apart",
        "another kind of key",
        "another group",
        "another host that joined the group",
        "compared with none",
        "closed",
        "alone",
    ],
)
def test_an_older_certificate_than_the_newest_of_the_group_is_stale(
    results: list[ProbeResult], stale: list[bool | None]
) -> None:
    assert [one.stale for one in a_round(*results).checked] == stale


def test_the_comparison_can_be_switched_off() -> None:
    found = a_round(shows(465, 90), shows(993, 5), watch=Watch(stale_certificates=False))

    assert [one.stale for one in found.checked] == [None, None]


@pytest.mark.parametrize(
    ("seen", "stale"),
    [
        (other_handshake(Variant.RSA, certificate(days=5, key_type="rsa")), True),
        (other_handshake(Variant.NO_SNI, certificate(days=5, key_type="rsa")), False),
    ],
    ids=["for RSA clients", "without a name, which may be anybody's"],
)
def test_what_other_clients_are_shown_is_compared_where_it_belongs_to_the_name(seen: VariantSeen, stale: bool) -> None:
    first, second = a_round(checked(shows(465, 90), seen), shows(993, 90, key_type="rsa")).checked

    assert (first.stale, second.stale) == (stale, False)


REFERENCE = at(healthy(25), host="mx.example.net", reference=True)
DEAF = at(silent(25), host="mx.example.net", reference=True)
NAMELESS = replace(DEAF, outcome=Outcome.DNS_NXDOMAIN, port_open=None)


def hosts(number: int, *ports: ProbeResult) -> list[ProbeResult]:
    """The same ports at so many hosts, each a little later than the one before."""
    return [
        replace(at(port, host=f"mx{index}.example.org"), started=NOW + index + place)
        for index in range(number)
        for place, port in enumerate(ports)
    ]


@pytest.mark.parametrize(
    ("results", "references", "vantages"),
    [
        ([silent(25)], [DEAF], [Vantage(25, IPV4, False, Basis.REFERENCES)]),
        ([silent(25)], [DEAF, REFERENCE], [Vantage(25, IPV4, True, Basis.REFERENCES)]),
        ([healthy(25)], [DEAF], [Vantage(25, IPV4, True, Basis.INFERRED)]),
        ([silent(25)], [NAMELESS], []),
        ([silent(25)], [over_ipv6(DEAF)], [Vantage(25, IPV6, False, Basis.REFERENCES)]),
        (
            hosts(3, silent(25), healthy(587)),
            [],
            [Vantage(25, IPV4, False, Basis.INFERRED), Vantage(587, IPV4, True, Basis.INFERRED)],
        ),
        (
            hosts(3, silent(25), healthy(587)),
            [REFERENCE],
            [Vantage(25, IPV4, True, Basis.REFERENCES), Vantage(587, IPV4, True, Basis.INFERRED)],
        ),
        (hosts(2, silent(25), healthy(587)), [], [Vantage(587, IPV4, True, Basis.INFERRED)]),
        (hosts(3, silent(2525, PortState.ANY), healthy(587)), [], [Vantage(587, IPV4, True, Basis.INFERRED)]),
    ],
    ids=[
        "no reference answers",
        "one of two references answers",
        "no reference answers, and a host does",
        "a reference without a name",
        "blocked over the other family",
        "three hosts fail alike",
        "three hosts fail alike and a reference answers",
        "two hosts",
        "a port that nobody promised",
    ],
)
def test_a_port_that_this_network_blocks_is_told_from_one_that_is_down(
    results: list[ProbeResult], references: list[ProbeResult], vantages: list[Vantage]
) -> None:
    assert list(a_round(*results, references=references).vantages) == vantages


def test_inference_can_be_switched_off_and_references_still_tell() -> None:
    alike = hosts(3, silent(25), healthy(587))

    assert a_round(*alike, watch=Watch(inferred_vantage=False)).vantages == ()
    assert a_round(*alike, references=[DEAF], watch=Watch(inferred_vantage=False)).vantages == (
        Vantage(25, IPV4, False, Basis.REFERENCES),
    )


ANY = PortState.ANY
HOST_LOST = (Loss.HOST, None)
IPV6_LOST = (Loss.FAMILY, IPV6)


@pytest.mark.parametrize(
    ("results", "losses"),
    [
        ([healthy(25), closed(587)], []),
        ([closed(25), closed(587)], [HOST_LOST]),
        ([closed(25), silent(587)], [HOST_LOST]),
        ([closed(25, ANY), closed(587, ANY)], [HOST_LOST]),
        ([closed(25)], []),
        ([closed(25), over_ipv6(closed(25))], []),
        ([closed(25), closed(587, PortState.CLOSED)], []),
        ([closed(25), closed(587), healthy(110, target=closed(110, PortState.CLOSED).target)], []),
        ([closed(25), replace(closed(587), outcome=Outcome.DNS_ERROR, port_open=None)], []),
        ([healthy(25), over_ipv6(closed(25))], [IPV6_LOST]),
        ([healthy(25), over_ipv6(closed(25, ANY))], [IPV6_LOST]),
        ([healthy(25), over_ipv6(closed(587, ANY))], []),
        ([healthy(25), over_ipv6(closed(25)), over_ipv6(healthy(587))], []),
        ([closed(25), closed(587), over_ipv6(closed(25)), over_ipv6(silent(587))], [HOST_LOST]),
        ([closed(25), closed(587), over_ipv6(healthy(25)), over_ipv6(healthy(587))], [(Loss.FAMILY, IPV4)]),
    ],
    ids=[
        "one port is down",
        "all refuse",
        "some refuse and some are silent",
        "none answers, and none was promised",
        "one port says nothing about a host",
        "one port over both families is one port",
        "one that should be closed is no loss",
        "one that should be closed answers",
        "a name that failed says nothing",
        "a family that answers nowhere",
        "a port that answers over one family should over the other",
        "a port that answers over neither is not missed",
        "a family that answers elsewhere",
        "both families",
        "the other family",
    ],
)
def test_a_host_that_is_lost_is_told_in_one_line(
    results: list[ProbeResult], losses: list[tuple[Loss, IpFamily | None]]
) -> None:
    found = a_round(*results).losses

    assert [(one.loss, one.ip_family) for one in found] == losses
    assert {one.host for one in found} <= {HOST}


def test_what_this_network_blocks_is_no_fault_of_a_host() -> None:
    blocked = a_round(silent(25), silent(587), references=[DEAF, at(DEAF, service=silent(587).target.service)])
    over_one_family = a_round(over_ipv6(healthy(25)), silent(25), references=[DEAF])

    assert [vantage.ok for vantage in blocked.vantages] == [False, False]
    assert blocked.losses == over_one_family.losses == ()


def test_a_lost_family_can_be_left_unsaid() -> None:
    assert a_round(healthy(25), over_ipv6(closed(25)), watch=Watch(lost_families=False)).losses == ()


def test_a_lost_host_is_told_with_what_may_be_the_reason() -> None:
    (promised,) = a_round(closed(25), closed(587)).losses
    (never_promised,) = a_round(closed(25, ANY), closed(587, ANY)).losses
    (quietly,) = a_round(closed(25), closed(587), watch=Watch(suspected_bans=False)).losses

    assert promised.detail == (
        "no port answers: the host or the way to it is down, or this machine is "
        "perhaps banned there, by fail2ban for instance: see deploy/welcome.md"
    )
    assert never_promised.detail.startswith("no port answers: no mail server is there, or the host")
    assert quietly.detail == "no port answers: the host or the way to it is down"


def test_addresses_are_counted_where_each_is_a_target() -> None:
    results = [
        at(healthy(25), address="192.0.2.1"),
        at(closed(25), address="192.0.2.2"),
        at(healthy(25), address="192.0.2.3"),
        at(healthy(25), address="2001:db8::1", ip_family=IPV6),
    ]
    every = [at(result, addresses=AddressRule.ALL) for result in results]

    assert a_round(*every, healthy(587)).addresses == (
        AddressCount(HOST, 25, IPV4, 3, 2),
        AddressCount(HOST, 25, IPV6, 1, 1),
    )


def test_nothing_comes_of_nothing() -> None:
    found = a_round()

    assert (found.checked, found.vantages, found.losses, found.addresses, found.hosts) == ((), (), (), (), ())
