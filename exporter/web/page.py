"""The status page: from the states of all targets to one HTML document.

Rendered on the server and whole: no script, nothing from elsewhere. What a mail server said is shown as text, never as
markup: the template escapes every value, and what cannot be seen is made visible before.
"""

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined

from exporter.judgement.lifetime import ENDING_SHARE
from exporter.metrics.state import CertificateSeen, TargetState
from exporter.results import Phase
from exporter.targets import IpFamily, TlsMode
from exporter.web.standing import Standing, standing
from exporter.web.wording import clock, instant, latency, span, visible

_DAY = 86400.0

# Two rounds may be lost to a retry or a full schedule; after that somebody should look.
_LATE_ROUNDS = 3

_TLS = {TlsMode.NONE: "none", TlsMode.STARTTLS: "STARTTLS", TlsMode.IMPLICIT: "implicit"}
_FAMILY = {IpFamily.IPV4: "IPv4", IpFamily.IPV6: "IPv6"}

# Counted even when there are none: 'failing 0' is what most readers come for.
_ALWAYS = frozenset({Standing.FAILING, Standing.OK, Standing.CLOSED, Standing.PENDING})

STYLESHEET = files("exporter.web").joinpath("static", "style.css").read_text(encoding="utf-8")
# In its address, so that browsers may keep it and still never use an old one with a new page.
_STYLESHEET_DIGEST = hashlib.sha256(STYLESHEET.encode()).hexdigest()[:12]

_environment = Environment(
    loader=PackageLoader("exporter.web"),
    autoescape=True,
    finalize=visible,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    auto_reload=False,
)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything the page shows, taken at one moment. `only` None: all targets."""

    version: str
    now: float
    states: Sequence[TargetState]
    progress: tuple[int, int]
    only: Standing | None = None


@dataclass(frozen=True, slots=True)
class Moment:
    """A time ago, in words and exactly."""

    text: str
    instant: str


@dataclass(frozen=True, slots=True)
class CertificateCell:
    """The end of a certificate or of its chain, whichever comes first. `mood`: good, warning or bad."""

    text: str
    mood: str
    instant: str | None
    faults: str
    seen: str | None


@dataclass(frozen=True, slots=True)
class Row:
    """One port over one family, every cell as it is written; `None` is an empty cell."""

    port: int
    protocol: str
    tls: str
    tls_version: str | None
    family: str
    address: str | None
    standing: Standing
    outcome: str | None
    detail: str
    greeting: str | None
    since: Moment | None
    latency: str | None
    certificate: CertificateCell | None
    probed: Moment | None
    late: bool


@dataclass(frozen=True, slots=True)
class HostGroup:
    """The rows of one host under its name and the labels that the user gave it."""

    host: str
    labels: tuple[str, ...]
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class Count:
    """How many targets stand so; `standing` None: all of them."""

    standing: Standing | None
    number: int


def render(snapshot: Snapshot) -> str:
    """The page as HTML. Takes about 50 µs a target: not for the event loop when there are thousands."""
    standings = [standing(state) for state in snapshot.states]
    groups = _groups(snapshot, standings)
    tally = Counter(standings)
    shown = [which for which in Standing if which in _ALWAYS or tally[which]]
    done, total = snapshot.progress
    return _environment.get_template("status.html").render(
        version=snapshot.version,
        stylesheet=_STYLESHEET_DIGEST,
        clock=clock(snapshot.now),
        instant=instant(snapshot.now),
        counts=[Count(None, len(standings)), *(Count(which, tally[which]) for which in shown)],
        failing=tally[Standing.FAILING],
        only=snapshot.only,
        done=done,
        total=total,
        groups=groups,
    )


def _groups(snapshot: Snapshot, standings: Sequence[Standing]) -> list[HostGroup]:
    """The rows that are asked for, by host in the order of the configuration; hosts without such rows are left out."""
    members: dict[str, list[tuple[TargetState, Standing]]] = {}
    for state, which in zip(snapshot.states, standings, strict=True):
        if snapshot.only in (None, which):
            members.setdefault(state.target.host, []).append((state, which))
    return [
        HostGroup(
            host,
            tuple(f"{name}: {value}" for name, value in found[0][0].target.labels),
            tuple(_row(state, which, snapshot.now) for state, which in found),
        )
        for host, found in members.items()
    ]


def _row(state: TargetState, which: Standing, now: float) -> Row:
    target, result, judgement = state.target, state.result, state.judgement
    greeting = dict(result.durations).get(Phase.GREETING) if result else None
    return Row(
        port=target.service.port,
        protocol=target.service.protocol.upper(),
        tls=_TLS[target.service.tls],
        tls_version=result.tls.version if result and result.tls else None,
        family=_FAMILY[target.ip_family],
        address=(result.address if result else None) or target.address or None,
        standing=which,
        outcome=judgement.outcome if judgement and which is not Standing.OK else None,
        detail=judgement.detail if judgement else "",
        greeting=result.findings.greeting if result else None,
        since=_moment(state.since, now),
        latency=latency(greeting) if greeting is not None else None,
        certificate=_certificate(state, now),
        probed=_moment(result.started if result else None, now),
        late=bool(result and state.interval and now - result.started > _LATE_ROUNDS * state.interval),
    )


def _moment(timestamp: float | None, now: float) -> Moment | None:
    return None if timestamp is None else Moment(span(now - timestamp), instant(timestamp))


def _certificate(state: TargetState, now: float) -> CertificateCell | None:
    seen = state.certificate
    if seen is None:
        return None
    faults = ", ".join(seen.verdict.faults) if seen.verdict else ""
    known = f"seen {span(now - seen.observed)} ago" if state.certificate_retained else None
    end = _end(seen)
    if end is None:
        return CertificateCell("unreadable", "bad", None, faults, known)
    left = end - now
    if left <= 0:
        return CertificateCell(f"ended {span(-left)} ago", "bad", instant(end), faults, known)
    ending = left < ENDING_SHARE * _lifetime(seen, end)
    mood = "warning" if ending or faults else "good"
    return CertificateCell(f"{_days(left)}{', ending' if ending else ''}", mood, instant(end), faults, known)


def _end(seen: CertificateSeen) -> float | None:
    """The first of the ends that are known: an intermediate that ends sooner takes the server's own with it."""
    ends = (seen.leaf.not_after, seen.verdict.chain_not_after if seen.verdict else None)
    return min((end for end in ends if end is not None), default=None)


def _lifetime(seen: CertificateSeen, end: float) -> float:
    """Seconds from the begin of the certificate to its end; without a begin as if it were one of 90 days."""
    return end - seen.leaf.not_before if seen.leaf.not_before is not None else 90 * _DAY


def _days(seconds: float) -> str:
    whole = int(seconds // _DAY)
    return span(seconds) if whole < 1 else f"{whole} day{'' if whole == 1 else 's'}"
