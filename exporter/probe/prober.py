"""One target, one connection, one result: resolve, wait for a place, hold the session, and say how it went.

Nothing is raised for what a server or a network did; an exception of our own becomes the outcome `internal_error` and
is logged with its traceback. A second connection is made in one case only, and at most once a day for a target: a port
that should speak first and is silent is asked whether it waits for TLS.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache

from exporter.probe.record import Record
from exporter.probe.seams import Hold, Resolver
from exporter.probe.session import Means, Session
from exporter.results import Outcome, Phase, ProbeResult, Resolution
from exporter.targets import IpFamily, Service, Target, TargetKey, TlsMode, Variant

_logger = logging.getLogger(__name__)

# A silent port costs a server two sessions when it is asked for TLS as well: once a day is what an administrator needs.
_ASK_FOR_TLS_SECONDS = 86400.0


class Prober:
    """Probes targets, any number at a time; a `ProbeFunction`."""

    def __init__(self, resolver: Resolver, means: Means, wall: Callable[[], float] = time.time) -> None:
        """`wall` is the clock of `ProbeResult.started`; durations are the event loop's and the kernel's."""
        self._resolver = resolver
        self._means = means
        self._wall = wall
        # When a silent port was last asked for TLS, on the loop's clock, and whether it spoke it: until it greets.
        self._asked: dict[TargetKey, tuple[float, bool]] = {}

    async def __call__(self, target: Target, hold: Hold) -> ProbeResult:
        """Probe `target` once; the session begins when `hold` lets it in."""
        record = Record(target, self._wall())
        try:
            await self._probe(record, hold)
        # The one broad handler of the package: a fault of ours must not end the probes of other hosts.
        except Exception as error:
            _logger.exception("probe of %s port %d failed by a fault of mailprobe", target.host, target.service.port)
            record.outcome, record.failed_in = Outcome.INTERNAL_ERROR, record.phase
            record.detail = f"{type(error).__name__}: {error}"
        return record.result()

    async def _probe(self, record: Record, hold: Hold) -> None:
        target = record.target
        resolution = await self._resolver.resolve(target.host, _families(target.ip_families))
        record.resolution = resolution
        record.duration = resolution.duration
        addresses = resolution.addresses(target.ip_family)
        if not addresses and not _left_dns(resolution, target):
            record.fail(_lookup_failure(resolution, target), resolution.detail)
            return
        record.took(Phase.RESOLVE, resolution.duration)
        address = target.address or addresses[0]
        async with hold(target.host, address):
            record.started = self._wall()
            await Session(self._means, record, address, _left(record)).run()
        if target.variant is not Variant.DEFAULT:
            # A variant is one session: what a silent port is about, the ordinary probe finds out.
            return
        if record.outcome is Outcome.GREETING_TIMEOUT and record.failed_in is Phase.GREETING_FIRST_BYTE:
            await self._ask_for_tls(record, hold, address)
        elif self._asked and target.key in self._asked:
            # What was believed is no longer so; but it is not asked again before its day is over.
            self._asked[target.key] = (self._asked[target.key][0], False)

    async def _ask_for_tls(self, record: Record, hold: Hold, address: str) -> None:
        """Tell a dead service from one that waits for TLS, which a plain session cannot."""
        target = record.target
        now = asyncio.get_running_loop().time()
        asked = self._asked.get(target.key)
        if asked is None or now - asked[0] >= _ASK_FOR_TLS_SECONDS:
            if target.service.tls is TlsMode.IMPLICIT or _left(record) <= 0:
                return
            asked = (now, await self._speaks_tls(record, hold, address))
            # Addresses come and go for as long as the daemon lives, and whoever was asked a day ago is asked anew.
            self._asked = {key: kept for key, kept in self._asked.items() if now - kept[0] < _ASK_FOR_TLS_SECONDS}
            self._asked[target.key] = asked
        if asked[1]:
            record.outcome = Outcome.TLS_ON_PLAIN_PORT
            record.detail = "silent until asked for TLS: this port expects TLS from the first byte"

    async def _speaks_tls(self, record: Record, hold: Hold, address: str) -> bool:
        target = record.target
        service = Service(target.service.port, target.service.protocol, TlsMode.IMPLICIT)
        second = Record(replace(target, service=service), record.started)
        # A session like any other to the server, so it waits for its turn like any other.
        async with hold(target.host, address):
            await Session(self._means, second, address, _left(record)).run()
        return second.tls is not None


def _left(record: Record) -> float:
    """Seconds of the total limit that are not used up yet."""
    return record.target.timeouts.total - record.duration


def _left_dns(resolution: Resolution, target: Target) -> bool:
    """The target's own address was the last of its family, and DNS names it no more: it is probed on like any other
    that left, unless the family's having none is the failure."""
    answered = resolution.outcome is Outcome.OK and target.ip_family not in resolution.failed
    return answered and bool(target.address) and not target.family_required


def _lookup_failure(resolution: Resolution, target: Target) -> Outcome:
    if resolution.outcome is Outcome.LOCAL_ERROR:
        return Outcome.LOCAL_ERROR
    if target.ip_family in resolution.failed:
        return Outcome.DNS_ERROR
    if resolution.outcome is Outcome.OK:
        return Outcome.DNS_NO_ADDRESS
    return resolution.outcome


# One set for all targets with the same families: those who keep answers keep it with every name.
@lru_cache(maxsize=8)
def _families(families: tuple[IpFamily, ...]) -> frozenset[IpFamily]:
    return frozenset(families)
