"""What the rules beyond the usual ones mean as targets: checks of a certificate, TLS, greetings and capabilities."""

import pytest

from exporter.config.capability import MAX_ENTRIES, MAX_WORD
from exporter.targets import CertificateChecks, TlsVersion
from tests.config.test_forms import config, only


def test_rules_of_tls_and_of_smtp_for_all_ports_pass_over_those_they_cannot_apply_to() -> None:
    text = """
    defaults: {min_tls: TLSv1.2, greeting_codes: [220, 421], ip_families: [ipv4]}
    hosts: [{host: mail.example.org, ports: [587, 993, {port: 26, protocol: smtp, tls: none}]}]
    """
    found = [target.expectation for target in config(text).targets]
    assert [(rule.min_tls, rule.greeting_codes) for rule in found] == [
        (TlsVersion.TLS_1_2, (220, 421)),
        (TlsVersion.TLS_1_2, ()),
        (None, (220, 421)),
    ]


def test_a_port_that_changes_its_protocol_is_not_bound_by_the_rules_for_its_number() -> None:
    text = """
    defaults: {ports: {2525: {greeting_codes: [554]}}}
    hosts: [{host: mail.example.org, ip_families: [ipv4], ports: [{port: 2525, protocol: imap}]}]
    """
    assert only(text).expectation.greeting_codes == ()


@pytest.mark.parametrize(
    ("written", "valid", "checks"),
    [
        pytest.param("true", True, CertificateChecks(), id="true"),
        pytest.param("false", False, CertificateChecks(), id="false"),
        pytest.param("{}", True, CertificateChecks(), id="nothing-left-out"),
        pytest.param("{dates: false}", True, CertificateChecks(dates=False), id="one"),
        pytest.param("{chain: false, name: false, dates: false}", False, CertificateChecks(), id="none"),
    ],
)
def test_a_certificate_must_hold_as_far_as_its_checks_are_wanted(
    written: str, valid: bool, checks: CertificateChecks
) -> None:
    text = f"hosts: [{{host: a, ip_families: [ipv4], ports: [{{port: 465, valid_certificate: {written}}}]}}]"
    found = only(text).expectation
    assert (found.valid_certificate, found.certificate_checks) == (valid, checks)


def test_lists_and_capabilities_may_be_as_long_as_their_bounds() -> None:
    longest = "A" * MAX_WORD
    entries = [f"{longest} {longest}", *(f"X{number}" for number in range(1, MAX_ENTRIES))]
    codes = list(range(550, 560))
    rules = f"greeting_codes: {codes}, capabilities: {{must: [{', '.join(entries)}]}}"
    found = only(f"hosts: [{{host: a, ip_families: [ipv4], ports: [{{port: 25, {rules}}}]}}]").expectation
    assert (found.greeting_codes, found.capabilities_must) == (tuple(codes), tuple(entries))


def test_what_is_no_contradiction_is_allowed() -> None:
    text = (
        "hosts: [{host: a, ip_families: [ipv4], ports: [{port: 25, capabilities: {must: [AUTH], must_not: [AUTH X]}}]}]"
    )
    found = only(text).expectation
    assert (found.capabilities_must, found.capabilities_must_not) == (("AUTH",), ("AUTH X",))
