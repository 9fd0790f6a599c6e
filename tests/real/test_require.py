"""What happens on a machine that lacks a server: the test is skipped, and fails where real servers are required."""

import sys
from pathlib import Path

import pytest

from tests.real.require import REQUIRED_VARIABLE, require, require_file

MISSING = "a-server-that-nobody-wrote"


def test_a_program_that_is_installed_is_found_by_its_path(monkeypatch: pytest.MonkeyPatch) -> None:
    python = Path(sys.executable)
    monkeypatch.setenv("PATH", str(python.parent))

    assert require(python.name, "python3") == str(python)


def test_a_missing_program_skips_and_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(REQUIRED_VARIABLE, raising=False)

    with pytest.raises(pytest.skip.Exception, match=f"^{MISSING} is not installed: apt-get install its-package$"):
        require(MISSING, "its-package")


def test_a_missing_program_fails_where_real_servers_are_required(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(REQUIRED_VARIABLE, "1")

    with pytest.raises(pytest.fail.Exception, match="apt-get install its-package"):
        require(MISSING, "its-package")


def test_a_missing_file_is_treated_like_a_missing_program(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv(REQUIRED_VARIABLE, raising=False)
    present = tmp_path / "present"
    present.touch()

    assert require_file(str(present), "its-package") == str(present)
    with pytest.raises(pytest.skip.Exception, match="apt-get install its-package"):
        require_file(str(tmp_path / MISSING), "its-package")
