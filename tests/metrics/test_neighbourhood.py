"""What one result means for others, seen from outside: in the exposition, and in what the status page reads."""

from collections.abc import Iterable
from dataclasses import replace

import pytest

from exporter.config.model import Watch
from exporter.judgement.host import BAN_REMARK
from exporter.judgement.vantage import Basis, Vantage
from exporter.judgement.variant import VariantStanding, variant_target, worth_making
from exporter.results import CertificateFacts, Outcome, Phase, ProbeResult
from exporter.targets import AddressRule, AuthRule, IpFamily, PortState, StarttlsRule, Target, TlsMode, Variant
from tests.judgement.sessions import EXPIRED, LEAF, ONLY_IPV4, STARTED, ended, expectation, healthy, target
from tests.metrics.rich import without_starttls
from tests.metrics.world import DAY, World

HOUR = 3600.0
PORTS = (465, 587, 993)
STALE = "mailprobe_certificate_stale"
NOT_AFTER = "mailprobe_certificate_not_after_timestamp_seconds"
OLD = replace(LEAF, fingerprint_sha256="01" * 32, not_after=LEAF.not_after and LEAF.not_after - 60 * DAY)
OTHER_KIND = replace(LEAF, fingerprint_sha256="02" * 32, key_type="rsa", key_bits=2048)


def host(name: str, ports: Iterable[int] = PORTS, family: IpFamily = IpFamily.IPV4) -> tuple[Target, ...]:
    return tuple(target(host=name, port=port, family=family) for port in ports)


def at(name: str, targets: Iterable[Target], outcome: Outcome, seconds: float = 0.0) -> list[ProbeResult]:
    """The same outcome on each, at an address of the host's own."""
    return [replace(ended(one, outcome, STARTED + seconds), address=f"address of {name}") for one in targets]


def grouped(port: int, group: str | None = "mail.example.org", host: str = "mail.example.org") -> Target:
    return replace(target(host=host, port=port), certificate_group=group)


def shown(of: Target, leaf: CertificateFacts, seconds: float = 0.0) -> ProbeResult:
    return replace(healthy(of, STARTED + seconds), certificates=(leaf,))


def remarks(world: World, of: Target) -> tuple[str, ...]:
    state = world.store.state(of.key)
    assert state is not None
    return state.remarks


# Certificates of a group.


def test_a_port_with_an_older_certificate_than_another_is_stale_and_the_other_is_not() -> None:
    old, new = grouped(587), grouped(993)
    world = World(old, new)
    world.deliver(shown(old, OLD))
    assert world.value(STALE, port="587") == 0
    world.deliver(shown(new, LEAF, 60))
    assert world.value(STALE, port="587") == 0
    world.deliver(shown(old, OLD, 120))
    assert world.value(STALE, port="587") == 1
    assert world.value(STALE, port="993") == 0
    assert remarks(world, old) == ("an older certificate than the newest one of mail.example.org",)
    assert remarks(world, new) == ()


def test_ports_that_are_renewed_one_after_another_are_never_stale() -> None:
    first, second, third = grouped(465), grouped(587), grouped(993)
    world = World(first, second, third)
    world.deliver(shown(first, OLD), shown(second, OLD, 40), shown(third, OLD, 80))
    values = []
    for place, port in enumerate((first, second, third)):
        world.deliver(shown(port, LEAF, 120 + 40 * place))
        values += [world.value(STALE, port=str(one.service.port)) for one in (first, second, third)]
    assert values == [0] * 9


@pytest.mark.parametrize("renewed_again", [0.0, 90.0], ids=["seen before the old one", "seen after it as well"])
@pytest.mark.parametrize("whole", [True, False], ids=["of everything", "of the renewed port"])
def test_a_port_stays_stale_over_a_reload(whole: bool, renewed_again: float) -> None:
    old, new = grouped(587), grouped(993)
    world = World(old, new)
    world.deliver(shown(new, LEAF), shown(old, OLD, 60), shown(new, LEAF, renewed_again))
    assert world.value(STALE, port="587") == 1
    world.clock.now = STARTED + 120
    other = new if whole else replace(new, interval=300.0)
    world.configure([old, other], capability_metrics=whole)
    assert world.value(STALE, port="587") == 1
    world.deliver(shown(old, OLD, 180))
    assert world.value(STALE, port="587") == 1


def test_a_certificate_that_was_gone_and_is_back_is_new_again() -> None:
    old, new = grouped(587), grouped(993)
    world = World(old, new)
    world.deliver(shown(new, LEAF), shown(old, OLD, 60))
    world.configure([old])
    assert world.value(STALE, port="587") == 0
    world.configure([old, new])
    world.deliver(shown(new, LEAF, 300))
    assert world.value(STALE, port="587") == 0


