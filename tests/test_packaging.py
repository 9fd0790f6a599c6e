"""What is installed: the version, the licence, the command, and the files that are no Python.

What is in the wheel is compared with the repository where the wheel is built.
"""

import tomllib
from importlib.metadata import distribution, entry_points
from importlib.resources import files
from pathlib import Path

import pytest

from exporter.cli import main

ROOT = Path(__file__).parent.parent
DISTRIBUTION = distribution("mailprobe-exporter")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def test_the_command_tells_the_version_that_is_installed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0

    assert capsys.readouterr().out == f"mailprobe {DISTRIBUTION.version}\n"


def test_the_version_that_is_installed_is_that_of_the_project() -> None:
    assert DISTRIBUTION.version == PROJECT["project"]["version"]


def test_the_command_is_called_mailprobe() -> None:
    (command,) = entry_points(group="console_scripts", name="mailprobe")

    assert command.load() is main


def test_the_licence_is_named_and_its_text_comes_along() -> None:
    metadata = DISTRIBUTION.metadata

    assert metadata["License-Expression"] == "Apache-2.0"
    assert metadata.get_all("License-File") == ["LICENSE"]
    assert (ROOT / "LICENSE").read_text(encoding="utf-8").split(maxsplit=2)[:2] == ["Apache", "License"]


@pytest.mark.parametrize("name", ["py.typed", "web/static/style.css", "web/templates/status.html"])
def test_a_file_that_is_no_python_is_found_as_a_resource(name: str) -> None:
    assert files("exporter").joinpath(*name.split("/")).is_file()


def test_every_file_that_is_no_python_is_packed() -> None:
    folder = ROOT / "exporter"
    patterns = PROJECT["tool"]["setuptools"]["package-data"]["exporter"]
    packed = {file for pattern in patterns for file in folder.glob(pattern)}

    there = {file for file in folder.rglob("*") if file.is_file() and file.suffix not in {".py", ".pyc"}}

    assert there == packed
    assert there
