"""Waiting for a socket: who is resumed, when, and what is left behind."""

import asyncio
import selectors
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from contextvars import ContextVar

import pytest

from exporter.probe.readiness import DeadlineExceeded, Readiness
from exporter.probe.watch import watch
from tests.manual_loop import run

LATER = 3600.0


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Our end and the other one."""
    ours, other = socket.socketpair()
    ours.setblocking(False)
    other.setblocking(False)
    with ours, other:
        yield ours, other


def now() -> float:
    return asyncio.get_running_loop().time()


def watched(sock: socket.socket) -> bool:
    """Whether the loop still watches it."""
    return sock.fileno() in watch()


def fill(sock: socket.socket) -> None:
    """Leave no room to write."""
    try:
        while True:
            sock.send(b"x" * 65536)
    except BlockingIOError:
        pass


class CountingSelector(selectors.DefaultSelector):
    """Counts how often the loop was told that something can be read."""

    told = 0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready: list[tuple[selectors.SelectorKey, int]] = super().select(timeout)
        self.told += len(ready)
        return ready


def test_what_arrived_is_told_once_and_read_in_the_same_turn(pair: tuple[socket.socket, socket.socket]) -> None:
    ours, other = pair
    segments = 20

    async def echo() -> None:
        readiness = Readiness(ours)
        for _ in range(segments):
            other.send(b"x")
            await readiness.readable(now() + LATER)
            assert ours.recv(16) == b"x"
        readiness.close()

    selector = CountingSelector()
    with asyncio.Runner(loop_factory=lambda: asyncio.SelectorEventLoop(selector)) as runner:
        runner.get_loop()
        before = selector.told
        runner.run(echo())

    # The loop has a socket of its own, by which it is woken at the end.
    assert segments <= selector.told - before <= segments + 1


async def test_the_task_that_waits_is_the_task_that_goes_on(pair: tuple[socket.socket, socket.socket]) -> None:
    ours, other = pair
    place = ContextVar("place", default="outside")

    async def wait() -> tuple[asyncio.Task[object] | None, str]:
        readiness = Readiness(ours)
        place.set("first wait")
        asyncio.get_running_loop().call_soon(other.send, b"x")
        await readiness.readable(now() + LATER)
        resumed = asyncio.current_task()
        assert place.get() == "first wait"
        place.set("after it")
        readiness.close()
        # Resumed by asyncio itself, in the context that is the task's own.
        await asyncio.sleep(0)
        return resumed, place.get()

    task = asyncio.create_task(wait())

    assert await task == (task, "after it")


async def test_another_wait_is_possible_between_two_and_the_loop_does_not_spin(
    pair: tuple[socket.socket, socket.socket],
) -> None:
    ours, other = pair
    readiness = Readiness(ours)
    other.send(b"x")
    await readiness.readable(now() + LATER)
    # Not read: the loop tells, nobody waits for it, and it is watched no more.
    for _ in range(3):
        await asyncio.sleep(0)
    left = watched(ours)
    readiness.close()

    assert not left


async def test_after_that_it_is_told_again(pair: tuple[socket.socket, socket.socket]) -> None:
    ours, other = pair
    readiness = Readiness(ours)
    other.send(b"x")
    await readiness.readable(now() + LATER)
    for _ in range(3):
        await asyncio.sleep(0)
    await readiness.readable(now() + LATER)
    readiness.close()

    assert ours.recv(16) == b"x"


@pytest.mark.parametrize("what", ["readable", "writable"])
async def test_the_deadline_ends_the_wait(what: str, pair: tuple[socket.socket, socket.socket]) -> None:
    ours, _ = pair
    fill(ours)
    readiness = Readiness(ours)

    with pytest.raises(DeadlineExceeded):
        await getattr(readiness, what)(now() + 0.01)

    readiness.close()
    assert not watched(ours)


def test_every_wait_has_its_own_limit_whatever_was_waited_for_before(pair: tuple[socket.socket, socket.socket]) -> None:
    ours, _ = pair
    limits = [5.0, 30.0, 2.0, 0.5, 10.0, 10.0]

    async def story() -> list[float]:
        readiness = Readiness(ours)
        waited = []
        for limit in limits:
            began = now()
            with pytest.raises(DeadlineExceeded):
                await readiness.readable(began + limit)
            waited.append(now() - began)
        readiness.close()
        return waited

    assert run(story()) == pytest.approx(limits)


def test_a_limit_that_was_not_reached_ends_no_later_wait(pair: tuple[socket.socket, socket.socket]) -> None:
    ours, other = pair

    async def story() -> list[bytes]:
        readiness = Readiness(ours)
        read = []
        for limit, comes in [(5.0, 1.0), (30.0, 29.0), (2.0, 1.0), (30.0, 29.0)]:
            asyncio.get_running_loop().call_later(comes, other.send, b"x")
            await readiness.readable(now() + limit)
            read.append(ours.recv(16))
        readiness.close()
        return read

    assert run(story()) == [b"x"] * 4


def test_a_short_limit_behind_a_long_one_is_kept(pair: tuple[socket.socket, socket.socket]) -> None:
    ours, other = pair

    async def story() -> float:
        readiness = Readiness(ours)
        # A long wait whose early timer has fired, so that the next one is set for the end of it.
        asyncio.get_running_loop().call_later(10.0, other.send, b"x")
        await readiness.readable(now() + 30.0)
        ours.recv(16)
        began = now()
        with pytest.raises(DeadlineExceeded):
            await readiness.readable(began + 1.0)
        readiness.close()
        return now() - began

    assert run(story()) == pytest.approx(1.0)


@pytest.mark.parametrize("what", ["readable", "writable"])
async def test_cancelled_while_it_waits_the_task_ends_and_nothing_is_watched(
    what: str, pair: tuple[socket.socket, socket.socket]
) -> None:
    ours, _ = pair
    fill(ours)
    ended = []

    async def wait() -> None:
        readiness = Readiness(ours)
        try:
            await getattr(readiness, what)(now() + LATER)
        finally:
            readiness.close()
            ended.append(what)

    task = asyncio.create_task(wait())
    await asyncio.sleep(0)
    task.cancel("enough")
    with pytest.raises(asyncio.CancelledError, match="enough"):
        await task

    assert ended == [what]
    assert not watched(ours)


async def test_cancelled_in_the_turn_of_the_event_the_task_does_not_go_on() -> None:
    loop = asyncio.get_running_loop()
    with ExitStack() as sockets:
        cancelling, canceller, ours, other = (
            sockets.enter_context(sock) for _ in range(2) for sock in socket.socketpair()
        )
        ours.setblocking(False)
        went_on = False

        async def wait() -> None:
            nonlocal went_on
            readiness = Readiness(ours)
            try:
                await readiness.readable(now() + LATER)
                went_on = True
            finally:
                readiness.close()

        task = asyncio.create_task(wait())
        await asyncio.sleep(0)

        def cancel() -> None:
            loop.remove_reader(cancelling)
            task.cancel()

        loop.add_reader(cancelling, cancel)
        # The loop is told of both at once, and of the cancellation first.
        canceller.send(b"x")
        other.send(b"x")
        with pytest.raises(asyncio.CancelledError):
            await task

        assert not went_on
        assert not watched(ours)


async def test_cancelled_before_it_waits_the_task_ends_at_the_wait(pair: tuple[socket.socket, socket.socket]) -> None:
    ours, other = pair
    other.send(b"x")

    async def wait() -> None:
        readiness = Readiness(ours)
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        try:
            await readiness.readable(now() + LATER)
        finally:
            readiness.close()

    with pytest.raises(asyncio.CancelledError):
        await asyncio.create_task(wait())

    assert not watched(ours)


async def test_a_time_limit_of_asyncio_ends_a_wait_as_well(pair: tuple[socket.socket, socket.socket]) -> None:
    ours, _ = pair
    readiness = Readiness(ours)

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await readiness.readable(now() + LATER)

    readiness.close()
    assert not watched(ours)
