"""The labels that every series of an owner carries: who it is, and what the user wrote on it.

What may be written is decided when the configuration is read. Here is the last line: a name that Prometheus would not
take, or that would stand twice on a line, never reaches the exposition.
"""

import re
from collections.abc import Iterable, Sequence

from exporter.metrics.catalogue import CATALOGUE, TARGET_LABELS
from exporter.metrics.line import Labels
from exporter.metrics.state import HostState
from exporter.targets import Target

# `le` is the histograms' own; `job` and `instance` are Prometheus'.
RESERVED = frozenset({"le", "job", "instance", *TARGET_LABELS, *(name for row in CATALOGUE for name in row.labels)})

_NOT_IN_A_NAME = re.compile(r"[^a-zA-Z0-9_]")


def of_target(target: Target) -> Labels:
    """The labels of a target."""
    service = target.service
    values = (target.host, str(service.port), service.protocol, service.tls, target.ip_family, target.address)
    return (*zip(TARGET_LABELS, values, strict=True), *sanitised(target.labels))


def of_host(state: HostState) -> Labels:
    """The labels of a host."""
    return (("host", state.host), *sanitised(state.labels))


def shared_labels(targets: Sequence[Target]) -> Labels:
    """The user's labels that all of these targets carry; there must be one."""
    first, *others = targets
    return tuple(pair for pair in first.labels if all(pair in other.labels for other in others))


def sanitised(pairs: Iterable[tuple[str, str]]) -> Labels:
    """The user's labels with names that Prometheus takes; one that is ours, or was there before, is left out."""
    found: dict[str, str] = {}
    for name, value in pairs:
        clean = _NOT_IN_A_NAME.sub("_", name)
        if clean[:1].isdigit():
            clean = f"_{clean}"
        # Prometheus keeps names that begin with two underscores for itself.
        if clean and not clean.startswith("__") and clean not in RESERVED:
            found.setdefault(clean, value)
    return tuple(found.items())
