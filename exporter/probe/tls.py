"""The client side of TLS as a pump: ciphertext in, ciphertext out, no I/O.

The handshake is done without verification and with one shared context that holds no roots: it completes with any
certificate, which is then judged in `certificate`, and possession of the private key is proven all the same. The
context accepts what old servers still speak (TLS 1.0 up, security level 0), because their certificates expire too;
what is too old is for others to judge. RFC 8446, RFC 5246; server names after RFC 6066 §3.

Two more contexts take a certificate of one key type only. Whether a server refused such a handshake for want of one is
told by the number of its alert, never by OpenSSL's words for it, which change from release to release.
"""

from contextlib import suppress
from typing import Final

from OpenSSL import SSL, crypto

from exporter.results import TlsFacts
from exporter.targets import Variant

# More than a flight of ours, and than what a server sends at once mostly: what is allocated to drain OpenSSL's memory
# BIO, as often as it is drained.
_DRAIN_BYTES = 4096

# The first byte of a record that a server may send first (alert, handshake) and the major version that follows it in
# every version of TLS (RFC 8446 §5.1).
_RECORD_TYPES = frozenset({0x15, 0x16})
_RECORD_MAJOR = 0x03

# Anonymous ciphers are left out: with one of them there would be no certificate to look at.
_CIPHERS: Final = b"ALL:!aNULL:!eNULL:@SECLEVEL=0"

# Those that are offered by default, but first the one that every server of TLS 1.3 has (RFC 8446 §9.1). Where a server
# leaves the choice to us this costs 5 % less of the processor than OpenSSL's order, which puts SHA-384 first: there are
# instructions for SHA-256 (20 µs of 370, a session in memory against either).
_TLS13_SUITES: Final = b"TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256"

# By authentication and nothing else: every way to agree on a key and every strength of before.
_KEY_TYPE_CIPHERS: Final = {
    Variant.RSA: b"aRSA:!eNULL:@SECLEVEL=0",
    Variant.ECDSA: b"aECDSA:!eNULL:@SECLEVEL=0",
}

# RFC 8446 §6: an alert is a level and a description, which OpenSSL reports as one number.
_ALERT_FATAL: Final = 2


class TlsError(Exception):
    """The engine gave up; the message is OpenSSL's reason, in words."""


class NotTls(Exception):
    """The peer answered a ClientHello with something that is no TLS record."""


class TlsClient:
    """Opens sessions. One for all probes: a context costs as much as several of them, so each kind is made once."""

    def __init__(self) -> None:
        self._context = _context(_CIPHERS)
        self._key_types = {variant: _key_type_context(ciphers) for variant, ciphers in _KEY_TYPE_CIPHERS.items()}

    def session(self, server_name: str | None, variant: Variant = Variant.DEFAULT) -> "TlsSession":
        """A session that has not begun; `server_name` in ASCII is sent to the server, `None` sends none.

        `NO_SNI` sends none whatever the name; `RSA` and `ECDSA` complete only with a certificate of that key type.
        """
        name = None if variant is Variant.NO_SNI else server_name
        return TlsSession(self._key_types.get(variant, self._context), name)


