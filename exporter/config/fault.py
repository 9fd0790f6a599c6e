"""What is wrong with a configuration, and where.

A fault is the user's to mend, so it says file, line and key path, and all faults of all files are reported at once.
"""

import difflib
from collections.abc import Iterable
from dataclasses import dataclass

# What a message repeats of the user's own text: enough to find it again, short enough for one line of a terminal.
QUOTED_CHARACTERS = 60


def quoted(text: str) -> str:
    """`text` in double quotes, on one line, and cut where it is long."""
    return f'"{visible(text if len(text) <= QUOTED_CHARACTERS else text[:QUOTED_CHARACTERS] + "…")}"'


def visible(text: str) -> str:
    """`text` with control characters made visible."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def unknown_key(name: str, allowed: Iterable[str]) -> str:
    """What is wrong with a key that does not exist, beside those that do."""
    if name == "<<":
        return "is not understood: write what several hosts share under defaults"
    known = tuple(allowed)
    near = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean {near[0]}?" if near else f"known here are {', '.join(known)}"
    return f"is not a known key: {hint}"


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong.

    line   counted from 1; 0 where it concerns the whole file, or where there is no file
    path   the key path, as in `hosts[0].ports[1].starttls`; empty where it concerns the whole file
    """

    file: str
    line: int
    path: str
    message: str

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}" if self.line else self.file
        return ": ".join(part for part in (where, self.path, self.message) if part)


@dataclass(frozen=True, slots=True)
class Place:
    """Where something is written: what a fault points to, and what an effective setting gives as its origin."""

    file: str
    line: int
    path: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}" if self.line else self.file

    def fault(self, message: str) -> Fault:
        """A fault of what is written here."""
        return Fault(self.file, self.line, self.path, message)


class ConfigError(Exception):
    """The configuration cannot be used; `faults` holds every reason once, sorted by file and line."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = tuple(sorted(dict.fromkeys(faults), key=lambda fault: (fault.file, fault.line)))
        super().__init__(self.faults)

    def __str__(self) -> str:
        return "\n".join(str(fault) for fault in self.faults)
