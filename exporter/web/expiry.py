"""Certificates by their end: every one that some port shows, once, with all the places that show it."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from exporter.judgement.variant import VariantStanding
from exporter.metrics.state import CertificateSeen, TargetState
from exporter.results import CertificateFacts
from exporter.web.certificate import CertificateEnd, end_of, ends_at, faults_of
from exporter.web.row import path_of
from exporter.web.wording import CLIENTS

# A certificate of a whole farm would fill the page; its hosts can be searched for.
_MOST_PLACES = 12


@dataclass(frozen=True, slots=True)
class Place:
    """A host that shows a certificate; `ports` in words, with the clients to whom it is shown unless it is all."""

    host: str
    path: str
    ports: str


@dataclass(frozen=True, slots=True)
class CertificateLine:
    """One certificate with its chain, as it is written; `faults` empty where it holds. `more`: places left out."""

    end: CertificateEnd
    ends: float | None
    faults: str
    subject: str | None
    issuer: str | None
    fingerprint: str
    places: tuple[Place, ...]
    more: int


@dataclass(slots=True)
class _Shown:
    """A certificate while its places are gathered: of each host the ports, in order."""

    seen: CertificateSeen
    hosts: dict[str, dict[str, None]] = field(default_factory=dict)


def certificates(states: Iterable[TargetState], now: float) -> list[CertificateLine]:
    """Every certificate that one of the targets shows, the one that ends first in front; `now` in Unix seconds.

    What ended long ago comes before it, and what cannot be read before everything. The same certificate with other
    faults, or with a chain that ends at another time, is another line.
    """
    gathered: dict[tuple[str, str, float | None], _Shown] = {}
    for state in states:
        for seen, clients in _seen(state):
            key = (seen.leaf.fingerprint_sha256, faults_of(seen.verdict), ends_at(seen))
            shown = gathered.setdefault(key, _Shown(seen))
            port = f"{state.target.service.port}{clients}"
            shown.hosts.setdefault(state.target.host, {})[port] = None
    lines = (_line(shown, now) for shown in gathered.values())
    return sorted(lines, key=lambda line: -1.0 if line.ends is None else line.ends)


def _seen(state: TargetState) -> Iterator[tuple[CertificateSeen, str]]:
    if state.certificate is not None:
        yield state.certificate, ""
    for variant in state.variants:
        if variant.certificates and variant.standing is VariantStanding.DIFFERENT:
            seen = CertificateSeen(variant.observed, variant.certificates, variant.verdict)
            yield seen, f" ({CLIENTS[variant.variant]})"


def _line(shown: _Shown, now: float) -> CertificateLine:
    leaf: CertificateFacts = shown.seen.leaf
    places = [Place(host, path_of(host), ", ".join(ports)) for host, ports in shown.hosts.items()]
    return CertificateLine(
        end=end_of(shown.seen, now),
        ends=ends_at(shown.seen),
        faults=faults_of(shown.seen.verdict),
        subject=leaf.subject,
        issuer=leaf.issuer,
        fingerprint=leaf.fingerprint_sha256,
        places=tuple(places[:_MOST_PLACES]),
        more=max(0, len(places) - _MOST_PLACES),
    )
