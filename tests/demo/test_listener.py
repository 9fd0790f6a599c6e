"""A listener bounds its sessions, ends them when it ends, and does not hide what goes wrong in them."""

import asyncio
from collections.abc import Callable

import pytest

from exporter.demo.connection import Connection
from exporter.demo.listener import Listener, SessionLimit
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