def test_old_and_new_by_turns_stay_stale_until_the_old_one_was_not_seen_for_an_hour() -> None:
    port, other = grouped(587), grouped(993)
    world = World(port, other)
    world.deliver(shown(other, LEAF))
    values = []
    for number in range(12):
        world.deliver(shown(port, OLD if number % 3 == 0 else LEAF, number * 120.0))
        values.append(world.value(STALE, port="587"))
    assert values == [1] * 12
    assert world.value("mailprobe_certificates_seen", port="587") == 2
    earliest = "mailprobe_certificate_earliest_not_after_timestamp_seconds"
    assert world.value(earliest, port="587") == OLD.not_after
    world.deliver(shown(port, LEAF, 9 * 120 + HOUR + 1))
    assert world.value(STALE, port="587") == 0
    assert world.value("mailprobe_certificates_seen", port="587") == 1
    assert world.value(earliest, port="587") is None
    assert remarks(world, port) == ()


def test_a_group_spans_hosts_and_a_port_without_one_is_compared_with_none() -> None:
    old, new = grouped(587, "site"), grouped(587, "site", host="mx2.example.org")
    alone = grouped(465, None)
    world = World(old, new, alone)
    world.deliver(shown(old, OLD), shown(new, LEAF), shown(alone, OLD))
    assert world.value(STALE, host="mail.example.org", port="587") == 1
    assert world.value(STALE, port="465") is None
    assert world.value("mailprobe_certificates_seen", port="465") == 1


def test_the_port_with_the_newest_certificate_leaves_and_the_others_are_not_stale_any_more() -> None:
    old, new, bare = grouped(587), grouped(993), grouped(465)
    world = World(old, new, bare)
    world.deliver(shown(old, OLD), shown(new, LEAF))
    assert world.value(STALE, port="587") == 1
    world.configure([old, bare])
    assert world.value(STALE, port="587") == 0
    assert world.value(STALE, port="465") is None


def test_a_group_forgets_what_a_silent_port_showed_long_ago() -> None:
    old, new = grouped(587), grouped(993)
    world = World(old, new)
    world.deliver(shown(old, OLD, HOUR), shown(new, LEAF))
    world.deliver(ended(new, Outcome.CONNECT_REFUSED, STARTED + HOUR + 60))
    assert world.value(STALE, port="587") == 0
    assert world.value(STALE, port="993") is None
    world.deliver(ended(old, Outcome.CONNECT_REFUSED, STARTED + 3 * HOUR))
    assert world.value(STALE, port="587") is None


def test_two_ports_with_the_newest_certificate_are_not_one() -> None:
    old, new, too = grouped(587), grouped(993), grouped(465)
    world = World(old, new, too)
    world.deliver(shown(old, OLD), shown(new, LEAF), shown(too, LEAF))
    world.configure([old, too])
    assert world.value(STALE, port="587") == 1


def test_a_port_that_changes_its_group_is_compared_with_the_new_one() -> None:
    old, new = grouped(587), grouped(993)
    world = World(old, new)
    world.deliver(shown(old, OLD), shown(new, LEAF))
    world.configure([grouped(587, "another"), new])
    assert world.value(STALE, port="587") == 0


def test_nobody_compares_certificates_where_that_is_switched_off() -> None:
    old, new = grouped(587), grouped(993)
    world = World(old, new)
    world.deliver(shown(old, OLD), shown(old, LEAF), shown(new, LEAF))
    of_sightings = {
        *(STALE, "mailprobe_certificates_seen"),
        "mailprobe_certificate_earliest_not_after_timestamp_seconds",
    }
    assert world.names() >= of_sightings
    world.configure([old, new], watch=Watch(stale_certificates=False))
    assert not world.names() & of_sightings
    world.deliver(shown(old, OLD, 60), shown(old, LEAF, 120))
    assert not world.names() & of_sightings
    assert remarks(world, old) == ()
    assert world.value(NOT_AFTER, port="587") == LEAF.not_after


# Other handshakes.


def varied(port: int = 587, *variants: Variant, family: IpFamily = IpFamily.IPV4) -> Target:
    return replace(grouped(port), variants=variants or (Variant.RSA,), ip_family=family)


def seen_as(
    of: Target, leaf: CertificateFacts | None, seconds: float = 60.0, variant: Variant = Variant.RSA
) -> ProbeResult:
    """A handshake of another kind that was shown `leaf`, or failed."""
    made = variant_target(of, variant, DAY)
    if leaf is None:
        return ended(made, Outcome.TLS_TIMEOUT, STARTED + seconds)
    return replace(healthy(made, STARTED + seconds), certificates=(leaf,), verdict=EXPIRED)


def variants_shown(world: World, port: str = "587") -> set[str]:
    return {labels["variant"] for labels, _ in world.samples(NOT_AFTER) if labels["port"] == port}


