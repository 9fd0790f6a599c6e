"""The section `tls_server_config` of the web file: values, and how they are read.

Names are those of Go's `crypto/tls`, as in the rest of Prometheus' exporter-toolkit; the values say the same in
OpenSSL's words. What Python's TLS cannot keep is a fault, or a warning where nothing is lost by it.
"""

import difflib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final, TypeVar

from exporter.config.cursor import Cursor
from exporter.config.document import Pairs, Scalar
from exporter.config.fault import Fault, Place, quoted, unknown_key
from exporter.config.kind import TRUTH, read_text
from exporter.targets import TlsVersion

T = TypeVar("T")

VERSIONS: Final = {
    "TLS10": TlsVersion.TLS_1_0,
    "TLS11": TlsVersion.TLS_1_1,
    "TLS12": TlsVersion.TLS_1_2,
    "TLS13": TlsVersion.TLS_1_3,
}

# By the names of IANA's registry, which Go uses: OpenSSL's. Those of Go's `tls.CipherSuites`, the last four up to 1.21.
CIPHERS: Final = {
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256": "ECDHE-ECDSA-AES128-GCM-SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384": "ECDHE-ECDSA-AES256-GCM-SHA384",
    "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256": "ECDHE-ECDSA-CHACHA20-POLY1305",
    "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA": "ECDHE-ECDSA-AES128-SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA": "ECDHE-ECDSA-AES256-SHA",
    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256": "ECDHE-RSA-AES128-GCM-SHA256",
    "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384": "ECDHE-RSA-AES256-GCM-SHA384",
    "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256": "ECDHE-RSA-CHACHA20-POLY1305",
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA": "ECDHE-RSA-AES128-SHA",
    "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA": "ECDHE-RSA-AES256-SHA",
    "TLS_RSA_WITH_AES_128_GCM_SHA256": "AES128-GCM-SHA256",
    "TLS_RSA_WITH_AES_256_GCM_SHA384": "AES256-GCM-SHA384",
    "TLS_RSA_WITH_AES_128_CBC_SHA": "AES128-SHA",
    "TLS_RSA_WITH_AES_256_CBC_SHA": "AES256-SHA",
}
# RFC 8446 §B.4. Neither Go nor Python lets a server choose among these.
TLS13_CIPHERS: Final = ("TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256")

CURVES: Final = {"CurveP256": "prime256v1", "CurveP384": "secp384r1", "CurveP521": "secp521r1", "X25519": "X25519"}

_TLS_KEYS = (
    *("cert_file", "key_file", "client_ca_file", "client_auth_type", "client_allowed_sans", "min_version"),
    *("max_version", "cipher_suites", "prefer_server_cipher_suites", "curve_preferences"),
)
# Keys of the format that are not taken here, and what to write instead.
_NOT_TAKEN: Final = {
    "cert": "is not taken here: put the certificate into a file and name it under cert_file",
    "key": "is not taken here: put the private key into a file and name it under key_file",
    "client_ca": "is not taken here: put the authorities into a file and name it under client_ca_file",
}

_SHOWN_NAMES = 6


class ClientAuth(StrEnum):
    """What is asked of a client's certificate, in the words of Go's `crypto/tls`."""

    NONE = "NoClientCert"
    REQUEST = "RequestClientCert"
    REQUIRE_ANY = "RequireAnyClientCert"
    REQUIRE_ANY_OLD = "RequireClientCert"
    VERIFY_IF_GIVEN = "VerifyClientCertIfGiven"
    REQUIRE_AND_VERIFY = "RequireAndVerifyClientCert"


_ANY = frozenset({ClientAuth.REQUIRE_ANY, ClientAuth.REQUIRE_ANY_OLD})
_VERIFYING = frozenset({ClientAuth.VERIFY_IF_GIVEN, ClientAuth.REQUIRE_AND_VERIFY})


@dataclass(frozen=True, slots=True)
class NamedFile:
    """A file that the web file names, and where it does."""

    path: Path
    place: Place


@dataclass(frozen=True, slots=True)
class TlsServer:
    """`tls_server_config`.

    allowed_sans  names of which a client's certificate must carry one, to the letter; empty: any
    ciphers       in OpenSSL's names and in order of preference, for TLS 1.2 and older; empty: OpenSSL's own choice
    server_order  our preference among ciphers counts, not the client's
    curve         in OpenSSL's name; None: OpenSSL's own choice
    """

    certificate: NamedFile
    key: NamedFile
    client_ca: NamedFile | None = None
    client_auth: ClientAuth = ClientAuth.NONE
    allowed_sans: tuple[str, ...] = ()
    lowest: TlsVersion = TlsVersion.TLS_1_2
    highest: TlsVersion = TlsVersion.TLS_1_3
    ciphers: tuple[str, ...] = ()
    server_order: bool = True
    curve: str | None = None


