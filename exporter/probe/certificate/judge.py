"""The verdict on a chain: path, name and dates, each with its reasons, remembered until a date in it passes.

What is left to judge after a handshake is a function of the chain, the name, the roots and the time; so the verdict
is kept by the first three, with the facts, and made anew when the next date of any certificate involved is crossed.
"""

import hashlib
import math
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from exporter.probe.certificate.facts import Reader, Reading
from exporter.probe.certificate.names import name_fault
from exporter.probe.certificate.trust import PathToRoot, TrustStores
from exporter.results import CertificateFacts, CertificateFault, CertificateVerdict


@dataclass(frozen=True, slots=True)
class _Examination:
    """What one chain is and is worth, from the instant `made` to the first date after it, in Unix seconds."""

    digest: bytes
    facts: tuple[CertificateFacts, ...]
    verdict: CertificateVerdict
    made: float
    valid_until: float


class CertificateJudge:
    """Examines what servers sent. One for the whole process; `trust` replaces the roots on a reload."""

    # Names; more than the targets of the largest installation that one process carries. One with its chain is some 500
    # bytes, since a chain is kept as its digest.
    CAPACITY = 65536
    # Chains of a name: nine ports, each with one for either kind of key, at three addresses. A server that shows a new
    # one at every probe pushes out its own.
    CHAINS = 54

    def __init__(self, stores: TrustStores, clock: Callable[[], float] = time.time) -> None:
        self._stores = stores
        self._clock = clock
        self._reader = Reader()
        self._examinations: dict[tuple[str, str | None], tuple[_Examination, ...]] = {}

    def trust(self, stores: TrustStores) -> None:
        """Use other roots from now on; every verdict is made anew.

        A session that began before may still ask for a file that the new configuration does not name.
        """
        self._stores = stores.over(self._stores)
        self._examinations.clear()

    def examine(
        self, chain: tuple[bytes, ...], reference: str, ca_file: str | None
    ) -> tuple[tuple[CertificateFacts, ...], CertificateVerdict]:
        """The facts of every certificate in `chain` (DER, as sent, not empty) and the verdict for `reference`."""
        now = self._clock()
        digest = _digest(chain)
        known = self._examinations.get((reference, ca_file), ())
        for one in known:
            # Before it was made as well: the clock may have been ahead then.
            if one.digest == digest and one.made <= now <= one.valid_until:
                return one.facts, one.verdict
        made = self._examined(digest, chain, reference, ca_file, now)
        if not known and len(self._examinations) >= self.CAPACITY:
            del self._examinations[next(iter(self._examinations))]
        others = [one for one in known if one.digest != digest]
        self._examinations[reference, ca_file] = (*others[-self.CHAINS + 1 :], made)
        return made.facts, made.verdict

    def _examined(
        self, digest: bytes, chain: tuple[bytes, ...], reference: str, ca_file: str | None, now: float
    ) -> _Examination:
        readings = [self._reader.read(der, position) for position, der in enumerate(chain)]
        path = self._stores[ca_file].path(chain, now)
        on_path = [self._reader.read(der) for der in path.certificates]
        return _Examination(
            digest,
            facts=tuple(reading.facts for reading in readings),
            verdict=_verdict(readings, path, on_path, reference, now),
            made=now,
            valid_until=_next_edge((*readings, *on_path), now),
        )


def _verdict(
    readings: list[Reading], path: PathToRoot, on_path: list[Reading], reference: str, now: float
) -> CertificateVerdict:
    leaf = readings[0]
    chain_faults = list(_chain_faults(leaf, path, on_path))
    name = name_fault(leaf, reference) if leaf.well_formed else CertificateFault.MALFORMED
    # Without a path only the server's own dates are certain to matter: a chain may carry an old cross-signature.
    date_faults = list(dict.fromkeys(_date_faults(on_path or [leaf], path, now)))
    ends = [reading.facts.not_after for reading in on_path if reading.facts.not_after is not None]
    faults = [*chain_faults, *([name] if name else []), *date_faults]
    return CertificateVerdict(
        chain_valid=not chain_faults,
        name_valid=name is None,
        dates_valid=not date_faults,
        faults=tuple(dict.fromkeys(faults)),
        chain_not_after=min(ends) if ends else None,
    )


def _chain_faults(leaf: Reading, path: PathToRoot, on_path: list[Reading]) -> Iterator[CertificateFault]:
    if path.chain_fault is not None:
        yield path.chain_fault
    judged = on_path or [leaf]
    if not all(reading.server_purpose for reading in judged):
        yield CertificateFault.WRONG_PURPOSE
    if any(reading.weak_key for reading in judged):
        yield CertificateFault.WEAK_KEY
    # A root is trusted for being listed; its own signature proves nothing.
    if any(reading.weak_signature for reading in (on_path[:-1] or [leaf])):
        yield CertificateFault.WEAK_SIGNATURE


def _date_faults(readings: Iterable[Reading], path: PathToRoot, now: float) -> Iterator[CertificateFault]:
    if path.date_fault is not None:
        yield path.date_fault
    for reading in readings:
        facts = reading.facts
        if facts.not_after is not None and now > facts.not_after:
            yield CertificateFault.EXPIRED
        if facts.not_before is not None and now < facts.not_before:
            yield CertificateFault.NOT_YET_VALID


def _next_edge(readings: Iterable[Reading], now: float) -> float:
    dates = (date for reading in readings for date in (reading.facts.not_before, reading.facts.not_after))
    return min((date for date in dates if date is not None and date >= now), default=math.inf)


def _digest(chain: tuple[bytes, ...]) -> bytes:
    digest = hashlib.sha256()
    for der in chain:
        digest.update(len(der).to_bytes(4, "big"))
        digest.update(der)
    return digest.digest()
