"""Listen addresses: from the text of `--web.listen-address` to bound sockets.

The text is written as other exporters write it: `:10125`, `127.0.0.1:10125`, `[::1]:10125`, `localhost:10125`. Port 0
takes a free port. What is served on the sockets is not decided here.
"""

import errno
import ipaddress
import re
import socket
from asyncio import get_running_loop
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

# Connections that wait to be accepted. They are few: a handful of Prometheus servers and browsers.
_BACKLOG = 128

# What a machine answers that does not have an address or a whole family, for example with IPv6 switched off.
_NOT_HERE = frozenset({errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT})

_FORM = re.compile(r"(?:\[(?P<literal>[^\[\]]*)\]|(?P<name>[A-Za-z0-9._-]*)):(?P<port>[0-9]{1,5})", re.ASCII)

_WANTED = "write HOST:PORT, [IPV6]:PORT or :PORT"

Endpoint = tuple[socket.AddressFamily, str]


class ListenError(Exception):
    """An address that cannot be understood or cannot be listened at; the text is for the person who wrote it."""


@dataclass(frozen=True, slots=True)
class ListenAddress:
    """Where to listen. `host` None: all addresses of both families. `port` 0: a free one."""

    host: str | None
    port: int

    def __str__(self) -> str:
        host = self.host or ""
        return f"[{host}]:{self.port}" if ":" in host else f"{host}:{self.port}"


def parse_address(text: str) -> ListenAddress:
    """Read one listen address; `ListenError` says what is wrong with it and how it is written."""
    form = _FORM.fullmatch(text)
    if form is None:
        raise ListenError(f'listen address "{text}": {_WANTED}')
    port = int(form["port"])
    if port > 65535:
        raise ListenError(f'listen address "{text}": port {port} is greater than 65535')
    literal = form["literal"]
    if literal is None:
        return ListenAddress(form["name"] or None, port)
    try:
        ipaddress.IPv6Address(literal)
    except ValueError:
        raise ListenError(f'listen address "{text}": "{literal}" is not an IPv6 address') from None
    return ListenAddress(literal, port)


async def open_sockets(addresses: Sequence[ListenAddress]) -> list[socket.socket]:
    """Bind and listen at all `addresses`, or at none: `ListenError` names the first one that failed, and why."""
    with ExitStack() as opened:
        sockets: list[socket.socket] = []
        for address in addresses:
            sockets += [opened.enter_context(sock) for sock in bind(address, await _endpoints(address))]
        opened.pop_all()
        return sockets


def bind(address: ListenAddress, endpoints: Iterable[Endpoint]) -> list[socket.socket]:
    """One listening socket for each of the numeric `endpoints` that `address` stands for, all on the same port.

    An endpoint that this machine does not have is left out as long as another one is there: `:10125` and `localhost`
    mean both families and must also work where only one exists.
    """
    missing: OSError | None = None
    with ExitStack() as opened:
        sockets: list[socket.socket] = []
        # Each only once: some hosts files name 127.0.0.1 twice for localhost.
        for family, host in dict.fromkeys(endpoints):
            port = sockets[0].getsockname()[1] if sockets else address.port
            try:
                sockets.append(opened.enter_context(_listening(family, host, port)))
            except OSError as error:
                if error.errno not in _NOT_HERE:
                    raise _refusal(address, error) from error
                missing = error
        if missing is not None and not sockets:
            raise _refusal(address, missing) from missing
        opened.pop_all()
        return sockets


async def _endpoints(address: ListenAddress) -> list[Endpoint]:
    if address.host is None:
        return [(socket.AF_INET6, "::"), (socket.AF_INET, "0.0.0.0")]
    try:
        found = await get_running_loop().getaddrinfo(
            address.host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
    except OSError as error:
        raise _refusal(address, error) from error
    return [(family, str(where[0])) for family, _, _, _, where in found]


def _listening(family: socket.AddressFamily, host: str, port: int) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        # A restart must not wait for the old connections to time out.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            # The IPv4 half has its own socket; without this the two would quarrel about the port.
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.setblocking(False)
        sock.bind((host, port))
        # Here and not later, so that a port that is taken is noticed now.
        sock.listen(_BACKLOG)
    except OSError:
        sock.close()
        raise
    return sock


def _refusal(address: ListenAddress, error: OSError) -> ListenError:
    reason = (error.strerror or str(error)).lower()
    hint = " (is another mailprobe running?)" if error.errno == errno.EADDRINUSE else ""
    return ListenError(f"cannot listen at {address}: {reason}{hint}")
