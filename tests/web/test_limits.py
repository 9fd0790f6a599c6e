"""How much of the daemon clients can take: turns, memory, connections, descriptors. What is beyond is told politely.

That requests may be neither slow nor large, and that a client has to read its answer, is in `test_server`.
"""

import asyncio
import socket
import subprocess
import sys
import tracemalloc
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, closing, contextmanager, suppress
from functools import partial
from gzip import decompress
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from exporter.metrics.compression import Keeping, Passage
from exporter.metrics.negotiation import Format
from exporter.targets import IpFamily, TargetKey
from exporter.web.application import application
from exporter.web.connection import Limits, Outbox
from exporter.web.events import MOST_NAMED, Changes, Pace, Streams
from exporter.web.scrape import Scrapes
from exporter.web.server import listen
from exporter.web.turnstile import Turnstile, one_by_one
from tests.web.browser import browsing
from tests.web.daemon import StandingDaemon
from tests.web.test_server import HEALTHY, dial, endpoint, rest, status

_CHECKOUT = Path(__file__).parents[2]

SCRAPE = b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n"
KIB, MIB = 1024, 1024 * 1024


def silent_reader(url: str, request: bytes) -> socket.socket:
    """A client that asks and reads nothing."""
    sock = socket.create_connection(endpoint(url))
    sock.sendall(request)
    return sock


@contextmanager
def growth_below(most: int, beside: Callable[[], int] = lambda: 0) -> Iterator[None]:
    """What Python has allocated at the end of the block is at most so many bytes more than at its beginning, and than
    what is known of then."""
    tracemalloc.start()
    try:
        yield
        grown, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert grown < most + beside()


class Turns:
    """Counts the turns of the event loop, which never sleeps meanwhile."""

    def __init__(self) -> None:
        self.number = 0
        self._handle = asyncio.get_running_loop().call_soon(self._next)

    def _next(self) -> None:
        self.number += 1
        self._handle = asyncio.get_running_loop().call_soon(self._next)

    def end(self) -> None:
        self._handle.cancel()


async def test_of_many_requests_that_wait_only_one_is_let_in_at_a_turn_of_the_loop() -> None:
    turnstile, turns = Turnstile(gap=0.001), Turns()
    entered: list[int] = []

    async def enter() -> None:
        assert await turnstile.enter("/metrics")
        entered.append(turns.number)

    async with asyncio.TaskGroup() as group:
        for _ in range(20):
            group.create_task(enter())
    turns.end()
    assert len(entered) == len(set(entered)) == 20


async def test_a_request_that_comes_alone_does_not_wait() -> None:
    turns = Turns()
    began = turns.number
    assert await Turnstile(gap=3600).enter("/metrics")
    assert turns.number == began
    turns.end()


async def test_the_paths_take_turns() -> None:
    turnstile = Turnstile(gap=0.001)
    entered: list[str] = []

    async def enter(lane: str) -> None:
        assert await turnstile.enter(lane)
        entered.append(lane)

    async with asyncio.TaskGroup() as group:
        for lane in (*["/metrics"] * 30, "/-/healthy"):
            group.create_task(enter(lane))
    assert entered.index("/-/healthy") <= 2
    assert len(entered) == 31


async def test_who_goes_while_it_waits_does_not_hold_up_the_others() -> None:
    turnstile = Turnstile(gap=0.001)
    assert await turnstile.enter("/metrics")
    waiting = [asyncio.ensure_future(turnstile.enter("/metrics")) for _ in range(3)]
    await asyncio.sleep(0)
    waiting[0].cancel()
    assert await asyncio.gather(*waiting[1:]) == [True, True]
    # And its place is free: as many as may wait do.
    assert await turnstile.enter("/metrics")


