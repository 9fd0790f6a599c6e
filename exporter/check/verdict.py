"""What one round of probes is worth as a whole, in the four words of the monitoring plugins' guidelines.

CRITICAL: something that should be there is not, a finding on the way into TLS is of that severity, or clients of
another kind are shown a certificate that does not hold. WARNING: a certificate has little of its life left, or is older
than on other ports; or a finding is of that severity. UNKNOWN: nothing could be said. A port that nobody promised
(`expect: any`) counts only when it answers; if none does, that is critical.

What several ports mean together (`exporter.check.together`) decides nothing here: it explains failures that each port
has by itself.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from exporter.judgement.expectation import Judgement
from exporter.judgement.lifetime import ENDING_SHARE
from exporter.judgement.security import SEVERITY, Severity, TlsFinding
from exporter.judgement.variant import VariantSeen
from exporter.results import CertificateFacts, CertificateVerdict, ProbeResult
from exporter.targets import Expectation


class Status(IntEnum):
    """The values are the exit codes."""

    OK = 0
    WARNING = 1
    CRITICAL = 2
    UNKNOWN = 3


# A failure is worse than not knowing, and not knowing worse than a warning.
_WORST_FIRST: Final = (Status.CRITICAL, Status.UNKNOWN, Status.WARNING, Status.OK)

# A finding of no weight is told, and decides nothing.
_OF_SEVERITY: Final = {
    Severity.CRITICAL: Status.CRITICAL,
    Severity.WARNING: Status.WARNING,
    Severity.INFO: Status.OK,
}


@dataclass(frozen=True, slots=True)
class Checked:
    """One target's result and what it means.

    variants  what the other handshakes showed, where they were asked for
    findings  on the way into TLS; nothing is remembered from one round to the next, so none is ever `STARTTLS_LOST`
    stale     the certificate is older than the newest one of its group; `None`: nothing to compare
    """

    result: ProbeResult
    judgement: Judgement
    variants: tuple[VariantSeen, ...] = ()
    findings: tuple[TlsFinding, ...] = ()
    stale: bool | None = None

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
    if checked.judgement.success is None and checked.result.port_open is False:
        return None
    return _worst(_weighed(checked, now))


def overall(everything: Sequence[Checked], now: float) -> Status:
    """The status of the whole round: the worst there is, where a failure is worse than not knowing."""
    found = [found for checked in everything if (found := status(checked, now)) is not None]
    if not found:
        return Status.CRITICAL if everything else Status.UNKNOWN
    return _worst(found)


def _worst(found: Iterable[Status]) -> Status:
    return min(found, key=_WORST_FIRST.index)


def _weighed(checked: Checked, now: float) -> Iterator[Status]:
    """The status of everything that was found at one target."""
    success = checked.judgement.success
    yield Status.UNKNOWN if success is None else Status.OK if success else Status.CRITICAL
    yield from (_OF_SEVERITY[SEVERITY[finding]] for finding in checked.findings)
    if checked.stale or _is_ending(checked.leaf, now):
        yield Status.WARNING
    for variant in checked.variants:
        if _does_not_hold(variant.verdict, checked.result.target.expectation):
            yield Status.CRITICAL
        elif variant.certificates and _is_ending(variant.certificates[0], now):
            yield Status.WARNING


def _is_ending(certificate: CertificateFacts | None, now: float) -> bool:
    left = life_left(certificate, now) if certificate is not None else None
    return left is not None and left < ENDING_SHARE


def _does_not_hold(verdict: CertificateVerdict | None, expectation: Expectation) -> bool:
    """A check fails that must hold here, as it must for the certificate of the ordinary probe."""
    if verdict is None or not expectation.valid_certificate:
        return False
    wanted = expectation.certificate_checks
    return (
        (wanted.chain and not verdict.chain_valid)
        or (wanted.name and not verdict.name_valid)
        or (wanted.dates and not verdict.dates_valid)
    )
