"""`/probe`: Prometheus says what is probed and when, and is answered with the samples of that probe alone.

200 with `mailprobe_success 0` for a server that failed; 400 for a request that nobody can understand, 403 for a target
that nobody has allowed, and 503 where nothing can be said about the server: too many ask, or its turn did not come.
"""

import math
import re
from http import HTTPStatus
from typing import Final

from aiohttp import hdrs, web

from exporter.judgement.expectation import judge
from exporter.metrics.negotiation import accepts_gzip
from exporter.metrics.single import Single, rendered
from exporter.results import Outcome, ProbeResult
from exporter.web.explanation import explained
from exporter.web.inquiry import Directory, InquiryError, NotAllowed, Question, parse_inquiry
from exporter.web.probing import Answer, NoResult, Probes

_HEADER: Final = "X-Prometheus-Scrape-Timeout-Seconds"

# As the blackbox exporter has it: what an answer needs on its way, so that a slow server is told from a slow exporter.
_OFFSET: Final = 0.5

# Prometheus writes up to nine digits behind the point.
_SECONDS: Final = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})?", re.ASCII)

# The longest limit that a configuration can give a probe: nobody waits for a turn longer than that.
_LONGEST: Final = 600.0

# How soon it is worth asking again, in seconds: what a healthy session takes, with the pause after it.
_SOON: Final = "5"


def add_probe(app: web.Application, probes: Probes) -> None:
    """Answer `/probe` by `probes`. Not HEAD: a session for a client that does not want to know would be a waste."""
    app.router.add_get("/probe", _Endpoint(probes).probe, allow_head=False)


class _Endpoint:
    """The one method."""

    def __init__(self, probes: Probes) -> None:
        self._probes = probes
        self._directory = Directory(probes.config)

    async def probe(self, request: web.Request) -> web.Response:
        """One request."""
        try:
            inquiry = parse_inquiry(request.query.items())
            seconds = _limit(request.headers.get(_HEADER))
            question = self._current().question(inquiry)
            answer = await self._answer(question, inquiry.max_age, seconds)
        except InquiryError as error:
            return _refused(HTTPStatus.BAD_REQUEST, str(error))
        except NotAllowed as error:
            return _refused(HTTPStatus.FORBIDDEN, str(error))
        except NoResult as error:
            return _refused(HTTPStatus.SERVICE_UNAVAILABLE, str(error))
        return self._told(answer) if inquiry.debug else self._samples(request, answer)

    def _current(self) -> Directory:
        config = self._probes.config
        if self._directory.config is not config:
            self._directory = Directory(config)
        return self._directory

    async def _answer(self, question: Question, max_age: float | None, seconds: float | None) -> Answer:
        if seconds is None:
            # A person, or a script: as long as the longest probe may take.
            seconds = max(target.timeouts.total for target in question.targets) + _OFFSET
        offset = min(_OFFSET, seconds / 2)
        bound = self._probes.config.probe_max_age
        kept = self._probes.reuse(question, bound if max_age is None else min(max_age, bound), seconds - offset)
        if kept is not None:
            return kept
        return await self._probes.ask(question, seconds - offset, offset / 2)

    def _samples(self, request: web.Request, answer: Answer) -> web.Response:
        config = self._probes.config
        accept = ", ".join(request.headers.getall(hdrs.ACCEPT, ()))
        body = rendered(
            _judged(answer.results), accept, capability_metrics=config.capability_metrics, watch=config.watch
        )
        if accepts_gzip(", ".join(request.headers.getall(hdrs.ACCEPT_ENCODING, ()))):
            body = body.compressed()
        headers = {hdrs.CONTENT_TYPE: body.content_type, hdrs.VARY: "Accept, Accept-Encoding"}
        if body.content_encoding is not None:
            headers[hdrs.CONTENT_ENCODING] = body.content_encoding
        return web.Response(body=body.body, headers=headers)

    def _told(self, answer: Answer) -> web.Response:
        config = self._probes.config
        singles = _judged(answer.results)
        samples = rendered(singles, "", capability_metrics=config.capability_metrics, watch=config.watch)
        return web.Response(text=explained(singles, answer.age, samples.body.decode()))


def _judged(results: tuple[ProbeResult, ...]) -> tuple[Single, ...]:
    return tuple(
        Single(result, judge(result, known_before=False, host_known=_host_known(result))) for result in results
    )


def _host_known(result: ProbeResult) -> bool:
    return result.resolution is not None and result.resolution.outcome is Outcome.OK


def _limit(header: str | None) -> float | None:
    """The scrape timeout in seconds; `None` where none was sent. Raises `InquiryError`."""
    if header is None:
        return None
    seconds = float(header) if _SECONDS.fullmatch(header) else math.nan
    if not seconds > 0:
        raise InquiryError(f"{_HEADER} is no number of seconds above 0")
    return min(seconds, _LONGEST)


def _refused(status: HTTPStatus, reason: str) -> web.Response:
    headers = {hdrs.RETRY_AFTER: _SOON} if status is HTTPStatus.SERVICE_UNAVAILABLE else {}
    return web.Response(status=status, text=f"{status.value}: {reason}\n", headers=headers)
