"""A listening socket on a loopback address that hands every connection to one function.

It owns its connections: leaving its context ends all of them, however long a client hangs on. It never listens on an
address that another machine could reach, since what answers there is a toy. `silence` is a port that answers nobody.
"""

import asyncio
import contextlib
import functools
import ipaddress
import socket
from collections.abc import Callable, Coroutine, Iterator
from types import TracebackType
from typing import Self

from exporter.demo.connection import Connection

BACKLOG = 128


class SessionLimit:
    """How many sessions may be open at once, shared by any number of listeners; one more is closed at once."""

    def __init__(self, most: int) -> None:
        self._free = most

    def take(self) -> bool:
        """Take a place if there is one."""
        if self._free == 0:
            return False
        self._free -= 1
        return True

    def give_back(self) -> None:
        """A session has ended."""
        self._free += 1


class Listener:
    """`async with Listener(handle, "127.0.0.1") as listener:` serves on `listener.port` until the end of the block.

    `handle` is called for every connection; the connection is closed after it. An exception that escapes it is a fault
    of the server and is raised when the block ends. Entering raises OSError where the address or port cannot be had.
    """

    def __init__(
        self,
        handle: Callable[[Connection], Coroutine[None, None, None]],
        host: str = "127.0.0.1",
        port: int = 0,
        *,
        limit: SessionLimit | None = None,
    ) -> None:
        _check(host)
        self.host = host
        self.port = port
        self._handle = handle
        self._limit = limit
        self._sessions: set[asyncio.Task[None]] = set()
        self._failures: list[Exception] = []

    async def __aenter__(self) -> Self:
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        listening = socket.create_server((self.host, self.port), family=family, backlog=BACKLOG)
        listening.setblocking(False)
        self._listening = listening
        self.port = listening.getsockname()[1]
        # Not `sock_accept`: cancelled between the arrival of a connection and its delivery, it would lose the socket.
        asyncio.get_running_loop().add_reader(listening, self._accept)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop_listening()
        sessions = tuple(self._sessions)
        for session in sessions:
            session.cancel()
        await asyncio.gather(*sessions, return_exceptions=True)
        if self._failures and error is None:
            raise ExceptionGroup("a server of the demo failed", self._failures)

    def stop_listening(self) -> None:
        """Refuse every connection from now on; sessions that are under way go on."""
        if self._listening.fileno() >= 0:
            asyncio.get_running_loop().remove_reader(self._listening)
            self._listening.close()

    def _accept(self) -> None:
        try:
            sock, _ = self._listening.accept()
        except OSError:
            # The client has gone again.
            return
        if self._limit is not None and not self._limit.take():
            sock.close()
            return
        sock.setblocking(False)
        connection = Connection(sock)
        session = asyncio.get_running_loop().create_task(self._handle(connection))
        self._sessions.add(session)
        # Not in the task itself: one that is cancelled before its first step never gets to its own clean-up.
        session.add_done_callback(functools.partial(self._ended, connection))

    def _ended(self, connection: Connection, session: asyncio.Task[None]) -> None:
        connection.close()
        self._sessions.discard(session)
        if self._limit is not None:
            self._limit.give_back()
        if session.cancelled():
            return
        failure = session.exception()
        if isinstance(failure, Exception):
            self._failures.append(failure)


@contextlib.contextmanager
def silence(host: str, port: int) -> Iterator[None]:
    """A port on which connections get no answer until the end of the block, so that they time out; of Linux.

    Needs no privileges, as a packet filter would: Linux drops who knocks while the queue of those whom nobody has
    accepted is full (listen(2)), and the shortest queue is full with one. Raises OSError where the port cannot be had.
    """
    _check(host)
    with socket.create_server((host, port), backlog=0), socket.create_connection((host, port)):
        yield


def _check(host: str) -> None:
    if not ipaddress.ip_address(host).is_loopback:
        raise ValueError(f"{host} is not a loopback address")
