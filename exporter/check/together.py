"""What the results of one round mean together: ports against each other, hosts against this machine's own network.

One round has no memory. No ban can be told from a host that is down, and nothing is known to be lost that was seen
before: a port that should be open counts as if it had been. All results count as of one moment, so that none of them
seems to be older or newer than what it is compared with. Pure: results in, conclusions out.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from exporter.check.verdict import Checked
from exporter.config.model import Watch
from exporter.judgement.host import BAN_REMARK, family_lost
from exporter.judgement.reach import Reach
from exporter.judgement.security import StarttlsMemory, tls_findings
from exporter.judgement.sighting import Sightings, ends, newest, stale
from exporter.judgement.vantage import Basis, Side, Vantage, by_references, inferred
from exporter.results import ProbeResult
from exporter.schedule.outage import LEAST_PORTS
from exporter.targets import IpFamily, PortState, Target, Variant
from exporter.web.wording import FAMILY


class Loss(StrEnum):
    """What is lost of a host; the values stand in the JSON."""

    FAMILY = "family_lost"
    HOST = "host_lost"


@dataclass(frozen=True, slots=True)
class HostLoss:
    """One line about a host. `ip_family` None: it is about every one that was probed."""

    host: str
    loss: Loss
    ip_family: IpFamily | None
    detail: str


@dataclass(frozen=True, slots=True)
class AddressCount:
    """How many addresses of a name were probed on one port, and at how many of them a connection was made."""

    host: str
    port: int
    ip_family: IpFamily
    probed: int
    open: int


@dataclass(frozen=True, slots=True)
class Round:
    """Everything that one round has brought, in the order of the targets."""

    checked: tuple[Checked, ...]
    vantages: tuple[Vantage, ...] = ()
    losses: tuple[HostLoss, ...] = ()
    addresses: tuple[AddressCount, ...] = ()

    @property
    def hosts(self) -> tuple[str, ...]:
        """Every host once."""
        return tuple(dict.fromkeys(checked.result.target.host for checked in self.checked))


@dataclass(frozen=True, slots=True)
class _Reached:
    """A target, and whether it was reached."""

    target: Target
    reach: Reach

    @property
    def side(self) -> tuple[int, IpFamily]:
        """What this network may block."""
        return self.target.service.port, self.target.ip_family


def conclude(checked: Sequence[Checked], references: Sequence[ProbeResult], watch: Watch, now: float) -> Round:
    """Add what the results say about each other. `watch` switches conclusions off; `now` in Unix seconds."""
    reached = [_reached(one.result, now) for one in checked]
    witnesses = [_reached(result, now) for result in references]
    vantages = tuple(_vantages(reached, witnesses, watch))
    return Round(
        tuple(_compared(_with_findings(checked, watch), watch, now)),
        vantages,
        tuple(_losses(reached, vantages, watch)),
        tuple(_addresses(checked)),
    )


def _reached(result: ProbeResult, now: float) -> _Reached:
    return _Reached(result.target, Reach().after(replace(result, started=now)))


def _with_findings(checked: Sequence[Checked], watch: Watch) -> Sequence[Checked]:
    if not watch.tls_findings:
        return checked
    return [replace(one, findings=tls_findings(one.result, StarttlsMemory().after(one.result))) for one in checked]


def _compared(checked: Sequence[Checked], watch: Watch, now: float) -> Iterator[Checked]:
    """Each with whether it shows a certificate that is older than the newest one of its group."""
    own = [_ends(one, now) for one in checked]
    members: dict[str, list[Mapping[str, tuple[float, float]]]] = {}
    for one, seen in zip(checked, own, strict=True):
        group = one.result.target.certificate_group
        if group is not None and watch.stale_certificates:
            members.setdefault(group, []).append(seen)
    groups = {group: newest(seen) for group, seen in members.items()}
    for one, seen in zip(checked, own, strict=True):
        group = one.result.target.certificate_group
        yield replace(one, stale=stale(seen, groups[group])) if group in groups else one


def _ends(checked: Checked, now: float) -> Mapping[str, tuple[float, float]]:
    shown = Sightings().after(checked.leaf, now, checked.result.target.interval)
    # Without a name a server shows its default, which may be another host's, and be renewed when that one likes.
    others = (seen for seen in checked.variants if seen.variant is not Variant.NO_SNI)
    return ends(shown, [seen.certificates[0] for seen in others if seen.certificates])


def _vantages(reached: Sequence[_Reached], witnesses: Sequence[_Reached], watch: Watch) -> Iterator[Vantage]:
    """What is known of each port and family that was probed: from its references, or else inferred."""
    answers: dict[tuple[int, IpFamily], list[bool | None]] = {}
    for witness in witnesses:
        answers.setdefault(witness.side, []).append(witness.reach.answers or (False if witness.reach.lost else None))
    for port, family in sorted({*answers, *(one.side for one in reached)}):
        ok, basis = by_references(answers.get((port, family), ())), Basis.REFERENCES
        if ok is False and any(one.side == (port, family) and one.reach.answers for one in reached):
            ok, basis = True, Basis.INFERRED
        if ok is None and watch.inferred_vantage:
            ok, basis = inferred(port, _sides(reached, family)), Basis.INFERRED
        if ok is not None:
            yield Vantage(port, family, ok, basis)


def _sides(reached: Sequence[_Reached], family: IpFamily) -> list[Side]:
    over = (one for one in reached if one.target.ip_family is family)
    return [Side(one.target.host, one.target.service.port, one.reach) for one in over]


def _losses(reached: Sequence[_Reached], vantages: Sequence[Vantage], watch: Watch) -> Iterator[HostLoss]:
    """At most one line for each host: it is lost, or it is over one family; not what this network explains."""
    blocked = {(vantage.port, vantage.ip_family) for vantage in vantages if not vantage.ok}
    hosts: dict[str, list[_Reached]] = {}
    for one in reached:
        if one.side not in blocked:
            hosts.setdefault(one.target.host, []).append(one)
    for host, ports in hosts.items():
        if _is_lost(ports):
            yield HostLoss(host, Loss.HOST, None, _why_lost(ports, watch))
        for family, other in ((IpFamily.IPV4, IpFamily.IPV6), (IpFamily.IPV6, IpFamily.IPV4)):
            if watch.lost_families and family_lost(_over(family, ports), _over(other, ports)):
                detail = f"does not answer over {FAMILY[family]}, while {FAMILY[other]} does"
                yield HostLoss(host, Loss.FAMILY, family, detail)


def _is_lost(ports: Sequence[_Reached]) -> bool:
    """All ports that may be open are lost, and they are at least two: one alone says nothing about a host."""
    may_be_open = [one for one in ports if one.target.expectation.state in (PortState.OPEN, PortState.ANY)]
    numbers = {one.target.service.port for one in may_be_open}
    return (
        len(numbers) >= LEAST_PORTS
        and all(one.reach.lost for one in may_be_open)
        and not any(one.reach.answers for one in ports)
    )


def _why_lost(ports: Sequence[_Reached], watch: Watch) -> str:
    promised = any(one.reach.counts for one in ports)
    causes = (
        *(() if promised else ("no mail server is there",)),
        "the host or the way to it is down",
        *((f"this machine is {BAN_REMARK}",) if watch.suspected_bans else ()),
    )
    return f"no port answers: {', or '.join(causes)}"


def _over(family: IpFamily, ports: Sequence[_Reached]) -> list[Reach]:
    """The ports of a host over one family. One that answers over the other family should over this one as well."""
    answering = {one.target.service.port for one in ports if one.reach.answers}
    return [
        replace(one.reach, counts=True)
        if one.target.expectation.state is PortState.ANY and one.target.service.port in answering
        else one.reach
        for one in ports
        if one.target.ip_family is family
    ]


def _addresses(checked: Sequence[Checked]) -> Iterator[AddressCount]:
    found: dict[tuple[str, int, IpFamily], list[bool]] = {}
    for one in checked:
        target = one.result.target
        if target.address:
            key = (target.host, target.service.port, target.ip_family)
            found.setdefault(key, []).append(one.result.port_open is True)
    for (host, port, family), opened in found.items():
        yield AddressCount(host, port, family, len(opened), sum(opened))
