"""A real Postfix of one's own: configuration, queue, log and ports apart from any other on the machine.

Runs without systemd and without syslog (`maillog_file`, Postfix 3.4 and newer). What it listens on is a list of
services, rows of master.cf, each with its own options; nothing is ever delivered.
"""

import os
import re
import shutil
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType

from tests.real.command import run
from tests.real.loopback import is_listening
from tests.real.require import require, require_root
from tests.real.serverlog import ServerLog
from tests.real.waiting import wait_until

# The daemons behind every smtpd. Without proxymap or anvil it waits for them instead of greeting.
_SUPPORT = """\
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
proxymap unix - - n - - proxymap
anvil unix - - n - 1 anvil
dnsblog unix - - n - 0 dnsblog
tlsproxy unix - - n - 0 tlsproxy
postlog unix-dgram n - n - 1 postlogd
"""

_RELOADED = r"master\[\d+\]: reload --"


@dataclass(frozen=True, slots=True)
class PostfixService:
    """A port of Postfix: `options` are parameters of main.cf for this service alone.

    `screened` puts postscreen before it, with `options` for the smtpd behind and `screen_options` for postscreen.
    `workers` bounds the processes that serve it at a time; `None` leaves Postfix its hundred.
    """

    address: str
    port: int
    options: Mapping[str, str] = field(default_factory=dict)
    screened: bool = False
    screen_options: Mapping[str, str] = field(default_factory=dict)
    workers: int | None = None

    def rows(self) -> str:
        """Its rows of master.cf."""
        inet = f"{self.address}:{self.port} inet n - n -"
        limit = "-" if self.workers is None else str(self.workers)
        if not self.screened:
            return _row(f"{inet} {limit} smtpd", self.options)
        behind = f"smtpd-{self.address}-{self.port}"
        screen = _row(f"{inet} 1 postscreen", {"smtpd_service_name": behind, **self.screen_options})
        return screen + _row(f"{behind} pass - - n - {limit} smtpd", self.options)


def smtp(address: str, port: int, certificates: Sequence[Path]) -> PostfixService:
    """Mail between servers, as on port 25: STARTTLS where there is a certificate, nobody logs in."""
    return PostfixService(address, port, _starttls(certificates))


def screened(address: str, port: int, certificates: Sequence[Path], *, wait: str, teaser: str) -> PostfixService:
    """The same behind postscreen: the first line of the greeting, `teaser`, at once and the last one after `wait`.

    No cache, so that every session waits, and no exception for the loopback network.
    """
    options = {
        "postscreen_greet_wait": wait,
        "postscreen_greet_banner": teaser,
        "postscreen_cache_map": "",
        "postscreen_access_list": "",
    }
    return PostfixService(address, port, _starttls(certificates), screened=True, screen_options=options)


def by_name(folder: Path, service: PostfixService, certificates: Mapping[str, Sequence[Path]]) -> PostfixService:
    """The same service, which shows clients that ask for one of these names other certificates; `folder` takes a map.

    Postfix keeps the files' contents in its map, so the map has to be built anew when they change.
    """
    require_root()
    (folder / "main.cf").write_text("compatibility_level = 3.6\n")
    table = folder / "names"
    table.write_text("".join(f"{name} {_list(files)}\n" for name, files in certificates.items()))
    kind = run(require("postconf", "postfix"), "-c", str(folder), "-h", "default_database_type").strip()
    run(require("postmap", "postfix"), "-c", str(folder), "-F", f"{kind}:{table}")
    return replace(service, options={**service.options, "tls_server_sni_maps": f"{kind}:{table}"})


def submission(
    address: str, port: int, certificates: Sequence[Path], *, auth_socket: Path, auth_before_tls: bool = False
) -> PostfixService:
    """Submission, as on port 587: STARTTLS first, unless passwords are taken in the clear, then Dovecot's logins."""
    level = "may" if auth_before_tls else "encrypt"
    options = _starttls(certificates, level) | _login(auth_socket)
    options["smtpd_tls_auth_only"] = "no" if auth_before_tls else "yes"
    return PostfixService(address, port, options)


