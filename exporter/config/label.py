"""The user's own labels: names that Prometheus accepts and that are not ours, with values that stay bounded."""

import re
from dataclasses import dataclass

from exporter.config.cursor import Cursor
from exporter.config.fault import Place, quoted
from exporter.config.kind import Kind, read_text

# Every label that a metric of ours carries, those that a histogram adds included.
# fmt: off
OUR_LABELS = frozenset({
    "host", "port", "protocol", "tls", "ip_family", "address", "outcome", "phase", "check", "reason", "expectation",
    "capability", "secured", "version", "cipher", "group", "fingerprint_sha256", "subject", "issuer", "serial",
    "key_type", "key_bits", "signature", "variant", "standing", "finding", "basis", "le", "quantile",
})
# fmt: on
# Prometheus sets these two on every series it scrapes, and would rename ours to `exported_…`.
SCRAPE_LABELS = frozenset({"job", "instance"})

# The same bound as for label values that come out of certificates: a label is an identity, not a description.
MAX_BYTES = 128

_NAME_PATTERN = "^[a-zA-Z_][a-zA-Z0-9_]*$"
_NAME = re.compile(_NAME_PATTERN)


@dataclass(frozen=True, slots=True)
class Label:
    """One label, and where it is written."""

    name: str
    value: str
    place: Place


def _name_complaint(name: str) -> str | None:
    if not _NAME.fullmatch(name) or len(name) > MAX_BYTES:
        return "is not a label name: letters, digits and underscores, not beginning with a digit"
    if name.startswith("__"):
        return "is not allowed: names that begin with two underscores are Prometheus' own"
    if name in OUR_LABELS:
        return "is not allowed: this label is set by mailprobe"
    if name in SCRAPE_LABELS:
        return "is not allowed: this label is set by Prometheus"
    return None


def _read(at: Cursor) -> tuple[Label, ...] | None:
    entries = at.entries()
    if entries is None:
        return None
    found: list[Label] = []
    for name, entry in entries.items():
        if (wrong := _name_complaint(name)) is not None:
            entry.fault(wrong)
        elif (value := read_text(entry, "text")) is None:
            continue
        elif len(value.encode()) > MAX_BYTES:
            entry.fault(f"must be at most {MAX_BYTES} bytes long, not {len(value.encode())}: {quoted(value)}")
        else:
            found.append(Label(name, value, entry.place))
    return tuple(found)


LABELS: Kind[tuple[Label, ...]] = Kind(
    _read,
    {
        "type": "object",
        "propertyNames": {
            "pattern": _NAME_PATTERN,
            "not": {"anyOf": [{"enum": sorted(OUR_LABELS | SCRAPE_LABELS)}, {"pattern": "^__"}]},
        },
        "additionalProperties": {"type": "string", "minLength": 1, "maxLength": MAX_BYTES},
    },
)
