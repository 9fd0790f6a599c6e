"""Ports whose certificates are renewed together, and which of them shows an older one than the others by now.

A group may have thousands of members, and each result may change what its member shows. So what the group shows is
counted and not searched, and the members are only gone through when the newest of all certificates is another one.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from exporter.judgement.sighting import Sightings, ends, stale
from exporter.metrics.entry import Entry
from exporter.metrics.state import TargetState
from exporter.results import CertificateFacts
from exporter.targets import Variant

# By key type, the earliest and the newest end of the certificates that one member shows, in Unix seconds.
Shown = Mapping[str, tuple[float, float]]

# Without a server name it may be anybody's certificate, and one that was never meant to be renewed with the others.
_BY_KEY_TYPE = (Variant.RSA, Variant.ECDSA)


@dataclass(slots=True)
class _End:
    """When an end came up, in Unix seconds, and how many members show it as their newest."""

    since: float
    members: int = 0


class CertificateGroup:
    """What the members of one group show."""

    # Nearly every host is a group, and a mapping more takes a quarter of a kibibyte for each.
    __slots__ = ("_ends", "_newest", "_shown")

    def __init__(self) -> None:
        self._shown: dict[Entry, Shown] = {}
        # By key type and end. One that a member takes along when it leaves is kept until `settle`: a reload has members
        # leave that are back at once, and what they show is no newer for that.
        self._ends: dict[tuple[str, float], _End] = {}
        self._newest: dict[str, float] = {}

    @property
    def members(self) -> Iterator[Entry]:
        """Those that show anything."""
        return iter(self._shown)

    def note(self, member: Entry, now: float, *, again: bool = False) -> tuple[bool, bool]:
        """Take in what `member` shows since its last probe, at `now` (Unix seconds); `again`: what it showed before.

        Hands back whether that may make it stale, or not any more, and whether the newest end of all is another one
        now.
        """
        before = self._shown.get(member, {})
        shown = before if again else ends(member.state.sightings, _other_leaves(member.state))
        if shown == before:
            # An old one that is seen once more may have become news.
            return stale(shown, self._newest) is True, False
        if shown:
            self._shown[member] = shown
        else:
            del self._shown[member]
        changed = self._recount(before, shown, now)
        for shown_before in _newest_ends(before):
            if not self._ends[shown_before].members:
                del self._ends[shown_before]
        return True, changed

    def leave(self, member: Entry, now: float) -> bool:
        """Forget a member; true if the newest end is another one now."""
        return self._recount(self._shown.pop(member, {}), {}, now)

    def settle(self) -> None:
        """All that left to come back are back: forget what those that did not have shown."""
        self._ends = {known: end for known, end in self._ends.items() if end.members}

    def stale(self, member: Entry) -> bool | None:
        """Whether a member shows an older certificate than the group; `None` where nothing can be compared.

        What it showed before the newest certificate of its key type came up is no news: a port that shows the old one
        and next time the new one was renewed, and only one that shows the old one again was not. Other handshakes are
        made once a day, and count again from their next look on.
        """
        if member not in self._shown:
            return None
        state = member.state
        sightings = tuple(one for one in state.sightings.seen if self._is_news(one.key_type, one.seen))
        leaves = tuple(leaf for observed, leaf in _others(state) if self._is_news(leaf.key_type, observed))
        return stale(ends(Sightings(sightings), leaves), self._newest) or False

    def _is_news(self, key_type: str | None, seen: float) -> bool:
        return key_type in self._newest and seen >= self._ends[key_type, self._newest[key_type]].since

    def _recount(self, before: Shown, shown: Shown, now: float) -> bool:
        """Count what a member shows in the place of what it showed; true if the newest end is another one now."""
        for each in _newest_ends(shown):
            self._ends.setdefault(each, _End(now)).members += 1
        for each in _newest_ends(before):
            self._ends[each].members -= 1
        outdated = [key_type for key_type in before.keys() | shown.keys() if self._is_outdated(key_type, shown)]
        for key_type in outdated:
            self._renew(key_type)
        return bool(outdated)

    def _is_outdated(self, key_type: str, shown: Shown) -> bool:
        """Whether another end than the one that is known is the newest, now that a member shows this."""
        newest = self._newest.get(key_type)
        if newest is None or not self._ends[key_type, newest].members:
            return True
        return key_type in shown and shown[key_type][1] > newest

    def _renew(self, key_type: str) -> None:
        newest = max((end for (of, end), known in self._ends.items() if of == key_type and known.members), default=None)
        if newest is None:
            del self._newest[key_type]
        else:
            self._newest[key_type] = newest


def _newest_ends(shown: Shown) -> Iterator[tuple[str, float]]:
    return ((key_type, end) for key_type, (_, end) in shown.items())


def _other_leaves(state: TargetState) -> Iterator[CertificateFacts]:
    return (leaf for _, leaf in _others(state))


def _others(state: TargetState) -> Iterator[tuple[float, CertificateFacts]]:
    """The certificates that handshakes for one key type showed, each with the time of its probe."""
    for seen in state.variants:
        if seen.variant in _BY_KEY_TYPE and seen.certificates:
            yield seen.observed, seen.certificates[0]