def read_tls(at: Cursor, warnings: list[Fault]) -> TlsServer | None:
    """The section; what can be kept only in part is added to `warnings`."""
    entries = known_entries(at, _TLS_KEYS, _NOT_TAKEN)
    certificate, key = (read_at(entries, name, _file) for name in ("cert_file", "key_file"))
    for name in ("cert_file", "key_file"):
        if isinstance(at.node, Pairs) and name not in entries:
            at.fault(f"needs {name}")
    auth = _client_auth(at, entries, warnings)
    lowest = read_at(entries, "min_version", _version) or TlsVersion.TLS_1_2
    highest = read_at(entries, "max_version", _version) or TlsVersion.TLS_1_3
    order = tuple(TlsVersion)
    if order.index(lowest) > order.index(highest):
        entries.get("min_version", at).fault("min_version is above max_version: no client could connect")
    ciphers, without = _ciphers(entries.get("cipher_suites"), highest, warnings)
    server_order = read_at(entries, "prefer_server_cipher_suites", TRUTH.read)
    sans = read_at(entries, "client_allowed_sans", _texts)
    client_ca = read_at(entries, "client_ca_file", _file)
    curve = read_at(entries, "curve_preferences", _curve)
    if certificate is None or key is None:
        return None
    return TlsServer(
        certificate,
        key,
        client_ca,
        auth,
        sans or (),
        # A list without a cipher for the older versions leaves none of those to offer.
        TlsVersion.TLS_1_3 if without else lowest,
        highest,
        ciphers,
        server_order is not False,
        curve,
    )


def _file(at: Cursor) -> NamedFile | None:
    written = read_text(at, "the path of a PEM file")
    return None if written is None else NamedFile(at.source.folder / written, at.place)


def _version(at: Cursor) -> TlsVersion | None:
    found = one_of(at, "a version of TLS", VERSIONS)
    return None if found is None else VERSIONS[found]


def _client_auth(at: Cursor, entries: Mapping[str, Cursor], warnings: list[Fault]) -> ClientAuth:
    found = read_at(entries, "client_auth_type", lambda at: one_of(at, "a policy for clients", list(ClientAuth)))
    auth = ClientAuth(found or ClientAuth.NONE)
    if auth in _ANY:
        entries["client_auth_type"].fault(
            f"{auth} cannot be kept: Python's TLS verifies a certificate or does not ask for one. "
            f"Whoever makes a certificate would pass; write {ClientAuth.REQUIRE_AND_VERIFY}"
        )
    elif auth is ClientAuth.REQUEST:
        place = entries["client_auth_type"].place
        warnings.append(place.fault(f"{auth} is the same as {ClientAuth.NONE} here: no certificate is asked for"))
    if "client_ca_file" in entries and found != ClientAuth.REQUEST and auth not in _VERIFYING | _ANY:
        entries["client_ca_file"].fault("has no effect without client_auth_type: say what is asked of clients")
    if auth in _VERIFYING and "client_ca_file" not in entries:
        entries["client_auth_type"].fault(
            f"{auth} needs client_ca_file: else every public authority could let somebody in"
        )
    if "client_allowed_sans" in entries and auth not in _ANY | {ClientAuth.REQUIRE_AND_VERIFY}:
        # As in the toolkit: a client without a certificate would have no name to compare.
        entries["client_allowed_sans"].fault(f"needs client_auth_type: {ClientAuth.REQUIRE_AND_VERIFY}")
    return auth


def _ciphers(at: Cursor | None, highest: TlsVersion, warnings: list[Fault]) -> tuple[tuple[str, ...], bool]:
    """The ciphers up to TLS 1.2, and whether a list names others only."""
    if at is None:
        return (), False
    names = [one_of(item, "a cipher suite", (*CIPHERS, *TLS13_CIPHERS)) for item in at.items() or ()]
    chosen = tuple(dict.fromkeys(CIPHERS[name] for name in names if name in CIPHERS))
    if any(name in TLS13_CIPHERS for name in names):
        warnings.append(at.place.fault(f"TLS 1.3 has no choice of ciphers: it takes {', '.join(TLS13_CIPHERS)} always"))
    without = bool(names) and None not in names and not chosen
    if without and highest is not TlsVersion.TLS_1_3:
        at.fault("names none for the versions of TLS up to max_version")
    return chosen, without


def _curve(at: Cursor) -> str | None:
    names = [one_of(item, "a curve", CURVES) for item in at.items() or ()]
    if len(names) > 1:
        at.fault("Python's TLS takes one curve: name one, or leave the key out and OpenSSL offers all that are sound")
    return CURVES[names[0]] if names and names[0] is not None else None


def _texts(at: Cursor) -> tuple[str, ...] | None:
    items = at.items()
    if items == ():
        at.fault("must name at least one")
    read = (read_text(item, "a name, an address or a URI") for item in items or ())
    return tuple(text for text in read if text is not None)


def one_of(at: Cursor, what: str, known: Iterable[str]) -> str | None:
    """One of a closed list of names, to the letter."""
    names = tuple(known)
    if isinstance(at.node, Scalar) and at.node.text in names:
        return at.node.text
    written = read_text(at, what)
    if written is not None:
        near = difflib.get_close_matches(written, names, n=1)
        # A dozen names and more are no hint any longer.
        shown = ", ".join(names if len(names) <= _SHOWN_NAMES else (*names[:_SHOWN_NAMES], "…"))
        hint = f"did you mean {near[0]}?" if near else f"known are {shown}"
        at.fault(f"must be {what}, not {quoted(written)}: {hint}")
    return None


def known_entries(at: Cursor, allowed: Iterable[str], not_taken: Mapping[str, str]) -> dict[str, Cursor]:
    """The entries of a mapping; a fault for each other key, with what to do where it is one of `not_taken`."""
    found: dict[str, Cursor] = {}
    for name, entry in (at.entries() or {}).items():
        if name in allowed:
            found[name] = entry
        else:
            entry.fault(not_taken.get(name) or unknown_key(name, allowed))
    return found


def read_at(entries: Mapping[str, Cursor], name: str, read: Callable[[Cursor], T | None]) -> T | None:
    """The value of a key that may be missing."""
    return read(entries[name]) if name in entries else None
