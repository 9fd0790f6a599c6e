"""Every path and method over real HTTP."""

import asyncio
import gzip
import logging
import re

import aiohttp
import pytest

from exporter.metrics.negotiation import Format
from exporter.metrics.state import TargetState
from exporter.web.asset import ASSETS
from tests.web.browser import browsing
from tests.web.daemon import StandingDaemon, answered, seen, target

PAGES = [
    *("/", "/certificates", "/host/mail.example.org", "/metrics", "/config", "/-/healthy", "/-/ready"),
    *("/static/style.css", "/static/live.js", "/static/icon.svg"),
]
PLAIN = "text/plain; charset=utf-8"


@pytest.mark.parametrize(
    ("path", "content_type"),
    [
        ("/", "text/html; charset=utf-8"),
        ("/metrics", "text/plain; version=0.0.4; charset=utf-8"),
        ("/config", PLAIN),
        ("/certificates", "text/html; charset=utf-8"),
        ("/host/mail.example.org", "text/html; charset=utf-8"),
        ("/static/style.css", "text/css; charset=utf-8"),
        ("/static/live.js", "text/javascript; charset=utf-8"),
        ("/static/icon.svg", "image/svg+xml; charset=utf-8"),
        ("/-/healthy", PLAIN),
        ("/-/ready", PLAIN),
    ],
)
async def test_a_page_is_served_and_head_shows_what_get_would(path: str, content_type: str) -> None:
    async with browsing(StandingDaemon(TargetState(target()))) as browser:
        got, head = await browser.ask(path), await browser.ask(path, "HEAD")
    assert (got.status, head.status) == (200, 200)
    assert got.headers["Content-Type"] == head.headers["Content-Type"] == content_type
    assert got.headers["Content-Length"] == head.headers["Content-Length"] == str(len(got.body))
    assert got.body
    assert head.body == b""


