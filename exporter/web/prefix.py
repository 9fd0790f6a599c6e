"""Behind a reverse proxy: the path under which everything is served.

`--web.external-url` says how people reach the exporter and `--web.route-prefix` which path arrives here; without the
second it is the path of the first. The links of the pages are relative, so nothing else has to know.
"""

import re
from typing import NoReturn
from urllib.parse import urlsplit

from aiohttp import web

from exporter.web.headers import harden

# Characters that a path needs no escapes for (RFC 3986 §3.3), less those that have a meaning to the router.
_PATH = re.compile(r"(?:/[A-Za-z0-9._~@:+-]+)*", re.ASCII)


class PrefixError(Exception):
    """A URL or a path that cannot be understood; the text is for the person who wrote it."""


def parse_prefix(text: str) -> str:
    """The path of `--web.route-prefix` without a slash at its end; empty for `/`. Raises `PrefixError`."""
    path = text.rstrip("/")
    if text and not text.startswith("/"):
        raise PrefixError(f'"{text}" must begin with a slash')
    if _PATH.fullmatch(path) is None or any(part in {".", ".."} for part in path.split("/")):
        raise PrefixError(f'"{text}" must be a plain path, as in /mailprobe')
    return path


def parse_external_url(text: str) -> str:
    """The path of `--web.external-url`, as `parse_prefix` gives it. Raises `PrefixError`."""

    def refuse() -> NoReturn:
        raise PrefixError(f'"{text}" must be a URL, as in https://monitor.example.org/mailprobe')

    try:
        url = urlsplit(text)
        # Reading it is what checks the port.
        whole = url.scheme in {"http", "https"} and url.hostname is not None and url.port != 0
    except ValueError:
        refuse()
    if not whole or url.query or url.fragment or "@" in url.netloc:
        refuse()
    return parse_prefix(url.path)


def mounted(app: web.Application, prefix: str) -> web.Application:
    """`app` under `prefix`, and nothing else but the way to it; `app` itself where the prefix is empty."""
    if not prefix:
        return app

    async def show_the_way(_request: web.Request) -> web.StreamResponse:
        # With the slash: relative links start from the folder that it makes.
        raise web.HTTPTemporaryRedirect(f"{prefix}/")

    async def harden_all(_request: web.Request, response: web.StreamResponse) -> None:
        harden(response.headers)

    outer = web.Application()
    outer.on_response_prepare.append(harden_all)
    outer.router.add_get("/", show_the_way)
    outer.router.add_get(prefix, show_the_way)
    outer.add_subapp(prefix, app)
    return outer
