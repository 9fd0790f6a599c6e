"""Durations as they are written: `500ms`, `60s`, `5m`, `1h30m`, `1d`. Seconds inside, never a bare number outside."""

import re

_UNITS = {"d": 86_400_000, "h": 3_600_000, "m": 60_000, "s": 1_000, "ms": 1}

# Twelve digits: thirty years in milliseconds, and far below the number of digits at which int() refuses.
PATTERN = "^(?=[0-9])" + "".join(f"([0-9]{{1,12}}{unit})?" for unit in _UNITS) + "$"
_WRITTEN = re.compile(PATTERN)


def parsed(text: str) -> float | None:
    """Seconds, or `None` if `text` is no duration. Units are written largest first, each at most once."""
    found = _WRITTEN.fullmatch(text)
    if found is None:
        return None
    parts = zip(found.groups(), _UNITS.items(), strict=True)
    return sum(int(part.removesuffix(unit)) * size for part, (unit, size) in parts if part is not None) / 1_000


def written(seconds: float) -> str:
    """`seconds` as people write it: plain seconds up to an hour, milliseconds where there is a fraction. `parsed` reads
    it back, to the millisecond.
    """
    rest = round(seconds * 1_000)
    if rest % _UNITS["s"]:
        return f"{rest}ms"
    if rest < _UNITS["h"]:
        return f"{rest // _UNITS['s']}s"
    text = ""
    for unit, size in _UNITS.items():
        count, rest = divmod(rest, size)
        text += f"{count}{unit}" if count else ""
    return text
