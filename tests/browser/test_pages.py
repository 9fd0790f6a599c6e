"""The pages in a real browser, on a daemon that runs: what people see, with and without a script, and nothing else."""

import re
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser, expect

from tests.browser.chromium import PATIENCE, SCHEMES, SIZES, axe_source, chromium, violations, window
from tests.browser.site import CLOSED_HOST, COMING_HOST, HOSTILE, HOSTILE_HOST, WELL_HOST, Site, site

pytestmark = [pytest.mark.real, pytest.mark.asyncio(loop_scope="module")]

PATHS = ["/", "/?state=failing", "/?q=127.0.9", "/certificates", f"/host/{HOSTILE_HOST}", f"/host/{CLOSED_HOST}"]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with chromium() as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def served(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Site]:
    async with site(tmp_path_factory.mktemp("site")) as running:
        yield running


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("path", PATHS)
async def test_a_page_fits_its_window_and_nothing_is_to_be_said_against_it(
    path: str, size: str, scheme: str, browser: Browser, served: Site
) -> None:
    async with window(browser, served.url, size=size, scheme=scheme) as shown:
        await shown.open(path)
        await expect(shown.page.locator("#live")).to_have_text("Live", timeout=PATIENCE)
        for details in await shown.page.locator("details").all():
            await details.evaluate("(one) => { one.open = true }")
        widths = await shown.page.evaluate("[document.documentElement.scrollWidth, window.innerWidth]")
        assert widths[0] <= widths[1], "the page scrolls sideways"
        background = await shown.page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert (sum(map(int, re.findall(r"[0-9]+", background))) < 3 * 128) is (scheme == "dark")
        shown.assert_quiet()


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("path", PATHS)
async def test_axe_finds_nothing(path: str, size: str, scheme: str, browser: Browser, served: Site) -> None:
    axe = axe_source()
    async with window(browser, served.url, size=size, scheme=scheme) as shown:
        await shown.open(path)
        await expect(shown.page.locator("#live")).to_have_text("Live", timeout=PATIENCE)
        for details in await shown.page.locator("details").all():
            await details.evaluate("(one) => { one.open = true }")
        assert await violations(shown.page, axe) == []


async def test_what_is_broken_since_when_and_what_was_said_is_in_the_first_view(browser: Browser, served: Site) -> None:
    async with window(browser, served.url) as shown:
        await shown.open("/")
        failing = shown.page.locator("section[aria-label='Failing now']")
        await expect(failing).to_contain_text(CLOSED_HOST)
        await expect(failing).to_contain_text("connection refused")
        await expect(failing).to_contain_text(re.compile(r"ago 20[0-9-]{8} [0-9:]{8} UTC"))
        box = await failing.locator("tr.failing").first.bounding_box()
        assert box is not None
        assert box["y"] + box["height"] <= 900


@pytest.mark.parametrize("path", ["/", "/?state=failing", "/certificates", f"/host/{HOSTILE_HOST}"])
async def test_a_hostile_server_is_only_text(path: str, browser: Browser, served: Site) -> None:
    async with window(browser, served.url) as shown:
        await shown.page.add_init_script("window.hacked = () => { document.title = 'hacked' }")
        await shown.open(path)
        await expect(shown.page.locator("#live")).to_have_text("Live", timeout=PATIENCE)
        assert await shown.page.locator("main :is(script, img, b b)").count() == 0
        assert "hacked" not in await shown.page.title()
        said = await shown.page.locator("main").text_content() or ""
        # In a certificate's name the characters are escaped once more (RFC 4514 §2.4).
        assert path == "/" or HOSTILE in said.replace("\\", "")
        shown.assert_quiet()


