"""The strip above the table: what explains many rows at once, so that nobody looks for the fault in each of them.

A port that this network blocks, a host that seems to have shut us out, a family over which a host is dead.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

from exporter.judgement.host import BAN_REMARK
from exporter.judgement.vantage import Vantage
from exporter.metrics.state import HostState, TargetState
from exporter.targets import IpFamily
from exporter.web.wording import FAMILY, Moment, moment

# A strip that fills the screen hides the table; the hosts left out are failing rows there all the same.
MOST_NOTICES = 20


@dataclass(frozen=True, slots=True)
class Notice:
    """One line. `host` None: it is about this machine's network. `since`: how long it has been so, where known."""

    host: str | None
    text: str
    since: Moment | None = None


@dataclass(frozen=True, slots=True)
class Notices:
    """The first lines, and how many are left out."""

    shown: tuple[Notice, ...]
    more: int


def notices(
    hosts: Iterable[HostState], vantages: Iterable[Vantage], states: Iterable[TargetState], now: float
) -> Notices:
    """What to tell first: about this network, then about the hosts in their order. `now` in Unix seconds."""
    troubled = {host.host: host for host in hosts if any(lost for _, lost in (*host.suspected_ban, *host.family_lost))}
    members: dict[str, list[TargetState]] = {host: [] for host in troubled}
    for state in states:
        if state.target.host in members:
            members[state.target.host].append(state)
    blocked = (Notice(None, vantage.remark) for vantage in vantages if not vantage.ok)
    lost = chain.from_iterable(_of_host(host, members[name], now) for name, host in troubled.items())
    everything = (*blocked, *lost)
    return Notices(everything[:MOST_NOTICES], max(0, len(everything) - MOST_NOTICES))


def _of_host(host: HostState, members: Sequence[TargetState], now: float) -> Iterator[Notice]:
    banned, alone = dict(host.suspected_ban), dict(host.family_lost)
    for family in IpFamily:
        other = f", while {FAMILY[_other(family)]} does" if alone.get(family) else ""
        remark = f"; {BAN_REMARK}" if banned.get(family) else ""
        if other or remark:
            text = f"does not answer over {FAMILY[family]}{other}{remark}"
            yield Notice(host.host, text, moment(_lost_since(members, family), now))


def _other(family: IpFamily) -> IpFamily:
    return IpFamily.IPV6 if family is IpFamily.IPV4 else IpFamily.IPV4


def _lost_since(members: Iterable[TargetState], family: IpFamily) -> float | None:
    """When the last of the ports was lost: from then on none has answered."""
    lost = (state.reach.lost_since for state in members if state.target.ip_family is family and state.reach.counts)
    return max((since for since in lost if since is not None), default=None)
