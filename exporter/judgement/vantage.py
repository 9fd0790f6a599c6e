"""Whether this machine's own network lets it out to a port, so that a server is not blamed for what it did not do.

Many networks block port 25 for their customers. References, hosts that are known to answer, tell it, unless one of the
configured hosts is reached on that port meanwhile: a reference may be down as well. Without them it is inferred from
all configured hosts failing alike. Nothing here tells a block from a fault that all the hosts have in common, such as
one data centre with one firewall: an inferred block says that it was inferred.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from exporter.judgement.reach import Reach
from exporter.results import Outcome
from exporter.targets import IpFamily

# Two hosts may well share a provider, a firewall or a fault; a third one makes chance unlikely.
LEAST_HOSTS: Final = 3

# Seconds from the first loss of a port. It is confirmed a quarter of a minute later and at the next round, on port 25
# after five minutes: a reference that was asked too short a time before one of these is asked at another one.
NEW_LOSS: Final = 600.0


class Basis(StrEnum):
    """What a statement about this machine's network rests on; the values are label values."""

    REFERENCES = "references"
    INFERRED = "inferred"


@dataclass(frozen=True, slots=True)
class Vantage:
    """Whether one port of the world can be reached from here over one address family."""

    port: int
    ip_family: IpFamily
    ok: bool
    basis: Basis

    @property
    def remark(self) -> str:
        """What to tell people; empty while all is well."""
        if self.ok:
            return ""
        how = ", as inferred from all hosts failing alike" if self.basis is Basis.INFERRED else ""
        return f"this network blocks port {self.port} over {self.ip_family}{how}"


def worth_asking(before: Reach, after: Reach) -> bool:
    """Whether the references should be asked soon about a target that was known as `before` and is as `after` now.

    They should where a port that counts was lost of late, or is back. What is lost for good, or closed as it should be,
    is no news, and no reason to trouble somebody else's server again and again.
    """
    if not after.counts:
        return False
    if after.lost_since is None or after.last_lost is None:
        return before.lost
    return after.last_lost != before.last_lost and after.last_lost - after.lost_since < NEW_LOSS


@dataclass(frozen=True, slots=True)
class Side:
    """One target over the family in question."""

    host: str
    port: int
    reach: Reach


def by_references(reached: Sequence[bool | None]) -> bool | None:
    """What the references of one port over one family tell; each was reached, was not, or is not known.

    True where one was reached; False where none was and at least one is known not to have been; `None` otherwise.
    """
    if any(reached):
        return True
    return False if False in reached else None


def refuted(references: Iterable[Reach], own: Iterable[Reach]) -> bool:
    """Whether a configured target shows that it is not this network that keeps the `references` from answering.

    One of `own`, the targets of the same port and family, came through after the newest loss with which a reference
    stopped to answer, and still does. The losses that follow are no news: the reference is probed on while it is down,
    and the answer would turn with every probe of either.
    """
    since = max((one.lost_since for one in references if one.lost_since is not None), default=None)
    if since is None:
        return False
    return any(one.answers and one.last_open is not None and one.last_open > since for one in own)


def inferred(port: int, sides: Sequence[Side]) -> bool | None:
    """What the configured targets of one family tell about `port`.

    True where some host answers there. False where at least `LEAST_HOSTS` hosts count on the port, every one of them
    times out, and at least `LEAST_HOSTS` of them answer on another port meanwhile. `None` otherwise: a refusal comes
    from a host or from a filter near it, and hosts that answer nowhere tell nothing about one port.
    """
    here = [side for side in sides if side.port == port]
    if any(side.reach.answers for side in here):
        return True
    counting = [side for side in here if side.reach.counts]
    if not all(side.reach.outcome is Outcome.CONNECT_TIMEOUT for side in counting):
        return None
    elsewhere: dict[str, list[Reach]] = defaultdict(list)
    for side in sides:
        if side.port != port and side.reach.answers:
            elsewhere[side.host].append(side.reach)
    alone = {side.host for side in counting if any(other.well_while(side.reach) for other in elsewhere[side.host])}
    return False if len(alone) >= LEAST_HOSTS else None