class TlsSession:
    """One session. Feed it what arrived, send what `outgoing` returns, whatever else happens."""

    def __init__(self, context: SSL.Context, server_name: str | None) -> None:
        self._connection = SSL.Connection(context, None)
        # RFC 6066 §3: an IP literal is never sent; the caller passes `None` for one.
        if server_name is not None:
            self._connection.set_tlsext_host_name(server_name.encode("ascii"))
        self._alerts: list[int] = []
        self._connection.set_app_data(self._alerts)
        self._connection.set_connect_state()
        self._head = b""
        self._decrypted = False
        self._error: TlsError | None = None

    def outgoing(self) -> bytes:
        """The ciphertext that waits to be sent; empty where there is none."""
        parts = []
        full = True
        while full:
            try:
                part = self._connection.bio_read(_DRAIN_BYTES)
            except SSL.WantReadError:
                break
            # A buffer that is not full took all there was; to be told so by an exception costs as much as the reading.
            full = len(part) == _DRAIN_BYTES
            parts.append(part)
        return b"".join(parts)

    def handshake(self, data: bytes = b"") -> bool:
        """Go on with the handshake after `data` arrived; True when it is complete. Raises TlsError and NotTls."""
        if data:
            self._check_record(data)
            self._connection.bio_write(data)
        try:
            self._connection.do_handshake()
        except SSL.WantReadError:
            return False
        except SSL.Error as error:
            raise TlsError(_reason(error)) from error
        return True

    def decrypt(self, data: bytes = b"") -> bytes:
        """The plaintext in `data` and in what arrived before it.

        Raises TlsError for a bad record and for an alert; what was said before it is handed out first, and the error
        comes at the next call.
        """
        if self._error is not None:
            raise self._error
        if data:
            self._connection.bio_write(data)
        parts = []
        while True:
            try:
                parts.append(self._connection.recv(_DRAIN_BYTES))
                self._decrypted = True
            except (SSL.WantReadError, SSL.ZeroReturnError):
                return b"".join(parts)
            except SSL.Error as error:
                self._error = TlsError(_reason(error))
                if not parts:
                    raise self._error from error
                return b"".join(parts)

    def encrypt(self, data: bytes) -> None:
        """Queue `data` for `outgoing`; raises TlsError."""
        try:
            self._connection.sendall(data)
        except SSL.Error as error:
            raise TlsError(_reason(error)) from error

    def close(self) -> bytes:
        """The close alert for the server, or the alert with which we gave up (RFC 8446 §6.2).

        Nobody waits for an answer to it (RFC 8314 §3.4 allows that).
        """
        with suppress(SSL.Error):
            self._connection.shutdown()
        return self.outgoing()

    @property
    def failed(self) -> bool:
        """The next `decrypt` raises."""
        return self._error is not None

    @property
    def refusal(self) -> int | None:
        """The fatal alert with which the server answered the ClientHello, by its number.

        Noted only where a variant asks for one key type. A server that has shown its certificate and refuses us after
        that, for want of one of ours for instance, sends the same alerts and means something else.
        """
        return self._alerts[-1] if self._alerts and not self.chain() else None

    @property
    def decrypted_anything(self) -> bool:
        """The server has sent application data: with TLS 1.3 only then is it known that it accepted the handshake."""
        return self._decrypted

    @property
    def closed_by_server(self) -> bool:
        """The server has sent its close alert."""
        return bool(self._connection.get_shutdown() & SSL.RECEIVED_SHUTDOWN)

    def facts(self) -> TlsFacts:
        """What was negotiated."""
        return TlsFacts(
            version=self._connection.get_protocol_version_name(),
            cipher=self._connection.get_cipher_name() or "",
            group=self._connection.get_group_name() or None,
        )

    def chain(self) -> tuple[bytes, ...]:
        """The certificates the server sent, in DER, in its order; empty where it sent none."""
        certificates = self._connection.get_peer_cert_chain() or []
        return tuple(crypto.dump_certificate(crypto.FILETYPE_ASN1, certificate) for certificate in certificates)

    def _check_record(self, data: bytes) -> None:
        if len(self._head) < 2:
            self._head += data[: 2 - len(self._head)]
            wrong_type = self._head[0] not in _RECORD_TYPES
            if wrong_type or (len(self._head) == 2 and self._head[1] != _RECORD_MAJOR):
                raise NotTls


def _context(ciphers: bytes) -> SSL.Context:
    context = SSL.Context(SSL.TLS_CLIENT_METHOD)
    context.set_verify(SSL.VERIFY_NONE)
    # RFC 8996 forbids TLS 1.0 and 1.1; a monitor still has to see the servers that were left behind.
    context.set_min_proto_version(SSL.TLS1_VERSION)
    context.set_cipher_list(ciphers)
    context.set_tls13_ciphersuites(_TLS13_SUITES)
    # A renegotiation that the server asks for is refused with a warning: it would cost a second handshake, and
    # nothing new is learnt in it.
    context.set_options(SSL.OP_LEGACY_SERVER_CONNECT | SSL.OP_NO_RENEGOTIATION)
    return context


def _key_type_context(ciphers: bytes) -> SSL.Context:
    context = _context(ciphers)
    # Up to TLS 1.2 the cipher says with which type of key the server authenticates (RFC 5246 §7.4.2); the ciphers of
    # TLS 1.3 leave it open.
    context.set_max_proto_version(SSL.TLS1_2_VERSION)
    # Only here: it is called for every step of a handshake, which would slow down the ordinary probes.
    context.set_info_callback(_note_alert)
    return context


def _note_alert(connection: SSL.Connection, where: int, value: int) -> None:
    level, description = value >> 8, value & 0xFF
    if where == SSL.SSL_CB_READ_ALERT and level == _ALERT_FATAL:
        connection.get_app_data().append(description)


def _reason(error: SSL.Error) -> str:
    """OpenSSL's own words, innermost first: `sslv3 alert handshake failure`."""
    reasons = [str(entry[-1]) for entry in error.args[0]] if error.args and isinstance(error.args[0], list) else []
    # Where the fault was met while good data was still being read, OpenSSL keeps no reason.
    return "; ".join(reason for reason in reasons if reason) or "a record that cannot be read"
