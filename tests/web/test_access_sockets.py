"""Sockets that systemd opened: taken over as sd_listen_fds(3) says, and served."""

import asyncio
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from exporter.web.address import ListenError
from exporter.web.inherited import inherited_sockets
from tests.real.require import require

ROOT = Path(__file__).parent.parent.parent


def listening() -> socket.socket:
    return socket.create_server(("127.0.0.1", 0))


@pytest.fixture
def handed() -> Iterator[int]:
    """The number of a descriptor that listens, as a process is born with it; closed unless somebody took it."""
    with listening() as sock:
        descriptor = os.dup(sock.fileno())
    os.set_inheritable(descriptor, True)
    yield descriptor
    try:
        os.close(descriptor)
    except OSError:
        # The one that took it over has closed it.
        return


def environment(**changes: str) -> dict[str, str]:
    return {"PATH": "/bin", "LISTEN_PID": "7", "LISTEN_FDS": "1"} | changes


def test_a_socket_is_taken_with_its_variables_and_kept_from_children(handed: int) -> None:
    variables = environment(LISTEN_FDNAMES="mailprobe.socket")

    [sock] = inherited_sockets(variables, 7, handed)

    with sock:
        assert sock.fileno() == handed
        assert not sock.get_inheritable()
        assert not sock.getblocking()
    assert variables == {"PATH": "/bin"}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        pytest.param({"LISTEN_PID": "8"}, "no socket was handed over by systemd", id="for-another-process"),
        pytest.param({"LISTEN_PID": ""}, "no socket was handed over by systemd", id="for-nobody"),
        pytest.param({"LISTEN_FDS": "0"}, '"0" sockets', id="none"),
        pytest.param({"LISTEN_FDS": ""}, '"" sockets', id="no-number"),
        pytest.param({"LISTEN_FDS": "-1"}, '"-1" sockets', id="negative"),
        pytest.param({"LISTEN_FDS": "99999999999"}, '"99999999999" sockets', id="more-than-there-can-be"),
    ],
)
def test_what_was_not_handed_to_this_process_is_left_alone(changes: dict[str, str], message: str, handed: int) -> None:
    with pytest.raises(ListenError, match=message):
        inherited_sockets(environment(**changes), 7, handed)
    assert os.get_inheritable(handed)


def test_a_process_that_systemd_did_not_start_is_told_so() -> None:
    with pytest.raises(ListenError, match=r"start mailprobe by a \.socket unit"):
        inherited_sockets({}, 7)


def test_a_descriptor_that_is_no_socket_is_named(tmp_path: Path) -> None:
    descriptor = os.open(tmp_path, os.O_RDONLY)
    try:
        with pytest.raises(ListenError, match=rf"descriptor {descriptor} from systemd \(other\) is no socket"):
            inherited_sockets(environment(LISTEN_FDNAMES="other"), 7, descriptor)
    finally:
        os.close(descriptor)


@pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_DGRAM], ids=["not-listening", "datagrams"])
def test_a_socket_that_does_not_listen_is_refused(kind: socket.SocketKind) -> None:
    with socket.socket(socket.AF_INET, kind) as sock:
        descriptor = sock.detach()
    with pytest.raises(ListenError, match="is not a listening stream socket"):
        inherited_sockets(environment(), 7, descriptor)


# What the command line does with `--web.systemd-socket`, and nothing else of it.
_SERVER = """
import asyncio, signal, sys
from exporter.web.application import application
from exporter.web.server import Service, serve
from tests.web.daemon import StandingDaemon

async def main():
    end = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, end.set)
    async with serve(application(StandingDaemon()), Service(systemd=True)) as urls:
        print(*urls, flush=True)
        await end.wait()

asyncio.run(main())
"""


@asynccontextmanager
async def activated(*sockets: str) -> AsyncIterator[None]:
    """A server that systemd's own test program starts when the first client comes."""
    program = require("systemd-socket-activate", "systemd")
    arguments = [word for one in sockets for word in ("--listen", one)]
    process = await asyncio.create_subprocess_exec(
        *(program, *arguments, "-E", "PYTHONPATH", sys.executable, "-c", _SERVER),
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    try:
        # It says on which socket it waits; before that nobody could come.
        for _ in sockets:
            assert b"Listening on" in await process.stderr.readline()
        yield
        process.send_signal(signal.SIGTERM)
        told, said = await process.communicate()
        assert process.returncode == 0, said.decode()
        assert told.decode().split()
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()


async def status(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
    writer.write(b"GET /-/healthy HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    head, _, _ = (await reader.read()).partition(b"\r\n")
    writer.close()
    return head


def free_port() -> int:
    with listening() as sock:
        port: int = sock.getsockname()[1]
    return port


@pytest.mark.real
async def test_what_systemd_hands_over_is_served(tmp_path: Path) -> None:
    first, second, file = free_port(), free_port(), tmp_path / "http.sock"
    async with activated(f"127.0.0.1:{first}", f"127.0.0.1:{second}", str(file)):
        for port in (first, second):
            assert await status(*await asyncio.open_connection("127.0.0.1", port)) == b"HTTP/1.1 200 OK"
        assert await status(*await asyncio.open_unix_connection(file)) == b"HTTP/1.1 200 OK"