def test_an_expired_rsa_certificate_behind_a_valid_ecdsa_one_has_series_of_its_own() -> None:
    port = varied()
    world = World(port)
    world.deliver(healthy(port), seen_as(port, OTHER_KIND))
    assert world.value("mailprobe_certificate_valid", variant="default", check="dates") == 1
    assert world.value("mailprobe_certificate_valid", variant="rsa", check="dates") == 0
    assert world.value("mailprobe_certificate_error_info", variant="rsa", reason="expired") == 1
    assert world.value("mailprobe_certificate_info", variant="rsa", key_type="rsa", key_bits="2048") == 1
    assert world.value("mailprobe_certificate_observed_timestamp_seconds", variant="rsa") == STARTED + 60
    assert world.value("mailprobe_variant_ports", variant="rsa", standing="different") == 1
    # It is a look at the certificate and no probe of the port.
    assert world.value("mailprobe_last_probe_timestamp_seconds") == STARTED
    assert world.value("mailprobe_probes_total", outcome="ok") == 1


def test_a_certificate_of_another_handshake_that_was_not_judged_claims_no_validity() -> None:
    port = varied()
    world = World(port)
    world.deliver(healthy(port), replace(seen_as(port, OTHER_KIND), verdict=None))
    assert world.value("mailprobe_certificate_valid", variant="rsa", check="dates") is None
    assert world.value("mailprobe_certificate_chain_not_after_timestamp_seconds", variant="rsa") is None


def test_the_same_certificate_has_no_series_of_its_own() -> None:
    port = varied(587, Variant.NO_SNI)
    world = World(port)
    world.deliver(healthy(port), seen_as(port, LEAF, variant=Variant.NO_SNI))
    assert variants_shown(world) == {"default"}
    assert world.value("mailprobe_variant_ports", variant="no_sni", standing="same") == 1


def test_a_port_over_both_families_counts_once_and_standings_side_by_side() -> None:
    v4, v6 = varied(587, Variant.NO_SNI, Variant.RSA), varied(587, Variant.NO_SNI, family=IpFamily.IPV6)
    imaps = varied(993, Variant.NO_SNI)
    world = World(v4, v6, imaps)
    world.deliver(*map(healthy, (v4, v6, imaps)))
    world.deliver(*(seen_as(one, LEAF, variant=Variant.NO_SNI) for one in (v4, v6)))
    world.deliver(seen_as(imaps, None, variant=Variant.NO_SNI), seen_as(v4, OTHER_KIND))
    found = {
        (labels["variant"], labels["standing"]): value for labels, value in world.samples("mailprobe_variant_ports")
    }
    assert found == {("no_sni", "same"): 1, ("no_sni", "failed"): 1, ("rsa", "different"): 1}


def test_a_look_that_failed_leaves_what_was_known_until_a_second_one_fails() -> None:
    port = varied()
    world = World(port)
    world.deliver(healthy(port), seen_as(port, OTHER_KIND), seen_as(port, None, DAY + 60))
    assert variants_shown(world) == {"default", "rsa"}
    world.deliver(seen_as(port, None, 2 * DAY + 60))
    assert variants_shown(world) == {"default"}
    assert world.value("mailprobe_variant_ports", variant="rsa", standing="failed") == 1


@pytest.mark.parametrize(("alert", "shown_after_one"), [(None, {"default", "rsa"}), (40, {"default"})])
def test_a_server_that_hangs_up_once_still_has_the_certificate_that_it_showed(
    alert: int | None, shown_after_one: set[str]
) -> None:
    port = varied()
    world = World(port)
    world.deliver(healthy(port), seen_as(port, OTHER_KIND))
    for day, expected in ((1, shown_after_one), (2, {"default"})):
        hung_up = seen_as(port, None, day * DAY + 60)
        world.deliver(replace(hung_up, outcome=Outcome.CLOSED_EARLY, phase=Phase.TLS, tls_alert=alert))
        assert variants_shown(world) == expected
    assert world.value("mailprobe_variant_ports", variant="rsa", standing="not_installed") == 1


def test_a_certificate_that_the_ordinary_probe_is_shown_as_well_is_not_another_one() -> None:
    port = varied(587, Variant.NO_SNI)
    renewed = replace(LEAF, fingerprint_sha256="03" * 32)
    world = World(port)
    world.deliver(shown(port, LEAF), seen_as(port, renewed, variant=Variant.NO_SNI))
    assert variants_shown(world) == {"default", "no_sni"}
    world.deliver(shown(port, renewed, 120))
    assert variants_shown(world) == {"default"}
    # The workers that still have the old one answer by turns with those that do not.
    world.deliver(seen_as(port, LEAF, 180, variant=Variant.NO_SNI))
    assert variants_shown(world) == {"default"}


def test_what_clients_of_a_key_type_were_shown_goes_when_everybody_is_shown_that_type() -> None:
    port = varied()
    world = World(port)
    world.deliver(healthy(port), seen_as(port, OTHER_KIND))
    world.deliver(shown(port, replace(OTHER_KIND, fingerprint_sha256="04" * 32), 120))
    assert variants_shown(world) == {"default"}
    assert world.samples("mailprobe_variant_ports") == []


