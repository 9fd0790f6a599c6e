"""The systemd unit: accepted by systemd, as confined as it says, and starting what exists."""

import json
import re
import subprocess
from pathlib import Path

import pytest

from tests.deploy.machine import booted
from tests.deploy.rules import ROOT
from tests.real.require import require

UNIT = ROOT / "deploy" / "systemd" / "mailprobe.service"

# What `systemd-analyze security` may find at most, out of 100; a unit without any confinement has 96.
EXPOSURE = 15

CONFIG = """\
first_round: 1s
hosts:
  - host: 127.0.0.1
    ports: [{port: 9, protocol: smtp, tls: none, expect: closed}]
"""


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


def analyze(*arguments: str | Path) -> str:
    command = (require("systemd-analyze", "systemd"), *map(str, arguments))
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr
    return done.stdout


@pytest.mark.real
def test_systemd_understands_every_line(installed: Path) -> None:
    analyze("verify", "--man=no", installed)


@pytest.mark.real
def test_the_service_is_confined(installed: Path) -> None:
    analyze("security", "--offline=yes", f"--threshold={EXPOSURE}", installed)


@pytest.mark.real
def test_every_confinement_that_systemd_misses_is_explained(installed: Path) -> None:
    found = json.loads(analyze("security", "--offline=yes", "--json=short", installed))
    # Without an exposure it is a remark, or there is nothing to gain.
    missed = {row["name"] for row in found if not row["set"] and row["exposure"] is not None}
    comments = "\n".join(line for line in UNIT.read_text(encoding="utf-8").splitlines() if line.startswith("#"))
    assert missed
    for name in missed:
        setting, _, value = name.partition("=~")
        # "RestrictAddressFamilies=~AF_(INET|INET6)" is explained by what is allowed.
        words = re.findall(r"AF_\w+", value.replace("AF_(INET|INET6)", "AF_INET AF_INET6"))
        for word in words or re.findall(r"\w+=", setting):
            assert word in comments, name


@pytest.mark.real
@pytest.mark.timeout(120)
def test_systemd_starts_confines_reloads_and_stops_it(tmp_path: Path) -> None:
    with booted(UNIT, tmp_path, CONFIG) as machine:
        machine.wait_for("/metrics", 'mailprobe_success{host="127.0.0.1",ip_family="ipv4",port="9"')
        status = machine.status()
        assert "0" not in status["Uid"].split()
        assert {status[name] for name in ("CapPrm", "CapEff", "CapBnd", "CapAmb")} == {f"{0:016x}"}
        assert status["NoNewPrivs"] == "1"
        assert status["Seccomp"] == "2"
        machine.configure(CONFIG.replace("port: 9", "port: 10"))
        machine.systemctl("reload", UNIT.name)
        machine.wait_for("/metrics", 'mailprobe_success{host="127.0.0.1",ip_family="ipv4",port="10"')
        machine.systemctl("stop", UNIT.name)
        assert machine.shown("Result", "ExecMainStatus") == {"Result": "success", "ExecMainStatus": "0"}


@pytest.mark.real
@pytest.mark.timeout(120)
def test_systemd_does_not_try_a_faulty_configuration_again(tmp_path: Path) -> None:
    with booted(UNIT, tmp_path, "hosts: nonsense\n") as machine:
        machine.wait_until_failed()
        assert machine.shown("Result", "ExecMainStatus", "NRestarts") == {
            "Result": "exit-code",
            "ExecMainStatus": "2",
            "NRestarts": "0",
        }


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
