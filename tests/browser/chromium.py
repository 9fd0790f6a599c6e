"""Chromium as Debian has it, driven by Playwright: no browser of Playwright's own is ever downloaded.

`CHROMIUM` names another one. `MAILPROBE_AXE` is the folder in which npm has put the package axe-core. What is missing
skips the tests that need it, or fails them where real servers are required.
"""

import json
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Page, Request, async_playwright

from tests.real.require import lack, require

# It has nothing to ask anybody but the exporter. Root, which runs the tests in CI, gets no sandbox.
FLAGS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync"),
)

SIZES: Mapping[str, tuple[int, int]] = {"desktop": (1440, 900), "phone": (390, 844)}
SCHEMES = ("light", "dark")

# Milliseconds; many times what anything takes, so it is reached only when a test is about to fail.
PATIENCE = 40_000.0


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """The browser, with an empty profile that is gone afterwards."""
    executable = os.environ.get("CHROMIUM") or require("chromium", "chromium")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=executable, args=FLAGS, headless=True)
        try:
            yield browser
        finally:
            await browser.close()


@dataclass
class Window:
    """One window with what went wrong in it."""

    page: Page
    url: str
    complaints: list[str] = field(default_factory=list)
    addresses: list[str] = field(default_factory=list)

    async def open(self, path: str) -> None:
        """Go to a page, until everything of it is there."""
        await self.page.goto(self.url + path)

    def assert_quiet(self) -> None:
        """Nothing was said on the console, and nobody else was asked for anything."""
        assert self.complaints == []
        assert {urlsplit(address).netloc for address in self.addresses} == {urlsplit(self.url).netloc}


@asynccontextmanager
async def window(
    browser: Browser, url: str, *, size: str = "desktop", scheme: str = "light", script: bool = True
) -> AsyncIterator[Window]:
    """A window on the exporter at `url`."""
    width, height = SIZES[size]
    context: BrowserContext = await browser.new_context(
        viewport={"width": width, "height": height},
        color_scheme="dark" if scheme == "dark" else "light",
        java_script_enabled=script,
        has_touch=size == "phone",
    )
    try:
        context.set_default_timeout(PATIENCE)
        page = await context.new_page()
        shown = Window(page, url)

        def console(message: ConsoleMessage) -> None:
            shown.complaints.append(message.text)

        def error(fault: Any) -> None:
            shown.complaints.append(str(fault))

        def request(asked: Request) -> None:
            shown.addresses.append(asked.url)

        page.on("console", console)
        page.on("pageerror", error)
        page.on("request", request)
        yield shown
    finally:
        await context.close()


def axe_source() -> str:
    """The text of axe-core."""
    folder = os.environ.get("MAILPROBE_AXE")
    if not folder:
        lack("axe-core is not there: npm pack axe-core, unpack it, and name its folder in MAILPROBE_AXE")
    return (Path(folder) / "axe.min.js").read_text(encoding="utf-8")


async def violations(page: Page, axe: str) -> list[str]:
    """What axe-core has against the page: the rule, and every element that breaks it."""
    await page.evaluate(axe)
    result = json.loads(await page.evaluate("axe.run().then((found) => JSON.stringify(found.violations))"))
    return [f"{rule['id']}: {node['html']} {node['failureSummary']}" for rule in result for node in rule["nodes"]]