def test_a_server_that_had_nothing_to_show_is_remembered_though_another_one_answers_by_turns() -> None:
    port = varied()
    world = World(port)
    refused = replace(seen_as(port, None), outcome=Outcome.TLS_HANDSHAKE_FAILED, phase=Phase.TLS, tls_alert=40)
    world.deliver(healthy(port), refused)
    world.deliver(shown(port, OTHER_KIND, 120))
    assert world.samples("mailprobe_variant_ports") == []
    world.deliver(shown(port, LEAF, 240))
    assert world.samples("mailprobe_variant_ports") == []
    state = world.store.state(port.key)
    assert state is not None
    seen = state.looked_at(Variant.RSA)
    assert seen is not None
    assert not worth_making(Variant.RSA, state.result, seen, STARTED + 6 * DAY)
    assert worth_making(Variant.RSA, state.result, seen, STARTED + 60 + 7 * DAY)
    world.deliver(seen_as(port, OTHER_KIND, 300))
    state = world.store.state(port.key)
    assert state is not None
    assert [one.standing for one in (*state.variants, *state.set_aside)] == [VariantStanding.SAME]


def test_certificates_of_other_handshakes_go_with_the_one_that_was_kept_long_enough() -> None:
    port = varied(587, Variant.RSA, Variant.NO_SNI)
    world = World(port)
    world.deliver(healthy(port), seen_as(port, OTHER_KIND), seen_as(port, None, variant=Variant.NO_SNI))
    world.deliver(ended(port, Outcome.CONNECT_REFUSED, STARTED + 120))
    world.clock.now = STARTED + DAY
    assert variants_shown(world) == set()
    assert world.value("mailprobe_variant_ports", variant="no_sni", standing="failed") == 1
    assert world.value("mailprobe_variant_ports", variant="rsa") is None


def test_a_variant_that_is_not_configured_any_more_goes() -> None:
    port = varied()
    world = World(port)
    world.deliver(healthy(port), seen_as(port, OTHER_KIND))
    world.configure([replace(port, variants=(Variant.NO_SNI,))])
    assert variants_shown(world) == {"default"}
    world.deliver(seen_as(port, OTHER_KIND, 120))
    assert variants_shown(world) == {"default"}


def test_a_look_before_the_first_probe_is_kept_and_one_at_a_removed_port_is_left_aside() -> None:
    port = varied()
    world = World(port)
    world.deliver(seen_as(port, OTHER_KIND), seen_as(varied(465), OTHER_KIND))
    assert world.names(port="587") == set()
    state = world.store.state(port.key)
    assert state is not None
    seen = state.seen_as(Variant.RSA)
    assert seen is not None
    assert seen.standing is VariantStanding.DIFFERENT
    assert state.seen_as(Variant.ECDSA) is None
    assert world.store.states() == (state,)


def test_an_old_certificate_behind_another_kind_is_stale_only_if_it_was_seen_after_the_new_one_came_up() -> None:
    first, second = varied(587), varied(993)
    old_kind = replace(OTHER_KIND, not_after=OLD.not_after)
    world = World(first, second)
    world.deliver(healthy(first), healthy(second), seen_as(first, old_kind))
    world.deliver(seen_as(second, OTHER_KIND, 2 * HOUR))
    assert world.value(STALE, port="587") == 0
    world.deliver(seen_as(first, old_kind, DAY))
    assert world.value(STALE, port="587") == 1
    world.deliver(seen_as(first, OTHER_KIND, 2 * DAY))
    assert world.value(STALE, port="587") == 0


# Findings.


def test_a_finding_is_told_while_it_lasts_and_since_when_starttls_is_lost() -> None:
    port = target()
    lost_since = "mailprobe_starttls_lost_timestamp_seconds"
    world = World(port)
    world.deliver(healthy(port))
    assert world.samples("mailprobe_tls_finding_info") == []
    assert world.value(lost_since) is None
    world.deliver(without_starttls(port, STARTED + 120), without_starttls(port, STARTED + 240))
    assert world.value("mailprobe_tls_finding_info", finding="starttls_lost") == 1
    assert world.value(lost_since) == STARTED + 120
    world.deliver(ended(port, Outcome.CONNECT_REFUSED, STARTED + 360))
    assert world.value(lost_since) is None
    world.deliver(without_starttls(port, STARTED + 480))
    assert world.value(lost_since) == STARTED + 120
    world.deliver(healthy(port, STARTED + 600))
    assert world.samples("mailprobe_tls_finding_info") == []


def test_no_finding_is_told_where_that_is_switched_off() -> None:
    port = target()
    world = World(port)
    world.deliver(healthy(port), without_starttls(port, STARTED + 120))
    world.configure([port], watch=Watch(tls_findings=False))
    assert world.samples("mailprobe_tls_finding_info") == []
    world.deliver(without_starttls(port, STARTED + 240))
    assert world.samples("mailprobe_tls_finding_info") == []
    assert world.value("mailprobe_starttls_lost_timestamp_seconds") is None


