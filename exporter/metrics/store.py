"""The latest state of every target and host, and the lines that it makes.

Memory only, and always the present: what was configured away is gone at once, with its counters. Lines are written when
a probe ends and only joined when a scrape comes, because rendering every sample at every scrape would hold up the event
loop, and with it the clocks of the probes, for a second at a hundred thousand series. For the same reason a result, and
a new configuration, only touches the targets of which it says something new.
"""

import math
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Final, Never

from exporter.config.model import Watch
from exporter.judgement.expectation import Judgement
from exporter.judgement.vantage import Vantage
from exporter.judgement.variant import variant_seen, variant_target
from exporter.metrics import owner
from exporter.metrics.catalogue import HOST_METRICS, MACHINE_METRICS, TARGET_METRICS, VANTAGE_METRICS
from exporter.metrics.certificate import staleness
from exporter.metrics.entry import Entry, Host
from exporter.metrics.metric import Metric
from exporter.metrics.neighbourhood import Neighbourhood, Touched
from exporter.metrics.state import FamilyState, HostState, TargetState, routed
from exporter.metrics.table import Lines, Table
from exporter.results import ProbeResult
from exporter.targets import IpFamily, Target, TargetKey, Variant

_WATCH_ALL: Final = Watch()


class Store:
    """What the exporter knows, by target and by host. `clock` tells Unix seconds."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._watch = _WATCH_ALL
        self._capability_metrics = False
        self._retention = 0.0
        self._expiry = math.inf
        self._entries: dict[TargetKey, Entry] = {}
        self._hosts: dict[str, Host] = {}
        self._neighbourhood = Neighbourhood()
        # How many targets of each family had a route when they were tried, and how many had none.
        self._routed: dict[IpFamily, Counter[bool]] = {family: Counter() for family in IpFamily}
        self._target_table = _target_table(capability_metrics=False)
        self._host_table = Table(HOST_METRICS)

    def configure(
        self,
        targets: Sequence[Target],
        *,
        certificate_retention: float,
        capability_metrics: bool,
        watch: Watch = _WATCH_ALL,
        references: Sequence[Target] = (),
    ) -> None:
        """Take over a configuration: at the start, at each reload, and whenever a host has other addresses.

        `targets` are the ordinary ones; what their variants and the `references` find is recorded without them being
        among these. A target keeps its state as long as its key, its service and its labels stay what they are; what
        it is judged by may change, and does so from its next probe on, but for its findings, which do so at once.
        `certificate_retention` in seconds.
        """
        anew = (watch, capability_metrics) != (self._watch, self._capability_metrics)
        self._watch, self._capability_metrics = watch, capability_metrics
        self._retention, self._expiry = certificate_retention, -math.inf
        touched = Touched()
        came = [] if not anew and self._has_exactly(targets) else self._exchange(targets, touched, anew=anew)
        self._neighbourhood.refer(references, touched)
        # Else nobody came or went: all of what follows is about neighbours of those who did.
        if touched:
            self._neighbourhood.sweep()
            self._relabel(touched)
            self._spread(touched)
        for entry in came:
            self._write(entry)

    def record(self, result: ProbeResult, judgement: Judgement, interval: float) -> None:
        """Take over one judged result and the effective interval in seconds.

        A result of a target that is not configured (any more, or not so) comes too late and is left aside. Those of
        references and variants are no target's state, and their judgement is not kept.
        """
        target = result.target
        if target.reference:
            self._spread(self._neighbourhood.after_reference(result))
        elif target.variant is Variant.DEFAULT:
            entry = self._entries.get(target.key)
            if entry is not None and _is_for(entry, target):
                self._record_ordinary(entry, result, judgement, interval)
        else:
            entry = self._entries.get(replace(target.key, variant=Variant.DEFAULT))
            if entry is not None and _has_variant(entry.state.target, target):
                self._record_variant(entry, result)

    def missed(self, target: Target) -> None:
        """Count a round of `target` that could not be kept."""
        host = self._hosts.get(target.host)
        if host is not None:
            self._write_host(host, replace(host.state, missed=host.state.missed + 1))

    def known(self, key: TargetKey) -> bool:
        """Whether the target has, or once had, an address, and DNS has not taken it back."""
        entry = self._entries.get(key)
        return entry is not None and entry.state.known

    def host_known(self, host: str) -> bool:
        """Whether any target of the host is known in that sense."""
        found = self._hosts.get(host)
        return found is not None and any(entry.state.known for entry in found.entries)

    def state(self, key: TargetKey) -> TargetState | None:
        """Everything known of a target; `None` of one that is not configured."""
        self._drop_old_certificates()
        entry = self._entries.get(key)
        return None if entry is None else entry.state

    def states(self) -> tuple[TargetState, ...]:
        """Every configured target, in the order of the configuration; neither references nor variants."""
        self._drop_old_certificates()
        return tuple(entry.state for entry in self._entries.values())

    def host(self, host: str) -> HostState | None:
        """Everything known of a host; `None` of one that is not configured."""
        found = self._hosts.get(host)
        return None if found is None else found.state

    def hosts(self) -> tuple[HostState, ...]:
        """Every configured host, in the order of the configuration."""
        return tuple(host.state for host in self._hosts.values())

    def vantages(self) -> tuple[Vantage, ...]:
        """What is known of the way out of this network to each port, the lowest port first."""
        return self._neighbourhood.vantages()

    def families(self) -> Iterator[tuple[Metric[Never], Lines[Never]]]:
        """Every metric that has a sample, in the order of the catalogue, with its lines as they are when it is asked
        for: what comes between two metrics shows in the later one.
        """
        self._drop_old_certificates()
        yield from self._target_table.families()
        yield from self._host_table.families()
        machine = Table(MACHINE_METRICS)
        for family in IpFamily:
            tried = self._routed[family]
            found = True if tried[True] else False if tried[False] else None
            machine.write(machine.add(()), FamilyState(family, found))
        yield from machine.families()
        vantages = Table(VANTAGE_METRICS)
        for vantage in self.vantages():
            vantages.write(vantages.add(()), vantage)
        yield from vantages.families()

    def _has_exactly(self, targets: Sequence[Target]) -> bool:
        """Whether these are the very targets that there are, in their order, as after a reload that changed none."""
        pairs = zip(self._entries.values(), targets, strict=False)
        return len(targets) == len(self._entries) and all(entry.state.target is target for entry, target in pairs)

    def _exchange(self, targets: Sequence[Target], touched: Touched, *, anew: bool) -> list[Entry]:
        """Have an entry for each of `targets` and for no other; `anew`: none stays as it is. Those that came."""
        wanted = {target.key: target for target in targets}
        found = [(key, target, self._entries.get(key)) for key, target in wanted.items()]
        # Looked up by identity from here on: with ten thousand targets the hashes of their keys are what takes time.
        same = {entry for _, target, entry in found if entry is not None and not anew and _is_for(entry, target)}
        for entry in self._entries.values():
            if entry not in same:
                self._leave(entry, touched)
        if anew:
            self._neighbourhood.watch(self._watch)
            self._target_table = _target_table(self._capability_metrics)
        came: list[Entry] = []
        self._entries = {}
        for key, target, before in found:
            if before is not None and before in same:
                self._entries[key] = before
            else:
                came.append(self._join(self._kept(target, before), touched))
                self._entries[key] = came[-1]
        self._hosts = {key.host: self._hosts[key.host] for key in self._entries}
        return came

    def _record_ordinary(self, entry: Entry, result: ProbeResult, judgement: Judgement, interval: float) -> None:
        before = entry.state
        changed = entry.take(before.after(result, judgement, interval, self._watch))
        self._note_route(entry)
        self._spread(self._neighbourhood.after_probe(entry, before, changed, result))
        self._write(entry)
        if result.resolution is not None:
            self._write_host(entry.host, entry.host.state.after(result.resolution))

    def _record_variant(self, entry: Entry, result: ProbeResult) -> None:
        ordinary = None if entry.state.certificate is None else entry.state.certificate.leaf
        # Two looks that fail in a row are needed before a certificate goes of which nothing else is known.
        kept = self._retention + result.target.interval
        entry.state = entry.state.after_variant(variant_seen(result, ordinary), kept)
        self._spread(self._neighbourhood.after_certificates(entry, result.started))
        self._write(entry)

    def _spread(self, touched: Touched) -> None:
        """Let the neighbours know, and write the lines of those of which something else is exposed now."""
        told = self._neighbourhood.spread(touched)
        for host in told.hosts:
            self._host_table.write(host.row, host.state)
        for entry in told.entries:
            if entry.state.exists:
                self._target_table.write_what(staleness, entry.row, entry.state)

    def _kept(self, target: Target, gone: Entry | None) -> TargetState:
        before = TargetState(target) if gone is None else gone.state
        same = (before.target.service, before.target.labels) == (target.service, target.labels)
        return before.under(target, self._watch) if same else TargetState(target)

    def _join(self, state: TargetState, touched: Touched) -> Entry:
        target = state.target
        host = self._hosts.get(target.host)
        if host is None:
            host = self._hosts[target.host] = Host(HostState(target.host), self._host_table.add(()))
        row = self._target_table.add(owner.of_target(target))
        entry = Entry(state, row, host, self._neighbourhood.front(target))
        self._neighbourhood.join(entry, self._clock(), touched)
        self._note_route(entry)
        return entry

    def _leave(self, entry: Entry, touched: Touched) -> None:
        self._neighbourhood.leave(entry, self._clock(), touched)
        self._target_table.remove(entry.row)
        self._count_route(entry, None)

    def _relabel(self, touched: Touched) -> None:
        """Give every host that was touched the labels of its targets, and the row of one that has none to another."""
        for host in touched.hosts:
            if not host.entries:
                self._host_table.remove(host.row)
                continue
            labels = owner.shared_labels([entry.state.target for entry in host.entries])
            host.state = replace(host.state, labels=labels)
            self._host_table.rename(host.row, owner.of_host(host.state))
            self._host_table.write(host.row, host.state)
        touched.hosts = {host: None for host in touched.hosts if host.entries}

    def _write(self, entry: Entry) -> None:
        if entry.state.exists:
            self._target_table.write(entry.row, entry.state)
        else:
            self._target_table.clear(entry.row)
        self._expiry = min(self._expiry, self._end_of_retention(entry.state))

    def _write_host(self, host: Host, state: HostState) -> None:
        if state != host.state:
            host.state = state
            self._host_table.write(host.row, state)

    def _note_route(self, entry: Entry) -> None:
        tried = None if entry.state.result is None else routed(entry.state.result)
        if tried is not None and tried is not entry.routed:
            self._count_route(entry, tried)

    def _count_route(self, entry: Entry, routed: bool | None) -> None:
        counted = self._routed[entry.front.ip_family]
        if entry.routed is not None:
            counted[entry.routed] -= 1
        if routed is not None:
            counted[routed] += 1
        entry.routed = routed

    def _end_of_retention(self, state: TargetState) -> float:
        kept = state.certificate if state.certificate_retained else None
        return math.inf if kept is None else kept.observed + self._retention

    def _drop_old_certificates(self) -> None:
        """Forget certificates that were kept long enough; the list is only gone through when one may be due."""
        now = self._clock()
        if now < self._expiry:
            return
        self._expiry = math.inf
        for entry in self._entries.values():
            if now >= self._end_of_retention(entry.state):
                entry.state = entry.state.without_certificate()
                self._spread(self._neighbourhood.after_certificates(entry, now))
                self._write(entry)
            else:
                self._expiry = min(self._expiry, self._end_of_retention(entry.state))


def _target_table(capability_metrics: bool) -> Table[TargetState]:
    return Table(metric for metric in TARGET_METRICS if capability_metrics or not metric.optional)


def _is_for(entry: Entry, target: Target) -> bool:
    """Whether `target` is the one of `entry` as it is configured now; nearly always it is the very object."""
    return entry.state.target is target or entry.state.target == target


def _has_variant(ordinary: Target, target: Target) -> bool:
    """Whether `target` is a variant of the ordinary one as that is configured now."""
    return target.variant in ordinary.variants and target == variant_target(ordinary, target.variant, target.interval)
