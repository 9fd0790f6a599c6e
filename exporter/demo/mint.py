"""Certificates to order: good ones, and each of the ways in which a server's certificate goes wrong.

An `Authority` is a root or an intermediate; what it issues is a `Credential`, the chain as a server sends it with its
private key. The profile is RFC 5280's; every argument that departs from it exists because such certificates are met in
the wild. The faults:

    expired, not yet valid    issue(…, not_before=…, not_after=…)
    self-signed               self_signed(…)
    issuer missing            issue(…).leaf_only()
    wrong name, wildcard, IP  issue(["*.example.org"]), issue(["192.0.2.1"])
    name only in the subject  issue(["mail.example.org"], san=False)
    no names at all           issue([])
    no key identifiers        issue(…, key_identifiers=False), as private authorities often do
    authority as a server     issue(…, is_authority=True)
    server as an authority    intermediate(…, is_authority=False)
    weak key or signature     issue(…, key="rsa-1024"), issue(…, digest="sha1") by an authority with an RSA key
    wrong purpose             issue(…, purposes=["client"])
    signature does not fit    issue(…).with_broken_signature()
    cannot be parsed          issue(…, malformed=True)
    order, root sent          issue(…).shuffled(), issue(…).followed_by(root)

Keys and serial numbers are random, nothing else is. It does not revoke, and nothing it makes should be trusted by
anything but a test or the demo.
"""

import ssl
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from exporter.demo import profile
from exporter.demo.der import signed_again
from exporter.demo.profile import Purpose

KeyKind = Literal["ecdsa-p256", "ecdsa-p384", "rsa-2048", "rsa-1024"]
Digest = Literal["sha256", "sha1"]
PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey

ROOT_LIFETIME = timedelta(days=3650)
INTERMEDIATE_LIFETIME = timedelta(days=1825)
# What the public authorities issued for mail servers while most of today's servers were set up.
LEAF_LIFETIME = timedelta(days=90)

# DER of the two object identifiers, equal in length (RFC 8017 Appendix C).
_SHA256_WITH_RSA = bytes.fromhex("06092a864886f70d01010b")
_SHA1_WITH_RSA = bytes.fromhex("06092a864886f70d010105")

# DER of `[0] EXPLICIT INTEGER`: version 3, and a version that no standard knows.
_VERSION_3 = bytes.fromhex("a003020102")
_VERSION_UNKNOWN = bytes.fromhex("a003020109")


@dataclass(frozen=True, slots=True)
class CredentialFiles:
    """Where `Credential.write` put its two files."""

    chain: Path
    key: Path


@dataclass(frozen=True, slots=True)
class Credential:
    """What a server shows: its certificate and those after it (DER, in the order sent), and the private key (PEM)."""

    chain: tuple[bytes, ...]
    key_pem: bytes = field(repr=False)

    @property
    def certificate(self) -> bytes:
        """The server's own certificate (DER)."""
        return self.chain[0]

    @property
    def chain_pem(self) -> bytes:
        """The chain as a PEM file, in the order sent."""
        return b"".join(pem(certificate) for certificate in self.chain)

    def leaf_only(self) -> "Credential":
        """The same without its intermediates, the most common fault of a hand-made mail server."""
        return replace(self, chain=self.chain[:1])

    def followed_by(self, *certificates: bytes) -> "Credential":
        """The same with `certificates` (DER) sent after the chain: a root, or something that has no place there."""
        return replace(self, chain=self.chain + certificates)

    def shuffled(self) -> "Credential":
        """The same with everything behind the server's own certificate in reverse order.

        The own certificate stays first: RFC 8446 §4.4.2 lets only the others come in any order. Needs two of those.
        """
        if len(self.chain) < 3:
            raise ValueError("a chain of fewer than three certificates has no other order")
        return replace(self, chain=(self.chain[0], *reversed(self.chain[1:])))

    def with_broken_signature(self) -> "Credential":
        """The same with one bit of the own certificate's signature turned; its issuer never signed that."""
        own = self.chain[0]
        return replace(self, chain=(own[:-1] + bytes([own[-1] ^ 1]), *self.chain[1:]))

    def write(self, directory: Path, stem: str = "server") -> CredentialFiles:
        """Write `<stem>.pem` (the chain) and `<stem>.key` (readable by the owner only) for a real server."""
        files = CredentialFiles(directory / f"{stem}.pem", directory / f"{stem}.key")
        files.chain.write_bytes(self.chain_pem)
        files.key.touch(mode=0o600)
        files.key.chmod(0o600)
        files.key.write_bytes(self.key_pem)
        return files


