"""Sockets that systemd opened: what `--web.systemd-socket` serves instead of addresses of its own.

The protocol of sd_listen_fds(3): the numbers of the descriptors begin at 3, and the environment says how many there are
and for which process. A port below 1024 needs no privilege so, and no client is refused during a restart.
"""

import os
import socket
from collections.abc import MutableMapping
from contextlib import ExitStack

from exporter.web.address import ListenError

# sd_listen_fds(3): SD_LISTEN_FDS_START.
_FIRST = 3

_VARIABLES = ("LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES")


def inherited_sockets(environment: MutableMapping[str, str], pid: int, first: int = _FIRST) -> list[socket.socket]:
    """Take over the sockets that were handed to the process `pid`, and with them the variables in `environment`.

    Raises `ListenError` when there are none, or one is not for listening. Call it once: a child must not take them too.
    """
    asked, count, names = (environment.pop(name, "") for name in _VARIABLES)
    if asked != str(pid):
        raise ListenError("no socket was handed over by systemd: start mailprobe by a .socket unit")
    if not count.isdecimal() or not 0 < int(count) <= os.sysconf("SC_OPEN_MAX"):
        raise ListenError(f'systemd handed over "{count}" sockets, where a number from 1 is needed')
    called = dict(enumerate(names.split(":")))
    with ExitStack() as taken:
        sockets = [taken.enter_context(_take(first + index, called.get(index, ""))) for index in range(int(count))]
        taken.pop_all()
        return sockets


def _take(descriptor: int, name: str) -> socket.socket:
    what = f"the descriptor {descriptor} from systemd" + (f" ({name})" if name else "")
    try:
        sock = socket.socket(fileno=descriptor)
    except OSError as error:
        raise ListenError(f"{what} is no socket: {(error.strerror or str(error)).lower()}") from error
    if sock.type != socket.SOCK_STREAM or not sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
        sock.close()
        raise ListenError(f"{what} is not a listening stream socket: write ListenStream= and Accept=no in its unit")
    # As sd_listen_fds does: programs that are started from here get none of it.
    sock.set_inheritable(False)
    sock.setblocking(False)
    return sock
