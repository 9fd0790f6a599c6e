"""The pump: what goes in comes out, whatever its size. And the handshakes it can make."""

import ssl
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from OpenSSL import SSL

from exporter.demo.mint import Authority, Credential
from exporter.demo.tls import ServerTls
from exporter.probe.tls import TlsClient, TlsError, TlsSession
from exporter.targets import Variant

NAME = "mail.example.org"


def authority() -> Authority:
    return Authority.create("Test root", now=datetime.now(UTC))


class Server:
    """The other end, in memory."""

    def __init__(self, tls: ServerTls | None = None) -> None:
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = (tls or ServerTls(authority().issue([NAME]))).wrap(self._incoming, self._outgoing)

    def handshake(self, data: bytes) -> bytes:
        """Take what the client sent; the answer, which may be an alert."""
        self._incoming.write(data)
        # Also what is raised while the handshake goes on.
        with suppress(ssl.SSLError):
            self._tls.do_handshake()
        return self._outgoing.read()

    def write(self, data: bytes) -> bytes:
        """What goes over the wire when the server says `data`."""
        if data:
            self._tls.write(data)
        return self._outgoing.read()

    def read(self, data: bytes) -> bytes:
        """Everything that the client said in `data`."""
        self._incoming.write(data)
        said = bytearray()
        while self._incoming.pending:
            said += self._tls.read(65536)
        return bytes(said)


def connected(server: Server, variant: Variant = Variant.DEFAULT) -> TlsSession:
    client = TlsClient().session(NAME, variant)
    complete(client, server)
    return client


def complete(client: TlsSession, server: Server) -> bytes:
    """Make the handshake; what the server says at its end, tickets for instance."""
    done = client.handshake()
    while not done:
        done = client.handshake(server.handshake(client.outgoing()))
    return server.handshake(client.outgoing())


# One buffer of the pump holds 65536 bytes of ciphertext.
@pytest.mark.parametrize("size", [1, 65_536, 500_000])
def test_all_that_waits_is_handed_out_at_once(size: int) -> None:
    server = Server()
    client = connected(server)
    client.encrypt(b"x" * size)
    assert server.read(client.outgoing()) == b"x" * size
    assert client.outgoing() == b""


RSA, ECDSA, NO_SNI = Variant.RSA, Variant.ECDSA, Variant.NO_SNI
TLS_1_2, TLS_1_3 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3


@pytest.fixture(scope="module")
def rsa() -> Credential:
    return authority().issue([NAME], key="rsa-2048")


@pytest.fixture(scope="module")
def ecdsa() -> Credential:
    return authority().issue([NAME])


SUITES = ("TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256")


@pytest.mark.parametrize(
    "offered",
    [
        # The other way round, to show that the order is the client's.
        pytest.param(SUITES[::-1], id="all"),
        *(pytest.param((suite,), id=suite) for suite in SUITES),
    ],
)
def test_of_the_suites_of_tls_1_3_every_one_will_do_and_the_one_that_all_servers_have_comes_first(
    offered: tuple[str, ...], ecdsa: Credential
) -> None:
    server = _server_without_preference(ecdsa, offered)
    client = TlsClient().session(NAME)
    while not client.handshake(_answer(server, client.outgoing())):
        pass

    assert client.facts().cipher == offered[-1]


def _server_without_preference(credential: Credential, suites: tuple[str, ...]) -> SSL.Connection:
    """The other end with suites of its own, which the `ssl` of Python 3.11 cannot choose; the client's order counts."""
    key = serialization.load_pem_private_key(credential.key_pem, None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)  # that of the fixture
    context = SSL.Context(SSL.TLS_SERVER_METHOD)
    context.set_tls13_ciphersuites(":".join(suites).encode())
    context.use_certificate(x509.load_der_x509_certificate(credential.certificate))
    context.use_privatekey(key)
    server = SSL.Connection(context, None)
    server.set_accept_state()
    return server


def _answer(server: SSL.Connection, data: bytes) -> bytes:
    if not data:
        return b""
    server.bio_write(data)
    with suppress(SSL.WantReadError):
        server.do_handshake()
    return server.bio_read(65536)


@pytest.mark.parametrize("maximum", [None, TLS_1_2, ssl.TLSVersion.TLSv1_1, ssl.TLSVersion.TLSv1])
def test_each_key_type_is_shown_to_who_asks_for_it(
    maximum: ssl.TLSVersion | None, rsa: Credential, ecdsa: Credential
) -> None:
    tls = ServerTls(rsa, ecdsa, minimum=ssl.TLSVersion.TLSv1, maximum=maximum)
    shown = {variant: connected(Server(tls), variant) for variant in (RSA, ECDSA)}

    assert {variant: client.chain()[0] for variant, client in shown.items()} == {
        RSA: rsa.certificate,
        ECDSA: ecdsa.certificate,
    }
    # At most 1.2, and else what the server has.
    versions = {None: "TLSv1.2", TLS_1_2: "TLSv1.2", ssl.TLSVersion.TLSv1_1: "TLSv1.1", ssl.TLSVersion.TLSv1: "TLSv1"}
    assert {client.facts().version for client in shown.values()} == {versions[maximum]}
    assert {client.refusal for client in shown.values()} == {None}


