"""The scrape configurations: accepted by promtool, and agreeing with rules, exporter and each other."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.deploy.rules import ROOT, rules
from tests.deploy.test_rules import promtool
from tests.grafana.promql import selectors

EXAMPLE = ROOT / "deploy" / "prometheus" / "prometheus.yml"
COMPOSE = ROOT / "deploy" / "compose" / "prometheus.yml"
BOTH = [pytest.param(EXAMPLE, id="example"), pytest.param(COMPOSE, id="compose")]


def read(path: Path) -> dict[str, Any]:
    """The document of a YAML file."""
    document: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return document


@pytest.mark.real
@pytest.mark.parametrize("path", BOTH)
def test_promtool_accepts_the_configuration_and_finds_the_rules(path: Path, tmp_path: Path) -> None:
    (tmp_path / "prometheus.yml").write_text(path.read_text(encoding="utf-8"))
    # As both are installed: the rules in a folder beside the configuration.
    (tmp_path / "rules").symlink_to(ROOT / "deploy" / "prometheus" / "rules")
    promtool("check", "config", tmp_path / "prometheus.yml")
    assert list(tmp_path.glob(read(path)["rule_files"][0]))


@pytest.mark.parametrize("path", BOTH)
def test_the_job_has_the_name_that_the_rules_expect(path: Path) -> None:
    (job,) = read(path)["scrape_configs"]
    expected = {
        matcher.value
        for rule in rules()
        for selector in selectors(rule["expr"])
        for matcher in selector.matchers
        if matcher.label == "job"
    }
    assert {job["job_name"]} == expected


@pytest.mark.parametrize("path", BOTH)
def test_the_exporter_is_scraped_on_its_own_port(path: Path) -> None:
    (job,) = read(path)["scrape_configs"]
    ((address,),) = (config["targets"] for config in job["static_configs"])
    assert address.endswith(":10125")


def test_both_evaluate_at_the_same_pace() -> None:
    assert read(EXAMPLE)["global"] == read(COMPOSE)["global"]
