"""The alert rules and their unit tests, read from the files."""

from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "deploy" / "prometheus" / "rules"
RULES = FOLDER / "mailprobe.yml"
UNIT_TESTS = sorted((Path(__file__).parent / "rules").glob("*.yml"))


def rules(path: Path = RULES) -> list[dict[str, Any]]:
    """Every rule of a file, recording or alerting."""
    document = yaml.safe_load(path.read_text(encoding="utf-8"))
    return [rule for group in document["groups"] for rule in group["rules"]]


def alerts() -> list[dict[str, Any]]:
    """Every alerting rule."""
    return [rule for rule in rules() if "alert" in rule]


def recorded() -> set[str]:
    """The names of the series that recording rules make."""
    return {rule["record"] for rule in rules() if "record" in rule}


def everywhere() -> list[dict[str, Any]]:
    """The rules of all files of the folder, which Prometheus reads together."""
    return [rule for path in sorted(FOLDER.glob("*.yml")) for rule in rules(path)]


def expressions() -> list[str]:
    """The expressions of all rules."""
    return [rule["expr"] for rule in everywhere()]


def unit_tests() -> list[dict[str, Any]]:
    """Every case of the rules' unit tests."""
    return [case for path in UNIT_TESTS for case in yaml.safe_load(path.read_text(encoding="utf-8"))["tests"]]
