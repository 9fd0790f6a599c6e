"""A host that shuts everybody out for ever: what a ban looks like to whoever is banned.

fail2ban rejects one client's packets by default, which to that client is a host all of whose ports refuse at once.
"""

from collections.abc import Callable, Coroutine

from exporter.demo.connection import Connection
from exporter.demo.listener import Listener, SessionLimit


class Ban:
    """Closes the ports of one host as soon as each of them had a visitor; `ports`: how many there are."""

    def __init__(self, ports: int) -> None:
        self._ports = ports
        self._listeners: list[Listener] = []
        self._visited: set[int] = set()

    def listener(
        self,
        handle: Callable[[Connection], Coroutine[None, None, None]],
        address: str,
        port: int,
        limit: SessionLimit,
    ) -> Listener:
        """One of the ports, to be entered; the arguments are those of a `Listener`."""

        async def visited(connection: Connection) -> None:
            self._note(port)
            await handle(connection)

        listener = Listener(visited, address, port, limit=limit)
        self._listeners.append(listener)
        return listener

    def _note(self, port: int) -> None:
        self._visited.add(port)
        if len(self._visited) == self._ports:
            for listener in self._listeners:
                listener.stop_listening()
