"""What one certificate says (RFC 5280), read once per certificate.

A certificate that the strict parser refuses still yields its dates and its fingerprint, through OpenSSL's tolerant
one: the broken ones expire too. Whether any of it is to be believed is decided in `trust`.
"""

import hashlib
import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from OpenSSL import crypto

from exporter.results import CertificateFacts

# A certificate of a content network carries about a hundred names; what is beyond is of no use to people.
MAX_NAMES = 256

# A distinguished name is for people; the longest sensible one is a fraction of this.
MAX_TEXT = 512

# Below these sizes no public authority issues, and OpenSSL's default security level 2 refuses (112 bits of security).
_MIN_RSA_BITS = 2048
_MIN_EC_BITS = 224

# Everything the parsers raise for what they will not read.
_REFUSALS = (
    ValueError,
    TypeError,
    UnsupportedAlgorithm,
    crypto.Error,
    x509.DuplicateExtension,
    x509.InvalidVersion,
    x509.UnsupportedGeneralNameType,
)

_WEAK_DIGESTS = frozenset({"md5", "sha1"})


@dataclass(frozen=True, slots=True)
class Reading:
    """`facts` for people and metrics; the rest is what a verdict needs.

    well_formed      the strict parser took it
    names, addresses  every one of the subjectAltName, while `facts` has a bounded number of them
    common_names     of the subject
    server_purpose   may identify a server; True where the certificate restricts nothing
    """

    facts: CertificateFacts
    well_formed: bool = True
    names: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    common_names: tuple[str, ...] = ()
    server_purpose: bool = True
    weak_key: bool = False
    weak_signature: bool = False


class Reader:
    """Reads certificates and remembers what it read, since a server shows the same one at every probe."""

    # Ten thousand hosts with a leaf and an intermediate each, most of the latter shared.
    CAPACITY = 16384

    def __init__(self) -> None:
        self._readings: dict[bytes, Reading] = {}

    def read(self, der: bytes, position: int = 0) -> Reading:
        """Read one certificate in DER; never raises, whatever is in it."""
        fingerprint = hashlib.sha256(der).digest()
        reading = self._readings.get(fingerprint)
        if reading is None:
            reading = _read(der, fingerprint.hex())
            if len(self._readings) >= self.CAPACITY:
                del self._readings[next(iter(self._readings))]
            self._readings[fingerprint] = reading
        if position == reading.facts.position:
            return reading
        return replace(reading, facts=replace(reading.facts, position=position))


def _read(der: bytes, fingerprint: str) -> Reading:
    try:
        with warnings.catch_warnings():
            # The parser complains of odd names, and announces what it will refuse one day; the facts are wanted.
            warnings.simplefilter("ignore")
            return _strict(x509.load_der_x509_certificate(der), fingerprint)
    except _REFUSALS:
        return _tolerant(der, fingerprint)


def _strict(certificate: x509.Certificate, fingerprint: str) -> Reading:
    key_type, key_bits = _key(certificate)
    digest = _digest(certificate)
    names, addresses = _alternative_names(certificate)
    facts = CertificateFacts(
        position=0,
        fingerprint_sha256=fingerprint,
        not_before=certificate.not_valid_before_utc.timestamp(),
        not_after=certificate.not_valid_after_utc.timestamp(),
        subject=certificate.subject.rfc4514_string()[:MAX_TEXT],
        issuer=certificate.issuer.rfc4514_string()[:MAX_TEXT],
        serial=f"{certificate.serial_number:x}",
        key_type=key_type,
        key_bits=key_bits,
        signature=_signature_name(certificate),
        dns_names=_bounded(names),
        ip_addresses=_bounded(addresses),
    )
    return Reading(
        facts=facts,
        names=names,
        addresses=addresses,
        common_names=tuple(
            str(attribute.value) for attribute in certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        ),
        server_purpose=_server_purpose(certificate),
        weak_key=_weak(key_type, key_bits),
        weak_signature=digest in _WEAK_DIGESTS,
    )


def _key(certificate: x509.Certificate) -> tuple[str, int | None]:
    try:
        key = certificate.public_key()
    except (ValueError, UnsupportedAlgorithm):
        return "other", None
    match key:
        case rsa.RSAPublicKey():
            return "rsa", key.key_size
        case ec.EllipticCurvePublicKey():
            return "ecdsa", key.key_size
        case ed25519.Ed25519PublicKey():
            return "ed25519", 256
        case ed448.Ed448PublicKey():
            return "ed448", 456
        case dsa.DSAPublicKey():
            return "dsa", key.key_size
        case _:
            return "other", None


def _weak(key_type: str, key_bits: int | None) -> bool:
    if key_bits is None:
        return False
    if key_type in ("rsa", "dsa"):
        return key_bits < _MIN_RSA_BITS
    return key_type == "ecdsa" and key_bits < _MIN_EC_BITS


def _digest(certificate: x509.Certificate) -> str | None:
    try:
        algorithm = certificate.signature_hash_algorithm
    except UnsupportedAlgorithm:
        return None
    return algorithm.name if algorithm is not None else None


def _signature_name(certificate: x509.Certificate) -> str:
    """OpenSSL's name of the signature's algorithm: `ecdsa-with-SHA256`."""
    return crypto.X509.from_cryptography(certificate).get_signature_algorithm().decode("ascii", "replace")


def _alternative_names(certificate: x509.Certificate) -> tuple[tuple[str, ...], tuple[str, ...]]:
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return (), ()
    addresses = tuple(str(address) for address in names.get_values_for_type(x509.IPAddress))
    return tuple(names.get_values_for_type(x509.DNSName)), addresses


def _bounded(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(name[:MAX_TEXT] for name, _ in zip(names, range(MAX_NAMES), strict=False))


def _server_purpose(certificate: x509.Certificate) -> bool:
    # RFC 5280 §4.2.1.12: without the extension, any purpose.
    try:
        purposes = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return True
    allowed = (ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE)
    return any(purpose in allowed for purpose in purposes)


def _tolerant(der: bytes, fingerprint: str) -> Reading:
    facts = CertificateFacts(position=0, fingerprint_sha256=fingerprint, not_before=None, not_after=None)
    try:
        certificate = crypto.load_certificate(crypto.FILETYPE_ASN1, der)
    except crypto.Error:
        return Reading(facts, well_formed=False)
    facts = replace(
        facts,
        not_before=_instant(certificate.get_notBefore),
        not_after=_instant(certificate.get_notAfter),
    )
    return Reading(facts, well_formed=False)


def _instant(date: Callable[[], bytes | None]) -> float | None:
    """Unix seconds of a date as OpenSSL prints it; `None` for one that is no date."""
    try:
        text = (date() or b"").decode("ascii", "replace")
        return datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC).timestamp()
    except (ValueError, crypto.Error):
        return None