def test_what_is_no_finding_under_the_new_configuration_goes_with_the_reload() -> None:
    port = target()
    rules = expectation(starttls=StarttlsRule.FORBIDDEN, auth_before_tls=AuthRule.ALLOWED)
    world = World(port)
    lost = without_starttls(port, STARTED + 120)
    lost = replace(lost, findings=replace(lost.findings, cleartext_auth=True))
    world.deliver(healthy(port), lost)
    found = {labels["finding"] for labels, _ in world.samples("mailprobe_tls_finding_info")}
    assert found == {"starttls_lost", "cleartext_auth"}
    world.configure([replace(port, expectation=rules)])
    assert world.samples("mailprobe_tls_finding_info") == []
    assert world.samples("mailprobe_starttls_lost_timestamp_seconds") == []
    state = world.store.state(port.key)
    assert state is not None
    assert state.starttls.lost_since is None


def test_a_finding_stays_over_a_reload_that_says_nothing_of_it_and_comes_with_the_switch() -> None:
    port = target()
    world = World(port)
    world.deliver(healthy(port), without_starttls(port, STARTED + 120))
    for watch in (Watch(tls_findings=False), Watch()):
        world.configure([replace(port, interval=300.0)], watch=watch)
        assert bool(world.samples("mailprobe_tls_finding_info")) is watch.tls_findings
    assert world.value("mailprobe_starttls_lost_timestamp_seconds") == STARTED + 120


# A host and its families.


def banned_world(watch: Watch = Watch()) -> tuple[World, tuple[Target, ...]]:  # noqa: B008  # frozen
    """All ports of one host time out after they were open, and another host answers all the time."""
    here, there = host("mail.example.org"), host("mx2.example.org")
    world = World(*here, *there, watch=watch)
    world.deliver(*at("mail", here, Outcome.OK), *at("mx2", there, Outcome.OK))
    world.deliver(*at("mail", here[:2], Outcome.CONNECT_TIMEOUT, 120))
    world.deliver(*at("mx2", there, Outcome.OK, 150))
    assert world.value("mailprobe_suspected_ban", host="mail.example.org") in (0, None)
    world.deliver(*at("mail", here[2:], Outcome.CONNECT_TIMEOUT, 180))
    return world, here


def test_a_ban_is_suspected_when_all_ports_went_while_others_answer_and_ends_when_one_is_back() -> None:
    world, here = banned_world()
    assert world.value("mailprobe_suspected_ban", host="mail.example.org", ip_family="ipv4") == 1
    assert world.value("mailprobe_suspected_ban", host="mx2.example.org", ip_family="ipv4") == 0
    assert [remarks(world, one) for one in here] == [(BAN_REMARK,)] * 3
    assert [state.suspected_ban for state in world.store.hosts()] == [
        ((IpFamily.IPV4, True),),
        ((IpFamily.IPV4, False),),
    ]
    world.deliver(*at("mail", here[:1], Outcome.OK, 600))
    assert world.value("mailprobe_suspected_ban", host="mail.example.org", ip_family="ipv4") == 0
    assert [remarks(world, one) for one in here] == [()] * 3


def test_nobody_is_suspected_where_that_is_switched_off() -> None:
    world, here = banned_world(Watch(suspected_bans=False))
    assert world.samples("mailprobe_suspected_ban") == []
    assert remarks(world, here[0]) == ()


def test_a_ban_does_not_end_because_a_reload_brings_in_another_port() -> None:
    world, here = banned_world()
    there, added = host("mx2.example.org"), target(port=4190)
    world.configure([*here, added, *there])
    assert world.value("mailprobe_suspected_ban", host="mail.example.org") == 1
    world.deliver(*at("mail", [added], Outcome.CONNECT_TIMEOUT, 300))
    assert world.value("mailprobe_suspected_ban", host="mail.example.org") == 1
    world.deliver(*at("mail", [added], Outcome.OK, 420))
    assert world.value("mailprobe_suspected_ban", host="mail.example.org") == 0


def test_another_name_of_the_same_address_is_no_witness() -> None:
    here, alias = host("mail.example.org"), host("alias.example.org", (25,))
    world = World(*here, *alias)
    world.deliver(*at("one", here, Outcome.OK), *at("one", alias, Outcome.OK))
    world.deliver(*at("one", here, Outcome.CONNECT_TIMEOUT, 120), *at("one", alias, Outcome.OK, 150))
    world.deliver(*at("one", here, Outcome.CONNECT_TIMEOUT, 240))
    assert world.value("mailprobe_suspected_ban", host="mail.example.org") == 0


@pytest.mark.parametrize(("ports", "suspected"), [((25,), None), ((25, 465), 1)])
def test_one_service_that_is_down_at_all_addresses_is_no_ban(ports: tuple[int, ...], suspected: int | None) -> None:
    here = [
        replace(target(port=port), addresses=AddressRule.ALL, address=f"192.0.2.{number}")
        for port in ports
        for number in (25, 26)
    ]
    there = host("mx2.example.org")
    world = World(*here, *there)
    for outcome, seconds in ((Outcome.OK, 0), (Outcome.CONNECT_REFUSED, 120), (Outcome.CONNECT_REFUSED, 240)):
        world.deliver(*(replace(ended(one, outcome, STARTED + seconds), address=one.address) for one in here))
        world.deliver(*at("mx2", there, Outcome.OK, seconds + 30))
    assert world.value("mailprobe_suspected_ban", host="mail.example.org") == suspected


