"""The file of `--web.config.file`: who may read the pages, and over which TLS.

The format is that of Prometheus' exporter-toolkit (its `docs/web-configuration.md`), so that one file serves all
exporters of a machine. What of it this exporter cannot keep is a fault or a warning that names the key, never nothing.
Stricter than there: an empty file and a policy that would let in strangers are faults. No message repeats what may be a
secret. Whether the certificates are any good is for the TLS of `web` to say.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from exporter.config.cursor import Cursor, Source
from exporter.config.document import MalformedError, Node, Pairs, Scalar, compose
from exporter.config.fault import ConfigError, Fault
from exporter.config.kind import TRUTH, read_text
from exporter.config.webtls import TlsServer, known_entries, one_of, read_at, read_tls

# A user is a line of a hundred bytes: ten thousand of them. The toolkit itself is meant for a few.
MAX_BYTES: Final = 1_000_000

# Each step doubles the work: 15 takes about two seconds of a processor, and a stop waits for a check that runs. The
# tools that make such hashes use 5 to 12.
HIGHEST_COST: Final = 15

# $2b$10$, then 22 characters of salt, the last of which carries two bits only, and 31 of the hash.
_BCRYPT = re.compile(r"\$2[aby]\$(?P<cost>[0-9]{2})\$[./A-Za-z0-9]{21}[.Oeu][./A-Za-z0-9]{31}", re.ASCII)
_LOWEST_COST: Final = 4

# What each header may say; empty: anything.
_HEADERS: Final[Mapping[str, tuple[str, ...]]] = {
    "Content-Security-Policy": (),
    "Strict-Transport-Security": (),
    "X-Content-Type-Options": ("nosniff",),
    "X-Frame-Options": ("deny", "sameorigin"),
    "X-XSS-Protection": (),
}

_SECTIONS = ("tls_server_config", "http_server_config", "basic_auth_users")
_NOT_TAKEN: Final = {
    "rate_limit": "is not taken here: connections are bounded already, and a reverse proxy can limit their rate",
}


@dataclass(frozen=True, slots=True)
class WebFile:
    """The whole file. `users` is names with bcrypt hashes; `warnings` is what can be kept only in part."""

    tls: TlsServer | None = None
    headers: tuple[tuple[str, str], ...] = ()
    users: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    warnings: tuple[Fault, ...] = ()

    @property
    def files(self) -> tuple[Path, ...]:
        """The files it names."""
        if self.tls is None:
            return ()
        named = (self.tls.certificate, self.tls.key, self.tls.client_ca)
        return tuple(file.path for file in named if file is not None)


def read_web_file(path: Path) -> WebFile:
    """Read the file at `path`; relative paths in it start from its folder. Raises `ConfigError` with every fault."""
    source = Source(str(path), path.parent, [])
    warnings: list[Fault] = []
    sections = _sections(_root(source, path))
    tls = read_at(sections, "tls_server_config", lambda at: read_tls(at, warnings))
    headers = read_at(sections, "http_server_config", _http)
    users = read_at(sections, "basic_auth_users", _users)
    if source.faults:
        raise ConfigError(source.faults)
    return WebFile(tls, headers or (), users or (), tuple(warnings))


def _root(source: Source, path: Path) -> Cursor | None:
    line, node = 0, None
    try:
        node = _compose(path)
        # An empty file is also what a file looks like that is just being written: it must not let everybody in.
        wrong = "is empty: write {} to ask nothing of anybody"
    except OSError as error:
        wrong = f"cannot be read: {error.strerror}"
    except UnicodeDecodeError:
        wrong = "is not UTF-8 text"
    except MalformedError as error:
        # Without the details, which may repeat a part of a password that was not quoted.
        line, wrong = error.line, error.message.partition(":")[0]
    if node is None:
        source.faults.append(Fault(source.name, line, "", wrong))
        return None
    return Cursor(source, node, node.line, "")


def _compose(path: Path) -> Node | None:
    # A pipe or a device could be read for ever.
    if path.exists() and not path.is_file():
        raise MalformedError(0, "is no file")
    with path.open("rb") as file:
        held = file.read(MAX_BYTES + 1)
    if len(held) > MAX_BYTES:
        raise MalformedError(0, f"is larger than {MAX_BYTES // 1_000_000} MB")
    return compose(held.decode("utf-8"))


def _sections(root: Cursor | None) -> Mapping[str, Cursor]:
    if root is None:
        return {}
    if not isinstance(root.node, Pairs):
        # Without repeating what is there instead, which may be a user with a password.
        root.fault(f"must be a mapping with the keys {', '.join(_SECTIONS)}")
        return {}
    return known_entries(root, _SECTIONS, _NOT_TAKEN)


def _http(at: Cursor) -> tuple[tuple[str, str], ...] | None:
    entries = known_entries(at, ("http2", "headers"), {})
    # Accepted either way: what is spoken is HTTP/1.1, which is what clients of HTTP/2 take where it is not offered.
    read_at(entries, "http2", TRUTH.read)
    return read_at(entries, "headers", _headers)


def _headers(at: Cursor) -> tuple[tuple[str, str], ...]:
    read = ((name, _header(entry, name)) for name, entry in known_entries(at, _HEADERS, {}).items())
    return tuple((name, value) for name, value in read if value)


def _header(at: Cursor, name: str) -> str | None:
    if isinstance(at.node, Scalar) and not at.node.text:
        # As in the toolkit: a blank header is not sent.
        return None
    if _HEADERS[name]:
        return one_of(at, "a value of this header", _HEADERS[name])
    # X-XSS-Protection is a bare 0 or 1, which YAML reads as a number.
    value = at.node.text if isinstance(at.node, Scalar) else read_text(at, "the value of a header")
    if value is not None and not (value.isascii() and value.isprintable()):
        at.fault("must be visible ASCII characters")
        return None
    return value


def _users(at: Cursor) -> tuple[tuple[str, str], ...] | None:
    if not isinstance(at.node, Pairs):
        at.fault("must be a mapping of user names to bcrypt hashes")
        return None
    read = ((name, _hash(entry, name)) for name, entry in (at.entries() or {}).items())
    return tuple((name, hashed) for name, hashed in read if hashed is not None)


def _hash(at: Cursor, user: str) -> str | None:
    """A bcrypt hash; what is there instead is never repeated, because it is likely to be a password."""
    if not user or ":" in user:
        # RFC 7617 §2: what a browser sends ends the name at the first colon.
        at.fault("cannot be a user's name: it is empty or holds a colon")
    form = _BCRYPT.fullmatch(at.node.text) if isinstance(at.node, Scalar) else None
    if form is None:
        at.fault('must be a bcrypt hash, as in $2y$10$…: htpasswd -nBC 10 "" makes one')
        return None
    if not _LOWEST_COST <= int(form["cost"]) <= HIGHEST_COST:
        at.fault(f"has a cost of {int(form['cost'])}: from {_LOWEST_COST} to {HIGHEST_COST} is taken, 10 is usual")
        return None
    return form[0]
