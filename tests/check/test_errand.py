"""Which sessions a round makes, and in which order."""

from collections.abc import Mapping
from dataclasses import replace

from exporter.check.errand import Errand, with_addresses
from exporter.config.model import Config
from exporter.judgement.variant import VariantStanding
from exporter.probe.seams import Hold
from exporter.results import Outcome, ProbeResult, Resolution
from exporter.targets import AddressRule, IpFamily, Target, Variant
from tests.check.results import HOST, NOW, at, certificate, closed, healthy, target

RSA_LEAF = certificate(fingerprint_sha256="cd" * 32, key_type="rsa")


class Servers:
    """Answer probes as they are told to, and keep what was asked and how many sessions a host had at once."""

    def __init__(self, *results: ProbeResult, variants: Mapping[Variant, ProbeResult] | None = None) -> None:
        self.results = {result.target.key: result for result in results}
        self.variants = variants or {}
        self.asked: list[tuple[int, Variant]] = []
        self.done: list[tuple[int, Variant]] = []
        self.sessions = 0
        self.most_sessions = 0

    async def __call__(self, target: Target, hold: Hold) -> ProbeResult:
        async with hold(target.host, "192.0.2.1"):
            self.sessions += 1
            self.most_sessions = max(self.most_sessions, self.sessions)
            self.asked.append((target.service.port, target.variant))
            self.sessions -= 1
        found = self.results[target.key] if target.variant is Variant.DEFAULT else self.variants[target.variant]
        return replace(found, target=target)

    def through(self, target: Target) -> None:
        """Nothing more of this target comes."""
        self.done.append((target.service.port, target.variant))


def offering(port: int, *variants: Variant) -> ProbeResult:
    """A healthy port at which these handshakes may be made."""
    return at(healthy(port), variants=variants)


ALL_VARIANTS = (Variant.NO_SNI, Variant.RSA, Variant.ECDSA)


async def test_results_come_in_the_order_of_the_targets_without_those_that_do_not_exist() -> None:
    no_address = Resolution(Outcome.OK, ("192.0.2.1",), (), 0.01)
    absent = replace(
        at(closed(993), ip_family=IpFamily.IPV6),
        outcome=Outcome.DNS_NO_ADDRESS,
        port_open=None,
        resolution=no_address,
    )
    servers = Servers(healthy(587), absent, closed(25))

    found = await Errand(servers, servers.through, variants=False).check(
        [healthy(587).target, absent.target, closed(25).target]
    )

    assert [(one.result.target.service.port, one.judgement.success) for one in found] == [(587, True), (25, False)]
    assert sorted(port for port, _ in servers.done) == [25, 587, 993]


async def test_other_handshakes_are_made_only_where_they_were_asked_for() -> None:
    port = offering(25, *ALL_VARIANTS)
    servers = Servers(port)

    (found,) = await Errand(servers, servers.through, variants=False).check([port.target])

    assert found.variants == ()
    assert servers.asked == [(25, Variant.DEFAULT)]


async def test_other_handshakes_follow_the_ordinary_one_where_they_can_show_anything() -> None:
    port = offering(25, *ALL_VARIANTS)
    refused = replace(port, outcome=Outcome.TLS_HANDSHAKE_FAILED, tls=None, certificates=(), tls_alert=40)
    servers = Servers(port, variants={Variant.NO_SNI: port, Variant.RSA: refused})

    (found,) = await Errand(servers, servers.through, variants=True).check([port.target])

    # The ordinary certificate has an ECDSA key, so that clients of that kind are shown it as well.
    assert servers.asked == [(25, Variant.DEFAULT), (25, Variant.NO_SNI), (25, Variant.RSA)]
    assert [(seen.variant, seen.standing) for seen in found.variants] == [
        (Variant.NO_SNI, VariantStanding.SAME),
        (Variant.RSA, VariantStanding.NOT_INSTALLED),
    ]
    assert servers.done == [(25, Variant.DEFAULT)], "the target is through once, after all of its handshakes"


async def test_another_certificate_is_brought_back() -> None:
    port = offering(587, Variant.RSA)
    servers = Servers(port, variants={Variant.RSA: replace(port, certificates=(RSA_LEAF,))})

    (found,) = await Errand(servers, servers.through, variants=True).check([port.target])

    (seen,) = found.variants
    assert (seen.standing, seen.certificates) == (VariantStanding.DIFFERENT, (RSA_LEAF,))


async def test_a_port_without_tls_is_left_alone() -> None:
    port = at(closed(587), variants=ALL_VARIANTS)
    servers = Servers(port)

    await Errand(servers, servers.through, variants=True).check([port.target])

    assert servers.asked == [(587, Variant.DEFAULT)]


async def test_references_are_asked_once_each_in_their_order() -> None:
    witnesses = [at(healthy(port), host=f"mx{port}.example.net", reference=True) for port in (587, 25)]
    servers = Servers(*witnesses)

    found = await Errand(servers, servers.through, variants=True).ask([one.target for one in witnesses])

    assert [result.target.host for result in found] == ["mx587.example.net", "mx25.example.net"]
    assert sorted(servers.asked) == [(25, Variant.DEFAULT), (587, Variant.DEFAULT)]


class Names:
    """A resolver that knows these names, and counts who asks."""

    def __init__(self, **answers: Resolution) -> None:
        self.answers = answers
        self.asked: list[tuple[str, frozenset[IpFamily]]] = []

    async def resolve(self, host: str, families: frozenset[IpFamily]) -> Resolution:
        self.asked.append((host, families))
        return self.answers[host]


async def test_every_address_of_a_name_becomes_a_target_after_one_lookup() -> None:
    every = [replace(target(port, host="all"), addresses=AddressRule.ALL) for port in (25, 587)]
    first = target(25)
    names = Names(all=Resolution(Outcome.OK, ("192.0.2.10", "192.0.2.9"), (), 0.01))

    config = await with_addresses(Config((*every, first)), names, NOW)

    assert [(one.host, one.service.port, one.address) for one in config.targets] == [
        ("all", 25, "192.0.2.9"),
        ("all", 25, "192.0.2.10"),
        ("all", 587, "192.0.2.9"),
        ("all", 587, "192.0.2.10"),
        (HOST, 25, ""),
    ]
    assert names.asked == [("all", frozenset(IpFamily))]


async def test_a_name_that_is_not_found_keeps_its_target_which_says_so() -> None:
    every = replace(target(25, host="gone"), addresses=AddressRule.ALL)
    names = Names(gone=Resolution(Outcome.DNS_NXDOMAIN, (), (), 0.01))

    assert (await with_addresses(Config((every,)), names, NOW)).targets == (every,)
