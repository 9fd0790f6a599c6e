"""The page on more than one machine: its blocks are read by the programs they are for, and agree with the code."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from exporter.config.shard import INDEX_VARIABLE, TOTAL_VARIABLE, Shard, chosen_shard
from tests.deploy.rules import ROOT
from tests.deploy.test_rules import promtool
from tests.grafana.installation import scraped
from tests.grafana.promql import selectors
from tests.grafana.vocabulary import labels_by_series
from tests.real.alertmanager import SHIPPED
from tests.real.require import require
from tests.real.waiting import wait_until

PAGE = ROOT / "deploy" / "vantage.md"
FOLDER = ROOT / "deploy" / "prometheus" / "rules"
RULES = FOLDER / "mailprobe-vantages.yml"

# The alert that is there while views are compared, and those of a single view that say nothing new meanwhile.
COMPARED = "MailVantagesCompared"
HELD_BACK = {"MailHostUnreachable", "MailPortClosed"}

_BLOCK = re.compile(r"^(?:<!-- checked: (\w+) -->\n)?```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def blocks(reader: str) -> list[str]:
    """The text of every block for `reader`."""
    return [text for marked, _, text in _BLOCK.findall(PAGE.read_text(encoding="utf-8")) if marked == reader]


def rules(path: Path = RULES) -> list[dict[str, Any]]:
    document = yaml.safe_load(path.read_text(encoding="utf-8"))
    return [rule for group in document["groups"] for rule in group["rules"]]


def alert_names(path: Path = RULES) -> set[str]:
    return {rule["alert"] for rule in rules(path) if "alert" in rule}


def read_metrics() -> set[str]:
    """What the rules read of the exporters."""
    recorded = {rule["record"] for rule in rules() if "record" in rule}
    return {selector.metric for rule in rules() for selector in selectors(rule["expr"])} - recorded


def federated() -> Iterator[str]:
    for text in blocks("prometheus"):
        for job in yaml.safe_load(text)["scrape_configs"]:
            yield from job.get("params", {}).get("match[]", ())


def test_every_block_of_configuration_is_checked_by_its_program() -> None:
    found = [(reader, language) for reader, language, _ in _BLOCK.findall(PAGE.read_text(encoding="utf-8"))]
    assert {language for reader, language in found if not reader} == {"sh"}
    assert {reader for reader, _ in found if reader} == {"yaml", "prometheus", "alertmanager"}


@pytest.mark.real
def test_promtool_accepts_the_rules_for_several_vantage_points() -> None:
    promtool("check", "rules", "--lint=all", "--lint-fatal", RULES)


@pytest.mark.real
def test_the_rules_are_evaluated_on_real_series_without_an_error(tmp_path: Path) -> None:
    with scraped(tmp_path, rule_files=f"['{RULES}']") as prometheus:
        # A rule is "unknown" until it was evaluated; an error stays until its next evaluation.
        wait_until(
            lambda: all(rule["health"] != "unknown" for rule in prometheus.rules()), lambda: str(prometheus.rules())
        )
        evaluated = prometheus.rules()
        assert len(evaluated) == len(rules())
        assert [rule for rule in evaluated if rule["health"] != "ok"] == []
        # One exporter, which says of no network that it is its own.
        assert [rule for rule in evaluated if rule.get("alerts")] == []


@pytest.mark.real
@pytest.mark.parametrize("text", blocks("prometheus"), ids=["one-prometheus", "in-each-network", "above-them"])
def test_prometheus_accepts_the_scrape_configurations(text: str, tmp_path: Path) -> None:
    (tmp_path / "prometheus.yml").write_text(text, encoding="utf-8")
    (tmp_path / "rules").symlink_to(FOLDER)
    promtool("check", "config", tmp_path / "prometheus.yml")
    for pattern in yaml.safe_load(text).get("rule_files", ()):
        assert list(tmp_path.glob(pattern))


@pytest.mark.real
def test_alertmanager_accepts_the_routes_and_holds_back_what_the_shipped_configuration_does(tmp_path: Path) -> None:
    (text,) = blocks("alertmanager")
    (tmp_path / "alertmanager.yml").write_text(text, encoding="utf-8")
    amtool = require("amtool", "prometheus-alertmanager")

    def receiver(*labels: str) -> str:
        config = f"--config.file={tmp_path / 'alertmanager.yml'}"
        command = (amtool, "config", "routes", "test", config, *labels)
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout.strip()

    # One network may carry the label as well, so no route may make anything quieter by it.
    for name in (*HELD_BACK, *alert_names() - {COMPARED}):
        assert receiver(f"alertname={name}", "vantage=milan") == "pager"
    assert receiver(f"alertname={COMPARED}") == "nobody"
    (rule,) = yaml.safe_load(text)["inhibit_rules"]
    assert rule in yaml.safe_load(SHIPPED.read_text(encoding="utf-8"))["inhibit_rules"]


def test_the_alerts_that_are_held_back_exist_and_those_in_their_place_are_not_among_them() -> None:
    (text,) = blocks("alertmanager")
    (rule,) = yaml.safe_load(text)["inhibit_rules"]
    found = re.search(r'alertname=~"([\w|]+)"', rule["target_matchers"][0])
    assert found is not None
    assert set(found[1].split("|")) == HELD_BACK
    others = set().union(*(alert_names(path) for path in FOLDER.glob("*.yml") if path != RULES))
    assert others >= HELD_BACK
    assert not HELD_BACK & alert_names()


def test_the_page_names_the_alerts_that_there_are() -> None:
    rows = re.findall(r"^\| \*(\w+)\* \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert set(rows) == alert_names()


def test_the_rules_read_what_is_exported() -> None:
    known = labels_by_series()
    assert read_metrics() <= set(known)
    for rule in rules():
        for selector in selectors(rule["expr"]):
            allowed = known.get(selector.metric, {"port"}) | {"vantage"}
            assert {matcher.label for matcher in selector.matchers} <= allowed


def test_what_is_federated_is_what_the_rules_read() -> None:
    (matcher,) = federated()
    found = re.fullmatch(r'\{__name__=~"(.+)"\}', matcher)
    assert found is not None
    assert {name for name in labels_by_series() if re.fullmatch(found[1], name)} == read_metrics()


def test_the_pods_of_a_stateful_set_are_told_which_shard_they_are() -> None:
    (environment,) = (document["env"] for document in map(yaml.safe_load, blocks("yaml")) if "env" in document)
    given = {variable["name"]: variable.get("value", "2") for variable in environment}
    assert set(given) == {INDEX_VARIABLE, TOTAL_VARIABLE}
    assert chosen_shard(None, None, given) == Shard(2, 3)


@pytest.mark.parametrize("rule", [rule for rule in rules() if "alert" in rule], ids=lambda rule: rule["alert"])
def test_every_alert_of_the_views_says_what_it_is_and_where_to_read_on(rule: dict[str, Any]) -> None:
    assert rule["labels"]["severity"] in ({"info"} if rule["alert"] == COMPARED else {"critical", "warning"})
    assert set(rule["annotations"]) == {"summary", "description", "runbook_url"}
    assert rule["annotations"]["summary"].endswith(".")
    assert rule["annotations"]["runbook_url"].endswith(f"/runbook.md#{rule['alert'].lower()}")
