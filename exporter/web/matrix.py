"""The status page's overview: hosts down the side, ports across, and in each cell how the port stands."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from exporter.judgement.security import SEVERITY, Severity
from exporter.metrics.state import TargetState
from exporter.targets import IpFamily
from exporter.web.certificate import CertificateEnd, end_of
from exporter.web.row import FindingNote, finding_note, greeting_latency, labels_of, path_of
from exporter.web.standing import Standing, standing
from exporter.web.wording import FAMILY, OUTCOME, PROTOCOL, Moment, moment

# Of the addresses of one port, where each is a target; the page of the host has them all.
_MOST_ENTRIES = 4

# Those that failed come first where not all are shown.
_URGENCY = {which: place for place, which in enumerate((Standing.FAILING, Standing.UNKNOWN))}

_SHORT_FAMILY = {IpFamily.IPV4: "v4", IpFamily.IPV6: "v6"}


@dataclass(frozen=True, slots=True)
class Entry:
    """How one port stands over one family, or at one address. `since` only of what is not well.

    label    what stands so, for a screen reader's announcement
    family   `None` where the host has only targets of one family
    ending   the certificate, unless it has long to go
    """

    label: str
    standing: Standing
    family: str | None
    address: str | None
    reason: str | None
    since: Moment | None
    latency: str | None
    remarks: tuple[str, ...]
    findings: tuple[FindingNote, ...]
    ending: CertificateEnd | None


@dataclass(frozen=True, slots=True)
class Cell:
    """One port of one host; empty where the host is not probed there. `more`: entries that are left out."""

    column: "Column"
    entries: tuple[Entry, ...]
    more: int


@dataclass(frozen=True, slots=True)
class Column:
    """One port number; the protocols are those that some host of the stretch speaks there."""

    port: int
    protocols: str


@dataclass(frozen=True, slots=True)
class Line:
    """One host."""

    host: str
    path: str
    labels: tuple[str, ...]
    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class Matrix:
    """The columns in the order of their numbers, the lines in that of the configuration."""

    columns: tuple[Column, ...]
    lines: tuple[Line, ...]


def matrix(members: Sequence[tuple[str, Sequence[TargetState]]], rows: frozenset[str], now: float) -> Matrix:
    """The overview of these hosts with their targets; of the lines only those of `rows`, unless that is empty."""
    columns = _columns(state for _, states in members for state in states)
    wanted = [(host, states) for host, states in members if not rows or host in rows]
    return Matrix(columns, tuple(_line(host, states, columns, now) for host, states in wanted))


def _columns(states: Iterable[TargetState]) -> tuple[Column, ...]:
    protocols: dict[int, dict[str, None]] = {}
    for state in states:
        service = state.target.service
        protocols.setdefault(service.port, {})[PROTOCOL[service.protocol]] = None
    return tuple(Column(port, "/".join(protocols[port])) for port in sorted(protocols))


def _line(host: str, states: Sequence[TargetState], columns: Sequence[Column], now: float) -> Line:
    ports: dict[int, list[TargetState]] = {}
    for state in states:
        ports.setdefault(state.target.service.port, []).append(state)
    families = len({state.target.ip_family for state in states}) > 1
    cells = tuple(_cell(column, ports, families, now) for column in columns)
    return Line(host, path_of(host), labels_of(states[0]), cells)


def _cell(column: Column, ports: Mapping[int, Sequence[TargetState]], families: bool, now: float) -> Cell:
    here = [(state, standing(state)) for state in ports.get(column.port, ())]
    if len(here) > _MOST_ENTRIES:
        here.sort(key=lambda pair: _URGENCY.get(pair[1], len(_URGENCY)))
    shown = tuple(_entry(state, which, families, now) for state, which in here[:_MOST_ENTRIES])
    return Cell(column, shown, max(0, len(here) - _MOST_ENTRIES))


def _entry(state: TargetState, which: Standing, families: bool, now: float) -> Entry:
    target, judgement = state.target, state.judgement
    well = which in (Standing.OK, Standing.PENDING)
    end = end_of(state.certificate, now) if state.certificate else None
    where = f" at {target.address}" if target.address else ""
    return Entry(
        label=f"{target.host} port {target.service.port} over {FAMILY[target.ip_family]}{where}",
        standing=which,
        family=_SHORT_FAMILY[target.ip_family] if families else None,
        address=target.address or None,
        reason=OUTCOME[judgement.outcome] if judgement and not well else None,
        since=moment(state.since, now) if which in _URGENCY else None,
        latency=greeting_latency(state.result),
        remarks=state.remarks,
        findings=tuple(
            finding_note(finding, state, now)
            for finding in state.tls_findings
            if SEVERITY[finding] is not Severity.INFO
        ),
        ending=end if end is not None and end.mood != "good" else None,
    )
