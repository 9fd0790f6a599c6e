"""Targets and their history as JSON: `/api/v1/targets`, and one port of a host below it.

Only what is there is read. The keys are those of `document` and written down in `deploy/api.md`. Whatever is wrong with
a request under `/api/` is said in JSON as well: `{"error": …}`. Links are relative, for the sake of reverse proxies.
"""

import asyncio
import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final, TypeVar
from urllib.parse import urlencode

from aiohttp import hdrs, web

from exporter.judgement.vantage import Vantage
from exporter.metrics.state import HostState, TargetState
from exporter.web.document import Document, details, host_document, summary, vantage_document
from exporter.web.standing import Standing, standing
from exporter.web.view import DaemonView

# Targets of one answer. A hundred are some 50 KiB. A thousand are half a megabyte, whose encoding takes some 6 ms and
# cannot be interrupted: longer than that no probe should wait.
_LIMIT: Final = 100
_MOST: Final = 1000

_PARAMETERS: Final = ("host", "state", "limit", "offset")

# No list is longer.
_FURTHEST: Final = 10**9

# As many digits as that one has.
_NUMBER: Final = re.compile(r"[0-9]{1,10}", re.ASCII)

_Answer = TypeVar("_Answer")

_NOT_ASCII: Final = re.compile(r"[^\x00-\x7f]")


class QueryError(Exception):
    """A question that cannot be understood; the text is for the person who wrote it."""


@dataclass(frozen=True, slots=True)
class Query:
    """Which targets are asked for, and which stretch of the list of them. `hosts` in lower case; empty: all of them."""

    hosts: frozenset[str] = frozenset()
    states: frozenset[Standing] = frozenset()
    limit: int = _LIMIT
    offset: int = 0

    def after(self) -> str:
        """The next stretch, as a relative link."""
        pairs = [("host", host) for host in sorted(self.hosts)]
        pairs += [("state", state) for state in sorted(self.states)]
        return "?" + urlencode([*pairs, ("limit", self.limit), ("offset", self.offset + self.limit)])


def parse_query(pairs: Iterable[tuple[str, str]]) -> Query:
    """Read the parameters of the list; `host` and `state` may come more than once. Raises `QueryError`."""
    given: dict[str, list[str]] = {}
    for name, value in pairs:
        if name not in _PARAMETERS:
            raise QueryError(f"unknown parameter, known are {', '.join(_PARAMETERS)}")
        given.setdefault(name, []).append(value)
    states = given.get("state", [])
    if not set(states) <= set(Standing):
        raise QueryError(f"unknown state, known are {', '.join(Standing)}")
    return Query(
        frozenset(host.lower() for host in given.get("host", [])),
        frozenset(Standing(state) for state in states),
        _number(given, "limit", _LIMIT, least=1, most=_MOST),
        _number(given, "offset", 0, least=0, most=_FURTHEST),
    )


def add_api(router: web.UrlDispatcher, daemon: DaemonView) -> None:
    """Answer everything under `/api/` out of `daemon`."""
    endpoints = _Endpoints(daemon)
    for path, handler in (("/api/v1/targets", endpoints.targets), ("/api/v1/targets/{host}/{port}", endpoints.target)):
        resource = router.add_resource(path)
        resource.add_route(hdrs.METH_GET, handler)
        resource.add_route(hdrs.METH_HEAD, handler)
        resource.add_route(hdrs.METH_ANY, _only_read)
    router.add_route(hdrs.METH_ANY, "/api/{path:.*}", _unknown_path)


