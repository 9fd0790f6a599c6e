"""A real Dovecot of one's own: configuration, sockets, log and ports apart from any other on the machine.

Serves IMAP, POP3 and ManageSieve on the same ports of several addresses. What differs between two servers (the
certificate, whether passwords are taken in the clear) differs here by address, since Dovecot keeps it so. Nobody's mail
is stored: logins are never made.
"""

import subprocess
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from tests.real.command import run
from tests.real.loopback import is_listening, port_for
from tests.real.require import require, require_file, require_root
from tests.real.serverlog import ServerLog
from tests.real.waiting import wait_until

# Each package of Debian brings the login process of its protocol.
_LOGINS = {
    "/usr/lib/dovecot/imap-login": "dovecot-imapd",
    "/usr/lib/dovecot/pop3-login": "dovecot-pop3d",
    "/usr/lib/dovecot/managesieve-login": "dovecot-managesieved",
}

# The ports of every address, by the name of their standard.
PORTS = (143, 993, 110, 995, 4190)
_IMPLICIT_TLS = (993, 995)

_RELOADED = "SIGHUP received"

# It waits for its own processes; far less than this unless something hangs.
_STOP_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class DovecotAddress:
    """What Dovecot is on one address. `certificates`: one or two files with a key and its chain; none turns TLS off."""

    address: str
    certificates: Sequence[Path]
    auth_before_tls: bool = False

    def block(self) -> str:
        """Its block of dovecot.conf."""
        settings = {"disable_plaintext_auth": "no" if self.auth_before_tls else "yes"}
        settings["ssl"] = "yes" if self.certificates else "no"
        for prefix, path in zip(("ssl", "ssl_alt"), self.certificates, strict=False):
            settings |= {f"{prefix}_cert": f"<{path}", f"{prefix}_key": f"<{path}"}
        lines = "".join(f"  {name} = {value}\n" for name, value in settings.items())
        return f"local {self.address} {{\n{lines}}}\n"


class RealDovecot:
    """A running Dovecot as a context manager; `folder` must be empty and reachable by everybody.

    `auth_socket` is where Postfix may ask it about logins. `default_certificate` (key and chain in one file) is what
    addresses without one of their own would serve; without it there is no TLS anywhere.
    """

    def __init__(self, folder: Path, addresses: Sequence[DovecotAddress], default_certificate: Path | None) -> None:
        require_root()
        self._dovecot = require("dovecot", "dovecot-core")
        self._doveadm = require("doveadm", "dovecot-core")
        for program, package in _LOGINS.items():
            require_file(program, package)
        self._addresses = tuple(addresses)
        # Without TLS anywhere its ports are not even opened.
        self._ports = PORTS if default_certificate else tuple(port for port in PORTS if port not in _IMPLICIT_TLS)
        self._configuration = folder / "dovecot.conf"
        self.auth_socket = folder / "auth-for-postfix"
        self.log = ServerLog(folder / "dovecot.log")
        for name in ("run", "state"):
            (folder / name).mkdir(mode=0o755)
        blocks = "".join(address.block() for address in self._addresses)
        self._configuration.write_text(self._settings(folder, default_certificate) + blocks)

    def __enter__(self) -> "RealDovecot":
        # What it says before it has read where its log is, a fault of the configuration for instance, joins the log.
        with self.log.path.open("ab") as log:
            self._process = subprocess.Popen(
                [self._dovecot, "-F", "-c", str(self._configuration)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        with ExitStack() as cleanup:
            cleanup.callback(self._stop)
            wait_until(self._is_ready, lambda: f"Dovecot to listen:\n{self.log.text()}")
            cleanup.pop_all()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stop()

    def reload(self) -> None:
        """Read configuration and certificates anew, as after a renewal."""
        before = len(self.log.lines(_RELOADED))
        run(self._doveadm, "-c", str(self._configuration), "reload")
        # One process reads this signal and hands out connections, so whatever comes after the line is served anew.
        self.log.wait_for(_RELOADED, before + 1)

    def wait_for_sessions(self, count: int) -> None:
        """Wait until `count` sessions have ended in the log."""
        self.log.wait_for(r"-login: Info: Disconnected", count)

    def _is_ready(self) -> bool:
        if self._process.poll() is not None:
            raise AssertionError(f"Dovecot ended with {self._process.returncode}:\n{self.log.text()}")
        return all(is_listening(one.address, port_for(port)) for port in self._ports for one in self._addresses)

    def _stop(self) -> None:
        self._process.terminate()
        self._process.wait(_STOP_SECONDS)

    def _settings(self, folder: Path, certificate: Path | None) -> str:
        tls = "ssl = no" if certificate is None else f"ssl = yes\nssl_cert = <{certificate}\nssl_key = <{certificate}"
        return f"""\
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {self.log.path}
protocols = imap pop3 sieve
listen = {" ".join(one.address for one in self._addresses)}
{tls}
passdb {{
  driver = static
  args = password=secret
}}
service imap-login {{
  inet_listener imap {{
    port = {port_for(143)}
  }}
  inet_listener imaps {{
    port = {port_for(993)}
    ssl = yes
  }}
}}
service pop3-login {{
  inet_listener pop3 {{
    port = {port_for(110)}
  }}
  inet_listener pop3s {{
    port = {port_for(995)}
    ssl = yes
  }}
}}
service managesieve-login {{
  inet_listener sieve {{
    port = {port_for(4190)}
  }}
}}
service auth {{
  unix_listener {self.auth_socket} {{
    mode = 0666
  }}
}}
"""