@pytest.mark.parametrize(
    "path",
    [
        "/nothing",
        "/metrics/",
        "/metrics/more",
        "/Metrics",
        "//",
        "/-/",
        "/-/quit",
        "/static/",
        "/static/other.css",
        "/static/%2e%2e/page.py",
        "/static/..%2fpage.py",
        "/favicon.ico",
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_an_unknown_path_is_404_in_plain_text(path: str, method: str) -> None:
    async with browsing(StandingDaemon()) as browser:
        reply = await browser.ask(path, method)
    assert (reply.status, reply.text) == (404, "404: Not Found")
    assert reply.headers["Content-Type"] == PLAIN


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
async def test_a_page_can_only_be_read(path: str, method: str) -> None:
    async with browsing(StandingDaemon()) as browser:
        reply = await browser.ask(path, method)
    assert (reply.status, reply.text) == (405, "405: Method Not Allowed")
    assert reply.headers["Allow"] == "GET,HEAD"
    assert reply.headers["Content-Type"] == PLAIN


@pytest.mark.parametrize("method", ["GET", "HEAD", "DELETE"])
async def test_a_reload_must_be_meant(method: str) -> None:
    daemon = StandingDaemon()
    async with browsing(daemon) as browser:
        reply = await browser.ask("/-/reload", method)
    assert reply.status == 405
    assert reply.headers["Allow"] == "POST,PUT"
    assert daemon.reloads == 0


@pytest.mark.parametrize("path", [*PAGES, "/nothing", "/-/reload", "/?state=nonsense"])
async def test_every_answer_is_hardened(path: str) -> None:
    async with browsing(StandingDaemon(TargetState(target()))) as browser:
        headers = (await browser.ask(path)).headers
    policy = headers["Content-Security-Policy"]
    assert policy.split("; ") == [
        "default-src 'none'",
        "style-src 'self'",
        "script-src 'self'",
        "connect-src 'self'",
        "img-src 'self'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
    ]
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert "Server" not in headers


@pytest.mark.parametrize("path", [path for path in PAGES if not path.startswith("/static")])
async def test_nothing_of_the_moment_is_kept_by_a_browser(path: str) -> None:
    async with browsing(StandingDaemon()) as browser:
        assert (await browser.ask(path)).headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("name", ASSETS)
async def test_a_file_of_the_page_may_be_kept_since_its_address_names_its_text(name: str) -> None:
    async with browsing(StandingDaemon()) as browser:
        page = (await browser.ask("/")).text
        [address] = re.findall(rf'(?:href|src)="(static/{re.escape(name)}\?v=[0-9a-f]{{12}})"', page)
        reply = await browser.ask(f"/{address}")
    assert reply.text == ASSETS[name].text
    assert reply.headers["Cache-Control"] == "public, max-age=31536000, immutable"


@pytest.mark.parametrize("asked", ["", "?v=000000000000"])
async def test_a_file_that_was_asked_for_as_another_version_has_it_is_not_kept(asked: str) -> None:
    async with browsing(StandingDaemon()) as browser:
        reply = await browser.ask(f"/static/style.css{asked}")
    assert reply.headers["Cache-Control"] == "no-store"


async def test_the_stream_of_changes_is_served_and_begins_where_the_page_was_made() -> None:
    daemon = StandingDaemon(TargetState(target()))
    async with browsing(daemon) as browser:
        page = (await browser.ask("/")).text
        [mark] = re.findall(r'data-mark="([^"]+)"', page)
        daemon.changes.note(target().key)
        async with aiohttp.ClientSession() as session, session.get(f"{browser.url}/events?since={mark}") as stream:
            lines = [await stream.content.readline() for _ in range(6)]
    assert stream.headers["Cache-Control"] == "no-store"
    assert b'data: [["mail.example.org",587,"ipv4"]]\n' in lines


async def test_the_configuration_is_shown_as_the_daemon_masks_it() -> None:
    daemon = StandingDaemon()
    async with browsing(daemon) as browser:
        assert (await browser.ask("/config")).text == daemon.config_text()


@pytest.mark.parametrize("progress", [(0, 3), (3, 3)], ids=["before", "after"])
async def test_healthy_does_not_ask_how_the_round_goes(progress: tuple[int, int]) -> None:
    async with browsing(StandingDaemon(progress=progress)) as browser:
        reply = await browser.ask("/-/healthy")
    assert (reply.status, reply.text) == (200, "mailprobe is healthy\n")


@pytest.mark.parametrize(
    ("progress", "status", "text"),
    [
        ((0, 3), 503, "first round: 0 of 3 targets probed, 3 still to be probed\n"),
        ((2, 3), 503, "first round: 2 of 3 targets probed, 1 still to be probed\n"),
        ((3, 3), 200, "mailprobe is ready\n"),
        ((0, 0), 200, "mailprobe is ready\n"),
    ],
)
async def test_ready_when_the_first_round_is_over(progress: tuple[int, int], status: int, text: str) -> None:
    async with browsing(StandingDaemon(progress=progress)) as browser:
        reply = await browser.ask("/-/ready")
    assert (reply.status, reply.text) == (status, text)


@pytest.mark.parametrize("method", ["POST", "PUT"])
async def test_a_good_file_is_taken_over(method: str) -> None:
    daemon = StandingDaemon()
    async with browsing(daemon) as browser:
        reply = await browser.ask("/-/reload", method)
    assert (reply.status, reply.text) == (200, "configuration reloaded\n")
    assert daemon.reloads == 1


async def test_a_bad_file_is_answered_with_all_its_faults() -> None:
    daemon = StandingDaemon()
    daemon.faults = "conf.yml:3: hosts[0].port: unknown key\nconf.yml:9: hosts[1]: the same target again"
    async with browsing(daemon) as browser:
        reply = await browser.ask("/-/reload", "POST")
    assert reply.status == 500
    assert reply.text.splitlines() == [
        "configuration not reloaded, the previous one stays in force:",
        "conf.yml:3: hosts[0].port: unknown key",
        "conf.yml:9: hosts[1]: the same target again",
    ]


async def test_a_second_reload_waits_for_the_first_and_then_reads_again() -> None:
    daemon = StandingDaemon()
    daemon.reload_may_end.clear()
    async with browsing(daemon) as browser, asyncio.TaskGroup() as clients:
        replies = [clients.create_task(browser.ask("/-/reload", "POST")) for _ in range(3)]
        await daemon.reload_began.wait()
        # Another answer in between: the requests of the other two have arrived by then.
        assert (await browser.ask("/-/healthy")).status == 200
        assert daemon.reloads == 1
        daemon.reload_may_end.set()
    assert [reply.result().status for reply in replies] == [200, 200, 200]
    assert daemon.reloads == 3
    assert daemon.most_reloads_at_once == 1


async def test_other_pages_are_served_while_a_reload_takes_its_time() -> None:
    daemon = StandingDaemon(seen(answered(target())))
    daemon.reload_may_end.clear()
    async with browsing(daemon) as browser, asyncio.TaskGroup() as clients:
        reload = clients.create_task(browser.ask("/-/reload", "POST"))
        await daemon.reload_began.wait()
        assert [(await browser.ask(path)).status for path in PAGES] == [200] * len(PAGES)
        assert not reload.done()
        daemon.reload_may_end.set()


async def test_the_format_is_the_one_that_the_accept_header_asks_for() -> None:
    wanted = "application/openmetrics-text;version=1.0.0;q=0.8,text/plain;version=0.0.4;q=0.3,*/*;q=0.1"
    daemon = StandingDaemon()
    daemon.document = b"# EOF\n"
    async with browsing(daemon) as browser:
        reply = await browser.ask("/metrics", Accept=wanted)
        await browser.ask("/metrics")
    assert daemon.asked_for == [Format.OPENMETRICS, Format.TEXT_0]
    assert reply.headers["Content-Type"] == Format.OPENMETRICS.value
    assert reply.headers["Vary"] == "Accept, Accept-Encoding"
    assert reply.body == b"# EOF\n"


SAMPLES = b"mailprobe_success 1\n"


@pytest.mark.parametrize("body", [SAMPLES, SAMPLES * 200_000], ids=["small", "large"])
@pytest.mark.parametrize(
    ("accept_encoding", "compressed"),
    [
        pytest.param({}, False, id="nothing-asked"),
        pytest.param({"Accept_Encoding": "gzip"}, True, id="gzip"),
        pytest.param({"Accept_Encoding": "br, gzip;q=0.5"}, True, id="among-others"),
        pytest.param({"Accept_Encoding": "gzip;q=0"}, False, id="refused"),
        pytest.param({"Accept_Encoding": "identity"}, False, id="identity"),
    ],
)
async def test_metrics_are_compressed_for_those_who_want_it(
    accept_encoding: dict[str, str], compressed: bool, body: bytes
) -> None:
    daemon = StandingDaemon()
    daemon.document = body
    async with browsing(daemon) as browser:
        reply = await browser.ask("/metrics", **accept_encoding)
    assert reply.headers.get("Content-Encoding") == ("gzip" if compressed else None)
    assert (gzip.decompress(reply.body) if compressed else reply.body) == body
    assert reply.headers["Content-Length"] == str(len(reply.body))


async def test_a_fault_of_ours_is_500_in_plain_words_and_a_log_line(caplog: pytest.LogCaptureFixture) -> None:
    daemon = StandingDaemon()
    daemon.broken = ValueError("secret of the house")
    asyncio.get_running_loop().set_debug(True)  # in which aiohttp would show the traceback to everybody
    async with browsing(daemon) as browser:
        reply = await browser.ask("/metrics", Accept="text/html")
        healthy = await browser.ask("/-/healthy")
    assert (reply.status, reply.text) == (500, "500: Internal Server Error\n")
    assert reply.headers["Content-Type"] == PLAIN
    assert reply.headers["X-Content-Type-Options"] == "nosniff"
    assert healthy.status == 200
    [record] = [record for record in caplog.records if record.name == "exporter.web.connection"]
    assert (record.levelno, record.getMessage()) == (logging.ERROR, "GET /metrics failed")
    assert record.exc_info is not None
    assert record.exc_info[1] is daemon.broken


async def test_an_unknown_state_is_refused_with_the_known_ones() -> None:
    async with browsing(StandingDaemon(TargetState(target()))) as browser:
        reply = await browser.ask("/?state=%3Cb%3E")
    assert reply.status == 400
    assert reply.text == "400: unknown state, known are failing, ok, closed, pending, unknown, left-out\n"
    assert reply.headers["Content-Type"] == PLAIN
