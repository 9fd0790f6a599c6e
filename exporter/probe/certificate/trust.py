"""Whether a chain leads to a root that is trusted, and inside which dates (RFC 5280 §6).

The path is built by OpenSSL's store context, which checks neither purpose nor the size of keys (it accepts RSA 1024):
these two and the digests of signatures are judged here. No revocation: most authorities have ended OCSP, and mail
servers are not expected to check it (RFC 7672 §4).
"""

import os
import re
import ssl
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from OpenSSL import crypto

from exporter.results import CertificateFault

# X509_V_FLAG_NO_CHECK_TIME of <openssl/x509_vfy.h>, which pyOpenSSL does not name.
_NO_CHECK_TIME = 0x200000

_NOT_YET_VALID = 9
_EXPIRED = 10

# X509_V_ERR_… of <openssl/x509_vfy.h>.
_FAULTS = {
    2: CertificateFault.ISSUER_MISSING,
    7: CertificateFault.BAD_SIGNATURE,
    _NOT_YET_VALID: CertificateFault.NOT_YET_VALID,
    _EXPIRED: CertificateFault.EXPIRED,
    18: CertificateFault.SELF_SIGNED,
    19: CertificateFault.UNTRUSTED_ROOT,
    20: CertificateFault.ISSUER_MISSING,
    21: CertificateFault.ISSUER_MISSING,
    26: CertificateFault.WRONG_PURPOSE,
    66: CertificateFault.WEAK_KEY,
    67: CertificateFault.WEAK_KEY,
    68: CertificateFault.WEAK_SIGNATURE,
}

_PEM = re.compile(rb"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)

# Where distributions keep their roots, for a Python that was built elsewhere and looks in the wrong place.
_BUNDLES = (
    "/etc/ssl/certs/ca-certificates.crt",  # Debian, Ubuntu, Alpine, Arch
    "/etc/pki/tls/certs/ca-bundle.crt",  # Fedora, RHEL
    "/etc/ssl/ca-bundle.pem",  # openSUSE
    "/etc/ssl/cert.pem",  # the BSDs, macOS
)


class TrustStoreError(Exception):
    """A set of roots cannot be read or holds none; the message names the file."""


@dataclass(frozen=True, slots=True)
class PathToRoot:
    """What was built: `certificates` from the server's own to the root in DER, empty where no path leads to one.

    date_fault    set when the path holds but for its dates
    chain_fault   set when there is no path
    """

    certificates: tuple[bytes, ...]
    date_fault: CertificateFault | None = None
    chain_fault: CertificateFault | None = None


class TrustStore:
    """The roots of one file, or the system's, ready for use."""

    def __init__(self, pem: bytes, source: str) -> None:
        """Read every certificate in `pem` that OpenSSL takes. Raises TrustStoreError if there is none."""
        self._roots = list(_certificates(pem))
        if not self._roots:
            raise TrustStoreError(f"{source} holds no certificate")

    def __reduce__(self) -> tuple[type["TrustStore"], tuple[bytes, str]]:
        """For another process: the roots themselves, since their file may have changed meanwhile."""
        pem = b"".join(crypto.dump_certificate(crypto.FILETYPE_PEM, root) for root in self._roots)
        return TrustStore, (pem, "a set of roots from another process")

    @property
    def size(self) -> int:
        """How many roots there are."""
        return len(self._roots)

    def path(self, chain: tuple[bytes, ...], now: float) -> PathToRoot:
        """Build the path for `chain` (DER, the server's own first) at `now` (Unix seconds)."""
        try:
            leaf, *others = (crypto.load_certificate(crypto.FILETYPE_ASN1, der) for der in chain)
        except crypto.Error:
            return PathToRoot((), chain_fault=CertificateFault.MALFORMED)
        dated = self._store()
        dated.set_time(datetime.fromtimestamp(now, UTC))
        try:
            return PathToRoot(_build(dated, leaf, others))
        except crypto.X509StoreContextError as error:
            fault = _fault(error)
        if fault not in (CertificateFault.EXPIRED, CertificateFault.NOT_YET_VALID):
            return PathToRoot((), chain_fault=fault)
        # Only now without the clock: at once, it can choose an expired path beside a good one.
        undated = self._store()
        undated.set_flags(_NO_CHECK_TIME)
        try:
            return PathToRoot(_build(undated, leaf, others), date_fault=fault)
        except crypto.X509StoreContextError as error:
            return PathToRoot((), date_fault=fault, chain_fault=_fault(error))

    def _store(self) -> crypto.X509Store:
        # A new one each time, for 0.1 ms: the time of a store can be set once and never again, whatever pyOpenSSL's
        # method promises (X509_VERIFY_PARAM_set1 leaves a time that is set as it is).
        store = crypto.X509Store()
        # A user's file may name an intermediate, or the server's own certificate, as what is trusted.
        store.set_flags(crypto.X509StoreFlags.PARTIAL_CHAIN)
        for root in self._roots:
            store.add_cert(root)
        return store


class TrustStores:
    """The stores that a configuration needs, by file; `None` is the system's."""

    def __init__(self, files: Iterable[str | None]) -> None:
        """Load all of them; raises TrustStoreError for the first that cannot be used."""
        self._stores = {file: _load(file) for file in dict.fromkeys(files)}

    def over(self, former: "TrustStores") -> "TrustStores":
        """These, and what `former` has of files that are not among these."""
        merged = TrustStores(())
        merged._stores = {**former._stores, **self._stores}
        return merged

    def __getitem__(self, file: str | None) -> TrustStore:
        return self._stores[file]


def _certificates(pem: bytes) -> Iterator[crypto.X509]:
    for block in _PEM.findall(pem):
        with suppress(crypto.Error):
            yield crypto.load_certificate(crypto.FILETYPE_PEM, block)


def _load(file: str | None) -> TrustStore:
    path = file if file is not None else _system_bundle()
    try:
        return TrustStore(Path(path).read_bytes(), path)
    except OSError as error:
        raise TrustStoreError(f"{path}: {error.strerror}") from error


def _system_bundle() -> str:
    paths = ssl.get_default_verify_paths()
    # OpenSSL's own variable comes first, as everywhere else on the machine.
    candidates = (os.environ.get(paths.openssl_cafile_env), paths.cafile, *_BUNDLES)
    for candidate in candidates:
        if candidate and Path(candidate).is_file():
            return candidate
    raise TrustStoreError("no roots found on this system: install ca-certificates, or set ca_file")


def _build(store: crypto.X509Store, leaf: crypto.X509, others: list[crypto.X509]) -> tuple[bytes, ...]:
    verified = crypto.X509StoreContext(store, leaf, others).get_verified_chain()
    return tuple(crypto.dump_certificate(crypto.FILETYPE_ASN1, certificate) for certificate in verified)


def _fault(error: crypto.X509StoreContextError) -> CertificateFault:
    return _FAULTS.get(error.errors[0], CertificateFault.CHAIN_INVALID)
