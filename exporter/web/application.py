"""Paths and what they answer: `/metrics`, `/probe`, the pages, the configuration, health, readiness, reload.

Unknown paths are 404 and wrong methods 405, in plain text. Only `/probe` probes, and only a reload changes anything.
"""

import asyncio
from http import HTTPStatus

from aiohttp import hdrs, web

from exporter.metrics.negotiation import accepts_gzip
from exporter.web.api import add_api
from exporter.web.headers import harden
from exporter.web.pages import add_pages
from exporter.web.probe import add_probe
from exporter.web.probing import Probes
from exporter.web.scrape import Scrapes
from exporter.web.turnstile import ASKED, Turnstile, one_by_one
from exporter.web.view import DaemonView


def application(daemon: DaemonView, probes: Probes | None = None) -> web.Application:
    """All paths, answered out of `daemon`; `/probe` by `probes`, and not at all without. `listen` serves it."""
    endpoints = _Endpoints(daemon)
    app = web.Application(middlewares=[one_by_one(Turnstile())])
    app.on_response_prepare.append(_harden)
    add_pages(app, daemon)
    # `add_get` answers HEAD as well.
    app.router.add_get("/metrics", endpoints.metrics)
    app.router.add_get("/config", endpoints.config)
    app.router.add_get("/-/healthy", endpoints.healthy)
    app.router.add_get("/-/ready", endpoints.ready)
    # Prometheus takes both methods for the same.
    app.router.add_post("/-/reload", endpoints.reload)
    app.router.add_put("/-/reload", endpoints.reload)
    add_api(app.router, daemon)
    if probes is not None:
        add_probe(app, probes)
    return app


async def _harden(_request: web.Request, response: web.StreamResponse) -> None:
    harden(response.headers)


class _Endpoints:
    """One method for each path."""

    def __init__(self, daemon: DaemonView) -> None:
        self._daemon = daemon
        self._scrapes = Scrapes(daemon.metrics)
        self._reloading = asyncio.Lock()

    async def metrics(self, request: web.Request) -> web.Response:
        """All samples, in the format and the encoding that the client wants."""
        gzip = accepts_gzip(_joined(request, hdrs.ACCEPT_ENCODING))
        rendered = await self._scrapes.answer(_joined(request, hdrs.ACCEPT), gzip=gzip, asked=request[ASKED])
        headers = {hdrs.CONTENT_TYPE: rendered.content_type, hdrs.VARY: "Accept, Accept-Encoding"}
        if rendered.content_encoding is not None:
            headers[hdrs.CONTENT_ENCODING] = rendered.content_encoding
        return web.Response(body=rendered.body, headers=headers)

    async def config(self, _request: web.Request) -> web.Response:
        """The configuration in force."""
        return web.Response(text=self._daemon.config_text())

    async def healthy(self, _request: web.Request) -> web.Response:
        """The process works; what it finds at the mail servers does not matter here."""
        return web.Response(text="mailprobe is healthy\n")

    async def ready(self, _request: web.Request) -> web.Response:
        """The first round is over, so every target has its samples."""
        done, total = self._daemon.ready()
        if done >= total:
            return web.Response(text="mailprobe is ready\n")
        text = f"first round: {done} of {total} targets probed, {total - done} still to be probed\n"
        return web.Response(status=HTTPStatus.SERVICE_UNAVAILABLE, text=text)

    async def reload(self, _request: web.Request) -> web.Response:
        """Read the configuration again. A second request waits, and then reads what may have been written meanwhile."""
        async with self._reloading:
            faults = await self._daemon.reload()
        if faults is None:
            return web.Response(text="configuration reloaded\n")
        text = f"configuration not reloaded, the previous one stays in force:\n{faults.rstrip()}\n"
        return web.Response(status=HTTPStatus.INTERNAL_SERVER_ERROR, text=text)


def _joined(request: web.Request, name: str) -> str:
    """A header that may come in several lines, as the one list that they mean; empty where there is none."""
    # RFC 9110 §5.3: lines of the same name are one list, joined by commas in their order.
    return ", ".join(request.headers.getall(name, ()))
