"""The pump: what goes in comes out, whatever its size."""

import ssl
from contextlib import suppress
from datetime import UTC, datetime

import pytest

from exporter.demo.mint import Authority
from exporter.demo.tls import ServerTls
from exporter.probe.tls import TlsClient, TlsSession


class Server:
    """The other end, in memory."""

    def __init__(self) -> None:
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        credential = Authority.create("Test root", now=datetime.now(UTC)).issue(["mail.example.org"])
        self._tls = ServerTls(credential).wrap(self._incoming, self._outgoing)

    def handshake(self, data: bytes) -> bytes:
        """Take what the client sent; the answer."""
        self._incoming.write(data)
        with suppress(ssl.SSLWantReadError):
            self._tls.do_handshake()
        return self._outgoing.read()

    def read(self, data: bytes) -> bytes:
        """Everything that the client said in `data`."""
        self._incoming.write(data)
        said = bytearray()
        while self._incoming.pending:
            said += self._tls.read(65536)
        return bytes(said)


def connected(server: Server) -> TlsSession:
    client = TlsClient().session("mail.example.org")
    complete = client.handshake()
    while not complete:
        complete = client.handshake(server.handshake(client.outgoing()))
    server.handshake(client.outgoing())
    return client


# One buffer of the pump holds 65536 bytes of ciphertext.
@pytest.mark.parametrize("size", [1, 65_536, 500_000])
def test_all_that_waits_is_handed_out_at_once(size: int) -> None:
    server = Server()
    client = connected(server)
    client.encrypt(b"x" * size)
    assert server.read(client.outgoing()) == b"x" * size
    assert client.outgoing() == b""