def test_a_witness_is_remembered_among_many() -> None:
    here, others = host("mail.example.org"), [target(host=f"mx{number}.example.org") for number in range(70)]
    world = World(*here, *others)
    world.deliver(*at("mail", here, Outcome.OK))
    for seconds in (0, 150):
        for one in others:
            world.deliver(*at(one.host, (one,), Outcome.OK, seconds))
    world.deliver(*at("mail", here, Outcome.CONNECT_TIMEOUT, 120))
    world.deliver(*at("mail", here, Outcome.CONNECT_TIMEOUT, 240))
    assert world.value("mailprobe_suspected_ban", host="mail.example.org") == 1


def test_a_family_that_is_dead_alone_is_told() -> None:
    v4, v6 = host("mail.example.org"), host("mail.example.org", family=IpFamily.IPV6)
    world = World(*v4, *v6)
    world.deliver(*at("v4", v4, Outcome.OK), *at("v6", v6, Outcome.CONNECT_TIMEOUT))
    assert world.value("mailprobe_family_lost", ip_family="ipv4") == 0
    assert world.value("mailprobe_family_lost", ip_family="ipv6") == 1
    world.deliver(*at("v4", v4, Outcome.CONNECT_TIMEOUT, 120))
    assert world.value("mailprobe_family_lost", ip_family="ipv6") is None


def test_no_family_is_lost_where_that_is_switched_off() -> None:
    v4, v6 = host("mail.example.org"), host("mail.example.org", family=IpFamily.IPV6)
    world = World(*v4, *v6, watch=Watch(lost_families=False))
    world.deliver(*at("v4", v4, Outcome.OK), *at("v6", v6, Outcome.CONNECT_TIMEOUT))
    assert world.samples("mailprobe_family_lost") == []
    world.configure([*v4, *v6])
    assert world.value("mailprobe_family_lost", ip_family="ipv6") == 1


def test_a_family_whose_addresses_are_gone_is_neither_lost_nor_well() -> None:
    v4, v6 = host("mail.example.org"), host("mail.example.org", family=IpFamily.IPV6)
    world = World(*v4, *v6)
    world.deliver(*at("v4", v4, Outcome.OK), *at("v6", v6, Outcome.OK))
    for one in v6:
        world.deliver(ProbeResult(one, STARTED + 120, 0.1, Outcome.DNS_NO_ADDRESS, Phase.RESOLVE, resolution=ONLY_IPV4))
    assert world.value("mailprobe_family_lost", ip_family="ipv6") is None
    world.deliver(*at("v4", v4, Outcome.CONNECT_TIMEOUT, 240))
    assert world.value("mailprobe_family_lost", ip_family="ipv4") is None


def test_the_addresses_of_a_port_are_counted_where_all_are_probed() -> None:
    template = replace(target(), addresses=AddressRule.ALL)
    each = [replace(template, address=f"192.0.2.{number}") for number in (25, 26, 27)]
    world = World(*each, target(port=25))
    assert world.samples("mailprobe_addresses_probed") == []
    world.deliver(*(replace(healthy(one), address=one.address) for one in each[:2]), healthy(target(port=25)))
    world.deliver(ended(each[2], Outcome.CONNECT_TIMEOUT))
    ((labels, value),) = world.samples("mailprobe_addresses_probed")
    assert labels == {
        "host": "mail.example.org",
        "port": "587",
        "protocol": "smtp",
        "tls": "starttls",
        "ip_family": "ipv4",
    }
    assert value == 3
    assert world.value("mailprobe_addresses_open") == 2
    world.configure(each[:1])
    assert world.value("mailprobe_addresses_probed") == 1
    world.configure([template])
    world.deliver(ended(template, Outcome.DNS_ERROR))
    assert world.samples("mailprobe_addresses_open") == []


@pytest.mark.parametrize("before", [Outcome.OK, Outcome.CONNECT_TIMEOUT])
def test_addresses_that_were_not_tried_because_the_name_fails_are_not_counted_as_closed(before: Outcome) -> None:
    each = [replace(target(), addresses=AddressRule.ALL, address=f"192.0.2.{number}") for number in (25, 26)]
    world = World(*each)
    world.deliver(*(replace(ended(one, before), address=one.address) for one in each))
    assert world.value("mailprobe_addresses_probed") == 2
    world.deliver(ended(each[0], Outcome.DNS_ERROR, STARTED + 120))
    assert world.value("mailprobe_addresses_probed") == 1
    world.deliver(ended(each[1], Outcome.DNS_ERROR, STARTED + 120))
    assert world.samples("mailprobe_addresses_probed") == world.samples("mailprobe_addresses_open") == []


# This machine's own network.


HOSTS = tuple(f"mx{number}.example.org" for number in range(4))


