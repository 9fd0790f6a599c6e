"""A listener bounds its sessions, ends them when it ends, and does not hide what goes wrong in them."""

import asyncio
import socket
from collections.abc import Callable

import pytest

from exporter.demo.connection import Connection
from exporter.demo.listener import Listener, SessionLimit, silence
from tests.demo.clients import connected, read_all, read_line


async def test_one_session_more_than_the_limit_is_closed_at_once_and_a_place_becomes_free_again() -> None:
    ended = asyncio.Event()

    async def hello(connection: Connection) -> None:
        await connection.send(b"hello\r\n")
        await connection.read_to_end()
        ended.set()

    limit = SessionLimit(1)
    async with Listener(hello, limit=limit) as one, Listener(hello, limit=limit) as other:
        with connected(one.port) as sock:
            assert await asyncio.to_thread(read_line, sock) == b"hello\r\n"
            with connected(other.port) as surplus:
                assert await asyncio.to_thread(read_all, surplus) == b""
        await ended.wait()
        with connected(other.port) as sock:
            assert await asyncio.to_thread(read_line, sock) == b"hello\r\n"


async def broken(connection: Connection) -> None:
    raise LookupError("a fault of the server")


async def serve_one_client_with_a_broken_server(after: Callable[[], None] = lambda: None) -> None:
    async with Listener(broken) as listener:
        with connected(listener.port) as sock:
            assert await asyncio.to_thread(read_all, sock) == b""
        after()


async def test_a_fault_of_the_server_itself_is_raised_at_the_end() -> None:
    with pytest.raises(ExceptionGroup) as caught:
        await serve_one_client_with_a_broken_server()
    assert [str(each) for each in caught.value.exceptions] == ["a fault of the server"]


async def test_a_fault_of_the_server_does_not_hide_the_error_that_ended_the_block() -> None:
    def fail() -> None:
        raise KeyError("the caller's")

    with pytest.raises(KeyError, match="the caller's"):
        await serve_one_client_with_a_broken_server(fail)


async def test_a_port_that_is_taken_is_an_error_on_entering() -> None:
    async def nothing(connection: Connection) -> None:
        await connection.read_to_end()

    async with Listener(nothing) as listener:
        with pytest.raises(OSError, match="in use"):
            await Listener(nothing, port=listener.port).__aenter__()


async def test_nobody_is_accepted_after_the_end() -> None:
    async def nothing(connection: Connection) -> None:
        await connection.read_to_end()

    async with Listener(nothing) as listener:
        port = listener.port
    with pytest.raises(ConnectionRefusedError):
        connected(port)


async def test_a_listener_that_stops_listening_refuses_and_lets_its_sessions_go_on() -> None:
    async def echo(connection: Connection) -> None:
        await connection.send(b"hello\r\n")
        await connection.send(await connection.read_line())

    async with Listener(echo) as listener:
        with connected(listener.port) as sock:
            assert await asyncio.to_thread(read_line, sock) == b"hello\r\n"
            listener.stop_listening()
            with pytest.raises(ConnectionRefusedError):
                connected(listener.port)
            sock.sendall(b"still here\r\n")
            assert await asyncio.to_thread(read_line, sock) == b"still here\r\n"


def test_a_silent_port_answers_nobody_until_the_end_of_the_block() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with silence("127.0.0.1", port), pytest.raises(TimeoutError):
        socket.create_connection(("127.0.0.1", port), timeout=0.2)
    with pytest.raises(ConnectionRefusedError):
        connected(port)


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "::"], ids=["all", "somebody's", "all of IPv6"])
def test_neither_of_them_is_where_another_machine_could_reach_it(host: str) -> None:
    async def nothing(connection: Connection) -> None:
        await connection.read_to_end()

    with pytest.raises(ValueError, match="not a loopback address"):
        Listener(nothing, host)
    with pytest.raises(ValueError, match="not a loopback address"), silence(host, 2525):
        pass
