"""What the page of one host shows of each of its targets: certificates, capabilities, dialogs, the last probes."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from exporter.metrics.history import Change, Failure, KeptDialog
from exporter.metrics.state import CertificateSeen, TargetState
from exporter.results import Capability, CertificateFacts, Phase, ProbeResult, TranscriptLine
from exporter.web.certificate import CertificateEnd, end_of, faults_of
from exporter.web.chart import Chart, chart
from exporter.web.row import Addresses, Row, row
from exporter.web.wording import CLIENTS, OUTCOME, PHASE, Moment, latency, moment

# A server may send as many as fit into its replies; what nobody reads is left out.
_MOST_CAPABILITIES = 100

# A chain that leads somewhere has three or four; names of one certificate may be hundreds.
_MOST_CERTIFICATES, _MOST_NAMES = 10, 30


@dataclass(frozen=True, slots=True)
class CertificateCard:
    """One certificate of a chain, the server's own first, every value as it is written."""

    role: str
    end: CertificateEnd
    begins: Moment | None
    subject: str | None
    issuer: str | None
    names: str
    key: str | None
    signature: str | None
    serial: str | None
    fingerprint: str


@dataclass(frozen=True, slots=True)
class ChainCard:
    """What one kind of client is shown; `verdict` in words, and whether it holds."""

    clients: str
    verdict: str
    holds: bool | None
    seen: Moment | None
    certificates: tuple[CertificateCard, ...]


@dataclass(frozen=True, slots=True)
class CapabilityList:
    """What a server offered, line by line, before TLS or inside it. `lines` None: the session did not come to it."""

    words: str
    lines: tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class Said:
    """One dialog, whose `key` tells it from others of the page."""

    key: str
    words: str
    began: Moment | None
    lines: tuple[TranscriptLine, ...]
    left_out: int


@dataclass(frozen=True, slots=True)
class PastFailure:
    """Failures in a row that were alike."""

    words: str
    phase: str
    detail: str
    count: int
    first: Moment | None
    last: Moment | None


@dataclass(frozen=True, slots=True)
class PastChange:
    """Where another state began."""

    words: str
    detail: str
    good: bool | None
    since: Moment | None


@dataclass(frozen=True, slots=True)
class TargetCard:
    """Everything about one target; `key` is its place on the page."""

    key: str
    title: str
    row: Row
    expectations: tuple[tuple[str, bool], ...]
    chart: Chart | None
    chains: tuple[ChainCard, ...]
    capabilities: tuple[CapabilityList, ...]
    dialogs: tuple[Said, ...]
    changes: tuple[PastChange, ...]
    failures: tuple[PastFailure, ...]
    facts: tuple[tuple[str, str], ...]


def target_card(state: TargetState, addresses: Addresses, now: float) -> TargetCard:
    """What there is to say of a target on its host's page; `now` in Unix seconds."""
    cells = row(state, addresses, now)
    where = f"{cells.family} {state.target.address}".strip()
    history = state.history
    return TargetCard(
        key=f"{state.target.service.port}-{state.target.ip_family}-{state.target.address}".rstrip("-"),
        title=f"{cells.port} {cells.protocol} over {where}",
        row=cells,
        expectations=tuple((name.replace("_", " "), met) for name, met in state.judgement.expectations)
        if state.judgement
        else (),
        chart=chart(history.attempts(), now),
        chains=tuple(_chains(state, now)),
        capabilities=_capabilities(state.result),
        dialogs=_dialogs(history.dialogs(), state.result, now),
        changes=tuple(_change(one, now) for one in reversed(history.changes)),
        failures=tuple(_failure(one, now) for one in reversed(history.failures)),
        facts=tuple(_facts(state)),
    )


