"""A real fail2ban of one's own: what it ships for filters and defaults, and a jail that bans nobody in earnest.

Socket, log and configuration lie in a folder of their own; it remembers nothing, and its action is the one that is
shipped for tests, which writes a file instead of calling a firewall.
"""

import shutil
import subprocess
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType

from tests.real.command import run
from tests.real.require import require, require_file
from tests.real.serverlog import ServerLog
from tests.real.waiting import wait_until

# It goes through all jails, and waits a second for each.
_STOP_SECONDS = 20.0


class RealFail2ban:
    """A running fail2ban as a context manager, with one jail: the shipped filter `name` in `mode`, over `watched`.

    `snippet` goes where administrators put their own settings for all jails. `folder` must be empty.
    """

    def __init__(self, folder: Path, name: str, mode: str, watched: ServerLog, snippet: str = "") -> None:
        self._server = require("fail2ban-server", "fail2ban")
        self._client = require("fail2ban-client", "fail2ban")
        shipped = Path(require_file("/etc/fail2ban/jail.conf", "fail2ban")).parent
        self._jail = name
        self._configuration = folder / "etc"
        self.log = ServerLog(folder / "fail2ban.log")
        for part in ("filter.d", "action.d"):
            shutil.copytree(shipped / part, self._configuration / part)
        for file in shipped.glob("*.conf"):
            shutil.copy(file, self._configuration)
        (self._configuration / "jail.d").mkdir()
        (self._configuration / "fail2ban.local").write_text(
            "[Definition]\nallowipv6 = auto\ndbfile = None\n"
            f"socket = {folder}/socket\npidfile = {folder}/pid\nlogtarget = {self.log.path}\n"
        )
        (self._configuration / "jail.local").write_text(
            f"[{name}]\nenabled = true\nfilter = {name}[mode={mode}]\nbackend = polling\nlogpath = {watched.path}\n"
            f"action = dummy[target={folder}/dummy]\n"
        )
        self.install(snippet)

    def __enter__(self) -> "RealFail2ban":
        self._process = subprocess.Popen(
            [self._server, "-f", "-c", str(self._configuration)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        with ExitStack() as cleanup:
            cleanup.callback(self._stop)
            wait_until(self._is_ready, lambda: f"fail2ban to start its jail:\n{self.log.text()}")
            cleanup.pop_all()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stop()

    def install(self, snippet: str) -> None:
        """Write the settings for all jails; a running server has to be told to read them."""
        (self._configuration / "jail.d" / "mailprobe.local").write_text(snippet)

    def command(self, *arguments: str) -> str:
        """What `fail2ban-client` answers."""
        return run(self._client, "-c", str(self._configuration), *arguments)

    def banned(self) -> set[str]:
        """The addresses that are banned now."""
        return set(self.command("get", self._jail, "banip").split())

    def wait_for_ban(self, address: str) -> None:
        """Wait until it has banned `address`; what stands before that in the watched log has been judged then."""
        self.log.wait_for(rf"NOTICE +\[{self._jail}\] Ban {address}$")

    def _is_ready(self) -> bool:
        if self._process.poll() is not None:
            raise AssertionError(f"fail2ban ended with {self._process.returncode}:\n{self.log.text()}")
        return bool(self.log.lines(rf"Jail '{self._jail}' started"))

    def _stop(self) -> None:
        self._process.terminate()
        self._process.wait(_STOP_SECONDS)
