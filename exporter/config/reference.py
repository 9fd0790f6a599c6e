"""References as they are written: by well-known port, hosts that are known to answer there.

They are not watched. While none of them answers, it is the network of this machine that lets nobody out.
"""

from dataclasses import dataclass

from exporter.config.cursor import Cursor
from exporter.config.fault import Place, quoted
from exporter.config.hostname import HOST, identity
from exporter.config.kind import Kind
from exporter.config.wellknown import WELL_KNOWN

# Two would do, so that one may fail; ten leave room, and keep us from troubling more of other people's servers.
MAX_HOSTS = 10
# Often enough to know the network's state at any time; somebody else's server is not to be asked more often than ours.
REFERENCE_SECONDS = 300.0


@dataclass(frozen=True, slots=True)
class Reference:
    """A host that is known to answer on a well-known port, and where it is written."""

    port: int
    host: str
    place: Place


def _read(at: Cursor) -> dict[int, tuple[Reference, ...]] | None:
    entries = at.entries()
    if entries is None:
        return None
    found: dict[int, tuple[Reference, ...]] = {}
    for name, entry in entries.items():
        if name in _NUMBERS:
            found[int(name)] = _read_hosts(entry, int(name))
        else:
            entry.fault(f"must be one of the well-known ports {', '.join(_NUMBERS)}, not {quoted(name)}")
    return found


def _read_hosts(at: Cursor, port: int) -> tuple[Reference, ...]:
    items = at.items()
    if items is None:
        return ()
    if not 0 < len(items) <= MAX_HOSTS:
        at.fault(f"must name from 1 to {MAX_HOSTS} hosts, not {len(items)}")
        return ()
    found: dict[str, Reference] = {}
    for item in items:
        host = HOST.read(item)
        if host is not None and found.setdefault(identity(host), Reference(port, host, item.place)).place != item.place:
            item.fault(f"is named twice: {quoted(host)}")
    return tuple(found.values())


_NUMBERS = tuple(str(port) for port in sorted(WELL_KNOWN))

REFERENCE_HOSTS: Kind[dict[int, tuple[Reference, ...]]] = Kind(
    _read,
    {
        "type": "object",
        "propertyNames": {"enum": list(_NUMBERS)},
        "additionalProperties": {
            "type": "array",
            "items": HOST.schema,
            "minItems": 1,
            "maxItems": MAX_HOSTS,
            "uniqueItems": True,
        },
    },
)