def reference(port: int = 25, name: str = "reference.example.net") -> Target:
    return replace(target(host=name, port=port, tls=TlsMode.NONE), reference=True)


def test_references_tell_whether_a_port_is_blocked_and_are_no_targets() -> None:
    here, known = target(port=25), reference()
    world = World(here, references=[known])
    world.deliver(ended(here, Outcome.CONNECT_TIMEOUT))
    assert world.store.vantages() == ()
    world.deliver(ended(known, Outcome.CONNECT_TIMEOUT, STARTED + 60))
    assert world.value("mailprobe_vantage_ok", port="25", ip_family="ipv4", basis="references") == 0
    assert remarks(world, here) == ("this network blocks port 25 over ipv4",)
    world.deliver(ended(known, Outcome.CONNECT_REFUSED, STARTED + 90))
    assert world.store.vantages() == (Vantage(25, IpFamily.IPV4, False, Basis.REFERENCES),)
    world.deliver(healthy(known, STARTED + 120))
    assert world.value("mailprobe_vantage_ok", port="25", basis="references") == 1
    assert remarks(world, here) == ()
    assert [state.target for state in world.store.states()] == [here]
    assert world.names(host=known.host) == set()


@pytest.mark.parametrize("outcome", [Outcome.DNS_NXDOMAIN, Outcome.DNS_ERROR, Outcome.NO_ROUTE, Outcome.LOCAL_ERROR])
@pytest.mark.parametrize("before", [Outcome.OK, Outcome.CONNECT_TIMEOUT])
def test_a_reference_that_cannot_be_asked_any_more_says_nothing(before: Outcome, outcome: Outcome) -> None:
    here, known = target(port=25), reference()
    world = World(here, references=[known])
    world.deliver(ended(known, before))
    assert world.value("mailprobe_vantage_ok") == (before is Outcome.OK)
    world.deliver(ended(known, outcome, STARTED + 300))
    assert world.samples("mailprobe_vantage_ok") == []
    world.deliver(ended(known, before, STARTED + 600))
    assert world.value("mailprobe_vantage_ok") == (before is Outcome.OK)


def test_a_port_of_ours_that_answers_is_believed_and_not_the_reference_that_does_not() -> None:
    here, there, known = target(port=25), target(host="mx2.example.org", port=25), reference()
    world = World(here, there, references=[known])
    world.deliver(healthy(here), ended(there, Outcome.CONNECT_TIMEOUT))
    world.deliver(ended(known, Outcome.CONNECT_REFUSED, STARTED + 30))
    assert world.value("mailprobe_vantage_ok", basis="references") == 0
    assert remarks(world, there) == ("this network blocks port 25 over ipv4",)
    world.deliver(healthy(here, STARTED + 60))
    assert remarks(world, there) == ()
    for round_ in (1, 2, 3):
        assert world.samples("mailprobe_vantage_ok") == [({"port": "25", "ip_family": "ipv4", "basis": "inferred"}, 1)]
        world.deliver(ended(known, Outcome.CONNECT_REFUSED, STARTED + 300 * round_))
    world.deliver(ended(here, Outcome.CONNECT_REFUSED, STARTED + 1200))
    assert world.samples("mailprobe_vantage_ok") == [({"port": "25", "ip_family": "ipv4", "basis": "references"}, 0)]
    world.deliver(healthy(known, STARTED + 1230))
    assert world.samples("mailprobe_vantage_ok") == [({"port": "25", "ip_family": "ipv4", "basis": "references"}, 1)]


def test_a_reference_that_is_not_one_any_more_says_nothing() -> None:
    here, known, other = target(port=25), reference(), reference(name="other.example.net")
    world = World(here, references=[known, other])
    world.deliver(ended(here, Outcome.CONNECT_TIMEOUT), ended(known, Outcome.CONNECT_TIMEOUT), healthy(other))
    assert world.value("mailprobe_vantage_ok") == 1
    world.configure([here], references=[known])
    assert world.value("mailprobe_vantage_ok") == 0
    world.deliver(healthy(other, STARTED + 60))
    assert world.value("mailprobe_vantage_ok") == 0
    world.configure([here])
    assert world.store.vantages() == ()
    assert remarks(world, here) == ()


def test_a_reference_is_a_witness_against_a_host_that_bans() -> None:
    here, known = host("mail.example.org"), reference(587)
    world = World(*here, references=[known])
    world.deliver(*at("mail", here, Outcome.OK), *at("reference", [known], Outcome.OK))
    world.deliver(*at("mail", here, Outcome.CONNECT_REFUSED, 120), *at("reference", [known], Outcome.OK, 150))
    world.deliver(*at("mail", here, Outcome.CONNECT_REFUSED, 240))
    assert world.value("mailprobe_suspected_ban") == 1


