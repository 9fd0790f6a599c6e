"""A path in front of all pages, for reverse proxies."""

import aiohttp
import pytest

from exporter.web.application import application
from exporter.web.prefix import PrefixError, parse_external_url, parse_prefix
from exporter.web.server import Service, serve
from tests.web.daemon import StandingDaemon


@pytest.mark.parametrize(
    ("text", "prefix"),
    [("/", ""), ("", ""), ("/mail", "/mail"), ("/mail/", "/mail"), ("/a/b-c_d.e~f", "/a/b-c_d.e~f"), ("//", "")],
)
def test_a_prefix_is_taken_without_the_slash_at_its_end(text: str, prefix: str) -> None:
    assert parse_prefix(text) == prefix


@pytest.mark.parametrize(
    "text", ["mail", "/mail//probe", "/../etc", "/a/.", "/{name}", "/mail?x", "/mail#x", "/a b", "/mäil", "/%2e"]
)
def test_a_prefix_that_is_no_plain_path_is_refused(text: str) -> None:
    with pytest.raises(PrefixError, match="must be"):
        parse_prefix(text)


@pytest.mark.parametrize(
    ("text", "prefix"),
    [
        ("https://monitor.example.org", ""),
        ("https://monitor.example.org/", ""),
        ("http://monitor.example.org:8080/mail/", "/mail"),
        ("https://[2001:db8::1]/mail", "/mail"),
    ],
)
def test_an_external_url_gives_its_path(text: str, prefix: str) -> None:
    assert parse_external_url(text) == prefix


@pytest.mark.parametrize(
    "text",
    [
        *("", "/mail", "monitor.example.org/mail", "ftp://monitor.example.org/", "https:///mail", "https://a:0/"),
        *("https://a:b/", "https://[::1/", "https://a/?x=1", "https://a/#x", "https://user:secret@a/", "https://a/{x}"),
    ],
)
def test_an_external_url_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(PrefixError):
        parse_external_url(text)


async def test_everything_is_under_the_prefix_and_nothing_beside_it() -> None:
    service = Service(["127.0.0.1:0"], prefix="/mail")
    paths = ["/mail/", "/mail/metrics", "/mail/-/healthy", "/metrics", "/mailmetrics", "/mail/nothing", "/mail/mail/"]
    async with serve(application(StandingDaemon()), service) as (url,), aiohttp.ClientSession() as session:
        assert url.endswith("/mail")
        statuses = {}
        for path in paths:
            async with session.get(url.removesuffix("/mail") + path) as answer:
                statuses[path] = answer.status
                assert answer.headers["X-Content-Type-Options"] == "nosniff"
                assert answer.headers["Cache-Control"] == "no-store"
    assert [path for path, status in statuses.items() if status == 200] == paths[:3]
    assert set(statuses.values()) == {200, 404}


@pytest.mark.parametrize("path", ["", "/", "/mail", "/mail/"])
async def test_whoever_comes_to_the_door_is_shown_to_the_page_whose_links_work(path: str) -> None:
    service = Service(["127.0.0.1:0"], prefix="/mail")
    async with serve(application(StandingDaemon()), service) as (url,), aiohttp.ClientSession() as session:
        root = url.removesuffix("/mail")
        async with session.get(root + path) as page:
            assert (page.status, str(page.url)) == (200, f"{root}/mail/")
            text = await page.text()
        # Relative, and so under the prefix as well.
        assert 'href="metrics"' in text
        async with session.get(f"{page.url}metrics") as metrics:
            assert metrics.status == 200
