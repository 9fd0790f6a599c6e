"""Which checks of a certificate must hold: all (`true`), none (`false`), or a mapping that switches them one by one.

What each check means is said in `results.CertificateVerdict`; how they are made is the probe's affair.
"""

from dataclasses import asdict, fields

from exporter.config.cursor import Cursor
from exporter.config.document import Pairs
from exporter.config.fault import unknown_key
from exporter.config.kind import TRUTH, Kind
from exporter.targets import CertificateChecks

_NAMES = tuple(field.name for field in fields(CertificateChecks))


def uniform(holds: bool) -> CertificateChecks:
    """All of the checks, or none."""
    return CertificateChecks(holds, holds, holds)


def plain_checks(checks: CertificateChecks) -> object:
    """As it is written in a file: by one word if one says it."""
    return checks.chain if checks == uniform(checks.chain) else asdict(checks)


def _read(at: Cursor) -> CertificateChecks | None:
    if not isinstance(at.node, Pairs):
        found = TRUTH.read(at)
        return None if found is None else uniform(found)
    switches: dict[str, bool] = {}
    for name, entry in (at.entries() or {}).items():
        if name not in _NAMES:
            entry.fault(unknown_key(name, _NAMES))
        elif (holds := TRUTH.read(entry)) is not None:
            switches[name] = holds
    return CertificateChecks(**switches)


CHECKS: Kind[CertificateChecks] = Kind(
    _read,
    {
        "anyOf": [
            TRUTH.schema,
            {
                "type": "object",
                "properties": {name: {**TRUTH.schema, "default": True} for name in _NAMES},
                "additionalProperties": False,
            },
        ]
    },
)
