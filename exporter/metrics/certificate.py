"""The catalogue's rows about certificates, and how they are read.

A certificate outlives the session that showed it. The label `variant` says to whom it is shown: `default` is the
ordinary probe, and another handshake has series of its own only while it is shown another certificate. What a port
showed of late, and how that compares with its group, is said of the port and has no such label.
"""

from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Final

from exporter.judgement.variant import VariantStanding
from exporter.metrics.figures import Figures, Filled, Frame, one
from exporter.metrics.line import Labels, Sample, bounded
from exporter.metrics.metric import Kind, Metric, Scope
from exporter.metrics.state import CertificateSeen, TargetState
from exporter.targets import Variant

_VARIANT_LABELS = {variant: (("variant", str(variant)),) for variant in Variant}


def _shown(state: TargetState) -> Iterator[tuple[Labels, CertificateSeen]]:
    """The certificate of the ordinary probe, and those that other handshakes are shown instead."""
    if state.certificate is not None:
        yield _VARIANT_LABELS[Variant.DEFAULT], state.certificate
    for seen in state.variants:
        if seen.standing is VariantStanding.DIFFERENT:
            yield _VARIANT_LABELS[seen.variant], CertificateSeen(seen.observed, seen.certificates, seen.verdict)


def _certificates(state: TargetState) -> object:
    """All that a port shows to anybody but when, and what of it counts."""
    seen, sightings = state.certificate, state.sightings
    shown = None if seen is None else (seen.chain, seen.verdict)
    return state.target, shown, state.variants, [one.not_after for one in sightings.seen]


def _of_each(value: Callable[[CertificateSeen], float | None]) -> Figures[TargetState]:
    """A number of each certificate."""

    def read(state: TargetState) -> Filled:
        found = [(labels, number) for labels, seen in _shown(state) if (number := value(seen)) is not None]
        return _variants(tuple([labels for labels, _ in found])), [number for _, number in found]

    return Figures(read)


# Of each of the variants, or of none: as many as there are sets of them.
@lru_cache(maxsize=1 << len(Variant))
def _variants(labels: tuple[Labels, ...]) -> Frame:
    return Frame(*((pairs, "") for pairs in labels))


def _chain_not_after(seen: CertificateSeen) -> float | None:
    return None if seen.verdict is None else seen.verdict.chain_not_after


def _valid(state: TargetState) -> Iterator[Sample]:
    """The three checks, each on its own."""
    for labels, seen in _shown(state):
        if (verdict := seen.verdict) is not None:
            checks = (("chain", verdict.chain_valid), ("name", verdict.name_valid), ("dates", verdict.dates_valid))
            for check, holds in checks:
                yield Sample(holds, (("check", check), *labels))


def _waived(state: TargetState) -> Iterator[Sample]:
    """One sample for each check that does not count where a valid certificate is declared."""
    if state.target.expectation.valid_certificate:
        counting = state.target.expectation.certificate_checks
        for check, counts in (("chain", counting.chain), ("name", counting.name), ("dates", counting.dates)):
            if not counts:
                yield Sample(1, (("check", check),))


def _errors(state: TargetState) -> Iterator[Sample]:
    """One sample for each fault."""
    for labels, seen in _shown(state):
        if seen.verdict is not None:
            for fault in dict.fromkeys(seen.verdict.faults):
                yield Sample(1, (("reason", fault), *labels))


def _info(state: TargetState) -> Iterator[Sample]:
    """The server's own certificate; what it does not say has no label."""
    for labels, seen in _shown(state):
        leaf = seen.leaf
        pairs = (
            ("fingerprint_sha256", leaf.fingerprint_sha256),
            ("subject", leaf.subject),
            ("issuer", leaf.issuer),
            ("serial", leaf.serial),
            ("key_type", leaf.key_type),
            ("key_bits", None if leaf.key_bits is None else str(leaf.key_bits)),
            ("signature", leaf.signature),
        )
        yield Sample(1, (*((name, bounded(value)) for name, value in pairs), *labels))


def _different(state: TargetState) -> Iterator[Sample]:
    """How many; none of late is not known to be none."""
    if count := state.sightings.different:
        yield Sample(count)


def _earliest(state: TargetState) -> Iterator[Sample]:
    """The earliest end of several."""
    if state.sightings.different > 1 and (earliest := state.sightings.earliest) is not None:
        yield Sample(earliest)


