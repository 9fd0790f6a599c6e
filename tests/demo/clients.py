"""Clients from the standard library, run in threads, for the servers under test.

`poplib`, `imaplib`, `smtplib` and plain sockets judge the servers of the demo by what real clients make of them.
"""

import socket
import ssl
from datetime import UTC, datetime
from typing import Any

NOW = datetime.now(UTC)
# A client that hangs is a failed test, not a hanging one.
PATIENCE = 20.0


class NamingContext(ssl.SSLContext):
    """Asks for, and checks, `name` whatever address the client was told to connect to."""

    name: str | None = None

    def wrap_socket(self, *args: Any, **options: Any) -> ssl.SSLSocket:
        return super().wrap_socket(*args, **(options | {"server_hostname": self.name}))


def trusting(authority_pem: str, name: str) -> ssl.SSLContext:
    """A client context that trusts one authority and wants `name` in the subjectAltName."""
    context = NamingContext(ssl.PROTOCOL_TLS_CLIENT)
    context.name = name
    context.load_verify_locations(cadata=authority_pem)
    context.hostname_checks_common_name = False
    return context


def unverified() -> ssl.SSLContext:
    """A client context that takes any certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    # Some releases of Python set it; then a server that hangs up looks like one that sent its close alert.
    context.options &= ~ssl.OP_IGNORE_UNEXPECTED_EOF
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    return context


def connected(port: int, host: str = "127.0.0.1") -> socket.socket:
    """A connected socket with a time limit."""
    return socket.create_connection((host, port), timeout=PATIENCE)


def read_all(sock: socket.socket) -> bytes:
    """Everything up to the end of the stream."""
    data = b""
    while chunk := sock.recv(65536):
        data += chunk
    return data


def read_line(sock: socket.socket) -> bytes:
    """One line, byte by byte, so that nothing behind it is taken."""
    line = b""
    while not line.endswith(b"\n"):
        byte = sock.recv(1)
        if not byte:
            break
        line += byte
    return line