def test_a_host_is_not_suspected_of_what_this_network_does() -> None:
    here = host("mail.example.org", (25, 587))
    witness = host("mx2.example.org", (993,))
    references = [reference(25), reference(587)]
    world = World(*here, *witness, references=references)
    world.deliver(*at("mail", here, Outcome.OK), *at("mx2", witness, Outcome.OK))
    for seconds in (120, 240):
        world.deliver(*at("mail", here, Outcome.CONNECT_TIMEOUT, seconds), *at("mx2", witness, Outcome.OK, seconds))
    assert world.value("mailprobe_suspected_ban", host="mail.example.org") == 1
    world.deliver(*(ended(one, Outcome.CONNECT_TIMEOUT, STARTED + 250) for one in references))
    assert world.value("mailprobe_suspected_ban", host="mail.example.org") == 0
    assert remarks(world, here[0]) == ("this network blocks port 25 over ipv4",)


def inferring(watch: Watch = Watch(), blocked: Outcome = Outcome.CONNECT_TIMEOUT) -> World:  # noqa: B008  # frozen
    """Port 25 of four hosts that answer on another one, after two rounds."""
    world = World(*(one for name in HOSTS for one in host(name, (25, 587))), watch=watch)
    for seconds in (0.0, 120.0):
        for name in HOSTS:
            smtp, submission = host(name, (25, 587))
            last = name == HOSTS[-1]
            outcome = blocked if last else Outcome.CONNECT_TIMEOUT
            world.deliver(*at(name, [submission], Outcome.OK, seconds), *at(name, [smtp], outcome, seconds))
    return world


def test_a_port_that_times_out_everywhere_while_others_answer_is_inferred_to_be_blocked() -> None:
    world = inferring()
    assert world.value("mailprobe_vantage_ok", port="25", ip_family="ipv4", basis="inferred") == 0
    assert world.value("mailprobe_vantage_ok", port="587", ip_family="ipv4", basis="inferred") == 1
    (smtp,) = host(HOSTS[0], (25,))
    assert remarks(world, smtp) == ("this network blocks port 25 over ipv4, as inferred from all hosts failing alike",)
    world.deliver(*at(HOSTS[1], host(HOSTS[1], (25,)), Outcome.OK, 240))
    assert world.value("mailprobe_vantage_ok", port="25", basis="inferred") == 1
    assert remarks(world, smtp) == ()


def test_it_is_found_out_as_soon_as_three_hosts_answered_between_two_losses() -> None:
    world = World(*(one for name in HOSTS for one in host(name, (25, 587))))
    values = []
    for seconds in (0.0, 120.0):
        for name in HOSTS:
            smtp, submission = host(name, (25, 587))
            world.deliver(*at(name, [submission], Outcome.OK, seconds))
            world.deliver(*at(name, [smtp], Outcome.CONNECT_TIMEOUT, seconds + 60))
            values.append(world.value("mailprobe_vantage_ok", port="25"))
    assert values == [None] * 6 + [0, 0]


@pytest.mark.parametrize(
    "world",
    [
        pytest.param(inferring(blocked=Outcome.CONNECT_REFUSED), id="one-refuses"),
        pytest.param(inferring(Watch(inferred_vantage=False)), id="switched-off"),
    ],
)
def test_nothing_is_inferred(world: World) -> None:
    assert world.value("mailprobe_vantage_ok", port="25") is None


def test_a_port_that_was_blocked_is_not_known_to_be_so_when_one_host_refuses() -> None:
    world = inferring()
    world.deliver(*at(HOSTS[0], host(HOSTS[0], (25,)), Outcome.CONNECT_REFUSED, 240))
    assert world.value("mailprobe_vantage_ok", port="25") is None


def test_a_port_is_not_known_to_be_blocked_when_the_hosts_are_lost_altogether() -> None:
    world = inferring()
    for name in HOSTS[:2]:
        world.deliver(*at(name, host(name, (587,)), Outcome.CONNECT_TIMEOUT, 240))
    assert world.value("mailprobe_vantage_ok", port="25") is None


def test_vantages_come_by_port_and_family() -> None:
    ports = (993, 25, 587)
    world = World(*host("mail.example.org", ports), *host("mail.example.org", ports, IpFamily.IPV6))
    world.deliver(*map(healthy, host("mail.example.org", ports, IpFamily.IPV6) + host("mail.example.org", ports)))
    assert [(vantage.port, vantage.ip_family) for vantage in world.store.vantages()] == [
        (port, family) for port in sorted(ports) for family in IpFamily
    ]


def test_a_port_of_which_nothing_is_expected_says_nothing_of_the_network_before_it_was_open() -> None:
    unexpected = [target(host=name, port=4190, expects=expectation(PortState.ANY)) for name in HOSTS]
    world = World(*unexpected, *(one for name in HOSTS for one in host(name, (587,))))
    for seconds in (0.0, 120.0):
        for one in unexpected:
            world.deliver(*at(one.host, host(one.host, (587,)), Outcome.OK, seconds))
            world.deliver(*at(one.host, [one], Outcome.CONNECT_TIMEOUT, seconds))
    assert world.value("mailprobe_vantage_ok", port="4190") is None
