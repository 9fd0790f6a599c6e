"""The stream of changes: what is told to whom, and what a reader can take of us."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing

import aiohttp
import pytest
from aiohttp import web

from exporter.targets import IpFamily, TargetKey
from exporter.web.connection import Limits
from exporter.web.events import MOST_NAMED, REMEMBERED, Changes, Pace, Streams
from exporter.web.server import listen

HOST = "mail.example.org"

# No test waits for the beat of a stream.
QUICK = Pace(between=0.001)


def key(port: int = 25, host: str = HOST) -> TargetKey:
    return TargetKey(host, port, IpFamily.IPV4)


def test_who_was_there_misses_nothing_and_hears_nothing_twice() -> None:
    changes = Changes()
    changes.note(key(25))
    place = changes.number
    assert changes.since(place) == []
    changes.note(key(587))
    changes.note(key(993))
    changes.note(key(587))
    assert set(changes.since(place) or ()) == {key(587), key(993)}
    assert len(changes.since(place) or ()) == 2


def test_who_falls_too_far_behind_is_told_to_load_everything() -> None:
    changes = Changes()
    for _ in range(REMEMBERED):
        changes.note(key())
    assert changes.since(0) == [key()]
    changes.note(key())
    assert changes.since(0) is None
    assert changes.since(1) == [key()]


def test_other_targets_are_everything_for_who_was_there_before_and_nothing_for_who_came_after() -> None:
    changes = Changes()
    changes.note(key())
    before = changes.number
    changes.note_reload()
    assert changes.since(before) is None
    assert changes.since(changes.number) == []
    changes.note(key(587))
    assert changes.since(before) is None
    assert changes.since(before + 1) == [key(587)]


def test_a_mark_is_a_place_until_the_process_ends() -> None:
    changes = Changes()
    changes.note(key())
    assert changes.place(changes.mark) == 1
    assert Changes().place(changes.mark) is None


@pytest.mark.parametrize("mark", ["", "-", "1", "x-1", "{own}-", "{own}--1", "{own}-2", "{own}-\u0661", "{own}-1e0"])
def test_a_mark_that_is_none_is_no_place(mark: str) -> None:
    changes = Changes()
    changes.note(key())
    own = changes.mark.partition("-")[0]
    assert changes.place(mark.format(own=own)) is None


@asynccontextmanager
async def streaming(changes: Changes, pace: Pace = QUICK, limits: Limits | None = None) -> AsyncIterator[str]:
    """Serve the stream alone."""
    streams = Streams(changes, pace)
    app = web.Application()
    app.router.add_get("/events", streams.serve)
    app.on_shutdown.append(streams.close)
    async with listen(app, ["127.0.0.1:0"], limits) as (url,):
        yield url


async def event(answer: aiohttp.ClientResponse) -> dict[str, str]:
    """The fields of the next event; comments and the time to wait are none."""
    fields: dict[str, str] = {}
    while True:
        line = (await answer.content.readline()).decode().removesuffix("\n")
        if not line and "event" in fields:
            return fields
        name, _, value = line.partition(": ")
        if name:
            fields[name] = value


async def test_a_change_is_told_with_its_port_and_a_mark_to_come_back_with() -> None:
    changes = Changes()
    async with streaming(changes) as url, aiohttp.ClientSession() as session:
        async with session.get(f"{url}/events?since={changes.mark}") as answer:
            assert answer.status == 200
            assert answer.content_type == "text/event-stream"
            changes.note(key(587))
            told = await event(answer)
            assert (told["event"], told["id"]) == ("changed", changes.mark)
            assert json.loads(told["data"]) == [[HOST, 587, "ipv4"]]
        changes.note(key(25))
        # The browser itself sends the mark of the last event, and the address still has that of the page.
        headers = {"Last-Event-ID": told["id"]}
        async with session.get(f"{url}/events?since=stale", headers=headers) as answer:
            assert json.loads((await event(answer))["data"]) == [[HOST, 25, "ipv4"]]


async def test_a_name_cannot_end_a_line_of_the_stream() -> None:
    changes = Changes()
    hostile = "x\n\nevent: reload\ndata: \u2028\r"
    async with (
        streaming(changes) as url,
        aiohttp.ClientSession() as session,
        session.get(f"{url}/events?since={changes.mark}") as answer,
    ):
        changes.note(key(25, hostile))
        told = await event(answer)
        assert told["event"] == "changed"
        assert json.loads(told["data"]) == [[hostile, 25, "ipv4"]]


@pytest.mark.parametrize("case", ["another process", "other targets", "too many"])
async def test_who_cannot_be_told_what_changed_is_told_to_load_everything(case: str) -> None:
    changes = Changes()
    mark = changes.mark
    match case:
        case "another process":
            mark = Changes().mark
        case "other targets":
            changes.note_reload()
        case "too many":
            for port in range(MOST_NAMED + 1):
                changes.note(key(port))
    async with (
        streaming(changes) as url,
        aiohttp.ClientSession() as session,
        session.get(f"{url}/events?since={mark}") as answer,
    ):
        told = await event(answer)
        assert (told["event"], told["id"], told["data"]) == ("reload", changes.mark, "{}")
        changes.note(key())
        assert (await event(answer))["event"] == "changed"


async def test_more_streams_than_are_served_are_refused_and_a_place_becomes_free_again() -> None:
    changes = Changes()
    pace = Pace(between=0.001, streams=1)
    async with streaming(changes, pace) as url, aiohttp.ClientSession() as session:
        async with session.get(f"{url}/events") as first:
            await first.content.readline()
            async with session.get(f"{url}/events") as second:
                assert (second.status, second.headers["Retry-After"]) == (503, "30")
            first.close()
        async with asyncio.timeout(20):
            while True:
                async with session.get(f"{url}/events") as third:
                    if third.status == 200:
                        return


async def test_a_silent_stream_shows_that_it_lives_and_ends_when_it_is_old() -> None:
    pace = Pace(between=0.001, quiet=0.002, life=0.02)
    async with (
        streaming(Changes(), pace) as url,
        aiohttp.ClientSession() as session,
        session.get(f"{url}/events") as answer,
    ):
        text = await answer.text()
    assert text.startswith("retry: 5000\n")
    assert ": still here\n" in text


async def test_a_head_tells_the_kind_and_opens_no_stream() -> None:
    async with (
        streaming(Changes()) as url,
        aiohttp.ClientSession() as session,
        session.head(f"{url}/events") as answer,
    ):
        assert (answer.status, answer.content_type) == (200, "text/event-stream")


async def test_a_reader_that_does_not_read_is_cut_off() -> None:
    changes = Changes()
    pace = Pace(between=0.0001, send=0.05, streams=1)
    names = [f"{number:03}.{'x' * 200}.example" for number in range(MOST_NAMED)]
    async with streaming(changes, pace) as url:
        host, port = url.removeprefix("http://").split(":")
        reader, writer = await asyncio.open_connection(host, int(port), limit=1024)
        with closing(writer):
            writer.write(f"GET /events?since={changes.mark} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            assert await reader.readline() == b"HTTP/1.1 200 OK\r\n"
            async with aiohttp.ClientSession() as session, asyncio.timeout(30):
                answer = await session.get(f"{url}/events")
                assert answer.status == 503, "the place is taken"
                answer.close()
                # Once it is cut off there is a place for somebody else.
                while answer.status != 200:
                    for name in names:
                        changes.note(key(25, name))
                    answer = await session.get(f"{url}/events")
                    answer.close()


async def test_a_stop_ends_every_stream_at_once() -> None:
    changes = Changes()
    async with aiohttp.ClientSession() as session:
        async with streaming(changes, Pace(between=3600)) as url:
            answer = await session.get(f"{url}/events")
            await answer.content.readline()
        # Not cut off: the stream came to its own end.
        assert (await answer.content.read()).endswith(b"\n\n")
