"""The certificate cell of a target: when it ends, and whatever else about it should be known.

Beside the certificate of the last probe stand the older ones that the port still shows by turns, and what clients of
another kind are shown, where that differs or does not hold.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from exporter.judgement.lifetime import ENDING_SHARE
from exporter.judgement.sighting import Sightings
from exporter.judgement.variant import VariantSeen, VariantStanding
from exporter.metrics.state import CertificateSeen, TargetState
from exporter.results import CertificateVerdict
from exporter.web.wording import CLIENTS, STALE, instant, span

_DAY = 86400.0


@dataclass(frozen=True, slots=True)
class CertificateEnd:
    """The end of a certificate or of its chain, whichever comes first. `mood`: good, warning or bad."""

    text: str
    mood: str
    instant: str | None


@dataclass(frozen=True, slots=True)
class CertificateNote:
    """One more line about a certificate; `mood` and `instant` as in `CertificateEnd`."""

    text: str
    mood: str
    instant: str | None = None


@dataclass(frozen=True, slots=True)
class CertificateCell:
    """The certificate seen last; `seen` says when, if not by the last probe."""

    end: CertificateEnd
    faults: str
    seen: str | None
    notes: tuple[CertificateNote, ...] = ()


def certificate_cell(state: TargetState, now: float) -> CertificateCell | None:
    """What to show of the certificates of a target; `None` where none was seen. `now` in Unix seconds."""
    seen = state.certificate
    if seen is None:
        return None
    return CertificateCell(
        end_of(seen, now),
        faults_of(seen.verdict),
        f"seen {span(now - seen.observed)} ago" if state.certificate_retained else None,
        tuple(_notes(state, seen, now)),
    )


def _notes(state: TargetState, seen: CertificateSeen, now: float) -> Iterator[CertificateNote]:
    if state.stale:
        yield CertificateNote(STALE, "warning")
    if state.sightings.different > 1:
        yield _by_turns(state.sightings, now)
    for variant in state.variants:
        if variant.certificates and _is_news(variant, seen.verdict):
            yield _to_other_clients(variant, now)


def _by_turns(sightings: Sightings, now: float) -> CertificateNote:
    text = f"{sightings.different} different ones seen within the hour"
    end = sightings.earliest
    if end is None:
        return CertificateNote(text, "quiet")
    when = f"ends in {_days(end - now)}" if end > now else f"ended {span(now - end)} ago"
    return CertificateNote(f"{text}, the first {when}", "quiet", instant(end))


def _is_news(variant: VariantSeen, ordinary: CertificateVerdict | None) -> bool:
    """It is another certificate, or the same one does not hold for these clients only: they may be sent less of it."""
    if variant.standing is VariantStanding.DIFFERENT:
        return True
    return bool(ordinary and ordinary.valid and variant.verdict and not variant.verdict.valid)


def _to_other_clients(variant: VariantSeen, now: float) -> CertificateNote:
    end = end_of(CertificateSeen(variant.observed, variant.certificates, variant.verdict), now)
    another = " see another certificate" if variant.standing is VariantStanding.DIFFERENT else ""
    text = f"{CLIENTS[variant.variant]}{another}: {faults_of(variant.verdict) or end.text}"
    return CertificateNote(text, end.mood, end.instant)


def faults_of(verdict: CertificateVerdict | None) -> str:
    """What is wrong with it, by the labels' values; empty where nothing is, or where nobody judged it."""
    return ", ".join(verdict.faults) if verdict else ""


def ends_at(seen: CertificateSeen) -> float | None:
    """The first of the ends that are known, in Unix seconds; `None` where none is."""
    # An intermediate that ends sooner takes the server's own with it.
    ends = (seen.leaf.not_after, seen.verdict.chain_not_after if seen.verdict else None)
    return min((end for end in ends if end is not None), default=None)


def end_of(seen: CertificateSeen, now: float) -> CertificateEnd:
    """When it ends, in words. `now` in Unix seconds."""
    end = ends_at(seen)
    if end is None:
        return CertificateEnd("unreadable", "bad", None)
    left = end - now
    if left <= 0:
        return CertificateEnd(f"ended {span(-left)} ago", "bad", instant(end))
    ending = left < ENDING_SHARE * _lifetime(seen, end)
    mood = "warning" if ending or faults_of(seen.verdict) else "good"
    return CertificateEnd(f"{_days(left)}{', ending' if ending else ''}", mood, instant(end))


def _lifetime(seen: CertificateSeen, end: float) -> float:
    """Seconds from the begin of the certificate to its end; without a begin as if it were one of 90 days."""
    return end - seen.leaf.not_before if seen.leaf.not_before is not None else 90 * _DAY


def _days(seconds: float) -> str:
    whole = int(seconds // _DAY)
    return span(seconds) if whole < 1 else f"{whole} day{'' if whole == 1 else 's'}"
