"""The alert rules: accepted by promtool and a real Prometheus, each seen to fire and to be silent, each explained."""

import re
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from exporter.judgement.security import SEVERITY, TlsFinding
from exporter.results import CertificateFault
from tests.deploy.rules import ROOT, RULES, UNIT_TESTS, alerts, everywhere, recorded, rules, unit_tests
from tests.grafana.installation import scraped
from tests.grafana.promql import grouping_labels, selectors
from tests.grafana.vocabulary import LABEL_VALUES, labels_by_series
from tests.real.require import require
from tests.real.waiting import wait_until

ALERTS = [pytest.param(alert, id=f"{alert['alert']}-{alert['labels']['severity']}") for alert in alerts()]
RULE_NAMES = [pytest.param(rule, id=rule.get("alert") or rule.get("record")) for rule in rules()]
SEVERITIES = ("critical", "warning", "info")

COUNTING = "target:mailprobe_certificate_error_info:counting"
_OF_A_NAME = {CertificateFault.NAME_MISMATCH, CertificateFault.NAME_ONLY_IN_COMMON_NAME, CertificateFault.NO_NAMES}
_OF_DATES = {CertificateFault.EXPIRED, CertificateFault.NOT_YET_VALID}


def promtool(*arguments: str | Path, folder: Path = ROOT) -> None:
    """Run promtool and fail with what it says."""
    command = (require("promtool", "prometheus"), *map(str, arguments))
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.real
def test_promtool_accepts_the_rules() -> None:
    promtool("check", "rules", "--lint=all", "--lint-fatal", RULES)


@pytest.mark.real
@pytest.mark.parametrize("path", UNIT_TESTS, ids=lambda path: path.stem)
def test_the_rules_fire_and_are_silent_as_their_unit_tests_say(path: Path) -> None:
    promtool("test", "rules", path)


@pytest.mark.real
def test_every_rule_is_evaluated_on_real_series_without_an_error(tmp_path: Path) -> None:
    # A group with an interval of its own may wait for all of it before it is evaluated first.
    hasty = tmp_path / "hasty.yml"
    hasty.write_text(re.sub(r"^    interval: \w+\n", "", RULES.read_text(encoding="utf-8"), flags=re.MULTILINE))
    with scraped(tmp_path, rule_files=f"['{hasty}']") as prometheus:
        # A rule is "unknown" until it was evaluated; an error stays until its next evaluation.
        wait_until(
            lambda: all(rule["health"] != "unknown" for rule in prometheus.rules()), lambda: str(prometheus.rules())
        )
        evaluated = prometheus.rules()
        assert len(evaluated) == len(rules())
        assert [rule for rule in evaluated if rule["health"] != "ok"] == []


@pytest.mark.real
def test_the_faults_of_an_installation_raise_these_alerts(tmp_path: Path) -> None:
    """Pending or firing, without waiting for their time: a join that matches nothing would be silent for ever."""
    expected = {
        ("MailPortClosed", "critical", "mx.example.org"),
        ("MailUnexpectedPortOpen", "warning", "pop.example.org"),
        ("MailRefusedTemporarily", "warning", "busy.example.org"),
        ("MailDnsFailing", "critical", "gone.example.org"),
        ("MailStarttlsMissing", "warning", "old.example.org"),
        ("MailPasswordBeforeTls", "warning", "old.example.org"),
        ("MailCertificateExpired", "critical", "old.example.org"),
    }
    with scraped(tmp_path, rule_files=f"['{RULES}']") as prometheus:

        def raised() -> set[tuple[str, str, str]]:
            found = prometheus.query('ALERTS{alertname=~"Mail.*"}')
            return {
                (series.labels["alertname"], series.labels["severity"], series.labels.get("host", ""))
                for series in found
            }

        wait_until(lambda: expected <= raised(), lambda: f"missing: {expected - raised()}")
        assert raised() == expected


@pytest.mark.parametrize("alert", ALERTS)
def test_every_alert_is_seen_firing_and_silent(alert: dict[str, Any]) -> None:
    """Silent: at some moment of a test nothing fires under the name, or only with another severity."""
    name, severity = alert["alert"], alert["labels"]["severity"]
    seen = [
        [expected["exp_labels"]["severity"] for expected in moment["exp_alerts"]]
        for case in unit_tests()
        for moment in case.get("alert_rule_test", ())
        if moment["alertname"] == name
    ]
    assert any(severity in severities for severities in seen)
    assert any(severity not in severities for severities in seen)


