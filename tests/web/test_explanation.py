"""What a person is told about a probe on demand."""

from dataclasses import replace

import pytest

from exporter.judgement.expectation import judge
from exporter.metrics.single import Single
from exporter.results import CertificateFault, Outcome, Phase, ProbeResult, TranscriptLine
from exporter.web.explanation import explained
from tests.web.daemon import answered, certificate, failed, faulty, target


def told(*results: ProbeResult, age: float = 0.0) -> str:
    return explained([Single(result, judge(result, known_before=True)) for result in results], age, "samples here\n")


def test_a_healthy_probe_is_told_from_its_verdict_to_its_samples() -> None:
    lines = (TranscriptLine(True, "EHLO monitor.example.org"), TranscriptLine(False, "250 ok", secured=True))
    shown = certificate(62, dns_names=("mail.example.org",), ip_addresses=("192.0.2.25",))
    text = told(answered(target(), transcript=lines, certificates=(shown,)))
    assert (
        text
        == """\
probed now

mail.example.org port 587 over IPv4: SMTP, TLS STARTTLS
  success       yes
  outcome       ok: all as it should be (in phase goodbye)
  expected      open: met
  expected      starttls: met
  expected      valid_certificate: met
  expected      auth_before_tls: met
  address       192.0.2.25
  TLS           TLSv1.3 TLS_AES_256_GCM_SHA384 X25519
  certificate   ends 2027-01-22T22:26:40Z; mail.example.org, 192.0.2.25
                valid, for mail.example.org
  took          connect: 11 ms
  took          greeting: 42 ms
  dialog
    we             EHLO monitor.example.org
    server in TLS  250 ok

samples
samples here
"""
    )


def test_a_bad_certificate_is_told_with_its_faults() -> None:
    shown = replace(certificate(-1), not_after=None)
    text = told(answered(target(), certificates=(shown,), verdict=faulty(CertificateFault.EXPIRED)))
    assert "  success       no\n" in text
    assert "  expected      valid_certificate: not met\n" in text
    assert "  certificate   no names\n                not valid: expired, for mail.example.org\n" in text


@pytest.mark.parametrize(("outcome", "success"), [(Outcome.CONNECT_REFUSED, "no"), (Outcome.LOCAL_ERROR, "nothing")])
def test_a_failure_is_told_with_its_reason_made_visible(outcome: Outcome, success: str) -> None:
    text = told(failed(target(), outcome, Phase.CONNECT, "bad \x1b[2J\u202e", address=None), age=3.04)
    assert "  address" not in text
    assert "probed 3.0 s ago, and reused: max_age=0s asks for a new session\n" in text
    assert f"  success       {success}" in text
    assert "  reason        bad \\x1b[2J\\u202e\n" in text
    assert "  dialog        none\n" in text


def test_every_family_has_its_own_part() -> None:
    assert told(answered(target()), answered(target("mx.example.org"))).count("  success       yes\n") == 2


def test_a_hostile_certificate_and_dialog_stay_on_their_lines() -> None:
    shown = certificate(62, dns_names=("a\r\nmailprobe_success 1",))
    lines = (TranscriptLine(False, "220 \u2028forged"),)
    text = told(answered(target(), certificates=(shown,), transcript=lines))
    assert all(line.isprintable() for line in text.split("\n"))
    assert not any(line.startswith("mailprobe_success") for line in text.splitlines())
