"""One connection: which segments acknowledge what, and what is left of a connection that is given up."""

import asyncio
import errno
import os
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager
from functools import partial

import pytest

from exporter.probe.transport import Connection, connect
from exporter.probe.watch import watch
from tests.manual_loop import ManualLoop, run

LATER = 3600.0

on_linux = pytest.mark.skipif(not hasattr(socket, "TCP_QUICKACK"), reason="quick acknowledgements are Linux's")

# Linux <linux/tcp.h>, struct tcp_info: tcpi_unacked at byte 24, tcpi_segs_in at byte 140.
UNACKNOWLEDGED = 24
SEGMENTS_IN = 140


def told(sock: socket.socket, position: int) -> int:
    """A figure of the kernel's about the connection of `sock`."""
    number: int = struct.unpack_from("@I", sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 192), position)[0]
    return number


@asynccontextmanager
async def connected() -> AsyncIterator[tuple[Connection, socket.socket]]:
    """A connection and the server's end of it, which have talked for a while.

    By then Linux takes them for a dialog, and delays acknowledgements in the hope of an answer to carry them.
    """
    with socket.create_server(("127.0.0.1", 0)) as listener:
        ours = await connect("127.0.0.1", listener.getsockname()[1], source=None, deadline=later())
        server, _ = listener.accept()
        with server:
            try:
                for _ in range(20):
                    server.send(b"250 go on\r\n")
                    await ours.receive(later())
                    await ours.send(b"EHLO\r\n", later())
                    server.recv(64)
                yield ours, server
            finally:
                ours.close()


def later() -> float:
    return asyncio.get_running_loop().time() + LATER


@on_linux
async def test_what_is_not_answered_is_acknowledged_before_more_is_waited_for() -> None:
    async with connected() as (ours, server):
        server.send(b"250-half of it\r\n")
        await ours.receive(later())
        more = asyncio.create_task(ours.receive(later()))
        await asyncio.sleep(0)
        unacknowledged = told(server, UNACKNOWLEDGED)
        server.send(b"250 the rest\r\n")

        assert (await more).data == b"250 the rest\r\n"
        assert unacknowledged == 0


@on_linux
async def test_what_is_answered_is_acknowledged_by_the_answer_alone() -> None:
    async with connected() as (ours, server):
        before = told(server, SEGMENTS_IN)
        server.send(b"250 go on\r\n")
        await ours.receive(later())
        await ours.send(b"QUIT\r\n", later())
        last = asyncio.create_task(ours.receive(later()))
        await asyncio.sleep(0)

        assert told(server, UNACKNOWLEDGED) == 0
        assert told(server, SEGMENTS_IN) - before == 1
        last.cancel()


@pytest.fixture
def full() -> Iterator[socket.socket]:
    """A port that answers nobody: Linux drops what arrives at a full queue."""
    with ExitStack() as sockets:
        listener = sockets.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(3):
            waiting = sockets.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(listener.getsockname())
        yield listener


async def test_given_up_while_it_connects_the_socket_is_closed_and_not_watched(full: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    descriptor = next_descriptor()
    task = asyncio.create_task(connect("127.0.0.1", full.getsockname()[1], source=None, deadline=later()))
    # It begins, it is its turn, and there it waits.
    for _ in range(3):
        await asyncio.sleep(0)
    waited = descriptor in watch()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert waited
    # Not by the number that the next one gets: what earlier tests have left may be closed at any time.
    with pytest.raises(OSError, match=os.strerror(errno.EBADF)):
        os.fstat(descriptor)
    assert descriptor not in watch()
    assert not loop.remove_writer(descriptor)
    assert not loop.remove_reader(descriptor)


GivenUp = Callable[[Connection], Awaitable[object]]

WAITS: dict[str, GivenUp] = {
    "for more": lambda ours: ours.receive(later()),
    "for room": lambda ours: ours.send(b"x" * 50_000_000, later()),
}


@pytest.mark.parametrize("case", WAITS)
async def test_given_up_at_any_wait_nothing_is_watched_once_it_is_closed(case: str) -> None:
    loop = asyncio.get_running_loop()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        descriptor = next_descriptor()
        ours = await connect("127.0.0.1", listener.getsockname()[1], source=None, deadline=later())

        async def wait() -> None:
            try:
                await WAITS[case](ours)
            finally:
                ours.close()

        task = asyncio.create_task(wait())
        # It begins, it is its turn to speak, and there it waits.
        for _ in range(3):
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    assert not loop.remove_writer(descriptor)
    assert not loop.remove_reader(descriptor)
    assert descriptor not in watch()


async def test_given_up_before_its_turn_no_connection_is_begun() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        task = asyncio.create_task(connect("127.0.0.1", listener.getsockname()[1], source=None, deadline=later()))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

        with pytest.raises(BlockingIOError):
            listener.accept()


async def test_all_that_has_arrived_is_read_before_anybody_speaks() -> None:
    course: list[str] = []

    async def answer(ours: Connection, name: str) -> None:
        await ours.receive(later())
        course.append(f"{name} has read")
        await ours.send(b"EHLO\r\n", later())
        course.append(f"{name} has spoken")

    async with connected() as (one, its_server), connected() as (other, other_server), asyncio.TaskGroup() as group:
        group.create_task(answer(one, "one"))
        group.create_task(answer(other, "the other"))
        await asyncio.sleep(0)
        its_server.send(b"220 hello\r\n")
        other_server.send(b"220 hello\r\n")

    assert course == ["one has read", "the other has read", "one has spoken", "the other has spoken"]


def test_what_is_sent_began_when_those_before_had_spoken_and_so_did_the_connection() -> None:
    async def story() -> tuple[float, float]:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, ManualLoop)
        slow = partial(loop.advance, 5.0)
        before = loop.time()
        with socket.create_server(("127.0.0.1", 0)) as listener:
            watch().afterwards(slow)
            ours = await connect("127.0.0.1", listener.getsockname()[1], source=None, deadline=later())
            watch().afterwards(slow)
            sent = await ours.send(b"EHLO\r\n", later())
            ours.close()
            await asyncio.sleep(0)
        return ours.started - before, sent - before

    assert run(story()) == (5.0, 10.0)


async def test_the_last_words_are_said_before_the_end_and_the_end_comes_with_the_turn() -> None:
    async with connected() as (ours, server):
        ours.say_last(b"goodbye")
        ours.close()
        await asyncio.sleep(0)

        assert server.recv(64) == b"goodbye"
        assert server.recv(64) == b""


def next_descriptor() -> int:
    """The number that the next socket gets: the lowest that is free, once the loop's watch has its own."""
    watch()
    with socket.socket() as sock:
        return sock.fileno()