def staleness(state: TargetState) -> object:
    """What changes with the neighbours of a port, and not by its own probes alone."""
    return state.stale


@Figures
def _stale(state: TargetState) -> Filled:
    return one(state.stale)


CERTIFICATE_METRICS: Final[tuple[Metric[TargetState], ...]] = (
    Metric(
        "mailprobe_certificate_not_after_timestamp_seconds",
        Kind.GAUGE,
        Scope.TARGET,
        unit="seconds",
        labels=("variant",),
        help="Unix time at which the server's own certificate ends; like all certificate metrics with a variant, of "
        "the last one that a scheduled probe received, which stays for a while when later probes fail. Variants other "
        "than default are there only while they are shown another certificate.",
        samples=_of_each(lambda seen: seen.leaf.not_after),
        reads=_certificates,
    ),
    Metric(
        "mailprobe_certificate_not_before_timestamp_seconds",
        Kind.GAUGE,
        Scope.TARGET,
        unit="seconds",
        labels=("variant",),
        help="Unix time at which the server's own certificate begins, as last received by a scheduled probe.",
        samples=_of_each(lambda seen: seen.leaf.not_before),
        reads=_certificates,
    ),
    Metric(
        "mailprobe_certificate_chain_not_after_timestamp_seconds",
        Kind.GAUGE,
        Scope.TARGET,
        unit="seconds",
        labels=("variant",),
        help="Unix time at which the first certificate of the verified path ends, as last received by a scheduled "
        "probe; absent where no path leads to a trusted root.",
        samples=_of_each(_chain_not_after),
        reads=_certificates,
    ),
    Metric(
        "mailprobe_certificate_valid",
        Kind.GAUGE,
        Scope.TARGET,
        labels=("check", "variant"),
        help="1 or 0 for each of three checks of the certificate last received by a scheduled probe: chain (leads to a "
        "trusted root), name (issued to the expected name), dates (not expired, not too early).",
        samples=_valid,
        reads=_certificates,
    ),
    Metric(
        "mailprobe_certificate_waived_info",
        Kind.INFO,
        Scope.TARGET,
        labels=("check",),
        help="The checks that do not count, where the configuration declares that the certificate must be valid and "
        "leaves some of them out, one series for each.",
        samples=_waived,
        reads=_certificates,
    ),
    Metric(
        "mailprobe_certificate_error_info",
        Kind.INFO,
        Scope.TARGET,
        labels=("reason", "variant"),
        help="Why the certificate last received by a scheduled probe is not valid, one series for each reason.",
        samples=_errors,
        reads=_certificates,
    ),
    Metric(
        "mailprobe_certificate_info",
        Kind.INFO,
        Scope.TARGET,
        labels=("fingerprint_sha256", "subject", "issuer", "serial", "key_type", "key_bits", "signature", "variant"),
        help="The server's own certificate, as last received by a scheduled probe; values are cut at 128 bytes.",
        samples=_info,
        reads=_certificates,
    ),
    Metric(
        "mailprobe_certificate_observed_timestamp_seconds",
        Kind.GAUGE,
        Scope.TARGET,
        unit="seconds",
        labels=("variant",),
        help="Unix time at which the scheduled probe began that received the certificate.",
        samples=_of_each(lambda seen: seen.observed),
    ),
    Metric(
        "mailprobe_certificates_seen",
        Kind.GAUGE,
        Scope.TARGET,
        help="Different certificates that the ordinary scheduled probes of the last hour were shown (of the last two "
        "probes where they are rarer); absent where there was none, or the configuration switches it off.",
        samples=_different,
        reads=_certificates,
    ),
    Metric(
        "mailprobe_certificate_earliest_not_after_timestamp_seconds",
        Kind.GAUGE,
        Scope.TARGET,
        unit="seconds",
        help="Unix time at which the first to end of these certificates ends; only while scheduled probes were shown "
        "more than one.",
        samples=_earliest,
        reads=_certificates,
    ),
    Metric(
        "mailprobe_certificate_stale",
        Kind.GAUGE,
        Scope.TARGET,
        help="1 if one of the certificates that scheduled probes were shown of late ends a day or more before the "
        "newest one of its key type in the certificate group, else 0; absent where there is nothing to compare, or the "
        "configuration switches it off.",
        samples=_stale,
        reads=staleness,
    ),
)