@pytest.mark.parametrize("alert", ALERTS)
def test_every_alert_keeps_the_conventions(alert: dict[str, Any]) -> None:
    assert re.fullmatch(r"Mail([A-Z][a-z]+)+", alert["alert"])
    assert alert["labels"]["severity"] in SEVERITIES
    assert set(alert["labels"]) == {"severity"}
    assert set(alert["annotations"]) == {"summary", "description", "runbook_url"}
    assert alert["annotations"]["summary"].endswith(".")
    assert alert["annotations"]["runbook_url"].endswith(f"/runbook.md#{alert['alert'].lower()}")


def test_one_name_has_one_alert_for_each_severity_or_for_ports_that_exclude_each_other() -> None:
    counted = Counter((alert["alert"], alert["labels"]["severity"]) for alert in alerts())
    assert set(counted.values()) == {1}


def test_every_alert_has_a_section_in_the_runbook_and_every_section_an_alert() -> None:
    text = (ROOT / "deploy" / "runbook.md").read_text(encoding="utf-8")
    sections = re.findall(r"^### (\w+)$", text, re.MULTILINE)
    assert len(sections) == len(set(sections))
    assert set(sections) == {rule["alert"] for rule in everywhere() if "alert" in rule}


def test_every_section_of_the_runbook_shows_how_to_see_it_and_names_the_three_servers() -> None:
    text = (ROOT / "deploy" / "runbook.md").read_text(encoding="utf-8")
    of_the_exporter, _, of_servers = text.partition("\n## The network of the monitor\n")
    assert of_the_exporter
    for section in re.split(r"^#{2,3} ", of_servers, flags=re.MULTILINE)[1:]:
        title, _, body = section.partition("\n")
        if title.startswith("Mail"):
            assert "    mailprobe check " in body, title
            assert all(server in body for server in ("Postfix", "Dovecot", "Exim")), title


def test_what_is_recorded_under_one_name_is_recorded_once() -> None:
    """Two files that record the same series would write it twice, with values that may differ."""
    counted = Counter(rule["record"] for rule in everywhere() if "record" in rule)
    assert {name for name, count in counted.items() if count > 1} == set()


def test_every_finding_alerts_once_and_by_its_severity() -> None:
    """Those with an alert of their own are told by it: offers that were lost, passwords before TLS."""
    alerting = [
        (finding, alert["labels"]["severity"])
        for alert in alerts()
        if alert["alert"] == "MailTlsFinding"
        for selector in selectors(alert["expr"])
        for matcher in selector.matchers
        if matcher.label == "finding"
        for finding in matcher.value.split("|")
    ]
    others = set(TlsFinding) - {TlsFinding.STARTTLS_LOST, TlsFinding.CLEARTEXT_AUTH}
    assert sorted(alerting) == sorted((str(finding), str(SEVERITY[finding])) for finding in others)


def test_every_fault_of_a_certificate_counts_for_one_of_its_checks() -> None:
    (counting,) = (rule["expr"] for rule in rules() if rule.get("record") == COUNTING)
    by_operator: dict[str, set[str]] = {"=": set(), "=~": set(), "!~": set()}
    for selector in selectors(counting):
        for matcher in selector.matchers:
            if matcher.label == "reason":
                by_operator[matcher.operator] |= set(matcher.value.split("|"))
    named = by_operator["="] | by_operator["=~"]
    # A malformed certificate fails two checks, the name and the chain.
    assert by_operator["!~"] == named - {"malformed"}
    assert named == {str(fault) for fault in (_OF_A_NAME | _OF_DATES | {CertificateFault.MALFORMED})}


@pytest.mark.parametrize("rule", RULE_NAMES)
def test_every_rule_reads_what_is_exported_or_recorded(rule: dict[str, Any]) -> None:
    known = labels_by_series()
    target_labels = set().union(*known.values())
    for selector in selectors(rule["expr"]):
        if selector.metric in recorded():
            continue
        assert selector.metric in known
        assert {matcher.label for matcher in selector.matchers} <= known[selector.metric]
        for matcher in selector.matchers:
            if matcher.label in LABEL_VALUES:
                for part in matcher.value.split("|"):
                    assert any(re.fullmatch(part, value) for value in LABEL_VALUES[matcher.label])
    assert grouping_labels(rule["expr"]) <= target_labels


@pytest.mark.parametrize("alert", ALERTS)
def test_every_text_names_labels_that_the_alert_has(alert: dict[str, Any]) -> None:
    """Labels of the rule's own series or joins; an unknown one would be an empty place in the message."""
    text = " ".join(alert["annotations"].values())
    named = set(re.findall(r"\$labels\.(\w+)", text))
    dropped: set[str] = set()
    if found := re.match(r"\s*(?:count|max|min) (without|by) \(([^)]*)\)", alert["expr"]):
        listed = {label.strip() for label in found[2].split(",")}
        dropped = listed if found[1] == "without" else named - listed
    assert not named & dropped
    assert named <= set().union(*labels_by_series().values())
