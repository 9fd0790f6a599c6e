"""The notebook of one probe: what was seen so far, in the order it was seen, and at the end a `ProbeResult`.

The only mutable thing of a probe besides its connection. It is kept outside the session, so that whatever ends a
session leaves everything that was learnt before.
"""

from dataclasses import dataclass, field

from exporter.results import (
    MICROSECONDS,
    CertificateFacts,
    CertificateVerdict,
    Durations,
    Findings,
    LatencyClock,
    Outcome,
    Phase,
    ProbeResult,
    Resolution,
    TlsFacts,
    TranscriptLine,
)
from exporter.targets import Target

# Decimals of an instant in seconds: those of Prometheus' own timestamps.
_MILLISECONDS = 3


@dataclass(slots=True)
class Record:
    """Fields as in `ProbeResult`; `failed_in` is the phase of the first failure."""

    target: Target
    started: float
    duration: float = 0.0
    phase: Phase = Phase.RESOLVE
    outcome: Outcome = Outcome.OK
    detail: str = ""
    failed_in: Phase | None = None
    resolution: Resolution | None = None
    address: str | None = None
    port_open: bool | None = None
    durations: list[tuple[Phase, float]] = field(default_factory=list)
    clock: LatencyClock = LatencyClock.LOOP
    findings: Findings = field(default_factory=Findings)
    tls: TlsFacts | None = None
    certificates: tuple[CertificateFacts, ...] = ()
    verdict: CertificateVerdict | None = None
    transcript: tuple[TranscriptLine, ...] = ()
    tls_alert: int | None = None

    def fail(self, outcome: Outcome, detail: str) -> None:
        """Note a failure in the current phase; the first one counts, and in the goodbye none does."""
        if self.failed_in is None and self.phase is not Phase.GOODBYE:
            self.outcome, self.detail, self.failed_in = outcome, detail, self.phase

    def took(self, phase: Phase, seconds: float) -> None:
        """Note that `phase` is complete. A stamp of the kernel may be a hair older than the start on our own clock."""
        self.durations.append((phase, max(seconds, 0.0)))

    def result(self) -> ProbeResult:
        """Everything, frozen; durations in whole microseconds, the instant in whole milliseconds."""
        return ProbeResult(
            target=self.target,
            started=round(self.started, _MILLISECONDS),
            duration=round(self.duration, MICROSECONDS),
            outcome=self.outcome,
            phase=self.failed_in or self.phase,
            detail=self.detail,
            resolution=self.resolution,
            address=self.address,
            port_open=self.port_open,
            durations=Durations.of([(phase, round(seconds, MICROSECONDS)) for phase, seconds in self.durations]),
            clock=self.clock,
            findings=self.findings,
            tls=self.tls,
            certificates=self.certificates,
            verdict=self.verdict,
            transcript=self.transcript,
            tls_alert=self.tls_alert,
        )
