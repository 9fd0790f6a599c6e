"""One row of a list of targets: everything about one port over one family, every cell as it is written.

What a mail server said is text and stays it: nothing here is markup.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import quote

from exporter.judgement.expectation import Judgement
from exporter.judgement.security import SEVERITY, Severity, TlsFinding
from exporter.metrics.state import HostState, TargetState
from exporter.results import Outcome, Phase, ProbeResult
from exporter.targets import IpFamily
from exporter.web.certificate import CertificateCell, certificate_cell
from exporter.web.question import by_host
from exporter.web.standing import Standing, standing
from exporter.web.wording import FAMILY, FINDING, OUTCOME, PROTOCOL, TLS, Moment, latency, moment

# Two rounds may be lost to a retry or a full schedule; after that somebody should look.
_LATE_ROUNDS = 3

# With which a session ends, in IMAP behind a tag.
_GOODBYES = ("QUIT", "LOGOUT")

# A port of the targets of all addresses of a name, and how many of these are open.
Addresses = Mapping[tuple[str, int, IpFamily], str]


@dataclass(frozen=True, slots=True)
class FindingNote:
    """One finding on the way into TLS; `severity` in words, `first_missed` only of an offer that is lost."""

    text: str
    severity: Severity
    first_missed: Moment | None


@dataclass(frozen=True, slots=True)
class Row:
    """One port over one family, every cell as it is written; `None` is an empty cell.

    said  the server's last words, where the probe failed and they are not the greeting
    """

    port: int
    protocol: str
    tls: str
    tls_version: str | None
    family: str
    address: str | None
    addresses: str | None
    standing: Standing
    remarks: tuple[str, ...]
    outcome: Outcome | None
    words: str | None
    detail: str
    unmet: tuple[str, ...]
    findings: tuple[FindingNote, ...]
    greeting: str | None
    said: str | None
    since: Moment | None
    latency: str | None
    certificate: CertificateCell | None
    probed: Moment | None
    late: bool


@dataclass(frozen=True, slots=True)
class HostGroup:
    """The rows of one host under its name and the labels that the user gave it; `path` is that of its own page."""

    host: str
    path: str
    labels: tuple[str, ...]
    rows: tuple[Row, ...]


def groups(states: Iterable[TargetState], hosts: Iterable[HostState], now: float) -> list[HostGroup]:
    """A row for each target under its host, in the order of the targets."""
    addresses = open_addresses(hosts)
    return [
        HostGroup(host, path_of(host), labels_of(members[0]), tuple(row(state, addresses, now) for state in members))
        for host, members in by_host(states).items()
    ]


def open_addresses(hosts: Iterable[HostState]) -> Addresses:
    """How many addresses of a port are open, where each is a target of its own."""
    return {
        (host.host, count.service.port, count.ip_family): f"{count.open} of {count.probed} addresses open"
        for host in hosts
        for count in host.addresses
    }


def path_of(host: str) -> str:
    """Where the page of a host is, relative to the status page."""
    return f"host/{quote(host, safe='', errors='replace')}"


def labels_of(state: TargetState) -> tuple[str, ...]:
    """The user's own, as people read them."""
    return tuple(f"{name}: {value}" for name, value in state.target.labels)


def row(state: TargetState, addresses: Addresses, now: float) -> Row:
    """What there is to say of a target; `now` in Unix seconds."""
    target, result, judgement = state.target, state.result, state.judgement
    which = standing(state)
    reason = judgement.outcome if judgement and which is not Standing.OK else None
    return Row(
        port=target.service.port,
        protocol=PROTOCOL[target.service.protocol],
        tls=TLS[target.service.tls],
        tls_version=result.tls.version if result and result.tls else None,
        family=FAMILY[target.ip_family],
        address=(result.address if result else None) or target.address or None,
        addresses=addresses.get((target.host, target.service.port, target.ip_family)),
        standing=which,
        remarks=state.remarks,
        outcome=reason,
        words=OUTCOME[reason] if reason else None,
        detail=judgement.detail if judgement else "",
        unmet=_unmet(judgement),
        findings=tuple(finding_note(finding, state, now) for finding in state.tls_findings),
        greeting=result.findings.greeting if result else None,
        said=_last_words(result) if which is Standing.FAILING else None,
        since=moment(state.since, now),
        latency=greeting_latency(result),
        certificate=certificate_cell(state, now),
        probed=moment(result.started if result else None, now),
        late=bool(result and state.interval and now - result.started > _LATE_ROUNDS * state.interval),
    )


def greeting_latency(result: ProbeResult | None) -> str | None:
    """How long the greeting took, in words; `None` where there was none."""
    seconds = dict(result.durations).get(Phase.GREETING) if result else None
    return latency(seconds) if seconds is not None else None


def finding_note(finding: TlsFinding, state: TargetState, now: float) -> FindingNote:
    """One of the findings of a target; `now` in Unix seconds."""
    lost_since = state.starttls.lost_since if finding is TlsFinding.STARTTLS_LOST else None
    return FindingNote(FINDING[finding], SEVERITY[finding], moment(lost_since, now))


def _unmet(judgement: Judgement | None) -> tuple[str, ...]:
    return tuple(name for name, met in judgement.expectations if not met) if judgement else ()


def _last_words(result: ProbeResult | None) -> str | None:
    """What the server said last before the probe failed, unless that is known already.

    The answer to our goodbye tells nobody anything, and the greeting stands in the row by itself.
    """
    if result is None or result.phase is Phase.GOODBYE:
        return None
    said = None
    for line in result.transcript:
        if line.sent and line.text.upper().endswith(_GOODBYES):
            break
        if not line.sent:
            said = line.text
    known = (result.detail, result.findings.greeting or "")
    return None if said is None or any(said in text or (text and text in said) for text in known) else said
