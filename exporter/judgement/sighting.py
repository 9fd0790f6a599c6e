"""Which certificates a port showed of late, and whether one of them is older than what its group shows by now.

A renewal reaches a server's ports one by one: Postfix hands out the old and the new certificate by turns while its
workers recycle, Dovecot the old one until it is reloaded. So what counts is not the last probe but everything that was
seen within a window, and an old certificate counts until it has not been seen for that long.

Pure: the time is passed in. Only ends of certificates of one key type are compared, since a server with two kinds
renews each in its own time. Whether a certificate holds is none of its business.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final

from exporter.results import CertificateFacts

# Seconds for which a certificate that was seen counts. At the longest usual interval, port 25's 300 s, that is twelve
# probes: where one worker in two still has the old certificate, one time in 4096 none of them meets it.
WINDOW: Final = 3600.0
# Where probes are rarer than that, two of them must fit, or what is served by turns would be seen one at a time.
_WINDOW_INTERVALS: Final = 2.0

# Seconds. Certificates that are renewed for several ports at the same time, each by its own order, end hours apart at
# most; those of two renewals end days apart, even where one lives for six days (`judgement.lifetime`).
STALE_BY: Final = 86400.0


@dataclass(frozen=True, slots=True)
class Sighting:
    """One certificate that a port showed; instants are Unix seconds, and `None` is what a malformed one did not yield.

    seen   when the last probe that was shown it began
    """

    fingerprint_sha256: str
    key_type: str | None
    not_after: float | None
    seen: float


@dataclass(frozen=True, slots=True)
class Sightings:
    """The different certificates that one port showed within the window, the one seen last at the end.

    A server that makes a new certificate for every session fills it with one for each probe and no more: 360, at the
    shortest interval of 10 s.
    """

    seen: tuple[Sighting, ...] = ()

    def after(self, leaf: CertificateFacts | None, now: float, interval: float) -> "Sightings":
        """With one more probe, at `now`, that was shown `leaf`, or nothing; `interval` is that between two probes."""
        # Nearly always there is one certificate, and the same as before.
        if leaf is not None and len(self.seen) == 1 and self.seen[0].fingerprint_sha256 == leaf.fingerprint_sha256:
            return Sightings((Sighting(leaf.fingerprint_sha256, leaf.key_type, leaf.not_after, now),))
        window = max(WINDOW, _WINDOW_INTERVALS * interval)
        shown = leaf.fingerprint_sha256 if leaf is not None else None
        # A clock that was set back does not make what was seen before last any longer than anything else.
        earlier = (replace(one, seen=min(one.seen, now)) for one in self.seen if one.fingerprint_sha256 != shown)
        kept = tuple(one for one in earlier if now - one.seen <= window)
        if leaf is None:
            return Sightings(kept)
        return Sightings((*kept, Sighting(leaf.fingerprint_sha256, leaf.key_type, leaf.not_after, now)))

    def repeats(self, last: "Sightings") -> bool:
        """Whether these are the certificates of `last`, in whatever time they were seen."""
        if len(self.seen) != len(last.seen):
            return False
        pairs = zip(self.seen, last.seen, strict=True)
        return all(one.fingerprint_sha256 == other.fingerprint_sha256 for one, other in pairs)

    @property
    def different(self) -> int:
        """How many different certificates were seen."""
        return len(self.seen)

    @property
    def earliest(self) -> float | None:
        """The earliest end among them, in Unix seconds; `None` where no end is known."""
        return min((one.not_after for one in self.seen if one.not_after is not None), default=None)


def ends(sightings: Sightings, also: Iterable[CertificateFacts] = ()) -> Mapping[str, tuple[float, float]]:
    """The earliest and the newest end for each key type, in Unix seconds, of what one port showed.

    `also`: the certificates that it showed to clients of another kind. One without a known key type or end is left out.
    """
    found: dict[str, tuple[float, float]] = {}
    for key_type, end in _known((*sightings.seen, *also)):
        earliest, newest_end = found.get(key_type, (end, end))
        found[key_type] = (min(earliest, end), max(newest_end, end))
    return found


def newest(members: Iterable[Mapping[str, tuple[float, float]]]) -> Mapping[str, float]:
    """The newest end for each key type, in Unix seconds, of a whole group, each member as `ends` tells it."""
    found: dict[str, float] = {}
    for member in members:
        for key_type, (_, end) in member.items():
            found[key_type] = max(found.get(key_type, end), end)
    return found


def stale(own: Mapping[str, tuple[float, float]], newest: Mapping[str, float]) -> bool | None:
    """Whether a port shows a certificate that ends `STALE_BY` or more before the newest one of its type in its group.

    `None` where nothing can be compared.
    """
    gaps = [newest[key_type] - earliest for key_type, (earliest, _) in own.items() if key_type in newest]
    return any(gap >= STALE_BY for gap in gaps) if gaps else None


def _known(certificates: Iterable[Sighting | CertificateFacts]) -> Iterator[tuple[str, float]]:
    """Key type and end of those of which both are known."""
    for one in certificates:
        if one.key_type is not None and one.not_after is not None:
            yield one.key_type, one.not_after