def _chains(state: TargetState, now: float) -> Iterable[ChainCard]:
    if state.certificate is not None:
        yield _chain("everybody" if not state.variants else "most clients", state.certificate, now)
    for variant in state.variants:
        if variant.certificates:
            seen = CertificateSeen(variant.observed, variant.certificates, variant.verdict)
            yield _chain(f"{CLIENTS[variant.variant]} ({variant.standing})", seen, now)


def _chain(clients: str, seen: CertificateSeen, now: float) -> ChainCard:
    faults = faults_of(seen.verdict)
    return ChainCard(
        clients=clients,
        verdict=faults or ("holds" if seen.verdict and seen.verdict.valid else "not judged"),
        holds=seen.verdict.valid if seen.verdict else None,
        seen=moment(seen.observed, now),
        certificates=tuple(_certificate(one, now) for one in seen.chain[:_MOST_CERTIFICATES]),
    )


def _certificate(facts: CertificateFacts, now: float) -> CertificateCard:
    names = [*facts.dns_names, *facts.ip_addresses]
    more = len(names) - _MOST_NAMES
    return CertificateCard(
        role="Server" if facts.position == 0 else f"Issuer {facts.position}",
        end=end_of(CertificateSeen(now, (facts,), None), now),
        begins=moment(facts.not_before, now) if facts.not_before is not None and facts.not_before <= now else None,
        subject=facts.subject,
        issuer=facts.issuer,
        names=", ".join(names[:_MOST_NAMES]) + (f" and {more} more" if more > 0 else ""),
        key=" ".join(str(part) for part in (facts.key_type, facts.key_bits) if part) or None,
        signature=facts.signature,
        serial=facts.serial,
        fingerprint=facts.fingerprint_sha256,
    )


def _capabilities(result: ProbeResult | None) -> tuple[CapabilityList, ...]:
    if result is None:
        return ()
    found = result.findings
    lists = (("before TLS", found.capabilities), ("inside TLS", found.capabilities_tls))
    return tuple(CapabilityList(words, _lines(offered)) for words, offered in lists if offered is not None)


def _lines(offered: Sequence[Capability]) -> tuple[str, ...]:
    lines = [" ".join((one.name, *one.parameters)) for one in offered[:_MOST_CAPABILITIES]]
    more = len(offered) - _MOST_CAPABILITIES
    return (*lines, f"and {more} more") if more > 0 else tuple(lines)


def _dialogs(kept: Sequence[KeptDialog], result: ProbeResult | None, now: float) -> tuple[Said, ...]:
    """The newest first; the one of the last probe comes from its result where nobody kept it."""
    said = [
        Said(f"{one.started:.3f}", OUTCOME[one.outcome], moment(one.started, now), one.lines, one.left_out)
        for one in reversed(kept)
    ]
    if result is not None and result.transcript and result.started not in {one.started for one in kept}:
        last = Said(f"{result.started:.3f}", OUTCOME[result.outcome], moment(result.started, now), result.transcript, 0)
        said.insert(0, last)
    return tuple(said)


def _change(change: Change, now: float) -> PastChange:
    return PastChange(OUTCOME[change.outcome], change.detail, change.success, moment(change.since, now))


def _failure(failure: Failure, now: float) -> PastFailure:
    return PastFailure(
        words=OUTCOME[failure.outcome],
        phase=PHASE[failure.phase],
        detail=failure.detail,
        count=failure.count,
        first=moment(failure.first, now),
        last=moment(failure.last, now),
    )


def _facts(state: TargetState) -> Iterable[tuple[str, str]]:
    result = state.result
    if result is None:
        return
    yield "Last probe took", latency(result.duration)
    if result.tls is not None:
        yield "TLS", " ".join(part for part in (result.tls.version, result.tls.cipher, result.tls.group) if part)
    if result.phase is not Phase.GOODBYE:
        yield "Came as far as", PHASE[result.phase]
    if result.findings.message_size_limit is not None:
        yield "Message size limit", f"{result.findings.message_size_limit:,} bytes"
    if state.interval is not None:
        yield "Probed every", f"{state.interval:.0f} s"