@dataclass(frozen=True, slots=True)
class Authority:
    """A root or an intermediate that can issue.

    certificate  DER of its own
    sent         what a server sends after its own certificate: this authority and those above it, but never the root
    now          the instant from which the dates of what it issues are counted, unless they are given
    """

    certificate: bytes
    sent: tuple[bytes, ...]
    now: datetime
    key: PrivateKey = field(repr=False)

    @classmethod
    def create(
        cls,
        name: str,
        *,
        now: datetime,
        key: KeyKind = "ecdsa-p256",
        not_before: datetime | None = None,
        not_after: datetime | None = None,
    ) -> "Authority":
        """A new root with the common name `name`; valid from an hour before `now` for ten years unless told."""
        private = _private_key(key)
        subject = profile.subject(name)
        builder = profile.dated(now, not_before, not_after, ROOT_LIFETIME)
        builder = builder.subject_name(subject).issuer_name(subject).public_key(private.public_key())
        builder = profile.authority_extensions(builder)
        builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(private.public_key()), critical=False)
        return cls(_der(builder.sign(private, hashes.SHA256())), (), now, private)

    @property
    def pem(self) -> bytes:
        """Its own certificate as a PEM file; of a root, what a client must trust."""
        return pem(self.certificate)

    def write(self, directory: Path, stem: str = "ca") -> Path:
        """Write its own certificate to `<stem>.pem`."""
        path = directory / f"{stem}.pem"
        path.write_bytes(self.pem)
        return path

    def intermediate(
        self,
        name: str,
        *,
        key: KeyKind = "ecdsa-p256",
        not_before: datetime | None = None,
        not_after: datetime | None = None,
        is_authority: bool = True,
    ) -> "Authority":
        """An authority below this one, for five years unless told.

        With `is_authority=False` its certificate is a server's and what it issues is worth nothing (RFC 5280 §6.1.4 k).
        """
        private = _private_key(key)
        builder = profile.dated(self.now, not_before, not_after, INTERMEDIATE_LIFETIME)
        builder = builder.subject_name(profile.subject(name)).issuer_name(self._name).public_key(private.public_key())
        builder = (
            profile.authority_extensions(builder)
            if is_authority
            else profile.server_extensions(builder, ("server",), False)
        )
        builder = self._key_identifiers(builder, private)
        certificate = _der(builder.sign(self.key, hashes.SHA256()))
        return Authority(certificate, (certificate, *self.sent), self.now, private)

    def issue(
        self,
        names: Sequence[str],
        *,
        not_before: datetime | None = None,
        not_after: datetime | None = None,
        common_name: str | None = None,
        key: KeyKind = "ecdsa-p256",
        purposes: Sequence[Purpose] = ("server",),
        san: bool = True,
        is_authority: bool = False,
        key_identifiers: bool = True,
        digest: Digest = "sha256",
        malformed: bool = False,
    ) -> Credential:
        """A server's certificate for `names` (DNS names in ASCII and IP addresses), for 90 days unless told.

        common_name      the first name unless told; empty for a certificate without a subject
        purposes         extended key usage; none leaves the extension out
        san              False leaves the names to the common name alone
        is_authority     marks the server's certificate as an authority's
        key_identifiers  False leaves out both identifiers
        digest           `sha1` needs an authority with an RSA key, else ValueError
        malformed        a version that no standard knows: OpenSSL still reads such a certificate, strict parsers refuse
        """
        private = _private_key(key)
        if common_name is None:
            common_name = names[0] if names else ""
        subject = profile.subject(common_name)
        builder = profile.dated(self.now, not_before, not_after, LEAF_LIFETIME)
        builder = builder.subject_name(subject).issuer_name(self._name).public_key(private.public_key())
        builder = profile.server_extensions(builder, purposes, is_authority)
        if names and san:
            builder = profile.alternative_names(builder, names, subject)
        if key_identifiers:
            builder = self._key_identifiers(builder, private)
        certificate = self._signed_oddly(_der(builder.sign(self.key, hashes.SHA256())), digest, malformed)
        return Credential((certificate, *self.sent), _key_pem(private))

    @property
    def _name(self) -> x509.Name:
        return x509.load_der_x509_certificate(self.certificate).subject

    def _key_identifiers(self, builder: x509.CertificateBuilder, private: PrivateKey) -> x509.CertificateBuilder:
        """Whose key signs and which key is certified (RFC 5280 §4.2.1.1 and §4.2.1.2)."""
        own = x509.SubjectKeyIdentifier.from_public_key(private.public_key())
        issuers = x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key())
        return builder.add_extension(own, critical=False).add_extension(issuers, critical=False)

    def _signed_oddly(self, certificate: bytes, digest: Digest, malformed: bool) -> bytes:
        edits = {_VERSION_3: _VERSION_UNKNOWN} if malformed else {}
        if digest == "sha256":
            return signed_again(certificate, edits, self.key, hashes.SHA256()) if edits else certificate
        if not isinstance(self.key, rsa.RSAPrivateKey):
            raise ValueError("sha1 needs an authority with an RSA key")
        return signed_again(certificate, edits | {_SHA256_WITH_RSA: _SHA1_WITH_RSA}, self.key, hashes.SHA1())


def self_signed(
    names: Sequence[str],
    *,
    now: datetime,
    not_before: datetime | None = None,
    not_after: datetime | None = None,
    key: KeyKind = "ecdsa-p256",
) -> Credential:
    """A server's certificate signed with its own key, as installation scripts leave behind."""
    private = _private_key(key)
    subject = profile.subject(names[0])
    builder = profile.dated(now, not_before, not_after, LEAF_LIFETIME)
    builder = builder.subject_name(subject).issuer_name(subject).public_key(private.public_key())
    builder = profile.alternative_names(profile.server_extensions(builder, ("server",), False), names, subject)
    return Credential((_der(builder.sign(private, hashes.SHA256())),), _key_pem(private))


def pem(certificate: bytes) -> bytes:
    """PEM of one DER certificate, also of one that cannot be parsed."""
    return ssl.DER_cert_to_PEM_cert(certificate).encode()


def _private_key(kind: KeyKind) -> PrivateKey:
    match kind:
        case "ecdsa-p256":
            return ec.generate_private_key(ec.SECP256R1())
        case "ecdsa-p384":
            return ec.generate_private_key(ec.SECP384R1())
        case "rsa-2048":
            return rsa.generate_private_key(public_exponent=65537, key_size=2048)
        case "rsa-1024":
            return rsa.generate_private_key(public_exponent=65537, key_size=1024)


def _key_pem(private: PrivateKey) -> bytes:
    encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    return private.private_bytes(encoding, form, serialization.NoEncryption())


def _der(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.DER)
