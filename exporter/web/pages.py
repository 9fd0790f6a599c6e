"""The paths that people look at: the status page, the certificates, one host, and what these pages need.

Only read, and only by GET and HEAD. What a page says is `page`'s; this is about questions, reuse and answers.
"""

from collections.abc import Callable
from dataclasses import replace

from aiohttp import hdrs, web

from exporter.metrics.negotiation import accepts_gzip
from exporter.web.asset import ASSETS
from exporter.web.events import Pace, Streams
from exporter.web.page import Snapshot, render_certificates, render_host, render_status
from exporter.web.question import Question, QuestionError, parse_question
from exporter.web.rendering import Page, Renderings
from exporter.web.view import DaemonView

# The address of such a file changes with its text, so a copy may be kept for as long as a browser likes.
_KEPT = "public, max-age=31536000, immutable"


def add_pages(app: web.Application, daemon: DaemonView, pace: Pace | None = None) -> None:
    """Answer the pages out of `daemon`; `pace` bounds the streams of changes."""
    pages, streams = _Pages(daemon), Streams(daemon.changes, pace)
    # `add_get` answers HEAD as well.
    app.router.add_get("/", pages.status)
    app.router.add_get("/certificates", pages.certificates)
    app.router.add_get("/host/{host}", pages.host)
    app.router.add_get("/events", streams.serve)
    for name in ASSETS:
        app.router.add_get(f"/static/{name}", _asset)
    app.on_shutdown.append(streams.close)


class _Pages:
    """One method for each page."""

    def __init__(self, daemon: DaemonView) -> None:
        self._daemon = daemon
        self._renderings = Renderings(self._snapshot)

    async def status(self, request: web.Request) -> web.Response:
        """Everything, or what `state`, `q` and `page` ask for."""
        return await self._answer(request, "status", render_status)

    async def certificates(self, request: web.Request) -> web.Response:
        """Every certificate by its end."""
        return await self._answer(request, "certificates", render_certificates)

    async def host(self, request: web.Request) -> web.Response:
        """One host, by its name as it is written in the configuration."""
        host = request.match_info["host"]
        return await self._answer(request, f"host {host}", lambda snapshot: render_host(snapshot, host))

    def _snapshot(self) -> Snapshot:
        daemon = self._daemon
        return Snapshot(
            version=daemon.version,
            now=daemon.now(),
            states=tuple(daemon.states()),
            progress=daemon.ready(),
            hosts=daemon.hosts(),
            vantages=daemon.vantages(),
            mark=daemon.changes.mark,
        )

    async def _answer(self, request: web.Request, name: str, render: Callable[[Snapshot], str | None]) -> web.Response:
        question = _question(request)
        page = await self._renderings.page(
            (name, question), lambda snapshot: render(replace(snapshot, question=question))
        )
        if page is None:
            raise web.HTTPNotFound
        return _html(request, page)


def _question(request: web.Request) -> Question:
    try:
        return parse_question(request.query.items())
    except QuestionError as error:
        raise web.HTTPBadRequest(text=f"400: {error}\n") from None


def _html(request: web.Request, page: Page) -> web.Response:
    wanted = ", ".join(request.headers.getall(hdrs.ACCEPT_ENCODING, ()))
    rendered = page.gzip if accepts_gzip(wanted) else page.plain
    response = web.Response(body=rendered.body, content_type=rendered.content_type, charset="utf-8")
    response.headers[hdrs.VARY] = "Accept-Encoding"
    if rendered.content_encoding is not None:
        response.headers[hdrs.CONTENT_ENCODING] = rendered.content_encoding
    return response


async def _asset(request: web.Request) -> web.Response:
    asset = ASSETS[request.path.rpartition("/")[2]]
    # Another digest is that of another version, behind a proxy perhaps: what its page gets from here must not stay.
    headers = {hdrs.CACHE_CONTROL: _KEPT} if request.query.get("v") == asset.digest else {}
    return web.Response(text=asset.text, content_type=asset.content_type, headers=headers)