class _Endpoints:
    """One method for each path."""

    def __init__(self, daemon: DaemonView) -> None:
        self._daemon = daemon
        self._rendering = asyncio.Lock()

    async def targets(self, request: web.Request) -> web.Response:
        """The list, or a stretch of it."""
        try:
            query = parse_query(request.query.items())
        except QueryError as error:
            return _refused(HTTPStatus.BAD_REQUEST, str(error))
        snapshot = self._snapshot()
        body = await self._off_the_loop(lambda: encoded(_listed(query, snapshot)))
        return _json(HTTPStatus.OK, body)

    async def target(self, request: web.Request) -> web.Response:
        """One port of a host, over every family and at every address that is probed."""
        host, port = request.match_info["host"], request.match_info["port"]
        snapshot = self._snapshot()
        body = await self._off_the_loop(lambda: _one_port(host, port, snapshot))
        if body is None:
            return _refused(HTTPStatus.NOT_FOUND, f"no target is configured on port {port} of {host}")
        return _json(HTTPStatus.OK, body)

    def _snapshot(self) -> "_Snapshot":
        daemon = self._daemon
        return _Snapshot(daemon.now(), tuple(daemon.states()), daemon.hosts(), daemon.vantages())

    async def _off_the_loop(self, render: Callable[[], _Answer]) -> _Answer:
        # Thousands of targets take longer than the loop may stand still; one answer at a time, so that many readers
        # cannot take every thread and the processor with it.
        async with self._rendering:
            return await asyncio.to_thread(render)


@dataclass(frozen=True, slots=True)
class _Snapshot:
    """Everything that answers are made of, taken at one moment; `now` in Unix seconds."""

    now: float
    states: Sequence[TargetState]
    hosts: Sequence[HostState]
    vantages: Sequence[Vantage]


def encoded(document: Document) -> bytes:
    """As JSON in ASCII: what a server wrote to upset a terminal arrives as an escape, and a lone surrogate, which some
    parsers refuse, as a question mark."""
    text = json.dumps(document, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    clean = text.encode("utf-8", "replace").decode()
    return _NOT_ASCII.sub(lambda char: json.dumps(char[0])[1:-1], clean).encode("ascii") + b"\n"


def _listed(query: Query, snapshot: _Snapshot) -> Document:
    """The counts are those of the hosts that are asked for, in all states: what another `state` would bring."""
    of_hosts = [
        (state, standing(state))
        for state in snapshot.states
        if not query.hosts or state.target.host.lower() in query.hosts
    ]
    tally = Counter(which for _, which in of_hosts)
    found = [pair for pair in of_hosts if not query.states or pair[1] in query.states]
    end = query.offset + query.limit
    return {
        "now": snapshot.now,
        "counts": {which.value: tally[which] for which in Standing},
        "total": len(found),
        "limit": query.limit,
        "offset": query.offset,
        "next": query.after() if end < len(found) else None,
        "targets": [summary(state, which) for state, which in found[query.offset : end]],
    }


def _one_port(host: str, port: str, snapshot: _Snapshot) -> bytes | None:
    """Every target of the port; `None` where none is configured."""
    wanted = host.lower()
    states = [
        state
        for state in snapshot.states
        if state.target.host.lower() == wanted and str(state.target.service.port) == port
    ]
    if not states:
        return None
    first = states[0].target
    of_host = next((one for one in snapshot.hosts if one.host == first.host), None)
    return encoded(
        {
            "now": snapshot.now,
            "host": first.host,
            "port": first.service.port,
            "shared": host_document(of_host) if of_host is not None else None,
            "vantages": [vantage_document(one) for one in snapshot.vantages if one.port == first.service.port],
            "targets": [details(state, standing(state)) for state in states],
        }
    )


def _number(given: Mapping[str, Sequence[str]], name: str, usual: int, *, least: int, most: int) -> int:
    match given.get(name, []):
        case []:
            return usual
        case [text] if _NUMBER.fullmatch(text) and least <= int(text) <= most:
            return int(text)
    raise QueryError(f"{name} must be one number from {least} to {most}")


async def _unknown_path(_request: web.Request) -> web.Response:
    return _refused(HTTPStatus.NOT_FOUND, "unknown path, known are /api/v1/targets and /api/v1/targets/HOST/PORT")


async def _only_read(_request: web.Request) -> web.Response:
    response = _refused(HTTPStatus.METHOD_NOT_ALLOWED, "this can only be read")
    # RFC 9110 §15.5.6: such an answer names the methods that are allowed.
    response.headers[hdrs.ALLOW] = "GET,HEAD"
    return response


def _refused(status: HTTPStatus, reason: str) -> web.Response:
    return _json(status, encoded({"error": reason}))


def _json(status: HTTPStatus, body: bytes) -> web.Response:
    return web.Response(status=status, body=body, content_type="application/json")
