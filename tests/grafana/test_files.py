"""The committed files are what the generator writes, and the generator stays out of the wheel."""

import tomllib
from pathlib import Path

import pytest

from grafana.build import rendered
from tests.grafana.model import FOLDER

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", rendered())
def test_the_committed_dashboard_is_the_generated_one(name: str) -> None:
    committed = (FOLDER / name).read_text(encoding="utf-8")
    assert committed == rendered()[name], "python -m grafana.build writes it anew"


def test_no_dashboard_is_without_a_generator() -> None:
    assert {path.name for path in FOLDER.glob("*.json")} == set(rendered())


def test_the_generator_is_not_in_the_wheel() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    packages = project["tool"]["setuptools"]["packages"]
    assert packages
    assert not [name for name in packages if name.split(".")[0] != "exporter"]
