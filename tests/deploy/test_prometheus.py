"""The configurations of Prometheus and Alertmanager: accepted by their tools, and agreeing with rules and exporter."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from tests.deploy.rules import ROOT, rules
from tests.deploy.test_rules import promtool
from tests.grafana.promql import selectors
from tests.grafana.vocabulary import labels_by_series
from tests.real.require import require

PROMETHEUS = ROOT / "deploy" / "prometheus" / "prometheus.yml"
ALERTMANAGER = ROOT / "deploy" / "alertmanager" / "alertmanager.yml"


def read(path: Path) -> dict[str, Any]:
    """The document of a YAML file."""
    document: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return document


def amtool(*arguments: str) -> str:
    """What amtool prints; fails with all that it says unless it is content."""
    command = (require("amtool", "prometheus-alertmanager"), *arguments)
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def alert_names() -> set[str]:
    """Every alert of every file of rules."""
    documents = [read(path) for path in (PROMETHEUS.parent / "rules").glob("*.yml")]
    found = [rule for document in documents for group in document["groups"] for rule in group["rules"]]
    return {rule["alert"] for rule in found if "alert" in rule}


def matchers() -> Iterator[tuple[str, str]]:
    """Label and pattern of every matcher of Alertmanager's configuration."""
    document = read(ALERTMANAGER)
    for rule in (*document["inhibit_rules"], *document["route"]["routes"]):
        for key in ("matchers", "source_matchers", "target_matchers"):
            for text in rule.get(key, ()):
                found = re.fullmatch(r'(\w+)!?[=~]{1,2}"(.*)"', text)
                assert found is not None, text
                yield found[1], found[2]


@pytest.mark.real
def test_promtool_accepts_the_configuration_and_finds_the_rules(tmp_path: Path) -> None:
    (tmp_path / "prometheus.yml").write_text(PROMETHEUS.read_text(encoding="utf-8"))
    # As it is installed: the rules in a folder beside the configuration.
    (tmp_path / "rules").symlink_to(PROMETHEUS.parent / "rules")
    promtool("check", "config", tmp_path / "prometheus.yml")
    assert list(tmp_path.glob(read(PROMETHEUS)["rule_files"][0]))


def test_the_job_has_the_name_that_the_rules_expect() -> None:
    (job,) = read(PROMETHEUS)["scrape_configs"]
    expected = {
        matcher.value
        for rule in rules()
        for selector in selectors(rule["expr"])
        for matcher in selector.matchers
        if matcher.label == "job"
    }
    assert {job["job_name"]} == expected


def test_the_exporter_is_scraped_on_its_own_port() -> None:
    (job,) = read(PROMETHEUS)["scrape_configs"]
    ((address,),) = (config["targets"] for config in job["static_configs"])
    assert address.endswith(":10125")


@pytest.mark.real
def test_amtool_accepts_the_configuration() -> None:
    amtool("check-config", str(ALERTMANAGER))


@pytest.mark.real
@pytest.mark.parametrize(
    ("labels", "receiver"),
    [
        pytest.param(["alertname=MailPortClosed", "severity=critical"], "pager", id="critical"),
        pytest.param(["alertname=MailPortClosed", "severity=warning"], "chat", id="warning"),
        pytest.param(["alertname=MailCertificateEnding", "severity=info"], "chat", id="info"),
        pytest.param(["alertname=MailExporterDown", "severity=critical"], "pager", id="without-a-host"),
        pytest.param(["alertname=MailHostUnreachable", "severity=critical"], "pager", id="host-from-the-only-network"),
        # A network may carry the label without a second one that is compared with it.
        pytest.param(
            ["alertname=MailHostUnreachable", "severity=critical", "vantage=milan"], "pager", id="host-from-one-network"
        ),
        pytest.param(
            ["alertname=MailPortClosed", "severity=critical", "vantage=milan"], "pager", id="port-from-one-network"
        ),
        pytest.param(["alertname=MailVantagesCompared", "severity=info"], "nobody", id="networks-are-compared"),
        pytest.param(["alertname=MailDownEverywhere", "severity=critical"], "pager", id="host-from-everywhere"),
    ],
)
def test_alerts_come_to_whom_they_concern(labels: list[str], receiver: str) -> None:
    said = amtool("config", "routes", "test", f"--config.file={ALERTMANAGER}", *labels)
    assert said.split() == [receiver]


def test_every_alert_that_is_named_exists() -> None:
    named = [name for label, pattern in matchers() if label == "alertname" for name in pattern.split("|")]
    assert named
    for name in named:
        assert any(re.fullmatch(name, alert) for alert in alert_names()), name


def test_alerts_are_matched_and_compared_by_labels_that_exist() -> None:
    document = read(ALERTMANAGER)
    # Those of an alert itself, and the one that Prometheus puts on a vantage point.
    known = {"alertname", "severity", "vantage"}.union(*labels_by_series().values())
    compared = {label for rule in document["inhibit_rules"] for label in rule.get("equal", ())}
    assert compared | {label for label, _ in matchers()} | set(document["route"]["group_by"]) <= known


def test_the_receivers_are_plainly_examples() -> None:
    hooks = [hook for receiver in read(ALERTMANAGER)["receivers"] for hook in receiver.get("webhook_configs", ())]
    assert hooks
    assert {urlsplit(hook["url"]).hostname for hook in hooks} == {"localhost"}
