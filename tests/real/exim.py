"""A real Exim of one's own: configuration, spool, log and port apart from any other on the machine.

Debian's Exim looks its own user up when it starts and asks who a client is before it greets, so it gets its own passwd,
group, hosts and nsswitch.conf: bound over the system's in a mount namespace that ends with it. No name server is asked.
"""

import shutil
import subprocess
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType

from tests.real.loopback import is_listening
from tests.real.require import require, require_root
from tests.real.serverlog import ServerLog
from tests.real.unpacked import find
from tests.real.waiting import wait_until

# Compiled into Debian's package; without it Exim does not start. The numbers belong to nobody on a Debian system.
_USER = "Debian-exim:x:65533:65533::/nonexistent:/usr/sbin/nologin\n"
_GROUP = "Debian-exim:x:65533:\n"

# Whoever it becomes after the start, for want of an installed user.
_RUNS_AS = ("nobody", "nogroup")

_BIND = """\
for name in passwd group hosts nsswitch.conf; do mount --bind "$0/$name" "/etc/$name" || exit; done
exec "$@"
"""

# It has one process and one session at most to end.
_STOP_SECONDS = 20.0


class RealExim:
    """A running Exim as a context manager; `folder` must be empty and reachable by everybody.

    `names` are the clients that have a reverse name, by address. `settings` is what its configuration says besides,
    with access control lists, if any, behind a line `begin acl`.
    """

    def __init__(
        self, folder: Path, address: str, port: int, certificate: Path, *, names: Mapping[str, str], settings: str
    ) -> None:
        require_root()
        self._unshare = require("unshare", "util-linux")
        self._exim = find("exim4")
        self._listens = (address, port)
        self._folder = folder
        # The file of an authority that is made once for all belongs to root alone.
        own_certificate = folder / "certificate.pem"
        shutil.copy(certificate, own_certificate)
        (folder / "spool").mkdir()
        for path in (own_certificate, folder / "spool"):
            shutil.chown(path, *_RUNS_AS)
        self.log = ServerLog(folder / "spool" / "mainlog")
        self._write_lookups(names)
        main = _settings(folder / "spool", address, port, own_certificate)
        (folder / "exim.conf").write_text(main + settings)

    def __enter__(self) -> "RealExim":
        inside = (str(self._exim.path), "-C", str(self._folder / "exim.conf"), "-bdf")
        with (self._folder / "output").open("wb") as output:
            self._process = subprocess.Popen(
                [self._unshare, "--mount", "sh", "-c", _BIND, str(self._folder / "lookup"), *inside],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=self._exim.environment(),
            )
        with ExitStack() as cleanup:
            cleanup.callback(self._stop)
            wait_until(self._is_ready, lambda: f"Exim to listen:\n{self._said()}")
            cleanup.pop_all()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stop()

    def _is_ready(self) -> bool:
        if self._process.poll() is not None:
            raise AssertionError(f"Exim ended with {self._process.returncode}:\n{self._said()}")
        return is_listening(*self._listens)

    def _said(self) -> str:
        return (self._folder / "output").read_text() + self.log.text()

    def _stop(self) -> None:
        self._process.terminate()
        self._process.wait(_STOP_SECONDS)

    def _write_lookups(self, names: Mapping[str, str]) -> None:
        folder = self._folder / "lookup"
        folder.mkdir(mode=0o755)
        (folder / "passwd").write_text(_USER + Path("/etc/passwd").read_text())
        (folder / "group").write_text(_GROUP + Path("/etc/group").read_text())
        (folder / "hosts").write_text("".join(f"{address} {name}\n" for address, name in names.items()))
        (folder / "nsswitch.conf").write_text("passwd: files\ngroup: files\nhosts: files\n")


def _settings(spool: Path, address: str, port: int, certificate: Path) -> str:
    user, group = _RUNS_AS
    return f"""\
primary_hostname = mail.example.org
exim_user = {user}
exim_group = {group}
keep_environment =
spool_directory = {spool}
log_file_path = {spool}/%slog
pid_file_path = {spool}/exim.pid
local_interfaces = {address}
daemon_smtp_ports = {port}
tls_advertise_hosts = *
tls_certificate = {certificate}
tls_privatekey = {certificate}
host_lookup = *
host_lookup_order = byaddr
"""
