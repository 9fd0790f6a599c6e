"""What may be said about a certificate: which of its checks must hold, and with which others it is compared.

The checks are all (`true`), none (`false`), or a mapping that switches them one by one. What each means is said in
`results.CertificateVerdict`; how they are made is the probe's affair. A group is named freely, by a host's name mostly.
"""

from dataclasses import asdict, fields

from exporter.config.cursor import Cursor
from exporter.config.document import Pairs
from exporter.config.fault import quoted, unknown_key
from exporter.config.hostname import MAX_NAME, identity
from exporter.config.kind import TRUTH, Kind, text
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


# What switches the comparison off.
NO_GROUP = "none"


def group_of(host: str) -> str:
    """The group of a host, the same for all its spellings."""
    return identity(host.removesuffix("."))


def _group_complaint(name: str) -> str | None:
    # The length of a host's name, since that is what a group is named by.
    return None if group_of(name) and len(name) <= MAX_NAME else f"must be {_GROUP}, not {quoted(name)}"


_GROUP = f"the name of a group or of a host with at most {MAX_NAME} characters, or {NO_GROUP}"
_GROUP_NAME = text(_GROUP, _group_complaint, {"minLength": 1, "maxLength": MAX_NAME})


def _read_group(at: Cursor) -> str | None:
    found = _GROUP_NAME.read(at)
    return None if found is None else group_of(found)


GROUP: Kind[str] = Kind(_read_group, _GROUP_NAME.schema)