async def test_every_page_is_whole_without_a_script(browser: Browser, served: Site) -> None:
    async with window(browser, served.url, script=False) as shown:
        page = shown.page
        await shown.open("/")
        await expect(page.locator("#live")).to_have_text("Not live: reload to see changes")
        await page.get_by_label("Search").fill(CLOSED_HOST)
        await page.get_by_role("button", name="Search").click()
        await expect(page.locator(".matrix tbody tr")).to_have_count(1)
        await page.locator(".counts .failing a").click()
        await expect(page.locator(".rows tbody tr.failing")).to_have_count(1)
        assert page.url.endswith(f"?state=failing&q={CLOSED_HOST}")
        await page.get_by_role("link", name=CLOSED_HOST).click()
        await expect(page.get_by_role("heading", level=1)).to_have_text(CLOSED_HOST)
        await expect(page.locator("article.failing")).to_contain_text("connection refused")
        await page.locator("summary", has_text="The same as numbers").click()
        await expect(page.locator("table.numbers tbody tr").first).to_be_visible()
        shown.assert_quiet()


async def test_the_filter_is_worked_with_the_keyboard_alone(browser: Browser, served: Site) -> None:
    async with window(browser, served.url) as shown:
        page = shown.page
        await shown.open("/")
        await page.keyboard.press("/")
        await expect(page.get_by_label("Search")).to_be_focused()
        await page.keyboard.type(WELL_HOST)
        await page.keyboard.press("Enter")
        await page.wait_for_url("**/?q=*")
        await expect(page.locator(".matrix tbody tr")).to_have_count(1)
        # Past the way into the page: name, pages, then the counts; each step is where the eye expects it.
        visited = []
        for _ in range(12):
            await page.keyboard.press("Tab")
            visited.append(await page.evaluate("document.activeElement.textContent.trim().replace(/\\s+/g, ' ')"))
            if visited[-1].endswith("failing"):
                break
        assert visited[:3] == ["To the targets", "mailprobe", "Status"]
        await page.keyboard.press("Enter")
        await page.wait_for_url("**state=failing**")
        await expect(page.locator(".empty")).to_have_text("No target is failing and has these words.")
        shown.assert_quiet()


async def test_a_port_that_opens_and_closes_is_seen_and_told_without_a_reload(browser: Browser, served: Site) -> None:
    async with window(browser, served.url) as shown:
        page = shown.page
        await shown.open("/")
        await expect(page.locator("#live")).to_have_text("Live", timeout=PATIENCE)
        await page.evaluate("window.loaded = true")
        line = page.locator(".matrix tbody tr", has_text=COMING_HOST)
        link = line.get_by_role("link", name=COMING_HOST)
        failing = page.locator("section[aria-label='Failing now']")
        await expect(line.locator(".entry .state")).to_have_text("failing")
        await link.focus()
        async with served.server():
            await expect(line.locator(".entry .state")).to_have_text("ok", timeout=PATIENCE)
            await expect(failing).not_to_contain_text(COMING_HOST)
            await expect(page.locator("#voice")).to_have_text(
                f"{COMING_HOST} port {served.coming} over IPv4: ok", timeout=PATIENCE
            )
            await expect(link, "who was there has not lost the place").to_be_focused()
        await expect(line.locator(".entry .state")).to_have_text("failing", timeout=PATIENCE)
        await expect(failing).to_contain_text(COMING_HOST)
        await expect(page.locator("#voice")).to_have_text(
            f"{COMING_HOST} port {served.coming} over IPv4: failing, connection refused", timeout=PATIENCE
        )
        assert await page.evaluate("window.loaded"), "the page was not loaded anew"
        shown.assert_quiet()


async def test_the_page_of_a_host_keeps_what_was_opened_while_it_is_brought_up_to_date(
    browser: Browser, served: Site
) -> None:
    async with window(browser, served.url) as shown:
        page = shown.page
        await shown.open(f"/host/{WELL_HOST}")
        await expect(page.locator("#live")).to_have_text("Live", timeout=PATIENCE)
        numbers = page.locator("table.numbers tbody tr")
        await page.locator("summary", has_text="The same as numbers").click()
        before = await numbers.count()
        await expect(numbers.nth(before)).to_be_visible(timeout=PATIENCE)
        await expect(page.locator(".chart svg g")).to_have_count(await numbers.count())
        shown.assert_quiet()
