"""A page is made once for all who ask for it at the same time."""

import asyncio
import gzip

from exporter.web.page import Snapshot
from exporter.web.rendering import MOST_KEPT, REUSED_FOR, Renderings
from tests.web.browser import browsing
from tests.web.daemon import NOW, StandingDaemon, answered, seen, target


class Maker:
    """Makes pages, and counts them; `time` is moved by hand."""

    def __init__(self) -> None:
        self.time = 100.0
        self.made = 0
        self.renderings = Renderings(lambda: Snapshot("0", NOW, (), (0, 0)), lambda: self.time)

    def render(self, _snapshot: Snapshot) -> str:
        self.made += 1
        return f"page {self.made}"

    async def ask(self, key: str = "a") -> str:
        page = await self.renderings.page(key, self.render)
        assert page is not None
        assert gzip.decompress(page.gzip.body) == page.plain.body
        return page.plain.body.decode()


async def test_everybody_who_asks_at_the_same_time_gets_the_same_page() -> None:
    maker = Maker()
    assert set(await asyncio.gather(*(maker.ask() for _ in range(50)))) == {"page 1"}


async def test_a_page_is_reused_for_a_second_and_then_made_anew() -> None:
    maker = Maker()
    assert await maker.ask() == "page 1"
    maker.time += REUSED_FOR - 0.01
    assert await maker.ask() == "page 1"
    maker.time += 0.02
    assert await maker.ask() == "page 2"


async def test_other_questions_are_other_pages_and_only_so_many_are_kept() -> None:
    maker = Maker()
    for number in range(MOST_KEPT + 1):
        assert await maker.ask(str(number)) == f"page {number + 1}"
    assert await maker.ask(str(MOST_KEPT)) == f"page {MOST_KEPT + 1}"
    assert await maker.ask("0") == f"page {MOST_KEPT + 2}", "the oldest had to go"


async def test_nothing_is_remembered_as_nothing() -> None:
    maker = Maker()
    assert await maker.renderings.page("a", lambda _: None) is None
    assert await maker.renderings.page("a", maker.render) is None
    assert maker.made == 0


async def test_a_page_is_compressed_for_those_who_want_it() -> None:
    async with browsing(StandingDaemon(seen(answered(target())))) as browser:
        plain = await browser.ask("/")
        small = await browser.ask("/", Accept_Encoding="gzip")
    assert "Content-Encoding" not in plain.headers
    assert small.headers["Content-Encoding"] == "gzip"
    assert small.headers["Vary"] == plain.headers["Vary"] == "Accept-Encoding"
    assert gzip.decompress(small.body) == plain.body
