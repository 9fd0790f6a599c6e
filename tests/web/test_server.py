"""What clients may not do: be too many, too slow, too large; and a clean end."""

import asyncio
import logging
import os
import resource
import socket
from contextlib import closing, suppress

import pytest
from aiohttp import web

from exporter.web.address import ListenError
from exporter.web.application import application
from exporter.web.connection import Limits
from exporter.web.server import _url, listen
from tests.ipv6 import needs_ipv6
from tests.web.browser import browsing
from tests.web.daemon import StandingDaemon

HEALTHY = b"GET /-/healthy HTTP/1.1\r\nHost: localhost\r\n\r\n"


def endpoint(url: str) -> tuple[str, int]:
    """Host and port of one of the addresses that `listen` yields."""
    host, port = url.removeprefix("http://").rsplit(":", 1)
    return host.strip("[]"), int(port)


async def dial(url: str, sent: bytes = b"") -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A bare connection, on which `sent` has been written."""
    reader, writer = await asyncio.open_connection(*endpoint(url))
    writer.write(sent)
    return reader, writer


async def status(reader: asyncio.StreamReader) -> bytes:
    """The status line of the answer that comes next; its body stays."""
    head = await reader.readuntil(b"\r\n\r\n")
    return head.split(b"\r\n", 1)[0]


async def rest(reader: asyncio.StreamReader) -> bytes:
    """What still comes until the server hangs up, politely or not."""
    received = bytearray()
    with suppress(ConnectionError):
        while piece := await reader.read(65536):
            received += piece
    return bytes(received)


async def test_every_address_is_served_and_told() -> None:
    async with listen(application(StandingDaemon()), ["127.0.0.1:0", "127.0.0.2:0"]) as urls:
        assert [url.rsplit(":", 1)[0] for url in urls] == ["http://127.0.0.1", "http://127.0.0.2"]
        for url in urls:
            reader, writer = await dial(url, HEALTHY)
            with closing(writer):
                assert await status(reader) == b"HTTP/1.1 200 OK"


async def test_nothing_is_served_when_an_address_is_taken() -> None:
    async with listen(application(StandingDaemon()), ["127.0.0.1:0"]) as (url,):
        _, port = endpoint(url)
        with pytest.raises(ListenError, match=rf"^cannot listen at 127\.0\.0\.1:{port}: address already in use"):
            async with listen(application(StandingDaemon()), ["127.0.0.2:0", f"127.0.0.1:{port}"]):
                pytest.fail("it listened")


async def test_an_address_that_is_none_is_refused_before_a_socket_is_opened() -> None:
    with pytest.raises(ListenError, match="write HOST:PORT"):
        async with listen(application(StandingDaemon()), ["127.0.0.1:0", "10125"]):
            pytest.fail("it listened")


async def test_a_stop_takes_no_longer_than_its_limit_where_a_client_does_not_read() -> None:
    app = web.Application()

    async def endless(_request: web.Request) -> web.Response:
        return web.Response(body=b"x" * 50_000_000)

    app.router.add_get("/", endless)
    async with asyncio.timeout(None) as patience, listen(app, ["127.0.0.1:0"], Limits(stop=4)) as (url,):
        reader, writer = await dial(url, b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        await status(reader)
        # Between once and twice the limit, with two seconds on either side.
        patience.reschedule(asyncio.get_running_loop().time() + 6)
    writer.transport.abort()


async def test_an_application_that_does_not_start_leaves_no_socket() -> None:
    async def fail(_app: web.Application) -> None:
        raise RuntimeError("no")

    app = application(StandingDaemon())
    app.on_startup.append(fail)
    # A socket left to the garbage collector would be a warning, and so a failure.
    with pytest.raises(RuntimeError, match="no"):
        async with listen(app, ["127.0.0.1:0"]):
            pytest.fail("it listened")


async def test_an_answer_to_what_is_no_http_does_not_tell_which_versions_run_here() -> None:
    async with listen(application(StandingDaemon()), ["127.0.0.1:0"]) as (url,):
        reader, writer = await dial(url)
        writer.write(b"EHLO mail.example.org\r\n\r\n")
        said = await reader.read()
        writer.close()
        await writer.wait_closed()
    assert b" 400 " in said
    assert b"aiohttp" not in said
    assert b"Python" not in said


async def test_after_the_end_the_port_is_free_again() -> None:
    async with listen(application(StandingDaemon()), ["127.0.0.1:0"]) as (url,):
        pass
    with pytest.raises(ConnectionRefusedError):
        await dial(url)
    async with listen(application(StandingDaemon()), ["{}:{}".format(*endpoint(url))]) as again:
        assert again == (url,)


async def test_a_connection_serves_one_request_after_the_other() -> None:
    async with browsing(StandingDaemon()) as browser:
        reader, writer = await dial(browser.url)
        with closing(writer):
            for _ in range(3):
                writer.write(HEALTHY)
                assert await status(reader) == b"HTTP/1.1 200 OK"
                await reader.readexactly(len("mailprobe is healthy\n"))


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"GET /-/healthy HTTP/1.1\r\nHost: local", id="half-a-head"),
    ],
)
async def test_a_request_that_does_not_come_is_not_waited_for(sent: bytes) -> None:
    async with browsing(StandingDaemon(), Limits(idle=0.05)) as browser:
        reader, writer = await dial(browser.url, sent)
        with closing(writer):
            assert await reader.read() == b""


async def test_a_connection_that_stays_idle_after_an_answer_is_closed() -> None:
    async with browsing(StandingDaemon(), Limits(idle=0.05)) as browser:
        reader, writer = await dial(browser.url, HEALTHY)
        with closing(writer):
            assert (await reader.read()).endswith(b"mailprobe is healthy\n")


class Heard(logging.Handler):
    """Says when a message of this kind was logged."""

    def __init__(self, ending: str) -> None:
        super().__init__()
        self.event = asyncio.Event()
        self._ending = ending

    def emit(self, record: logging.LogRecord) -> None:
        if record.getMessage().endswith(self._ending):
            self.event.set()


async def test_a_client_that_does_not_read_is_cut_off(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "exporter.web.connection")
    cut = Heard("does not read its answer, cut off")
    logging.getLogger("exporter.web.connection").addHandler(cut)
    daemon = StandingDaemon()
    # More than the kernel's buffers of both ends take.
    daemon.document = b"x" * 32_000_000
    async with browsing(daemon, Limits(send=0.05)) as browser:
        reader, writer = await dial(browser.url, b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n")
        await cut.event.wait()
        with closing(writer):
            assert len(await rest(reader)) < len(daemon.document)
        assert (await browser.ask("/-/healthy")).status == 200
    logging.getLogger("exporter.web.connection").removeHandler(cut)


async def test_a_large_answer_arrives_whole() -> None:
    daemon = StandingDaemon()
    daemon.document = b"0123456789" * 1_000_000
    async with browsing(daemon) as browser:
        assert (await browser.ask("/metrics")).body == daemon.document


async def test_clients_too_many_are_refused_and_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    async with listen(application(StandingDaemon()), ["127.0.0.1:0"], Limits(connections=2)) as (url,):
        accepted = [await dial(url, HEALTHY) for _ in range(2)]
        for reader, _ in accepted:
            assert await status(reader) == b"HTTP/1.1 200 OK"
        for _ in range(3):
            refused, writer = await dial(url, HEALTHY)
            with closing(writer):
                assert await status(refused) == b"HTTP/1.1 503 Service Unavailable"
        for _, open_writer in accepted:
            open_writer.close()
    [record] = caplog.records
    assert record.levelno == logging.WARNING
    assert record.getMessage() == "2 HTTP connections at once: further ones are refused"


LONG = b"x" * 9000


@pytest.mark.parametrize(
    "request_head",
    [
        pytest.param(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", id="tls-hello"),
        pytest.param(b"EHLO mail.example.org\r\n\r\n", id="smtp"),
        pytest.param(b"BREW / HTTP/1.1\r\nHost: localhost\r\n\r\n", id="unknown-method"),
        pytest.param(b"GET /" + LONG + b" HTTP/1.1\r\nHost: localhost\r\n\r\n", id="line-too-long"),
        pytest.param(b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + LONG + b"\r\n\r\n", id="header-too-long"),
        pytest.param(b"GET / HTTP/1.1\r\nHost: localhost\r\n" + b"X: y\r\n" * 100 + b"\r\n", id="too-many-headers"),
        pytest.param(b"GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", id="negative-length"),
    ],
)
async def test_a_bad_request_is_400_in_plain_words_and_no_noise(
    request_head: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    async with browsing(StandingDaemon()) as browser:
        reader, writer = await dial(browser.url, request_head)
        with closing(writer):
            head, _, body = (await reader.read()).partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    assert lines[0] in ("HTTP/1.0 400 Bad Request", "HTTP/1.1 400 Bad Request")
    assert "X-Content-Type-Options: nosniff" in lines
    assert "Content-Type: text/plain; charset=utf-8" in lines
    assert body == b"400: Bad Request\n"
    assert [record for record in caplog.records if record.levelno > logging.DEBUG] == []


async def test_a_body_that_nobody_asked_for_is_not_stored() -> None:
    head = b"POST /-/reload HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000000\r\n\r\n"
    daemon = StandingDaemon()
    async with browsing(daemon, Limits(stop=0.01)) as browser:
        reader, writer = await dial(browser.url, head)
        with closing(writer):
            assert await status(reader) == b"HTTP/1.1 200 OK"
    assert daemon.reloads == 1


async def test_requests_are_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    async with browsing(StandingDaemon()) as browser:
        await browser.ask("/metrics")
        await browser.ask("/nothing")
    assert caplog.records == []


async def test_the_end_closes_idle_connections_at_once() -> None:
    async with listen(application(StandingDaemon()), ["127.0.0.1:0"], Limits(stop=3600)) as (url,):
        reader, writer = await dial(url, HEALTHY)
        assert await status(reader) == b"HTTP/1.1 200 OK"
        await reader.readexactly(len("mailprobe is healthy\n"))
    with closing(writer):
        assert await reader.read() == b""


async def test_the_end_lets_an_answer_in_flight_be_given() -> None:
    daemon = StandingDaemon()
    daemon.reload_may_end.clear()
    began, may_end = daemon.reload_began, daemon.reload_may_end

    async def end_when_asked() -> None:
        async with listen(application(daemon), ["127.0.0.1:0"], Limits(stop=3600)) as (url,):
            address.set_result(url)
            await began.wait()

    address: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    async with asyncio.TaskGroup() as tasks:
        server = tasks.create_task(end_when_asked())
        reader, writer = await dial(await address, b"POST /-/reload HTTP/1.1\r\nHost: localhost\r\n\r\n")
        await began.wait()
        may_end.set()
        with closing(writer):
            assert await status(reader) == b"HTTP/1.1 200 OK"
            assert await reader.read() == b"configuration reloaded\n"
    assert server.done()


async def test_the_end_does_not_wait_longer_than_its_grace() -> None:
    daemon = StandingDaemon()
    daemon.reload_may_end.clear()
    async with listen(application(daemon), ["127.0.0.1:0"], Limits(stop=0.01)) as (url,):
        reader, writer = await dial(url, b"POST /-/reload HTTP/1.1\r\nHost: localhost\r\n\r\n")
        await daemon.reload_began.wait()
    with closing(writer):
        assert await reader.read() == b""


async def test_the_end_does_not_wait_for_a_client_that_does_not_read() -> None:
    daemon = StandingDaemon()
    daemon.document = b"x" * 32_000_000
    async with listen(application(daemon), ["127.0.0.1:0"], Limits(stop=0.01)) as (url,):
        reader, writer = await dial(url, b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert await status(reader) == b"HTTP/1.1 200 OK"
    with closing(writer):
        assert len(await rest(reader)) < len(daemon.document)


@needs_ipv6
async def test_no_host_serves_both_families() -> None:
    async with listen(application(StandingDaemon()), [":0"]) as urls:
        for url in urls:
            loopback = "http://[::1]" if "[::]" in url else "http://127.0.0.1"
            reader, writer = await dial(f"{loopback}:{endpoint(url)[1]}", HEALTHY)
            with closing(writer):
                assert await status(reader) == b"HTTP/1.1 200 OK"


def test_a_socket_with_an_abstract_name_is_called_as_in_its_unit() -> None:
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind("\0mailprobe-abstract")
        assert _url("http", sock) == "unix:@mailprobe-abstract"


async def test_where_descriptors_are_short_the_log_says_it_once_and_not_for_each_that_waits() -> None:
    loop = asyncio.get_running_loop()
    told: list[str] = []
    loop.set_exception_handler(lambda _loop, context: told.append(context["message"]))
    async with listen(application(StandingDaemon()), ["127.0.0.1:0"]) as (url,):
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        clients = [socket.socket() for _ in range(5)]
        # The number that the next one would get, and so none is left.
        free = os.dup(clients[0].fileno())
        os.close(free)
        resource.setrlimit(resource.RLIMIT_NOFILE, (free, hard))
        try:
            for client in clients:
                client.connect(endpoint(url))
            for _ in range(10):
                await asyncio.sleep(0)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
            for client in clients:
                client.close()
    assert told == ["socket.accept() out of system resource"]