def submissions(address: str, port: int, certificates: Sequence[Path], *, auth_socket: Path) -> PostfixService:
    """Submission with implicit TLS, as on port 465."""
    options = {"smtpd_tls_wrappermode": "yes", "smtpd_tls_chain_files": _list(certificates)}
    return PostfixService(address, port, options | _login(auth_socket))


class RealPostfix:
    """A running Postfix as a context manager; `folder` must be empty and reachable by everybody."""

    def __init__(self, folder: Path, services: Sequence[PostfixService]) -> None:
        require_root()
        self._postfix = require("postfix", "postfix")
        self._services = tuple(services)
        self._configuration = folder / "etc"
        self.log = ServerLog(folder / "mail.log")
        for name in ("etc", "queue", "data"):
            (folder / name).mkdir(mode=0o755)
        # Postfix refuses a data directory that its own user does not own.
        shutil.chown(folder / "data", user=run(require("postconf", "postfix"), "-dh", "mail_owner").strip())
        main = self._configuration / "main.cf"
        main.write_text(_main_cf(folder, self.log.path))
        # Postfix waits for a file that was written within the last two seconds: somebody might still be editing it.
        os.utime(main, (0, 0))
        rows = "".join(service.rows() for service in self._services)
        (self._configuration / "master.cf").write_text(rows + _SUPPORT)

    def __enter__(self) -> "RealPostfix":
        self._command("start")
        with ExitStack() as cleanup:
            cleanup.callback(self._command, "stop")
            # The command returns when master has bound its ports; a row it could not serve stands only in the log.
            for service in self._services:
                assert is_listening(service.address, service.port), self.log.text()
            cleanup.pop_all()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._command("stop")

    def reload(self) -> None:
        """Read the configuration anew, as after a renewal, and wait until the workers of before are gone."""
        workers = {int(pid) for pid in re.findall(r"smtpd\[(\d+)\]", self.log.text())}
        before = len(self.log.lines(_RELOADED))
        self._command("reload")
        self.log.wait_for(_RELOADED, before + 1)
        wait_until(
            lambda: not any(Path(f"/proc/{pid}").exists() for pid in workers),
            lambda: f"workers {sorted(workers)} after a reload:\n{self.log.text()}",
        )

    def wait_for_sessions(self, count: int) -> None:
        """Wait until `count` sessions with smtpd have ended in the log: what a session did is logged after it."""
        self.log.wait_for(r"smtpd\[\d+\]: disconnect from ", count)

    def _command(self, name: str) -> None:
        run(self._postfix, "-c", str(self._configuration), name)


def _main_cf(folder: Path, log: Path) -> str:
    settings = {
        "compatibility_level": "3.6",
        "queue_directory": str(folder / "queue"),
        "data_directory": str(folder / "data"),
        "maillog_file": str(log),
        "maillog_file_prefixes": str(folder),
        "myhostname": "mail.example.org",
        "mydestination": "",
        "mynetworks": "127.0.0.0/8",
        "inet_protocols": "ipv4",
        "local_recipient_maps": "",
        "alias_maps": "",
        "alias_database": "",
        "smtpd_tls_security_level": "none",
        # No name server is asked who the client is: what is found must not depend on the machine's.
        "smtpd_peername_lookup": "no",
        # The default of Postfix 3.9: whoever sends before it is their turn is logged and cut off.
        "smtpd_forbid_unauth_pipelining": "yes",
    }
    return "".join(f"{name} = {value}\n" for name, value in settings.items())


def _starttls(certificates: Sequence[Path], level: str = "may") -> dict[str, str]:
    if not certificates:
        return {"smtpd_tls_security_level": "none"}
    return {"smtpd_tls_security_level": level, "smtpd_tls_chain_files": _list(certificates)}


def _login(auth_socket: Path) -> dict[str, str]:
    return {"smtpd_sasl_auth_enable": "yes", "smtpd_sasl_type": "dovecot", "smtpd_sasl_path": str(auth_socket)}


def _list(certificates: Iterable[Path]) -> str:
    return ", ".join(str(path) for path in certificates)


def _row(row: str, options: Mapping[str, str]) -> str:
    return "\n".join((row, *(f"  -o {{ {name} = {value} }}" for name, value in options.items()), ""))
