"""A real rsyslog that takes lines from a socket of its own and writes into a file of its own."""

import socket
import subprocess
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType

from tests.real.require import require_root
from tests.real.serverlog import ServerLog
from tests.real.unpacked import find
from tests.real.waiting import wait_until

# RFC 5424 §6.2.1: facility mail (2), severity informational (6).
_MAIL_INFO = 2 * 8 + 6

_LAST = "that was all"

_STOP_SECONDS = 20.0


class RealRsyslog:
    """A running rsyslog as a context manager; `rules` decide what comes into its file. `folder` must be empty."""

    def __init__(self, folder: Path, rules: str) -> None:
        require_root()
        self._program = find("rsyslogd")
        self._socket = folder / "log"
        self._folder = folder
        self.log = ServerLog(folder / "mail.log")
        (folder / "rsyslog.conf").write_text(
            f'global(workDirectory="{folder}")\n'
            'module(load="imuxsock" SysSock.Use="off")\n'
            f'input(type="imuxsock" Socket="{self._socket}")\n'
            f"{rules}\n"
            f'action(type="omfile" file="{self.log.path}")\n'
        )

    def __enter__(self) -> "RealRsyslog":
        modules = self._program.plugins("rsyslog")
        self._process = subprocess.Popen(
            [
                *(self._program.path, "-n", "-f", self._folder / "rsyslog.conf", "-i", self._folder / "pid"),
                *(("-M", modules) if modules else ()),
            ],
            stdin=subprocess.DEVNULL,
            env=self._program.environment(),
        )
        with ExitStack() as cleanup:
            cleanup.callback(self._stop)
            wait_until(self._is_ready, lambda: "rsyslog to listen")
            cleanup.pop_all()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stop()

    def take(self, lines: Iterable[str]) -> list[str]:
        """Send `lines` (program, colon, message) as local programs do; those that were kept, as they were sent."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.connect(str(self._socket))
            for line in (*lines, f"test: {_LAST}"):
                sender.send(f"<{_MAIL_INFO}>Nov 21 12:00:00 {line}".encode())
        self.log.wait_for(_LAST)
        # In front of it stand the instant and the name of this machine.
        return [line.split(" ", 2)[2] for line in self.log.text().splitlines() if _LAST not in line]

    def _is_ready(self) -> bool:
        assert self._process.poll() is None, f"rsyslog ended with {self._process.returncode}"
        return self._socket.exists()

    def _stop(self) -> None:
        self._process.terminate()
        self._process.wait(_STOP_SECONDS)
