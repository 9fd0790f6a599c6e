"""The samples of single probes, each by itself: what `/probe` answers with, by the same catalogue as every scrape.

Nothing is remembered from one to the next. So there is nothing that grows with time (counters, histograms), no
interval, and nothing that neighbours say of each other; everything else is named and labelled as in `/metrics`.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final, Never, TypeVar

from exporter.config.model import Watch
from exporter.judgement.expectation import Judgement
from exporter.metrics import owner
from exporter.metrics.catalogue import HOST_METRICS, MACHINE_METRICS, TARGET_METRICS
from exporter.metrics.exposition import Rendered
from exporter.metrics.metric import Kind, Metric
from exporter.metrics.negotiation import Format, chosen_format
from exporter.metrics.state import FamilyState, HostState, TargetState, routed
from exporter.metrics.table import Lines, Table
from exporter.results import ProbeResult
from exporter.targets import IpFamily

State = TypeVar("State")

# They would count from nothing at every request.
_GROWING: Final = frozenset({Kind.COUNTER, Kind.HISTOGRAM})

# OpenMetrics 1.0.0 (`exposition` in its ABNF): the last line of every document.
_END_MARK: Final = b"# EOF\n"


@dataclass(frozen=True, slots=True)
class Single:
    """One probe and what it is worth."""

    result: ProbeResult
    judgement: Judgement


def rendered(singles: Sequence[Single], accept: str, *, capability_metrics: bool, watch: Watch) -> Rendered:
    """The samples of probes of one host, in the format that the `Accept` header (empty: none was sent) asks for."""
    form = chosen_format(accept)
    openmetrics = form is Format.OPENMETRICS
    parts: list[bytes] = []
    for metric, rows in _families(singles, watch, capability_metrics=capability_metrics):
        parts += (metric.openmetrics_header() if openmetrics else metric.text_header(), *rows)
    return Rendered(form.value, None, b"".join((*parts, _END_MARK if openmetrics else b"")))


def _families(
    singles: Sequence[Single], watch: Watch, *, capability_metrics: bool
) -> Iterator[tuple[Metric[Never], Lines[Never]]]:
    targets = Table(_lasting(metric for metric in TARGET_METRICS if capability_metrics or not metric.optional))
    hosts = Table(_lasting(HOST_METRICS))
    machine = Table(MACHINE_METRICS)
    for single in singles:
        state = _state(single, watch)
        if state.exists:
            targets.write(targets.add(owner.of_target(state.target)), state)
    for host in _hosts(singles):
        hosts.write(hosts.add(owner.of_host(host)), host)
    for family in _routes(singles):
        machine.write(machine.add(()), family)
    yield from targets.families()
    yield from hosts.families()
    yield from machine.families()


def _lasting(metrics: Iterable[Metric[State]]) -> Iterator[Metric[State]]:
    return (metric for metric in metrics if metric.kind not in _GROWING)


def _state(single: Single, watch: Watch) -> TargetState:
    target = single.result.target
    # Nobody knows when the next one comes.
    return replace(TargetState(target).after(single.result, single.judgement, 0.0, watch), interval=None)


def _hosts(singles: Sequence[Single]) -> Iterator[HostState]:
    """The host, if any probe has looked it up; both families do at once, and their answer is one."""
    for single in singles[:1]:
        if single.result.resolution is not None:
            targets = [one.result.target for one in singles]
            host = HostState(single.result.target.host, owner.shared_labels(targets))
            yield host.after(single.result.resolution)


def _routes(singles: Sequence[Single]) -> Iterator[FamilyState]:
    for family in IpFamily:
        tried = [routed(single.result) for single in singles if single.result.target.ip_family is family]
        yield FamilyState(family, any(known) if (known := [one for one in tried if one is not None]) else None)
