"""What `check` prints for people: everything that was found, and nothing that a terminal would obey."""

import io
from dataclasses import replace

import pytest
from rich.console import Console

from exporter.check.report import print_report
from exporter.check.together import Round
from exporter.check.verdict import Checked
from exporter.judgement.variant import VariantSeen, VariantStanding
from exporter.results import CertificateFacts, Findings, Outcome, Phase, ProbeResult, TranscriptLine
from exporter.targets import AddressRule, IpFamily, PortState, TlsVersion, Variant
from tests.check.results import (
    EXPIRED,
    NOW,
    VALID,
    a_round,
    at,
    certificate,
    checked,
    closed,
    healthy,
    other_handshake,
    silent,
)


def shown(found: Round, *, verbose: bool = False) -> str:
    """What is printed of a round."""
    out = io.StringIO()
    console = Console(file=out, width=240, highlight=False)
    print_report(console, found, NOW, verbose=verbose)
    return out.getvalue()


def printed(*results: ProbeResult | Checked, verbose: bool = False) -> str:
    """What is printed of a round of these results."""
    return shown(a_round(*results), verbose=verbose)


def line(text: str, name: str) -> str:
    """What stands in the only row of that name."""
    (found,) = [row.strip().removeprefix(name).strip() for row in text.splitlines() if row.strip().startswith(name)]
    return found


def test_every_port_is_told_with_what_was_found() -> None:
    text = printed(healthy(587))

    assert "587" in text
    assert "TLSv1.3 TLS_AES_256_GCM_SHA384 X25519" in text
    assert "valid for mail.example.org" in text
    assert "in 60 days, 67% of its life left" in text
    assert "AUTH PLAIN" in text
    assert "connect 10.0 ms  greeting 234 ms" in text
    assert "\nOK 1 ok" in text


def test_a_failure_is_told_with_its_reason_and_its_phase() -> None:
    text = printed(closed(587))

    assert "CRITICAL  connect_refused" in text
    assert "connecting: Connection refused (in phase connect)" in text


def test_every_expectation_is_told_with_whether_it_is_met() -> None:
    declared = replace(healthy(587).target.expectation, min_tls=TlsVersion.TLS_1_2, capabilities_must=("PIPELINING",))
    text = printed(healthy(587, target=replace(healthy(587).target, expectation=declared)))

    assert line(text, "expected") == (
        "open met, starttls met, valid_certificate met, auth_before_tls met, capabilities_must not met, min_tls met"
    )
    assert "not offered: PIPELINING (in phase capabilities_tls)" in text


def test_an_expectation_that_could_not_be_judged_is_not_told() -> None:
    text = printed(closed(587))

    assert "open not met" in text
    assert "starttls" not in text


def test_a_port_that_should_refuse_and_does_is_well() -> None:
    refuses = healthy(
        587, outcome=Outcome.GREETING_REJECTED, phase=Phase.GREETING, findings=Findings(greeting_code=554)
    )
    declared = replace(refuses.target.expectation, greeting_codes=(554,), valid_certificate=False)
    text = printed(replace(refuses, target=replace(refuses.target, expectation=declared)))

    assert "OK  ok" in text
    assert "open met, greeting_code met" in text
    assert "reason" not in text


def test_an_expired_certificate_is_told_with_the_days_since() -> None:
    text = printed(healthy(993, verdict=EXPIRED, certificates=(certificate(days=-3),)))

    assert "3 days ago" in text
    assert "not valid for mail.example.org: expired" in text


def test_a_closed_port_that_nobody_promised_is_one_line() -> None:
    text = printed(healthy(465), closed(143, PortState.ANY))

    assert "closed  connect_refused" in text
    assert "Connection refused" not in text
    assert "1 ok, 1 closed, of which nothing was expected" in text


def test_the_dialog_is_printed_only_when_asked_for() -> None:
    assert "220 ready" not in printed(healthy(587))
    assert "220 ready" in printed(healthy(587), verbose=True)


def test_what_is_not_known_is_left_out() -> None:
    bare = CertificateFacts(0, "00" * 32, None, None)
    text = printed(healthy(465, certificates=(bare,), verdict=None, findings=Findings()))

    assert "no names; unknown key" in text
    assert "not judged" in text
    assert "ends" not in text


def test_nothing_from_a_server_is_obeyed_by_a_terminal_or_read_as_markup() -> None:
    hostile = "\x1b[2J[bold red]\x9b31m\u202e evil"
    result = healthy(
        587,
        findings=Findings(greeting=hostile),
        transcript=(TranscriptLine(False, hostile),),
        certificates=(replace(certificate(), issuer=hostile, dns_names=(hostile,)),),
    )
    seen = (
        other_handshake(Variant.NO_SNI, certificate(issuer=hostile, dns_names=(hostile,)), VALID),
        other_handshake(Variant.RSA, standing=VariantStanding.FAILED, detail=hostile),
    )

    text = printed(checked(result, *seen), verbose=True)

    assert not {"\x1b", "\x9b", "\u202e"} & set(text)
    assert "[bold red]" in text


