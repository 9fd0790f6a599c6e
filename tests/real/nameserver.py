"""A real unbound of one's own: a name server on a loopback address that knows one domain and asks nobody else.

What it says about a name is changed while it runs, as an administrator's editing of a zone does. Runs without root.
"""

import subprocess
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.real.command import run
from tests.real.loopback import fresh_address, is_listening, port_for
from tests.real.require import require
from tests.real.serverlog import ServerLog
from tests.real.waiting import wait_until

DOMAIN = "example.org"

# It ends at once unless something hangs.
_STOP_SECONDS = 20.0


class RealNameServer:
    """Runs while the context is open, on `address` and `port`; `folder` is for its configuration and log.

    At first no name of `DOMAIN` exists.
    """

    def __init__(self, folder: Path) -> None:
        self._unbound = require("unbound", "unbound")
        self._control = require("unbound-control", "unbound")
        self._configuration = folder / "unbound.conf"
        self.address = fresh_address()
        self.port = port_for(53)
        self.log = ServerLog(folder / "unbound.log")
        self._configuration.write_text(_settings(folder, self.address, self.port))

    def __enter__(self) -> Self:
        with self.log.path.open("ab") as log:
            self._process = subprocess.Popen(
                [self._unbound, "-d", "-c", str(self._configuration)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        with ExitStack() as cleanup:
            cleanup.callback(self._stop)
            wait_until(self._is_ready, lambda: f"unbound to listen:\n{self.log.text()}")
            cleanup.pop_all()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stop()

    def name(self, host: str, *addresses: str) -> None:
        """Let `host` have exactly these addresses from now on; without any it does not exist."""
        self._tell("local_data_remove", host)
        for address in addresses:
            kind = "AAAA" if ":" in address else "A"
            self._tell("local_data", f"{host}. 60 IN {kind} {address}")

    def refuse(self) -> None:
        """Answer no question about `DOMAIN` from now on: every one is refused."""
        self._tell("local_zone", DOMAIN, "always_refuse")

    def answer(self) -> None:
        """Answer again, with what was said before."""
        self._tell("local_zone", DOMAIN, "static")

    def _tell(self, *command: str) -> None:
        # It has taken effect when the command returns.
        run(self._control, "-c", str(self._configuration), *command)

    def _is_ready(self) -> bool:
        if self._process.poll() is not None:
            raise AssertionError(f"unbound ended with {self._process.returncode}:\n{self.log.text()}")
        return is_listening(self.address, self.port) and self._socket_is_there()

    def _socket_is_there(self) -> bool:
        return (self._configuration.parent / "control").is_socket()

    def _stop(self) -> None:
        self._process.terminate()
        self._process.wait(_STOP_SECONDS)


def _settings(folder: Path, address: str, port: int) -> str:
    return f"""\
server:
  interface: {address}@{port}
  port: {port}
  directory: "{folder}"
  chroot: ""
  username: ""
  pidfile: ""
  logfile: ""
  use-syslog: no
  do-daemonize: no
  do-ip6: no
  # One thread, and a few sockets instead of thousands: it is asked by one client.
  num-threads: 1
  outgoing-range: 16
  num-queries-per-thread: 16
  # Nothing is validated and nobody is asked.
  module-config: "iterator"
  local-zone: "{DOMAIN}." static
  local-zone: "." refuse
remote-control:
  control-enable: yes
  control-interface: "{folder}/control"
  control-use-cert: no
"""
