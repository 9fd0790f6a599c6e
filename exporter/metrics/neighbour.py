"""What one result means for others: for the ports of its host, and for those that share its way out of this network.

The rules are those of `judgement`; here is who is asked. Nothing is written and nothing is remembered but which
addresses answered last. A step that looks at many entries is only taken when a port was lost, came back, or is lost
while others are.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from functools import lru_cache

from exporter.config.model import Watch
from exporter.judgement.host import BAN_REMARK, family_lost, reached_elsewhere, suspected_ban
from exporter.judgement.reach import Reach
from exporter.judgement.vantage import Basis, Side, Vantage, by_references, inferred, refuted
from exporter.judgement.variant import VariantStanding
from exporter.metrics.entry import Entry, Front, Host
from exporter.metrics.state import AddressCount, HostState, TargetState
from exporter.results import Outcome
from exporter.targets import AddressRule, IpFamily, Variant

# A host has at most 32 addresses of one family that are probed, so that among twice as many there are always as many
# of others.
_MOST_WITNESSES = 64

_OTHER = {IpFamily.IPV4: IpFamily.IPV6, IpFamily.IPV6: IpFamily.IPV4}


class Witnesses:
    """The addresses that answered last: who is banned somewhere still reaches everybody else.

    By address and not by host, because a ban holds for all names of an address.
    """

    def __init__(self) -> None:
        self._reached: dict[IpFamily, dict[str, Reach]] = {family: {} for family in IpFamily}

    def note(self, family: IpFamily, address: str, reach: Reach) -> None:
        """An address answered; `reach` is that of the port."""
        reached = self._reached[family]
        # To the end, so that the first one is always that of which nothing was heard for longest.
        reached.pop(address, None)
        reached[address] = reach
        if len(reached) > _MOST_WITNESSES:
            del reached[next(iter(reached))]

    def besides(self, family: IpFamily, addresses: set[str]) -> Iterator[Reach]:
        """Those at other addresses."""
        return (reach for address, reach in self._reached[family].items() if address not in addresses)


def vantage(front: Front, infer: bool, others: Iterable[Front]) -> Vantage | None:
    """What is known about the way out to a port: by the references, else by all hosts alike if `infer`.

    `others` are the ports that are probed over the same family. While nobody answers there either, as when this machine
    is cut off, there is nothing to infer, and thousands of silent hosts need not be looked at for each result.
    """
    references = front.references.values()
    told = by_references([reach.answers if reach.outcome is not None else None for reach in references])
    if told is False and refuted(references, (entry.state.reach for entry in front.answering)):
        return Vantage(front.port, front.ip_family, True, Basis.INFERRED)
    if told is not None:
        return Vantage(front.port, front.ip_family, told, Basis.REFERENCES)
    told = None
    if infer and (front.answering or any(other.answering for other in others)):
        told = inferred(front.port, list(_sides(front)))
    return None if told is None else Vantage(front.port, front.ip_family, told, Basis.INFERRED)


def fronts_in_doubt(entry: Entry, changed: bool) -> list[Front]:
    """The ports of which something else may be known after a result of `entry`; `changed`: it is not as it was.

    A network is told from a host by what else answered there between two losses. So one more loss may be the one that
    tells, and who fails alike where the port is known to be blocked tells nothing; and a port that is lost besides
    takes from what was known of those that time out there. Who comes through a port that is said to be blocked tells
    that it is not.
    """
    front, silent = entry.front, entry in entry.host.silent
    if not (changed or silent or front.blocked):
        return []
    let_through = front.blocked and entry.state.reach.answers
    doubted = [front] if (silent and not front.blocked) or (changed and not silent) or let_through else []
    if changed and entry.state.reach.lost:
        others = (sibling.front for sibling in entry.host.silent)
        doubted += [one for one in others if one is not front and one.ip_family is front.ip_family and one.blocked]
    return doubted


def concerns_host(entry: Entry, before: TargetState, changed: bool) -> bool:
    """Whether a result of `entry`, which was `before`, may change what its host's ports say together.

    How old losses are matters only as long as no port answers.
    """
    state = entry.state
    if changed or state.exists is not before.exists or _port_open(state) is not _port_open(before):
        return True
    if state.variants != before.variants:
        return True
    return state.reach.lost and not any(sibling.state.reach.answers for sibling in entry.siblings())


def together(host: Host, witnesses: Witnesses, watch: Watch) -> HostState:
    """The state of a host with what its ports, as they are now, say together."""
    families = {family: entries for family in IpFamily if (entries := host.over(family))}
    reaches = {family: [entry.state.reach for entry in entries] for family, entries in families.items()}
    lost = {
        family: family_lost(own, reaches.get(_OTHER[family], ()))
        for family, own in reaches.items()
        if watch.lost_families
    }
    banned = {family: _banned(entries, witnesses) for family, entries in families.items() if watch.suspected_bans}
    return replace(
        host.state,
        family_lost=_known(lost),
        suspected_ban=_known(banned),
        variant_ports=_variant_ports(host.entries),
        addresses=_addresses(host.entries),
    )


def _known(found: Mapping[IpFamily, bool | None]) -> tuple[tuple[IpFamily, bool], ...]:
    """What is known of each family."""
    return _common(tuple((family, value) for family, value in found.items() if value is not None))


# Two families, each with one of two values or none: one object for all hosts of which the same is known.
@lru_cache(maxsize=16)
def _common(known: tuple[tuple[IpFamily, bool], ...]) -> tuple[tuple[IpFamily, bool], ...]:
    return known


def remarks(entry: Entry, stale: bool | None) -> tuple[str, ...]:
    """The first words about the state of a target: what is not, or not only, a matter of this port."""
    return tuple(_remarks(entry, stale))


def _remarks(entry: Entry, stale: bool | None) -> Iterator[str]:
    state = entry.state
    if state.reach.lost and entry.front.vantage is not None and entry.front.blocked:
        yield entry.front.vantage.remark
    if state.reach.lost and (entry.front.ip_family, True) in entry.host.state.suspected_ban:
        yield BAN_REMARK
    if stale:
        yield f"an older certificate than the newest one of {state.target.certificate_group}"


def _sides(front: Front) -> Iterator[Side]:
    """As much as decides, and no more: thousands of hosts may have the port."""
    for entry in front.answering:
        yield _side(entry)
        return
    for entry in front.counting:
        if entry.state.reach.outcome is not Outcome.CONNECT_TIMEOUT:
            yield _side(entry)
            return
    hosts: dict[Host, None] = {}
    for entry in front.counting:
        yield _side(entry)
        hosts[entry.host] = None
    for host in hosts:
        for entry in host.over(front.ip_family):
            if entry.front is not front and entry.state.reach.answers:
                yield _side(entry)


def _side(entry: Entry) -> Side:
    return Side(entry.host.state.host, entry.front.port, entry.state.reach)


def _banned(entries: list[Entry], witnesses: Witnesses) -> bool | None:
    """Whether a ban is suspected where these are all targets of a host over one family."""
    ports = [(entry.front.port, entry.state.reach) for entry in entries]
    if not any(entry.state.reach.lost for entry in entries):
        return suspected_ban(ports, None)
    results = (entry.state.result for entry in entries)
    addresses = {result.address for result in results if result is not None and result.address is not None}
    others = witnesses.besides(entries[0].front.ip_family, addresses)
    elsewhere = reached_elsewhere([reach for _, reach in ports], others)
    return suspected_ban(ports, elsewhere, {entry.front.port for entry in entries if entry.front.blocked})


def _variant_ports(entries: Iterable[Entry]) -> tuple[tuple[Variant, VariantStanding, int], ...]:
    """How many ports stand how; a port over both families, or at several addresses, is one."""
    ports = {(seen.variant, seen.standing, entry.front.port) for entry in entries for seen in entry.state.variants}
    counts = Counter((variant, standing) for variant, standing, _ in ports)
    order = ((variant, standing) for variant in Variant for standing in VariantStanding)
    return tuple((*pair, counts[pair]) for pair in order if pair in counts)


def _addresses(entries: Iterable[Entry]) -> tuple[AddressCount, ...]:
    """The numbers of each port of which all addresses are probed; an address counts if its last probe came to it."""
    found: dict[tuple[int, IpFamily], AddressCount] = {}
    for entry in entries:
        state = entry.state
        opened = _port_open(state)
        # While the name fails no address is tried, and none of them is known to be closed.
        if state.target.addresses is AddressRule.ALL and state.target.address and state.exists and opened is not None:
            key = (entry.front.port, entry.front.ip_family)
            count = found.get(key, AddressCount(state.target.service, entry.front.ip_family, 0, 0))
            found[key] = replace(count, probed=count.probed + 1, open=count.open + opened)
    return tuple(found.values())


def _port_open(state: TargetState) -> bool | None:
    return None if state.result is None else state.result.port_open