def test_nothing_is_advised_where_no_port_for_clients_was_probed() -> None:
    assert "mail client" not in printed(healthy(25))
    assert "none is open, encrypted" in printed(closed(587))


def test_findings_are_told_with_how_much_they_matter() -> None:
    text = printed(healthy(587, findings=Findings(greeting="*" * 30, cleartext_auth=True)))

    assert line(text, "findings") == (
        "info: something on the way masks the greeting, warning: passwords are accepted before TLS"
    )
    assert "findings" not in printed(healthy(587))


def test_an_older_certificate_than_on_other_ports_is_told() -> None:
    text = printed(healthy(465), healthy(993, certificates=(certificate(days=40),)))

    assert line(text, "stale").startswith("older than on other ports of the group")
    assert text.index("993") < text.index("stale"), "of the port that shows it"
    assert "stale" not in printed(healthy(465), healthy(993))
    assert text.splitlines()[-1] == "WARNING 1 ok, 1 warning"


@pytest.mark.parametrize(
    ("seen", "name", "told"),
    [
        (
            other_handshake(Variant.NO_SNI, certificate(), standing=VariantStanding.SAME),
            "without SNI",
            "the same certificate, valid for mail.example.org",
        ),
        (
            other_handshake(Variant.RSA, certificate(days=-3), EXPIRED),
            "RSA only",
            "another certificate: mail.example.org; ecdsa 256; issued by CN=Issuer; "
            "ended 2026-11-15 11:06 UTC, 3 days ago; not valid for mail.example.org: expired",
        ),
        (other_handshake(Variant.ECDSA, standing=VariantStanding.NOT_INSTALLED), "ECDSA only", "not installed"),
        (
            other_handshake(Variant.RSA, standing=VariantStanding.FAILED, detail="the server hung\x1b up"),
            "RSA only",
            "failed: the server hung\\x1b up",
        ),
    ],
    ids=["the same", "another", "not installed", "failed"],
)
def test_every_other_handshake_is_a_row(seen: VariantSeen, name: str, told: str) -> None:
    assert line(printed(checked(healthy(25), seen)), name) == told


def test_every_address_is_told_and_how_many_answer() -> None:
    def at_address(number: int, result: ProbeResult) -> ProbeResult:
        address = f"192.0.2.{number}"
        return replace(at(result, address=address, addresses=AddressRule.ALL), address=address)

    text = printed(at_address(1, healthy(25)), at_address(2, closed(25)), at_address(3, healthy(25)))

    assert [f"192.0.2.{number}" in text for number in (1, 2, 3)] == [True] * 3
    assert "\n  port 25 over IPv4: 2 of 3 addresses answer\n" in text
    assert "addresses answer" not in printed(healthy(25))


def test_addresses_are_counted_under_their_own_host() -> None:
    results = [
        at(result, host=host, address="192.0.2.1", addresses=AddressRule.ALL)
        for host, result in (("a.example.org", closed(25)), ("b.example.org", healthy(25)))
    ]

    text = printed(*results)

    assert text.index("0 of 1 addresses answer") < text.index("\nb.example.org") < text.index("1 of 1 addresses answer")


def test_a_host_that_is_lost_is_told_under_its_ports() -> None:
    text = printed(closed(25), closed(587), at(healthy(25), host="other.example.org"))

    assert text.index("587") < text.index("no port answers: ") < text.index("other.example.org")
    assert text.count("no port answers: ") == 1


def test_a_family_that_is_lost_is_told() -> None:
    text = printed(healthy(25), at(closed(25), ip_family=IpFamily.IPV6))

    assert "\n  does not answer over IPv6, while IPv4 does\n" in text


def test_what_this_network_blocks_is_told_before_everything_else() -> None:
    witness = at(healthy(25), host="mx.example.net", reference=True)
    deaf = at(silent(25), host="mx.example.net", reference=True)

    assert shown(a_round(silent(25), references=[deaf])).startswith("\nthis network blocks port 25 over ipv4\n")
    assert "this network" not in shown(a_round(silent(25), references=[witness]))
    assert "mx.example.net" not in shown(a_round(silent(25), references=[witness])), "a reference is no target"


@pytest.mark.parametrize("outcome", Outcome)
def test_every_outcome_can_be_told(outcome: Outcome) -> None:
    assert printed(healthy(587, outcome=outcome, phase=Phase.TLS, detail="because"))
