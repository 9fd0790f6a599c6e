"""What `check` prints: for people, with nothing a terminal would obey, and as JSON."""

import io
import json
from dataclasses import replace

import pytest
from rich.console import Console

from exporter.check.report import as_json, print_report
from exporter.results import CertificateFacts, Findings, Outcome, Phase, ProbeResult, TranscriptLine
from exporter.targets import PortState, TlsVersion
from tests.check.results import EXPIRED, NOW, certificate, checked, closed, healthy


def printed(*results: ProbeResult, verbose: bool = False) -> str:
    out = io.StringIO()
    console = Console(file=out, width=160, highlight=False)
    print_report(console, [checked(result) for result in results], NOW, verbose=verbose)
    return out.getvalue()


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

    (line,) = [line.split(maxsplit=1)[1] for line in text.splitlines() if line.split()[:1] == ["expected"]]
    assert line.strip() == (
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

    text = printed(result, verbose=True)

    assert not {"\x1b", "\x9b", "\u202e"} & set(text)
    assert "[bold red]" in text


def test_nothing_is_advised_where_no_port_for_clients_was_probed() -> None:
    assert "mail client" not in printed(healthy(25))
    assert "none is open, encrypted" in printed(closed(587))


def test_json_says_the_same_and_null_where_nothing_is_known() -> None:
    data = json.loads(json.dumps(as_json([checked(healthy(465)), checked(closed(587))], NOW)))

    first, second = data["targets"]
    assert data["status"] == "CRITICAL"
    assert (first["port"], first["outcome"], first["success"]) == (465, "ok", True)
    assert first["certificates"][0]["not_after"] == certificate().not_after
    assert first["certificate_verdict"]["faults"] == []
    assert first["tls_session"]["version"] == "TLSv1.3"
    assert first["durations"] == {"connect": 0.01, "greeting": 0.234}
    assert (second["outcome"], second["success"], second["port_open"]) == ("connect_refused", False, False)
    assert second["tls_session"] is None
    assert second["certificate_verdict"] is None
    assert second["capabilities"] is None
    assert [setting["port"] for setting in data["client_settings"]] == [465]


@pytest.mark.parametrize("outcome", Outcome)
def test_every_outcome_can_be_told(outcome: Outcome) -> None:
    assert printed(healthy(587, outcome=outcome, phase=Phase.TLS, detail="because"))
