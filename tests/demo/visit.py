"""A visit to a host of the demo: what clients of the standard library do there, in threads."""

import os
import smtplib
import socket
import ssl
from datetime import timedelta

from cryptography import x509

from exporter.config.model import Config
from exporter.demo.host import PORT_OFFSET
from exporter.demo.hosts import Demo
from exporter.targets import Protocol, Target
from tests.demo.clients import NOW, PATIENCE, connected, read_line, unverified

# Of this process alone, so that a demo or another run of the tests on the same machine is not in the way.
NETWORK = f"127.{os.getpid() % 200 + 20}.{os.getpid() // 200 % 250 + 2}"


async def at_once(_: float) -> None:
    """A pause that takes no time."""


def address(demo: Demo, label: str) -> str:
    """Where the servers of a host are."""
    return demo.addresses[f"{label}.mail.example"][0]


def smtp(demo: Demo, label: str, port: int = 25) -> smtplib.SMTP:
    return smtplib.SMTP(address(demo, label), PORT_OFFSET + port, timeout=PATIENCE)


def knock(port: int, place: str) -> None:
    """Connect and go; raises what connecting raises."""
    connected(port, place).close()


def working(demo: Demo, label: str, port: int = 25) -> bool:
    """Whether smtplib finds a server that answers."""
    with smtp(demo, label, port) as client:
        return client.noop() == (250, b"2.0.0 ok") and client.ehlo()[0] == 250


def certificate(demo: Demo, label: str, port: int, context: ssl.SSLContext | None = None) -> x509.Certificate:
    """What a port with implicit TLS shows, good or bad."""
    context = context or unverified()
    with connected(PORT_OFFSET + port, address(demo, label)) as sock, context.wrap_socket(sock) as secured:
        return parsed(secured)


def parsed(secured: ssl.SSLSocket) -> x509.Certificate:
    der = secured.getpeercert(binary_form=True)
    assert der is not None
    return x509.load_der_x509_certificate(der)


def ends_in(shown: x509.Certificate) -> timedelta:
    return shown.not_valid_after_utc - NOW.replace(microsecond=0)


def upgrade(sock: socket.socket, protocol: Protocol) -> None:
    """Say what the protocol needs up to the handshake."""
    if protocol is Protocol.SIEVE:
        while not read_line(sock).startswith(b"OK"):
            pass
    else:
        read_line(sock)
    command = {Protocol.IMAP: b"a1 STARTTLS", Protocol.POP3: b"STLS"}.get(protocol, b"STARTTLS")
    sock.sendall(command + b"\r\n")
    assert read_line(sock).split()[-2:] in ([b"go", b"ahead"], [b'"go', b'ahead"'])


def targets_of(config: Config, label: str) -> list[Target]:
    return [target for target in config.targets if target.host == f"{label}.mail.example"]
