"""A systemd of its own that runs one unit, so that its confinement, its reload and its stop are seen and not assumed.

It is the first process of namespaces that are its own: processes, mounts, control groups, and the private network of
the test. It sees this machine's files; what it writes to /etc, /opt and /run is lost at the end. The program that it
starts is the one that the tests run.
"""

import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.deploy.rules import ROOT
from tests.real.privatenetwork import private_network
from tests.real.require import require, require_file, require_root
from tests.real.waiting import wait_until

SYSTEMD = "/lib/systemd/systemd"
URL = "http://127.0.0.1:10125"

_COMMAND_SECONDS = 30.0
_TARGET = "test.target"

# What every service depends on without saying so, and what it is installed into; of the machine's own units, none.
_TARGETS = ("basic", "multi-user", "shutdown", "sysinit")

# ProtectHome= and PrivateTmp= hide these from the unit, and a developer's Python or checkout may well lie there.
_HIDDEN = ("/home", "/root", "/tmp", "/var/tmp")

# $1: a folder with `units`, `config` and room for what is written; $2: the virtual environment; $3: systemd.
_BOOT = f"""
set -e
mount -t cgroup2 none /sys/fs/cgroup
mount -t tmpfs tmpfs /run
mkdir "$1/etc" "$1/work"
mount -t overlay -o "lowerdir=/etc,upperdir=$1/etc,workdir=$1/work" overlay /etc
mount -t tmpfs tmpfs /etc/systemd/system
cp -r "$1/units/." /etc/systemd/system
mount -t tmpfs tmpfs /lib/systemd/system
mkdir -p /etc/mailprobe
mount --bind "$1/config" /etc/mailprobe
mount -t tmpfs tmpfs /opt
mkdir /opt/mailprobe
mount --bind "$2" /opt/mailprobe
exec env -i container=mailprobe PATH=/usr/sbin:/usr/bin:/sbin:/bin \\
  "$3" --system --unit={_TARGET} --log-target=console --show-status=no
"""


@dataclass(frozen=True, slots=True)
class Machine:
    """The booted system with its one unit."""

    unit: str
    folder: Path
    _inside: Sequence[str]

    def configure(self, text: str) -> None:
        """Replace the configuration that the unit reads."""
        (self.folder / "config" / "config.yml").write_text(text)

    def systemctl(self, *arguments: str) -> str:
        """Give an order; AssertionError with what was said unless it was followed."""
        done = self._run("systemctl", *arguments)
        assert done.returncode == 0, done.stdout + done.stderr + self._log()
        return done.stdout

    def shown(self, *properties: str) -> Mapping[str, str]:
        """Properties of the unit."""
        lines = self.systemctl("show", self.unit, f"--property={','.join(properties)}").splitlines()
        return dict(line.split("=", 1) for line in lines)

    def status(self) -> Mapping[str, str]:
        """What the kernel says of the unit's process: proc_pid_status(5)."""
        done = self._run("cat", f"/proc/{self.shown('MainPID')['MainPID']}/status")
        return {name: value.strip() for name, _, value in (line.partition(":") for line in done.stdout.splitlines())}

    def wait_for(self, path: str, wanted: str) -> None:
        """Wait until the answer at `path` contains `wanted`."""
        wait_until(lambda: wanted in _read(path), lambda: f"{wanted} at {path}\n{self._log()}")

    def wait_until_failed(self) -> None:
        """Wait until systemd has given up."""
        wait_until(lambda: self.shown("ActiveState")["ActiveState"] == "failed", self._log)

    def wait_until_booted(self) -> None:
        """Wait until systemd has started, or tried to start, what it was told to."""
        wait_until(lambda: self._run("systemctl", "is-active", _TARGET).returncode == 0, self._log)

    def _run(self, *command: str) -> subprocess.CompletedProcess[str]:
        arguments = (*self._inside, *command)
        return subprocess.run(arguments, capture_output=True, text=True, timeout=_COMMAND_SECONDS, check=False)

    def _log(self) -> str:
        return "\n".join((self.folder / name).read_text() for name in ("systemd.log", "unit.log"))


@contextmanager
def booted(unit: Path, folder: Path, config: str) -> Iterator[Machine]:
    """Boot with `unit` to be started on `config`; `folder` is for everything that is written."""
    require_root()
    require_file(SYSTEMD, "systemd")
    unshare, nsenter = require("unshare", "util-linux"), require("nsenter", "util-linux")
    for name in ("config", "units"):
        (folder / name).mkdir()
    (folder / "unit.log").touch()
    _install(unit, folder)
    namespaces = ("--mount", "--cgroup", "--ipc", "--uts", "--pid", "--fork", "--mount-proc", "--kill-child=KILL")
    command = (unshare, *namespaces, "sh", "-c", _BOOT, "boot", str(folder), sys.prefix, SYSTEMD)
    with private_network(), (folder / "systemd.log").open("w") as log:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            children = Path(f"/proc/{process.pid}/task/{process.pid}/children")

            def has_forked() -> bool:
                assert process.poll() is None, (folder / "systemd.log").read_text()
                return bool(children.read_text().split())

            wait_until(has_forked, lambda: "a first process")
            inside = (nsenter, f"--target={children.read_text().split()[0]}", "--mount", "--pid")
            machine = Machine(unit.name, folder, inside)
            machine.configure(config)
            machine.wait_until_booted()
            yield machine
        finally:
            process.kill()
            process.wait(_COMMAND_SECONDS)


def _install(unit: Path, folder: Path) -> None:
    units = folder / "units"
    (units / unit.name).write_text(unit.read_text(encoding="utf-8"))
    for name in _TARGETS:
        (units / f"{name}.target").write_text("[Unit]\nDefaultDependencies=no\n")
    (units / _TARGET).write_text(f"[Unit]\nDefaultDependencies=no\nWants={unit.name}\n")
    # There is no journal in this system.
    lines = ["[Service]", f"StandardOutput=append:{folder}/unit.log", f"StandardError=append:{folder}/unit.log"]
    hidden = [path for path in (sys.base_prefix, str(ROOT)) if path.startswith(_HIDDEN)]
    if hidden:
        lines += ["ProtectHome=tmpfs", *(f"BindReadOnlyPaths={path}" for path in hidden)]
    (units / f"{unit.name}.d").mkdir()
    (units / f"{unit.name}.d" / "test.conf").write_text("\n".join(lines) + "\n")


def _read(path: str) -> str:
    """What the exporter answers; the empty text while it does not."""
    try:
        with urllib.request.urlopen(URL + path, timeout=10) as answer:
            body: bytes = answer.read()
            return body.decode()
    except urllib.error.URLError:
        return ""
