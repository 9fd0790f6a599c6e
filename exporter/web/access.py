"""Who may come in, as the web file says it now: TLS, users and headers, read anew when a file of them changes.

Checked when a client comes, at most once a second. What is broken at start ends the start; what is broken later is
logged once, and what held before goes on to hold.
"""

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from exporter.config.fault import ConfigError
from exporter.config.webfile import read_web_file
from exporter.web.tls import ServerTls, server_tls

_log = logging.getLogger(__name__)

# The toolkit looks at every request; a second keeps a burst of them from becoming a burst of file accesses.
_LOOK_SECONDS = 1.0

# What tells that a file is another one: renaming changes the inode, writing the time or the size. The last one changes
# also with owner and mode: a key that could not be read becomes readable by nothing else.
_Stamp = tuple[int, int, int, int, int] | None


@dataclass(frozen=True, slots=True)
class Rules:
    """What holds at a moment. `users` is names with bcrypt hashes; empty: no password is asked for."""

    tls: ServerTls | None = None
    headers: tuple[tuple[str, str], ...] = ()
    users: Mapping[str, str] = field(default_factory=dict, repr=False)


class Access:
    """The web file at `path`, for as long as the exporter runs. Raises `ConfigError` if it cannot be used now."""

    def __init__(self, path: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self._path = path
        self._clock = clock
        self._looked = clock()
        self._stamps: dict[Path, _Stamp] = {path: None}
        self._rules = self._read()
        self.successful = True

    @property
    def rules(self) -> Rules:
        """What holds now."""
        now = self._clock()
        if now - self._looked >= _LOOK_SECONDS:
            self._looked = now
            if any(_stamp(file) != seen for file, seen in self._stamps.items()):
                self._read_again()
        return self._rules

    def _read_again(self) -> None:
        try:
            self._rules = self._read()
        except ConfigError as error:
            self.successful = False
            _log.error("the web configuration was not read again, the one before stays in force: %s", error)
        else:
            self.successful = True
            _log.info("web configuration read again")

    def _read(self) -> Rules:
        # Each before it is read: what changes during that is noticed the next time.
        self._stamps = {file: _stamp(file) for file in self._stamps}
        found = read_web_file(self._path)
        # Also if they turn out to be broken: to mend one is enough.
        self._stamps = {self._path: self._stamps[self._path]} | {file: _stamp(file) for file in found.files}
        tls = None if found.tls is None else server_tls(found.tls)
        for warning in found.warnings:
            _log.warning("%s", warning)
        return Rules(tls, found.headers, dict(found.users))


def _stamp(file: Path) -> _Stamp:
    try:
        seen = file.stat()
    except OSError:
        return None
    return seen.st_dev, seen.st_ino, seen.st_mtime_ns, seen.st_size, seen.st_ctime_ns
