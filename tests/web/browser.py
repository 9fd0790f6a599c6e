"""A real server on a free port, and a client that leaves bodies as they were sent."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

import aiohttp

from exporter.web.application import application
from exporter.web.connection import Limits
from exporter.web.server import listen
from tests.web.daemon import StandingDaemon


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer, read to its end."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def text(self) -> str:
        """The body as the text that it should be."""
        return self.body.decode()


class Browser:
    """Asks one server."""

    def __init__(self, url: str, session: aiohttp.ClientSession) -> None:
        self.url = url
        self._session = session

    async def ask(self, path: str, method: str = "GET", **headers: str) -> Reply:
        """One request. Headers are written with underscores; none is sent unasked but Host."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        async with self._session.request(method, self.url + path, headers=sent) as answer:
            return Reply(answer.status, answer.headers, await answer.read())


@asynccontextmanager
async def browsing(daemon: StandingDaemon, limits: Limits | None = None) -> AsyncIterator[Browser]:
    """Serve `daemon` for as long as the context is open."""
    async with (
        listen(application(daemon), ["127.0.0.1:0"], limits) as urls,
        aiohttp.ClientSession(
            auto_decompress=False, skip_auto_headers=["Accept", "Accept-Encoding", "User-Agent"]
        ) as session,
    ):
        yield Browser(urls[0], session)
