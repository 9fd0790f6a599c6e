"""Who has something to do with whom, and how far a result spreads: from a port to the network, its host and its group.

Keeps what the entries share: the way out to each port, the groups of certificates, the references, and who answered
last. What any of it means is said in `neighbour`; nothing is written here. Most results change nothing for anybody
else, and then nobody else is looked at.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from exporter.config.model import Watch
from exporter.judgement.reach import Reach, tells
from exporter.judgement.vantage import Vantage
from exporter.metrics import neighbour
from exporter.metrics.entry import Entries, Entry, Front, Host
from exporter.metrics.group import CertificateGroup
from exporter.metrics.state import TargetState
from exporter.results import ProbeResult
from exporter.targets import IpFamily, Target, TargetKey


@dataclass(slots=True)
class Touched:
    """Of whom something else may have to be said, each once and in a certain order."""

    entries: Entries = field(default_factory=dict)
    hosts: dict[Host, None] = field(default_factory=dict)
    fronts: dict[Front, None] = field(default_factory=dict)
    groups: dict[CertificateGroup, None] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.entries or self.hosts or self.fronts or self.groups)


class Neighbourhood:
    """What entries share."""

    def __init__(self) -> None:
        self._watch = Watch()
        self._fronts: dict[tuple[int, IpFamily], Front] = {}
        self._groups: dict[str, CertificateGroup] = {}
        self._references: dict[TargetKey, Target] = {}
        self._witnesses = neighbour.Witnesses()
        # Asked for at every probe, and others only after something was concluded of a port; `None`: then.
        self._vantages: tuple[Vantage, ...] | None = None

    def watch(self, watch: Watch) -> None:
        """Draw these conclusions from now on. Only while no entry is in the neighbourhood."""
        self._watch = watch

    def front(self, target: Target) -> Front:
        """The port and the family of a target."""
        key = (target.service.port, target.ip_family)
        return self._fronts.setdefault(key, Front(*key))

    def vantages(self) -> tuple[Vantage, ...]:
        """What is known of the way out to each port, the lowest port first."""
        if self._vantages is None:
            known = (self._fronts[key].vantage for key in sorted(self._fronts))
            self._vantages = tuple(vantage for vantage in known if vantage is not None)
        return self._vantages

    def join(self, entry: Entry, now: float, touched: Touched) -> None:
        """Take in an entry with all that its state says, at `now` (Unix seconds)."""
        entry.join()
        self._touch(entry, touched)
        touched.entries[entry] = None
        self._note_certificates(entry, now, touched)

    def leave(self, entry: Entry, now: float, touched: Touched) -> None:
        """Forget an entry."""
        entry.leave()
        self._touch(entry, touched)
        group = self._group_of(entry)
        if group is not None and group.leave(entry, now):
            touched.groups[group] = None

    def refer(self, references: Sequence[Target], touched: Touched) -> None:
        """Listen to these references; one that is equal to before keeps what is known of it."""
        before, self._references = self._references, {target.key: target for target in references}
        for key, target in before.items():
            if self._references.get(key) != target:
                front = self.front(target)
                del front.references[key]
                touched.fronts[front] = None
        for key, target in self._references.items():
            if before.get(key) != target:
                front = self.front(target)
                front.references[key] = Reach()
                touched.fronts[front] = None

    def sweep(self) -> None:
        """Forget the ports and groups that nobody is left of."""
        self._vantages = None
        self._fronts = {key: front for key, front in self._fronts.items() if front.entries or front.references}
        self._groups = {name: group for name, group in self._groups.items() if any(True for _ in group.members)}
        for group in self._groups.values():
            group.settle()

    def after_probe(self, entry: Entry, before: TargetState, changed: bool, result: ProbeResult) -> Touched:
        """Whom an ordinary `result` of `entry` concerns; `changed`: something else is known of its reach."""
        touched = Touched()
        self._hear(result, before.reach, entry.state.reach)
        again = entry.state.variants is before.variants and entry.state.sightings.repeats(before.sightings)
        self._note_certificates(entry, result.started, touched, again=again)
        if changed:
            touched.entries[entry] = None
        touched.fronts.update(dict.fromkeys(neighbour.fronts_in_doubt(entry, changed)))
        if neighbour.concerns_host(entry, before, changed):
            touched.hosts[entry.host] = None
        return touched

    def after_certificates(self, entry: Entry, now: float) -> Touched:
        """Whom it concerns that other handshakes of `entry` show something else since `now` (Unix seconds)."""
        touched = Touched(entries={entry: None}, hosts={entry.host: None})
        self._note_certificates(entry, now, touched)
        return touched

    def after_reference(self, result: ProbeResult) -> Touched:
        """Whom the result of a reference concerns: nobody, where it is not one any more."""
        target = result.target
        if self._references.get(target.key) != target:
            return Touched()
        front = self.front(target)
        before = front.references[target.key]
        # One that nobody can ask any more is not known to answer for ever; its next probe that comes to it tells.
        after = front.references[target.key] = before.after(result) if tells(result) else Reach()
        self._hear(result, before, after)
        return Touched(fronts={front: None})

    def spread(self, touched: Touched) -> Touched:
        """Say anew what may be another now, from the network to the hosts to the targets.

        Hands back the hosts of which something else is said, and the entries that are stale now, or not any more.
        """
        if not touched:
            return touched
        told = Touched()
        for front in touched.fronts:
            if self._looks_different(front):
                lost = [entry for entry in front.entries if entry.state.reach.lost]
                touched.entries.update(dict.fromkeys(lost))
                touched.hosts.update(dict.fromkeys(entry.host for entry in lost))
        for host in touched.hosts:
            state = neighbour.together(host, self._witnesses, self._watch)
            if state.suspected_ban != host.state.suspected_ban:
                touched.entries.update(host.entries)
            if state != host.state:
                host.state = state
                told.hosts[host] = None
        for group in touched.groups:
            touched.entries.update(dict.fromkeys(group.members))
        for entry in touched.entries:
            before = entry.state.stale
            self._conclude(entry)
            if entry.state.stale is not before:
                told.entries[entry] = None
        return told

    def _touch(self, entry: Entry, touched: Touched) -> None:
        touched.hosts[entry.host] = touched.fronts[entry.front] = None
        touched.fronts.update(dict.fromkeys(sibling.front for sibling in entry.host.silent))

    def _looks_different(self, front: Front) -> bool:
        """Whether there is something else to say to the targets that are lost, now that all are asked anew."""
        others = (one for one in self._fronts.values() if one is not front and one.ip_family is front.ip_family)
        before, front.vantage = front.vantage, neighbour.vantage(front, self._watch.inferred_vantage, others)
        self._vantages = None
        remarks = [vantage.remark if vantage is not None else "" for vantage in (before, front.vantage)]
        return remarks[0] != remarks[1]

    def _conclude(self, entry: Entry) -> None:
        """What the neighbours mean for a target."""
        state, group = entry.state, self._group_of(entry)
        stale = None if group is None else group.stale(entry)
        remarks = neighbour.remarks(entry, stale)
        if (stale, remarks) != (state.stale, state.remarks):
            entry.state = replace(state, stale=stale, remarks=remarks)

    def _note_certificates(self, entry: Entry, now: float, touched: Touched, *, again: bool = False) -> None:
        """Have the group of `entry` know what it shows; `again`: the very same as when this was called last."""
        group = self._group_of(entry)
        if group is None:
            return
        another, renewed = group.note(entry, now, again=again)
        if another:
            touched.entries[entry] = None
        if renewed:
            touched.groups[group] = None

    def _hear(self, result: ProbeResult, before: Reach, after: Reach) -> None:
        if result.address is not None and after.answers and after.last_open != before.last_open:
            self._witnesses.note(result.target.ip_family, result.address, after)

    def _group_of(self, entry: Entry) -> CertificateGroup | None:
        name = entry.state.target.certificate_group
        if name is None or not self._watch.stale_certificates:
            return None
        group = self._groups.get(name)
        if group is None:
            group = self._groups[name] = CertificateGroup()
        return group
