"""A daemon that stands still: what the pages are tested against. Its targets and results are real values."""

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from exporter.judgement.expectation import judge
from exporter.judgement.vantage import Vantage
from exporter.judgement.variant import VariantSeen, VariantStanding
from exporter.metrics.negotiation import Format
from exporter.metrics.state import HostState, TargetState
from exporter.results import (
    CertificateFacts,
    CertificateFault,
    CertificateVerdict,
    Durations,
    Findings,
    Outcome,
    Phase,
    ProbeResult,
    Resolution,
    TlsFacts,
)
from exporter.targets import (
    AuthRule,
    Expectation,
    IpFamily,
    PortState,
    Protocol,
    Service,
    StarttlsRule,
    Target,
    TlsMode,
    Variant,
)
from exporter.web.events import Changes

DAY = 86400.0
NOW = 1_795_300_000.0  # 2026-11-21 22:26:40 UTC

SMTP = Service(25, Protocol.SMTP, TlsMode.STARTTLS)
SUBMISSION = Service(587, Protocol.SMTP, TlsMode.STARTTLS)
IMAPS = Service(993, Protocol.IMAP, TlsMode.IMPLICIT)

GOOD = CertificateVerdict(chain_valid=True, name_valid=True, dates_valid=True)


def target(host: str = "mail.example.org", service: Service = SUBMISSION, **changes: object) -> Target:
    """A target that should be open; `changes` are fields of `Target`, and `state` is that of its expectation."""
    state = changes.pop("state", PortState.OPEN)
    assert isinstance(state, PortState)
    expectation = Expectation(state, StarttlsRule.REQUIRED, True, AuthRule.FORBIDDEN)
    plain = Target(host=host, service=service, ip_family=IpFamily.IPV4, expectation=expectation)
    return replace(plain, **changes)  # type: ignore[arg-type]  # the names are checked by `replace` when it runs


def certificate(days_left: float, lifetime: float = 90.0, **changes: object) -> CertificateFacts:
    """A certificate that ends `days_left` days after NOW."""
    end = NOW + days_left * DAY
    plain = CertificateFacts(0, "ab" * 32, not_before=end - lifetime * DAY, not_after=end)
    return replace(plain, **changes)  # type: ignore[arg-type]  # the names are checked by `replace` when it runs


def answered(of: Target, **changes: object) -> ProbeResult:
    """A probe of `of` that went well, half a minute before NOW."""
    plain = ProbeResult(
        target=of,
        started=NOW - 30,
        duration=0.4,
        outcome=Outcome.OK,
        phase=Phase.GOODBYE,
        resolution=Resolution(Outcome.OK, ("192.0.2.25",), (), 0.002),
        address="192.0.2.25",
        port_open=True,
        durations=Durations.of([(Phase.CONNECT, 0.011), (Phase.GREETING, 0.042)]),
        findings=Findings(greeting=f"{of.host} ESMTP Postfix", starttls_advertised=True, cleartext_auth=False),
        tls=TlsFacts("TLSv1.3", "TLS_AES_256_GCM_SHA384", "X25519"),
        certificates=(certificate(62),),
        verdict=GOOD,
    )
    return replace(plain, **changes)  # type: ignore[arg-type]  # the names are checked by `replace` when it runs


def failed(of: Target, outcome: Outcome, phase: Phase, detail: str = "", **changes: object) -> ProbeResult:
    """A probe of `of` that never got a connection, half a minute before NOW."""
    plain = ProbeResult(of, NOW - 30, 0.1, outcome, phase, detail, port_open=False, address="192.0.2.25")
    return replace(plain, **changes)  # type: ignore[arg-type]  # the names are checked by `replace` when it runs


def seen(*results: ProbeResult, interval: float = 120.0) -> TargetState:
    """The state of a target after these probes of it."""
    state = TargetState(results[0].target)
    for result in results:
        state = state.after(result, judge(result, known_before=True), interval)
    return state


def faulty(*faults: CertificateFault) -> CertificateVerdict:
    """A verdict with these faults."""
    return CertificateVerdict(chain_valid=False, name_valid=False, dates_valid=False, faults=faults)


def other_handshake(
    variant: Variant,
    leaf: CertificateFacts,
    verdict: CertificateVerdict = GOOD,
    standing: VariantStanding = VariantStanding.DIFFERENT,
) -> VariantSeen:
    """What another handshake showed, an hour before NOW."""
    return VariantSeen(variant, standing, NOW - 3600, (leaf,), verdict)


class StandingDaemon:
    """Answers what it is told to, and remembers what it was asked."""

    version = "0.1.0"

    def __init__(
        self,
        *states: TargetState,
        hosts: Sequence[HostState] = (),
        vantages: Sequence[Vantage] = (),
        progress: tuple[int, int] = (0, 0),
    ) -> None:
        self.targets = states
        self.changes = Changes()
        self.host_states = hosts
        self.ways_out = vantages
        self.progress = progress
        self.document = b"mailprobe_success 1.0\n# EOF\n"
        self.asked_for: list[Format] = []
        self.broken: Exception | None = None
        self.faults: str | None = None
        self.reloads = 0
        self.most_reloads_at_once = 0
        self.reload_began = asyncio.Event()
        self.reload_may_end = asyncio.Event()
        self.reload_may_end.set()
        self._reloading = 0

    def now(self) -> float:
        return NOW

    def metrics(self, form: Format) -> Iterator[bytes]:
        self.asked_for.append(form)
        if self.broken is not None:
            raise self.broken
        yield self.document

    def states(self) -> Iterable[TargetState]:
        return self.targets

    def hosts(self) -> Sequence[HostState]:
        return self.host_states

    def vantages(self) -> Sequence[Vantage]:
        return self.ways_out

    def ready(self) -> tuple[int, int]:
        return self.progress

    async def reload(self) -> str | None:
        self.reloads += 1
        self._reloading += 1
        self.reload_began.set()
        self.most_reloads_at_once = max(self.most_reloads_at_once, self._reloading)
        await self.reload_may_end.wait()
        self._reloading -= 1
        return self.faults

    def config_text(self) -> str:
        return "hosts:\n- host: mail.example.org\n"
