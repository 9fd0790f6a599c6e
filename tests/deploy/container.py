"""A container as a cluster runs one: no root, no capability, nothing to write to, and a foreign user's number.

Debian's crun runs it, after a specification of the Open Container Initiative that is as strict as `docker run
--read-only --cap-drop=ALL --security-opt=no-new-privileges`. It shares the network of the test.
"""

import json
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.deploy.image import Image
from tests.real.require import require
from tests.real.waiting import wait_until

_NAME = "mailprobe"
_STOP_SECONDS = 20.0

_CAPABILITY_SETS = ("bounding", "effective", "inheritable", "permitted", "ambient")

# crun refuses machines on which both versions of control groups are mounted, and it needs none of them here: it sees
# one of the new version, in a namespace of its own.
_WITH_CONTROL_GROUPS = ("unshare", "--mount", "sh", "-c", 'mount -t cgroup2 none /sys/fs/cgroup && exec "$0" "$@"')


@dataclass(frozen=True, slots=True)
class Container:
    """One that runs."""

    pid: int
    process: subprocess.Popen[str]
    log: Path
    _crun: Sequence[str]
    _user: str

    def execute(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a command inside, with no more rights than the container's own process."""
        arguments = (*self._crun, "exec", f"--user={self._user}", "--no-new-privs", _NAME, *command)
        return subprocess.run(arguments, capture_output=True, text=True, timeout=_STOP_SECONDS, check=False)

    def status(self) -> Mapping[str, str]:
        """What the kernel says of its process: proc_pid_status(5)."""
        lines = Path(f"/proc/{self.pid}/status").read_text().splitlines()
        return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


@contextmanager
def running(
    image: Image, folder: Path, *, command: Sequence[str] | None = None, mounts: Sequence[Mapping[str, object]] = ()
) -> Iterator[Container]:
    """The image's entry point with its own command, or with `command`; ends at the end of the block."""
    crun = (
        *_WITH_CONTROL_GROUPS,
        *(require("crun", "crun"), f"--root={folder / 'state'}", "--cgroup-manager=disabled"),
    )
    words = [*image.config["Entrypoint"], *(image.config["Cmd"] if command is None else command)]
    (folder / "config.json").write_text(json.dumps(_specification(image, words, mounts)))
    pid_file, log = folder / "pid", folder / "log"
    arguments = (*crun, "run", f"--bundle={folder}", f"--pid-file={pid_file}", _NAME)
    with log.open("w") as out:
        process = subprocess.Popen(arguments, stdin=subprocess.DEVNULL, stdout=out, stderr=out, text=True)
    try:

        def has_started() -> bool:
            assert process.poll() is None, log.read_text()
            return pid_file.exists() and pid_file.read_text().isdigit()

        wait_until(has_started, log.read_text)
        yield Container(int(pid_file.read_text()), process, log, crun, image.config["User"])
    finally:
        if process.poll() is None:
            subprocess.run((*crun, "kill", _NAME, "KILL"), capture_output=True, check=False)
        process.wait(_STOP_SECONDS)


def _specification(image: Image, words: Sequence[str], mounts: Sequence[Mapping[str, object]]) -> dict[str, object]:
    user, group = map(int, image.config["User"].split(":"))
    return {
        "ociVersion": "1.0.2",
        "root": {"path": str(image.root), "readonly": True},
        "process": {
            "args": words,
            "cwd": image.config["WorkingDir"] or "/",
            "env": image.config["Env"],
            "user": {"uid": user, "gid": group},
            "capabilities": {name: [] for name in _CAPABILITY_SETS},
            "noNewPrivileges": True,
        },
        "mounts": [
            {"destination": "/proc", "type": "proc", "source": "proc"},
            {"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "mode=755"]},
            *mounts,
        ],
        "linux": {"namespaces": [{"type": name} for name in ("ipc", "mount", "pid", "uts")]},
    }
