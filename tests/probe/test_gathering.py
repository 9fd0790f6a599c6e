"""How long what has arrived waits for others: by how far the servers are."""

import asyncio
import socket
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from exporter.probe.gathering import GATHERED_PART, LONGEST_SECONDS, SHORTEST_SECONDS, Gathering
from exporter.probe.kernel import TELLS_ARRIVALS
from exporter.probe.readiness import Readiness
from tests.manual_loop import run

# Seconds that an answer takes.
NEAR = SHORTEST_SECONDS / GATHERED_PART / 2
FAR = LONGEST_SECONDS / GATHERED_PART * 2
LATER = 3600.0

told = pytest.mark.skipif(not TELLS_ARRIVALS, reason="nobody waits where the kernel does not tell when it arrived")

Ends = list[tuple[socket.socket, socket.socket]]


def after_answers(*seconds: float, sessions: int = 10) -> tuple[Gathering, float]:
    """One that has seen a round of answers, each so late and as evenly as servers at all distances give them, for each
    of `seconds`; and the time of its last look."""
    gathering, now = Gathering(), 1000.0
    for each in seconds:
        for _ in range(sessions):
            now += each / sessions
            gathering.answered(each)
            gathering.looked(now)
    return gathering, now


def test_nobody_waits_before_anything_is_known() -> None:
    gathering = Gathering()
    gathering.looked(1000.0)

    assert gathering.wait(1000.0) <= 0


def test_where_servers_are_near_nobody_waits() -> None:
    gathering, last = after_answers(NEAR, NEAR, NEAR)

    assert gathering.wait(last) <= 0


@pytest.mark.parametrize("sessions", [2, 10, 200])
def test_where_servers_are_far_what_arrives_waits_until_a_moment_after_the_last_look(sessions: int) -> None:
    gathering, last = after_answers(FAR, FAR, FAR, sessions=sessions)

    assert gathering.wait(last) == pytest.approx(LONGEST_SECONDS)
    assert gathering.wait(last + LONGEST_SECONDS / 4) == pytest.approx(LONGEST_SECONDS * 3 / 4)


@pytest.mark.parametrize(
    ("answering", "apart"),
    [
        pytest.param(SHORTEST_SECONDS / GATHERED_PART * 1.1, SHORTEST_SECONDS * 1.1, id="hardly far"),
        pytest.param(LONGEST_SECONDS / GATHERED_PART / 2, LONGEST_SECONDS / 2, id="farther"),
        pytest.param(10.0, LONGEST_SECONDS, id="very far"),
    ],
)
def test_the_farther_servers_are_the_longer_it_waits_up_to_a_bound(answering: float, apart: float) -> None:
    gathering, last = after_answers(*[answering] * 3)

    assert gathering.wait(last) == pytest.approx(apart)


def test_who_comes_alone_does_not_wait() -> None:
    gathering, last = after_answers(FAR, FAR, FAR)

    assert gathering.wait(last + LONGEST_SECONDS + 0.001) <= 0


def test_where_they_are_all_near_again_nobody_waits_any_more() -> None:
    rounds = 600
    gathering, last = after_answers(*[FAR] * rounds, *[NEAR] * rounds)

    assert gathering.wait(last) <= 0


def test_where_they_are_all_far_for_once_what_arrives_waits() -> None:
    rounds = 600
    gathering, last = after_answers(*[NEAR] * rounds, *[FAR] * rounds)

    assert gathering.wait(last) > 0


def test_one_that_is_slow_to_answer_does_not_make_the_others_wait() -> None:
    gathering, last = after_answers(60.0, *[0.0] * 500, sessions=1)

    assert gathering.wait(last) <= 0


@pytest.fixture
def ends() -> Iterator[Ends]:
    """Connections: our end, and the other one."""
    with ExitStack() as stack:
        pairs = [socket.socketpair() for _ in range(20)]
        for sock in (sock for pair in pairs for sock in pair):
            stack.enter_context(sock).setblocking(False)
        yield pairs


async def spoken_to_from_afar(ends: Ends) -> list[Readiness]:
    """Watched sockets of which the first had its answers late, and has read the last one just now."""
    loop = asyncio.get_running_loop()
    waiting = [Readiness(ours) for ours, _ in ends]
    ours, other = ends[0]
    for _ in range(3):
        loop.call_later(FAR, other.send, b"x")
        await waiting[0].readable(loop.time() + LATER)
        ours.recv(16)
    return waiting


@told
def test_answers_from_afar_are_read_together(ends: Ends) -> None:
    async def story() -> list[float]:
        loop = asyncio.get_running_loop()
        waiting = await spoken_to_from_afar(ends)
        last = loop.time()
        read = []

        async def wait(number: int) -> None:
            await waiting[number].readable(loop.time() + LATER)
            read.append(loop.time() - last)

        async with asyncio.TaskGroup() as group:
            for number in range(2):
                group.create_task(wait(number))
                loop.call_later(LONGEST_SECONDS * (number + 1) / 4, ends[number][1].send, b"x")
        for one in waiting:
            one.close()
        return read

    assert run(story()) == pytest.approx([LONGEST_SECONDS] * 2)


@told
def test_sessions_that_nobody_answers_do_not_make_the_others_wait(ends: Ends) -> None:
    async def story() -> list[float]:
        loop = asyncio.get_running_loop()
        answered, *silent = [Readiness(ours) for ours, _ in ends]
        ours, other = ends[0]

        async def wait_in_vain(one: Readiness) -> None:
            await one.readable(loop.time() + LATER)

        waiting = [asyncio.create_task(wait_in_vain(one)) for one in silent]
        took = []
        for _ in range(1000):
            asked = loop.time()
            loop.call_later(NEAR, other.send, b"x")
            await answered.readable(loop.time() + LATER)
            ours.recv(16)
            took.append(loop.time() - asked)
        for task, one in zip(waiting, silent, strict=True):
            task.cancel()
            one.close()
        answered.close()
        return took

    assert run(story()) == pytest.approx([NEAR] * 1000)


@told
def test_what_arrives_in_time_and_waits_for_others_is_no_timeout(ends: Ends) -> None:
    async def story() -> bytes:
        loop = asyncio.get_running_loop()
        waiting = await spoken_to_from_afar(ends)
        loop.call_later(LONGEST_SECONDS / 4, ends[0][1].send, b"y")
        await waiting[0].readable(loop.time() + LONGEST_SECONDS / 2)
        for one in waiting:
            one.close()
        return ends[0][0].recv(16)

    assert run(story()) == b"y"
