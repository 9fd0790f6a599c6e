"""Capabilities as an administrator names them: `PIPELINING`, or `AUTH PLAIN` for one parameter of a capability.

Form only: names outside any registry are as good as others, since servers have capabilities of their own.
"""

import re

from exporter.config.cursor import Cursor
from exporter.config.fault import quoted
from exporter.config.kind import Kind, list_of, read_text

# Twice the longest in IANA's registries (AUTH=SCRAM-SHA-256-PLUS and the like have less than thirty characters).
MAX_WORD = 64
# Well above what any server lists to somebody who has not logged in.
MAX_ENTRIES = 50

_WHAT = "a capability"

# All four protocols write names and parameters in visible ASCII: RFC 5321 §4.1.1.1, RFC 9051 §9, RFC 2449 §3 and
# RFC 5804 §1.7. A quotation mark would be one that ManageSieve puts around them.
_WORD = f"[!#-~]{{1,{MAX_WORD}}}"
_PATTERN = f"^{_WORD}( {_WORD})?$"
_WRITTEN = re.compile(_PATTERN)


def _read(at: Cursor) -> str | None:
    found = read_text(at, _WHAT)
    if found is None:
        return None
    if not _WRITTEN.fullmatch(found):
        rule = f"a name, or a name, a space and one parameter, each of at most {MAX_WORD} visible ASCII characters"
        at.fault(f"must be {_WHAT}, not {quoted(found)}: {rule}")
        return None
    # Compared without case, so one spelling stands for all.
    return found.upper()


CAPABILITY: Kind[str] = Kind(_read, {"type": "string", "pattern": _PATTERN})

CAPABILITIES: Kind[tuple[str, ...]] = list_of(CAPABILITY, may_be_empty=True, at_most=MAX_ENTRIES)


def contradiction(must: tuple[str, ...], must_not: tuple[str, ...]) -> tuple[str, str] | None:
    """An entry of each list such that nobody can meet both; `None` if all can be met at once."""
    for entry in must:
        # Who offers `AUTH PLAIN` offers `AUTH`; the other way round there is no contradiction.
        for same in (entry, entry.partition(" ")[0]):
            if same in must_not:
                return entry, same
    return None
