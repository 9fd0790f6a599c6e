"""With TLS as without: clients may not be too slow, too silent or too many."""

import asyncio
import logging
import ssl
from contextlib import closing
from pathlib import Path

import pytest

from exporter.web.access import Access
from exporter.web.application import application
from exporter.web.connection import Limits
from exporter.web.server import Service, serve
from tests.web.access import NAME, Yard, yard
from tests.web.daemon import StandingDaemon
from tests.web.test_server import HEALTHY, Heard, endpoint, rest, status


@pytest.fixture
def ground(tmp_path: Path) -> Yard:
    return yard(tmp_path)


def service(ground: Yard) -> Service:
    return Service(["127.0.0.1:0"], access=Access(ground.put("good-tls")))


def where(url: str) -> tuple[str, int]:
    return endpoint(url.replace("https", "http"))


async def secured(url: str, ground: Yard) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    context = ssl.create_default_context(cafile=str(ground.root))
    return await asyncio.open_connection(*where(url), ssl=context, server_hostname=NAME)


async def test_a_client_that_never_agrees_on_tls_is_hung_up_on(ground: Yard) -> None:
    async with serve(application(StandingDaemon()), service(ground), Limits(handshake=0.05)) as (url,):
        reader, writer = await asyncio.open_connection(*where(url))
        with closing(writer):
            assert await rest(reader) == b""


async def test_clients_that_have_not_agreed_on_tls_count_as_well(
    ground: Yard, caplog: pytest.LogCaptureFixture
) -> None:
    async with serve(application(StandingDaemon()), service(ground), Limits(connections=2)) as (url,):
        # An answer shows that it is counted, and that the silent one before it is.
        silent, writer = await asyncio.open_connection(*where(url))
        reader, second = await secured(url, ground)
        second.write(HEALTHY)
        assert await status(reader) == b"HTTP/1.1 200 OK"
        refused, third = await asyncio.open_connection(*where(url))
        assert await rest(refused) == b""
        # The silent one has had nothing done to it.
        assert not silent.at_eof()
        for each in (writer, second, third):
            each.close()
    assert [record.levelno for record in caplog.records] == [logging.WARNING]


@pytest.mark.parametrize("parting", [b"", HEALTHY], ids=["silent", "with-a-request"])
async def test_clients_that_go_as_soon_as_tls_is_agreed_on_leave_no_trace(parting: bytes, ground: Yard) -> None:
    async with serve(application(StandingDaemon()), service(ground), Limits(connections=2)) as (url,):
        for _ in range(20):
            _, writer = await secured(url, ground)
            writer.write(parting)
            writer.transport.abort()
            # The next one to be answered shows that nobody before it is still counted.
            reader, polite = await secured(url, ground)
            polite.write(HEALTHY.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
            assert await status(reader) == b"HTTP/1.1 200 OK"
            await reader.read()
            polite.close()
            await polite.wait_closed()


async def test_a_client_that_does_not_read_is_cut_off_under_tls(ground: Yard, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "exporter.web.connection")
    cut = Heard("does not read its answer, cut off")
    logging.getLogger("exporter.web.connection").addHandler(cut)
    daemon = StandingDaemon()
    # More than the kernel's buffers of both ends take.
    daemon.document = b"x" * 32_000_000
    async with serve(application(daemon), service(ground), Limits(send=0.05)) as (url,):
        # The reader's buffer fills, and then it reads no more.
        reader, writer = await secured(url, ground)
        writer.write(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n")
        await cut.event.wait()
        with closing(writer):
            assert len(await rest(reader)) < len(daemon.document)
    logging.getLogger("exporter.web.connection").removeHandler(cut)


async def test_a_large_answer_arrives_whole_under_tls(ground: Yard) -> None:
    daemon = StandingDaemon()
    daemon.document = b"0123456789" * 1_000_000
    async with serve(application(daemon), service(ground)) as (url,):
        reader, writer = await secured(url, ground)
        writer.write(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        await status(reader)
        assert await reader.read() == daemon.document
        writer.close()
        await writer.wait_closed()


async def test_strangers_who_fail_to_agree_make_no_noise(ground: Yard, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    async with serve(application(StandingDaemon()), service(ground)) as (url,):
        for sent in (b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\x00\x05hello", b"EHLO x\r\n", b"\x80"):
            reader, writer = await asyncio.open_connection(*where(url))
            with closing(writer):
                writer.write(sent)
                writer.write_eof()
                await rest(reader)
    assert caplog.records == []
