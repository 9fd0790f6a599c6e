"""The guard before all pages: asks for a password where the web file names users, and adds its headers.

Health and readiness may be left open for those who only look whether the process lives. Over TLS a client's
certificate is asked for before any path is known, and so for these as well.
"""

from collections.abc import Collection
from http import HTTPStatus

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler, Middleware

from exporter.web.access import Access
from exporter.web.password import Passwords, credentials

HEALTH_PATHS = frozenset({"/-/healthy", "/-/ready"})

# RFC 7617 §2 and §2.1: a realm is required, and names and passwords are UTF-8 here.
_CHALLENGE = 'Basic realm="mailprobe", charset="UTF-8"'


def guard(app: web.Application, access: Access, open_paths: Collection[str] = ()) -> None:
    """Let only those into `app` whom `access` lets in, and everybody at `open_paths`; unknown paths ask as well."""
    app.middlewares.append(_passwords(access, frozenset(open_paths)))


def send_headers(app: web.Application, access: Access) -> None:
    """Send the headers of the web file with every answer of `app`; they replace those that it has of its own."""

    async def add(_request: web.Request, response: web.StreamResponse) -> None:
        response.headers.update(access.rules.headers)

    app.on_response_prepare.append(add)


def _passwords(access: Access, open_paths: Collection[str]) -> Middleware:
    passwords = Passwords()

    @web.middleware
    async def ask(request: web.Request, handler: Handler) -> web.StreamResponse:
        users = access.rules.users
        # As it was sent, which is what the router compares too.
        if users and request.rel_url.raw_path not in open_paths:
            sent = credentials(request.headers.get(hdrs.AUTHORIZATION))
            if sent is None or not await passwords.right(sent, users):
                return web.Response(
                    status=HTTPStatus.UNAUTHORIZED,
                    text="401: a user name and a password are needed\n",
                    headers={hdrs.WWW_AUTHENTICATE: _CHALLENGE},
                )
        return await handler(request)

    return ask
