"""The latest state of every target and host, and the lines that it makes.

Memory only, and always the present: what was configured away is gone at once, with its counters. Lines are written when
a probe ends and only joined when a scrape comes, because rendering every sample at every scrape would hold up the event
loop, and with it the clocks of the probes, for a second at a hundred thousand series.
"""

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Never

from exporter.judgement.expectation import Judgement
from exporter.metrics import owner
from exporter.metrics.catalogue import HOST_METRICS, MACHINE_METRICS, TARGET_METRICS
from exporter.metrics.metric import Metric
from exporter.metrics.state import FamilyState, HostState, TargetState, routed
from exporter.metrics.table import Table
from exporter.results import ProbeResult
from exporter.targets import IpFamily, Target, TargetKey


class Store:
    """What the exporter knows, by target and by host. `clock` tells Unix seconds."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._targets: dict[TargetKey, TargetState] = {}
        self._hosts: dict[str, HostState] = {}
        self.configure((), certificate_retention=0, capability_metrics=False)

    def configure(self, targets: Sequence[Target], *, certificate_retention: float, capability_metrics: bool) -> None:
        """Take over a configuration: at the start, and at each reload.

        A target keeps its state as long as its key, its service and its labels stay what they are; what it is judged
        by may change, and does so from its next probe on. `certificate_retention` in seconds.
        """
        self._retention = certificate_retention
        self._expiry = math.inf
        self._targets = {target.key: self._kept(target) for target in targets}
        self._by_host: dict[str, list[Target]] = {}
        for target in targets:
            self._by_host.setdefault(target.host, []).append(target)
        self._hosts = {host: self._kept_host(host) for host in self._by_host}
        self._routed: dict[IpFamily, dict[TargetKey, bool]] = {family: {} for family in IpFamily}
        metrics = (metric for metric in TARGET_METRICS if capability_metrics or not metric.optional)
        self._target_table = Table(metrics, [owner.of_target(state.target) for state in self._targets.values()])
        self._host_table = Table(HOST_METRICS, [owner.of_host(state) for state in self._hosts.values()])
        self._target_rows = {key: row for row, key in enumerate(self._targets)}
        self._host_rows = {host: row for row, host in enumerate(self._hosts)}
        for key, state in self._targets.items():
            self._write(key, state)
        for host in self._hosts.values():
            self._write_host(host)

    def record(self, result: ProbeResult, judgement: Judgement, interval: float) -> None:
        """Take over one judged result and the effective interval in seconds.

        A result of a target that is not configured (any more, or not so) comes too late and is left aside.
        """
        key = result.target.key
        before = self._targets.get(key)
        if before is None or before.target != result.target:
            return
        self._write(key, before.after(result, judgement, interval))
        host = self._hosts[key.host]
        after = host if result.resolution is None else host.after(result.resolution)
        if after is not host:
            self._write_host(after)

    def missed(self, target: Target) -> None:
        """Count a round of `target` that could not be kept."""
        host = self._hosts.get(target.host)
        if host is not None:
            self._write_host(replace(host, missed=host.missed + 1))

    def known(self, key: TargetKey) -> bool:
        """Whether the target has, or once had, an address, and DNS has not taken it back."""
        state = self._targets.get(key)
        return state is not None and state.known

    def host_known(self, host: str) -> bool:
        """Whether any target of the host is known in that sense."""
        return any(self._targets[target.key].known for target in self._by_host.get(host, ()))

    def state(self, key: TargetKey) -> TargetState | None:
        """Everything known of a target; `None` of one that is not configured."""
        self._drop_old_certificates()
        return self._targets.get(key)

    def states(self) -> tuple[TargetState, ...]:
        """Every configured target, in the order of the configuration."""
        self._drop_old_certificates()
        return tuple(self._targets.values())

    def families(self) -> Iterator[tuple[Metric[Never], bytes]]:
        """Every metric that has a sample now, with all its lines, in the order of the catalogue."""
        self._drop_old_certificates()
        yield from self._target_table.families()
        yield from self._host_table.families()
        machine = Table(MACHINE_METRICS, [""] * len(IpFamily))
        for row, family in enumerate(IpFamily):
            tried = self._routed[family].values()
            machine.write(row, FamilyState(family, any(tried) if tried else None))
        yield from machine.families()

    def _kept(self, target: Target) -> TargetState:
        before = self._targets.get(target.key, TargetState(target))
        same = (before.target.service, before.target.labels) == (target.service, target.labels)
        return replace(before, target=target) if same else TargetState(target)

    def _kept_host(self, host: str) -> HostState:
        before = self._hosts.get(host, HostState(host))
        return replace(before, labels=owner.shared_labels(self._by_host[host]))

    def _write(self, key: TargetKey, state: TargetState) -> None:
        self._targets[key] = state
        row = self._target_rows[key]
        if state.exists:
            self._target_table.write(row, state)
        else:
            self._target_table.clear(row)
        tried = None if state.result is None else routed(state.result)
        if tried is not None:
            self._routed[key.ip_family][key] = tried
        self._expiry = min(self._expiry, self._end_of_retention(state))

    def _write_host(self, state: HostState) -> None:
        self._hosts[state.host] = state
        self._host_table.write(self._host_rows[state.host], state)

    def _end_of_retention(self, state: TargetState) -> float:
        kept = state.certificate if state.certificate_retained else None
        return math.inf if kept is None else kept.observed + self._retention

    def _drop_old_certificates(self) -> None:
        """Forget certificates that were kept long enough; the list is only gone through when one may be due."""
        now = self._clock()
        if now < self._expiry:
            return
        self._expiry = math.inf
        for key, state in tuple(self._targets.items()):
            if now >= self._end_of_retention(state):
                self._write(key, state.without_certificate())
            else:
                self._expiry = min(self._expiry, self._end_of_retention(state))
