"""What may be named in queries, rules and legends: the exporter's catalogue, and what Prometheus itself adds."""

from exporter.judgement.expectation import ExpectationName
from exporter.judgement.security import TlsFinding
from exporter.judgement.vantage import Basis
from exporter.judgement.variant import VariantStanding
from exporter.metrics.catalogue import CATALOGUE, HOST_LABELS, TARGET_LABELS
from exporter.metrics.metric import Kind, Scope
from exporter.results import CertificateFault, Outcome, Phase
from exporter.targets import Variant

# What a scrape adds to every series.
SCRAPE_LABELS = {"job", "instance"}

# Of Prometheus itself and of the exporter's client library.
FOREIGN_METRICS = {"up", "scrape_duration_seconds", "process_resident_memory_bytes"}

_OWNER_LABELS = {
    Scope.TARGET: set(TARGET_LABELS),
    Scope.HOST: set(HOST_LABELS),
    Scope.MACHINE: set[str](),
    Scope.EXPORTER: set[str](),
}

# The labels whose values are closed sets.
LABEL_VALUES = {
    "outcome": {str(value) for value in Outcome},
    "phase": {str(value) for value in Phase},
    "reason": {str(value) for value in CertificateFault},
    "expectation": {str(value) for value in ExpectationName},
    "ip_family": {"ipv4", "ipv6"},
    "finding": {str(value) for value in TlsFinding},
    "variant": {str(value) for value in Variant},
    "standing": {str(value) for value in VariantStanding},
    "basis": {str(value) for value in Basis},
    "check": {"chain", "name", "dates"},
}


def labels_by_series() -> dict[str, set[str]]:
    """The labels of every series by its name, as a query names it."""
    known = {name: set(SCRAPE_LABELS) for name in FOREIGN_METRICS}
    for metric in CATALOGUE:
        labels = SCRAPE_LABELS | _OWNER_LABELS[metric.scope] | set(metric.labels)
        if metric.kind is Kind.HISTOGRAM:
            known[f"{metric.name}_bucket"] = labels | {"le"}
            known[f"{metric.name}_sum"] = known[f"{metric.name}_count"] = labels
        else:
            known[metric.name] = labels
    return known


def metric_of(series: str) -> str:
    """The metric of the catalogue to which a series belongs."""
    histograms = {metric.name for metric in CATALOGUE if metric.kind is Kind.HISTOGRAM}
    base = series.removesuffix("_bucket").removesuffix("_sum").removesuffix("_count")
    return base if base in histograms else series
