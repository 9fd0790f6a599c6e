"""The server's TLS: from `tls_server_config` to a context that connections are made with.

By Python's `ssl`, with OpenSSL's own choice where the file says nothing. A certificate of a client is verified for its
chain, dates and purpose by OpenSSL, and for its names here. It reads files and listens nowhere.
"""

import ipaddress
import ssl
import warnings
from dataclasses import dataclass
from typing import Final

from cryptography import x509

from exporter.config.fault import ConfigError, Fault
from exporter.config.webtls import ClientAuth, NamedFile, TlsServer
from exporter.targets import TlsVersion

_VERSIONS: Final = {
    # Python calls 1.0 and 1.1 outdated; that is for the person to decide who wrote them down.
    TlsVersion.TLS_1_0: ssl.TLSVersion.TLSv1,
    TlsVersion.TLS_1_1: ssl.TLSVersion.TLSv1_1,
    TlsVersion.TLS_1_2: ssl.TLSVersion.TLSv1_2,
    TlsVersion.TLS_1_3: ssl.TLSVersion.TLSv1_3,
}
_OUTDATED: Final = frozenset({TlsVersion.TLS_1_0, TlsVersion.TLS_1_1})

_VERIFY: Final = {
    ClientAuth.VERIFY_IF_GIVEN: ssl.CERT_OPTIONAL,
    ClientAuth.REQUIRE_AND_VERIFY: ssl.CERT_REQUIRED,
}


@dataclass(frozen=True, slots=True)
class ServerTls:
    """What a connection's TLS is agreed on with, and the names of which a client's certificate must carry one."""

    context: ssl.SSLContext
    allowed_sans: frozenset[str] = frozenset()

    def admits(self, session: ssl.SSLObject) -> bool:
        """Whether the client's certificate carries one of the names, if any are asked for."""
        if not self.allowed_sans:
            return True
        certificate = session.getpeercert(binary_form=True)
        return certificate is not None and not self.allowed_sans.isdisjoint(_names(certificate))


def server_tls(wanted: TlsServer) -> ServerTls:
    """Read certificates and key, and make a context of them. Raises `ConfigError` at the keys that name the files."""
    unreadable = [fault for file in _files(wanted) if (fault := _unreadable(file)) is not None]
    if unreadable:
        raise ConfigError(unreadable)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    # What a client of HTTP/2 needs to be told: HTTP/1.1 is all that is spoken.
    context.set_alpn_protocols(["http/1.1"])
    try:
        _choose(context, wanted)
    except (ssl.SSLError, ValueError) as error:
        # What was left out when this OpenSSL was built, or is forbidden by its own configuration.
        where = wanted.certificate.place
        fault = Fault(where.file, where.line, "tls_server_config", f"is more than this machine's OpenSSL can: {error}")
        raise ConfigError([fault]) from error
    try:
        context.load_cert_chain(wanted.certificate.path, wanted.key.path, _no_password)
    except (OSError, _LockedKey) as error:
        raise ConfigError([_unfit(wanted.certificate, wanted.key, error)]) from error
    if wanted.client_ca is not None:
        _verify_clients(context, wanted.client_auth, wanted.client_ca)
    return ServerTls(context, frozenset(wanted.allowed_sans))


class _LockedKey(Exception):
    """The key needs a password, and nobody is there to be asked."""


def _no_password() -> str:
    raise _LockedKey


def _choose(context: ssl.SSLContext, wanted: TlsServer) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = _VERSIONS[wanted.lowest]
        context.maximum_version = _VERSIONS[wanted.highest]
    ciphers = ":".join(wanted.ciphers)
    if wanted.lowest in _OUTDATED:
        # OpenSSL 3 leaves out the signatures of these versions at every other level (SSL_CTX_set_security_level(3)).
        ciphers = f"{ciphers or 'DEFAULT'}:@SECLEVEL=0"
    if ciphers:
        context.set_ciphers(ciphers)
    if not wanted.server_order:
        context.options &= ~ssl.OP_CIPHER_SERVER_PREFERENCE
    # Go refuses it as well: each renegotiation costs the server more than the client that asks for it.
    context.options |= ssl.OP_NO_RENEGOTIATION
    if wanted.curve is not None:
        context.set_ecdh_curve(wanted.curve)


def _verify_clients(context: ssl.SSLContext, auth: ClientAuth, authorities: NamedFile) -> None:
    try:
        context.load_verify_locations(authorities.path)
    except OSError as error:
        raise ConfigError([authorities.place.fault(f"{authorities.path} holds no certificate in PEM form")]) from error
    # As Go does it: whatever stands in the file is trusted by itself, an intermediate authority as well.
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.verify_mode = _VERIFY.get(auth, ssl.CERT_NONE)


def _files(wanted: TlsServer) -> tuple[NamedFile, ...]:
    return tuple(file for file in (wanted.certificate, wanted.key, wanted.client_ca) if file is not None)


def _unreadable(file: NamedFile) -> Fault | None:
    # OpenSSL does not say which of several files it is that it cannot read, and would wait for ever at a pipe.
    try:
        if file.path.exists() and not file.path.is_file():
            return file.place.fault(f"{file.path} is no file")
        with file.path.open("rb"):
            return None
    except OSError as error:
        return file.place.fault(f"{file.path} cannot be read: {error.strerror}")


def _unfit(certificate: NamedFile, key: NamedFile, error: OSError | _LockedKey) -> Fault:
    if isinstance(error, _LockedKey):
        return key.place.fault(f"{key.path} is locked with a password: write it without")
    # OpenSSL names the fault only where it knows one: files without PEM have none.
    reason = error.reason if isinstance(error, ssl.SSLError) else error.strerror
    if reason == "KEY_VALUES_MISMATCH":
        return key.place.fault(f"{key.path} is not the key of the certificate in {certificate.path}")
    reason = reason.replace("_", " ").lower() if reason else "no certificate or key in PEM form"
    return certificate.place.fault(f"{certificate.path} and {key.path} cannot be used: {reason}")


def _names(der: bytes) -> set[str]:
    """The alternative names of a certificate as Go writes them: DNS names, addresses, mail addresses and URIs."""
    try:
        extension = x509.load_der_x509_certificate(der).extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except (x509.ExtensionNotFound, ValueError):
        return set()
    names: set[str] = set()
    for name in extension.value:
        if isinstance(name, x509.DNSName | x509.RFC822Name | x509.UniformResourceIdentifier):
            names.add(name.value)
        elif isinstance(name, x509.IPAddress) and isinstance(name.value, ipaddress.IPv4Address | ipaddress.IPv6Address):
            names.add(str(name.value))
    return names
