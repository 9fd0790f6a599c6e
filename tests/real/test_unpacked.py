"""Where a program that is rarely installed is looked for, and what its absence means."""

from pathlib import Path

import pytest

from tests.real.require import REQUIRED_VARIABLE
from tests.real.unpacked import FOLDER_VARIABLE, find

MISSING = "a-server-that-nobody-wrote"


def test_an_unpacked_program_is_found_with_the_libraries_beside_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    libraries = tmp_path / "usr" / "lib" / "x86_64-linux-gnu"
    (libraries / "rsyslog").mkdir(parents=True)
    program = tmp_path / "usr" / "sbin" / "daemon"
    program.parent.mkdir()
    program.touch()
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path))

    found = find("daemon")

    assert (found.path, found.plugins("rsyslog"), found.plugins("other")) == (program, libraries / "rsyslog", None)
    assert found.environment()["LD_LIBRARY_PATH"] == str(libraries)


def test_a_folder_without_the_program_fails(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path))

    with pytest.raises(pytest.fail.Exception, match=f"{FOLDER_VARIABLE} says it is"):
        find(MISSING)


@pytest.mark.parametrize(
    ("required", "exception"), [("0", pytest.skip.Exception), ("1", pytest.fail.Exception)], ids=["laptop", "required"]
)
def test_a_machine_that_has_it_nowhere_skips_or_fails_and_says_so(
    required: str, exception: type[BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(FOLDER_VARIABLE, raising=False)
    monkeypatch.setenv(REQUIRED_VARIABLE, required)

    with pytest.raises(exception, match=f"^{MISSING} is not installed, and {FOLDER_VARIABLE} names no"):
        find(MISSING)