def test_without_a_name_none_is_sent_whatever_the_caller_knows(rsa: Credential, ecdsa: Credential) -> None:
    tls = ServerTls(rsa, by_name={NAME: ecdsa})

    assert connected(Server(tls), Variant.DEFAULT).chain()[0] == ecdsa.certificate
    assert connected(Server(tls), NO_SNI).chain()[0] == rsa.certificate


@pytest.mark.parametrize("variant", [RSA, ECDSA])
def test_a_key_type_asks_for_the_name_as_ever(variant: Variant, rsa: Credential, ecdsa: Credential) -> None:
    unnamed = authority().issue(["other.example.org"])
    tls = ServerTls(unnamed, by_name={NAME: rsa if variant is RSA else ecdsa})

    assert connected(Server(tls), variant).chain()[0] != unnamed.certificate


@pytest.mark.parametrize(
    ("variant", "make", "alert"),
    [
        pytest.param(RSA, lambda _, ecdsa: ServerTls(ecdsa), 40, id="no RSA"),
        pytest.param(ECDSA, lambda rsa, _: ServerTls(rsa), 40, id="no ECDSA"),
        pytest.param(RSA, lambda rsa, _: ServerTls(rsa, minimum=TLS_1_3), 70, id="TLS 1.3 only, RSA"),
        pytest.param(ECDSA, lambda _, ecdsa: ServerTls(ecdsa, minimum=TLS_1_3), 70, id="TLS 1.3 only, ECDSA"),
    ],
)
def test_the_number_of_the_alert_says_that_there_is_nothing_in_common(
    variant: Variant,
    make: Callable[[Credential, Credential], ServerTls],
    alert: int,
    rsa: Credential,
    ecdsa: Credential,
) -> None:
    client = TlsClient().session(NAME, variant)

    with pytest.raises(TlsError):
        complete(client, Server(make(rsa, ecdsa)))

    assert client.refusal == alert


@pytest.mark.parametrize("alert", [40, 71, 70, 80])
def test_whatever_the_server_says_its_number_is_kept(alert: int) -> None:
    client = TlsClient().session(NAME, ECDSA)
    client.handshake()

    with pytest.raises(TlsError):
        # RFC 5246 §7.2: an alert record with a fatal level, before any encryption.
        client.handshake(bytes([0x15, 0x03, 0x03, 0, 2, 2, alert]))

    assert client.refusal == alert


def test_a_warning_before_the_refusal_is_not_taken_for_it() -> None:
    client = TlsClient().session(NAME, ECDSA)
    client.handshake()
    unrecognized_name, handshake_failure = bytes([1, 112]), bytes([2, 40])

    assert not client.handshake(bytes([0x15, 0x03, 0x03, 0, 2]) + unrecognized_name)
    assert client.refusal is None
    with pytest.raises(TlsError):
        client.handshake(bytes([0x15, 0x03, 0x03, 0, 2]) + handshake_failure)
    assert client.refusal == 40


def test_a_refusal_after_the_certificate_was_shown_is_none_for_want_of_one(rsa: Credential) -> None:
    client = TlsClient().session(NAME, RSA)

    # The same alert, for want of a certificate of ours.
    with pytest.raises(TlsError):
        complete(client, Server(ServerTls(rsa, maximum=TLS_1_2, require_client_certificate=True)))

    assert client.chain()[0] == rsa.certificate
    assert client.refusal is None


def test_the_ordinary_handshake_keeps_no_alert() -> None:
    client = TlsClient().session(NAME)
    client.handshake()

    with pytest.raises(TlsError):
        client.handshake(bytes([0x15, 0x03, 0x03, 0, 2, 2, 40]))

    assert client.refusal is None


@pytest.mark.parametrize("maximum", [None, TLS_1_2])
@pytest.mark.parametrize("before", [b"", b"220 hello\r\n"], ids=["at once", "behind good data"])
def test_whoever_cannot_read_a_record_says_so_in_closing(maximum: ssl.TLSVersion | None, before: bytes) -> None:
    server = Server(ServerTls(authority().issue([NAME]), maximum=maximum))
    client = TlsClient().session(NAME)
    received = complete(client, server) + server.write(before) + b"\x17\x03\x03\x00\x20" + b"x" * 32

    if before:
        assert client.decrypt(received) == before
        received = b""
    with pytest.raises(TlsError):
        client.decrypt(received)

    # RFC 8446 §6.2: bad_record_mac, and no close alert behind it.
    with pytest.raises(ssl.SSLError, match=r"(?i)bad.record.mac"):
        server.read(client.close())
    assert client.close() == b""
