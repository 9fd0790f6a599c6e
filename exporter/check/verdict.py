"""What one round of probes is worth as a whole, in the four words of the monitoring plugins' guidelines.

CRITICAL: something that should be there is not. WARNING: a certificate has little of its life left. UNKNOWN:
nothing could be said. A port that nobody promised (`expect: any`) counts only when it answers; if none does, that
is critical.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

from exporter.judgement.expectation import Judgement
from exporter.judgement.lifetime import ENDING_SHARE
from exporter.results import CertificateFacts, ProbeResult


class Status(IntEnum):
    """The values are the exit codes."""

    OK = 0
    WARNING = 1
    CRITICAL = 2
    UNKNOWN = 3


@dataclass(frozen=True, slots=True)
class Checked:
    """One target's result and what it means."""

    result: ProbeResult
    judgement: Judgement

    @property
    def leaf(self) -> CertificateFacts | None:
        """The server's own certificate, where one was seen."""
        return self.result.certificates[0] if self.result.certificates else None


def life_left(certificate: CertificateFacts, now: float) -> float | None:
    """The share of its life that a certificate has left at `now` (Unix seconds); below 0 after its end."""
    if certificate.not_before is None or certificate.not_after is None:
        return None
    life = certificate.not_after - certificate.not_before
    return (certificate.not_after - now) / life if life > 0 else None


def status(checked: Checked, now: float) -> Status | None:
    """The status of one target; `None` for one that promised nothing and is not there."""
    if checked.judgement.success is False:
        return Status.CRITICAL
    if checked.judgement.success is None:
        return None if checked.result.port_open is False else Status.UNKNOWN
    leaf = checked.leaf
    left = life_left(leaf, now) if leaf is not None else None
    return Status.WARNING if left is not None and left < ENDING_SHARE else Status.OK


def overall(everything: Sequence[Checked], now: float) -> Status:
    """The status of the whole round: the worst there is, where a failure is worse than not knowing."""
    found = [found for checked in everything if (found := status(checked, now)) is not None]
    if not found:
        return Status.CRITICAL if everything else Status.UNKNOWN
    for worst in (Status.CRITICAL, Status.UNKNOWN, Status.WARNING):
        if worst in found:
            return worst
    return Status.OK