async def test_more_requests_than_may_wait_are_told_when_to_come_again() -> None:
    async def answer(_request: web.Request) -> web.Response:
        return web.Response(text="here\n")

    app = web.Application(middlewares=[one_by_one(Turnstile(gap=3600, most=1))])
    app.router.add_get("/", answer)
    request = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
    async with AsyncExitStack() as stack:
        (url,) = await stack.enter_async_context(listen(app, ["127.0.0.1:0"], Limits(stop=0.01)))
        reader, writer = await dial(url, request)
        stack.callback(writer.close)
        assert await status(reader) == b"HTTP/1.1 200 OK"
        # Which of the next two comes first is not told; the other one waits.
        clients = [await dial(url, request) for _ in range(2)]
        for _, writer in clients:
            stack.callback(writer.close)
        heads = [asyncio.ensure_future(reader.readuntil(b"\r\n\r\n")) for reader, _ in clients]
        [told], [waiting] = await asyncio.wait(heads, return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        assert told.result().startswith(b"HTTP/1.1 503 Service Unavailable\r\n")
        assert b"\r\nRetry-After: 5\r\n" in told.result()


async def test_all_who_ask_at_the_same_time_share_an_answer_that_is_not_older_than_their_question() -> None:
    made: list[Format] = []

    def pieces(form: Format) -> Iterator[bytes]:
        made.append(form)
        yield b"x"

    scrapes, loop = Scrapes(pieces), asyncio.get_running_loop()
    asked = loop.time()
    answers = await asyncio.gather(*(scrapes.answer("", gzip=True, asked=asked) for _ in range(500)))
    assert len(made) == 1
    assert len({id(answer) for answer in answers}) == 1
    await scrapes.answer("", gzip=True, asked=loop.time() + 1)
    assert len(made) == 2


async def test_an_answer_is_shared_only_by_those_who_take_the_same_format_and_encoding() -> None:
    made: list[Format] = []

    def pieces(form: Format) -> Iterator[bytes]:
        made.append(form)
        yield b"x"

    scrapes = Scrapes(pieces)
    asked = asyncio.get_running_loop().time()
    openmetrics = "application/openmetrics-text;version=1.0.0"
    for accept, gzip in (("", False), ("", True), (openmetrics, False), (openmetrics, True)) * 2:
        answer = await scrapes.answer(accept, gzip=gzip, asked=asked)
        assert (answer.content_encoding == "gzip") is gzip
    assert made == [Format.TEXT_0, Format.TEXT_0, Format.OPENMETRICS, Format.OPENMETRICS]


async def test_a_long_answer_is_the_same_compressed_or_not() -> None:
    # So many that some are compressed in another thread and the last ones are not.
    document = [bytes([number % 251]) * number for number in range(3000)]
    scrapes, asked = Scrapes(lambda form: iter(document)), asyncio.get_running_loop().time()
    plain = await scrapes.answer("", gzip=False, asked=asked)
    compressed = await scrapes.answer("", gzip=True, asked=asked)
    assert (plain.content_encoding, plain.body) == (None, b"".join(document))
    assert (compressed.content_encoding, decompress(compressed.body)) == ("gzip", plain.body)


async def test_an_answer_with_passages_is_the_same_compressed_or_not_and_the_next_time() -> None:
    texts = [bytes([number % 251]) * number for number in range(3000)]
    keepings = [Keeping() for _ in texts]

    def pieces(form: Format) -> Iterator[bytes | Passage]:
        for number, (text, keeping) in enumerate(zip(texts, keepings, strict=True)):
            yield Passage(keeping, partial(bytes, text)) if number % 3 else text

    scrapes, loop = Scrapes(pieces), asyncio.get_running_loop()
    for moment in range(2):
        plain = await scrapes.answer("", gzip=False, asked=loop.time() + moment)
        compressed = await scrapes.answer("", gzip=True, asked=loop.time() + moment)
        assert plain.body == decompress(compressed.body) == b"".join(texts)


async def test_others_have_their_turn_while_a_long_answer_is_made() -> None:
    turns: list[str] = []

    def pieces(form: Format) -> Iterator[bytes]:
        asyncio.get_running_loop().call_soon(turns.append, form.name)
        # Far more than fit into the time for which the loop may be held.
        for _ in range(10_000_000):
            if turns:
                return
            yield b"x"

    await Scrapes(pieces).answer("", gzip=False, asked=asyncio.get_running_loop().time())
    assert turns == [Format.TEXT_0.name]


def test_the_slowest_is_cut_off_when_answers_that_are_read_slowly_take_too_much() -> None:
    cut: list[str] = []
    outbox = Outbox(100)
    with ExitStack() as stack:
        for name, size in (("a", 60), ("b", 40), ("c", 50)):
            stack.enter_context(outbox.sending(name.encode() * size, partial(cut.append, name)))
        assert cut == ["a"]
    with outbox.sending(b"d" * 100, lambda: cut.append("d")):
        assert cut == ["a"]


def test_an_answer_that_many_take_counts_once_and_the_newest_is_always_given() -> None:
    cut: list[int] = []
    outbox, body = Outbox(100), b"x" * 90
    with ExitStack() as stack:
        for number in range(50):
            stack.enter_context(outbox.sending(body, partial(cut.append, number)))
        assert cut == []
        stack.enter_context(outbox.sending(b"y" * 200, lambda: cut.append(50)))
        assert cut == list(range(50))


async def test_clients_that_do_not_read_a_scrape_cost_a_piece_of_it_each() -> None:
    daemon, readers = StandingDaemon(), 30
    daemon.document = b"x" * (8 * MIB)

    def documents() -> int:
        """One for all who asked before it was made, and kept until they have it."""
        assert len(daemon.asked_for) < readers
        return len(daemon.asked_for) * 8 * MIB

    async with browsing(daemon) as browser:
        with ExitStack() as stack, growth_below(readers * 256 * KIB, documents):
            for _ in range(readers):
                stack.enter_context(silent_reader(browser.url, SCRAPE))
            # Behind them all in the same lane.
            assert (await browser.ask("/metrics", "HEAD")).status == 200


async def test_the_one_that_reads_slowest_makes_room_for_the_others() -> None:
    daemon = StandingDaemon()
    limits = Limits(held=20 * MIB)
    async with browsing(daemon, limits) as browser:
        daemon.document = b"x" * (16 * MIB)
        reader, writer = await asyncio.open_connection(*endpoint(browser.url), limit=KIB)
        with closing(writer):
            writer.write(SCRAPE)
            assert await status(reader) == b"HTTP/1.1 200 OK"
            daemon.document = b"y" * (12 * MIB)
            assert (await browser.ask("/metrics")).body == daemon.document
            async with asyncio.timeout(20):
                assert len(await rest(reader)) < 16 * MIB


async def test_a_client_that_has_its_answer_costs_nothing_of_it_any_more() -> None:
    daemon = StandingDaemon()
    async with browsing(daemon) as browser, AsyncExitStack() as stack:
        with growth_below(4 * MIB):
            for _ in range(20):
                daemon.document = bytes(MIB)
                reader, writer = await dial(browser.url, SCRAPE)
                stack.callback(writer.close)
                assert await status(reader) == b"HTTP/1.1 200 OK"
                await reader.readexactly(MIB)


async def test_listeners_that_do_not_read_cost_one_event_each() -> None:
    changes, readers = Changes(), 10
    streams = Streams(changes, Pace(between=0.0001))
    app = web.Application()
    app.router.add_get("/events", streams.serve)
    app.on_shutdown.append(streams.close)
    # Some 100 KiB in one event.
    keys = [TargetKey(f"{number:03}.{'x' * 200}.example", 25, IpFamily.IPV4) for number in range(MOST_NAMED)]
    async with listen(app, ["127.0.0.1:0"], Limits(stop=0.01)) as (url,), aiohttp.ClientSession() as session:
        request = f"GET /events?since={changes.mark} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
        with ExitStack() as stack, growth_below(readers * 300 * KIB):
            for _ in range(readers):
                stack.enter_context(silent_reader(url, request))
            async with session.get(f"{url}/events") as answer:
                # As often as one that reads hears of it: 10 MiB for each listener.
                for _ in range(100):
                    for key in keys:
                        changes.note(key)
                    while not (await answer.content.readline()).startswith(b"data: "):
                        pass


async def test_a_body_that_is_not_wanted_is_not_taken_in() -> None:
    daemon = StandingDaemon()
    daemon.reload_may_end.clear()
    head = b"POST /-/reload HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000000\r\n\r\n"
    async with browsing(daemon, Limits(stop=0.01)) as browser:
        with silent_reader(browser.url, head) as sock, growth_below(2 * MIB):
            await daemon.reload_began.wait()
            sock.setblocking(False)
            piece, sent = bytes(64 * KIB), 0
            for _ in range(2000):
                with suppress(BlockingIOError):
                    sent += sock.send(piece)
                await asyncio.sleep(0)
        # What the buffers of the kernel took, and no more.
        assert sent < 2000 * 64 * KIB / 4


async def test_a_head_that_comes_byte_by_byte_gets_no_more_time() -> None:
    async with browsing(StandingDaemon(), Limits(idle=0.05)) as browser:
        reader, writer = await dial(browser.url, b"GET /")
        with closing(writer):
            end = asyncio.ensure_future(rest(reader))
            sent = 0
            while not end.done():
                writer.write(b"x")
                sent += 1
                # Whichever comes first: the end, or the next byte.
                await asyncio.wait([end], timeout=0.002)
            assert end.result() == b""
            assert sent < Limits().head_line, "the limit for the line was first"


@pytest.mark.parametrize(
    ("head", "answer"),
    [
        pytest.param(b"X-Long: " + b"x" * 8000, b"HTTP/1.1 200 OK", id="line-within"),
        pytest.param(b"X-Long: " + b"x" * 8200, b"HTTP/1.1 400 Bad Request", id="line-beyond"),
        pytest.param(b"\r\n".join([b"X: y"] * 60), b"HTTP/1.1 200 OK", id="lines-within"),
        pytest.param(b"\r\n".join([b"X: y"] * 70), b"HTTP/1.1 400 Bad Request", id="lines-beyond"),
    ],
)
async def test_the_head_of_a_request_has_a_size(head: bytes, answer: bytes) -> None:
    async with browsing(StandingDaemon()) as browser:
        reader, writer = await dial(browser.url, b"GET /-/healthy HTTP/1.1\r\nHost: localhost\r\n" + head + b"\r\n\r\n")
        with closing(writer):
            assert await status(reader) in (answer, answer.replace(b"1.1", b"1.0"))


@asynccontextmanager
async def full(limits: Limits) -> AsyncIterator[str]:
    """A server that has as many clients as it serves: one."""
    async with listen(application(StandingDaemon()), ["127.0.0.1:0"], limits) as (url,):
        reader, writer = await dial(url, HEALTHY)
        with closing(writer):
            assert await status(reader) == b"HTTP/1.1 200 OK"
            yield url


async def test_a_client_beyond_the_limit_is_told_when_to_come_again() -> None:
    async with (
        full(Limits(connections=1)) as url,
        aiohttp.ClientSession() as session,
        session.get(url) as answer,
    ):
        assert (answer.status, answer.headers["Retry-After"]) == (503, "30")
        assert await answer.text() == "503: too many HTTP connections\n"


async def test_a_client_beyond_the_limit_that_asks_nothing_is_hung_up_on() -> None:
    async with full(Limits(connections=1, refusal=0.01)) as url:
        reader, writer = await dial(url)
        with closing(writer):
            assert await rest(reader) == b""


async def test_more_than_can_be_told_are_hung_up_on_until_one_has_gone() -> None:
    async with full(Limits(connections=1, refusals=1, refusal=3600)) as url:
        told, writer = await dial(url, HEALTHY)
        with closing(writer):
            assert await status(told) == b"HTTP/1.1 503 Service Unavailable"
            another, other_writer = await dial(url, HEALTHY)
            with closing(other_writer):
                assert await rest(another) == b""
        async with asyncio.timeout(20):
            head = b""
            while not head:
                reader, writer = await dial(url, HEALTHY)
                with closing(writer):
                    head = await rest(reader)
        assert head.startswith(b"HTTP/1.1 503 ")


async def test_a_thousand_clients_are_served() -> None:
    daemon = StandingDaemon()
    daemon.document = b"x" * (100 * KIB)
    listening = b"GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n"
    async with listen(application(daemon), ["127.0.0.1:0"]) as (url,), AsyncExitStack() as stack:
        clients = []
        for request in (SCRAPE, listening) * 500:
            reader, writer = await dial(url, request)
            stack.callback(writer.close)
            clients.append(reader)
        assert {await status(reader) for reader in clients} == {b"HTTP/1.1 200 OK"}


_DESCRIPTORS = """
import asyncio, logging, resource, sys
from exporter.web.application import application
from exporter.web.events import Pace
from exporter.web.server import listen
from tests.web.daemon import StandingDaemon

async def start():
    async with listen(application(StandingDaemon()), ["127.0.0.1:0"]):
        print(Pace().streams, resource.getrlimit(resource.RLIMIT_NOFILE)[0])

logging.basicConfig(format="%(levelname)s %(message)s", stream=sys.stdout)
resource.setrlimit(resource.RLIMIT_NOFILE, (256, int(sys.argv[1])))
asyncio.run(start())
"""


@pytest.mark.parametrize(
    ("hard", "said"),
    [
        pytest.param(4096, ["600 2400"], id="enough"),
        pytest.param(
            1000,
            [
                "WARNING too few file descriptors: 500 HTTP connections at once are served instead of 1200 "
                "(raise the hard limit: LimitNOFILE= in systemd, --ulimit nofile= of containers)",
                "250 1000",
            ],
            id="too-few",
        ),
    ],
)
def test_the_soft_limit_of_descriptors_is_raised_and_a_hard_one_that_is_too_low_is_told(
    hard: int, said: list[str]
) -> None:
    command = [sys.executable, "-c", _DESCRIPTORS, str(hard)]
    done = subprocess.run(command, cwd=_CHECKOUT, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == said
