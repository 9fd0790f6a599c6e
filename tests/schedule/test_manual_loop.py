"""The clock on which every other test of the schedule relies."""

import asyncio
import socket

import pytest

from tests.manual_loop import START, ManualLoop, Stuck, run


def test_waiting_moves_the_clock_by_exactly_the_time_that_was_waited() -> None:
    async def story() -> float:
        await asyncio.sleep(86400)
        return asyncio.get_running_loop().time()

    assert run(story()) == pytest.approx(START + 86400, abs=1e-6)


def test_timers_fire_in_the_order_of_their_instants() -> None:
    async def story() -> list[int]:
        fired: list[int] = []
        loop = asyncio.get_running_loop()
        for seconds in (3, 1, 2):
            loop.call_later(seconds, fired.append, seconds)
        await asyncio.sleep(4)
        return fired

    assert run(story()) == [1, 2, 3]


def test_time_can_pass_while_nothing_runs() -> None:
    loop = ManualLoop()
    try:
        loop.advance(5.0)
        assert loop.time() == START + 5.0
        with pytest.raises(ValueError, match="backwards"):
            loop.advance(-1.0)
    finally:
        loop.close()


def test_waiting_for_nothing_is_an_error_and_not_a_hang() -> None:
    async def story() -> None:
        await asyncio.Event().wait()

    with pytest.raises(Stuck):
        run(story())


def test_sockets_are_heard_before_the_clock_jumps() -> None:
    async def story() -> tuple[bytes, float]:
        here, there = socket.socketpair()
        with here, there:
            here.setblocking(False)
            there.send(b"220 ")
            async with asyncio.timeout(10):
                data = await asyncio.get_running_loop().sock_recv(here, 10)
        return data, asyncio.get_running_loop().time()

    assert run(story()) == (b"220 ", START)
