"""The systemd unit: accepted by systemd, as confined as it says, and starting what exists."""

import re
import subprocess
from pathlib import Path

import pytest

from tests.deploy.rules import ROOT
from tests.real.require import require

UNIT = ROOT / "deploy" / "systemd" / "mailprobe.service"

# What `systemd-analyze security` may find at most, out of 100; a unit without any confinement has 96.
EXPOSURE = 15


def settings() -> dict[str, list[str]]:
    """Every setting of the unit with its values in their order; lines of comment are left out."""
    found: dict[str, list[str]] = {}
    for line in UNIT.read_text(encoding="utf-8").splitlines():
        if "=" in line and not line.startswith("#"):
            name, value = line.split("=", 1)
            found.setdefault(name, []).append(value)
    return found


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """The unit with a program that exists on every machine, since systemd looks whether it does."""
    copy = tmp_path / UNIT.name
    copy.write_text(UNIT.read_text(encoding="utf-8").replace("/opt/mailprobe/bin/mailprobe", "/bin/true"))
    return copy


def analyze(*arguments: str | Path) -> None:
    command = (require("systemd-analyze", "systemd"), *map(str, arguments))
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr


@pytest.mark.real
def test_systemd_understands_every_line(installed: Path) -> None:
    analyze("verify", "--man=no", installed)


@pytest.mark.real
def test_the_service_is_confined(installed: Path) -> None:
    analyze("security", "--offline=yes", f"--threshold={EXPOSURE}", installed)


def test_it_runs_without_root_and_without_capabilities() -> None:
    assert settings()["DynamicUser"] == ["yes"]
    assert settings()["CapabilityBoundingSet"] == [""]
    assert settings()["AmbientCapabilities"] == [""]
    assert "User" not in settings()


def test_it_starts_the_daemon_on_its_port_and_reloads_by_sighup() -> None:
    (start,) = settings()["ExecStart"]
    assert start.split()[1:4] == [
        "run",
        "--config.file=/etc/mailprobe/config.yml",
        "--web.listen-address=:10125",
    ]
    assert settings()["ExecReload"] == ["/bin/kill -HUP $MAINPID"]


def test_stopping_waits_longer_than_the_exporter_takes_to_say_goodbye() -> None:
    (limit,) = settings()["TimeoutStopSec"]
    assert int(limit.removesuffix("s")) > 5


def test_a_faulty_configuration_is_not_started_again() -> None:
    assert settings()["Restart"] == ["on-failure"]
    assert settings()["RestartPreventExitStatus"] == ["2"]


def test_every_confinement_that_is_off_says_why() -> None:
    text = UNIT.read_text(encoding="utf-8")
    (section,) = re.findall(r"^# Left off on purpose:\n((?:# .+\n)+)", text, re.MULTILINE)
    for line in section.splitlines():
        names, reason = re.split(r"\s{2,}", line.removeprefix("# "), maxsplit=1)
        assert reason
        for name in re.findall(r"\w+(?==)", names):
            assert name not in settings()
