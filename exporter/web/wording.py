"""How the status page says numbers and foreign text: short, in plain words, and harmless."""

from datetime import UTC, datetime

from markupsafe import Markup

# Longer than what a dialog keeps of a greeting (512 characters), so that only what nobody would read is lost.
_TEXT = 600

_MINUTE, _HOUR, _DAY = 60.0, 3600.0, 86400.0


def visible(value: object) -> object:
    """Text with everything that prints as nothing, or moves what stands around it, written as an escape.

    Control characters, right-to-left overrides and lone surrogates would hide or turn around what a server said; the
    last could not even be sent. Escaping for HTML comes after this and is the template's.
    """
    if not isinstance(value, str) or isinstance(value, Markup):
        return value
    text = value if len(value) <= _TEXT else value[:_TEXT] + "…"
    if text.isprintable():
        return text
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape", "surrogatepass").decode() for char in text
    )


def span(seconds: float) -> str:
    """A length of time in its largest whole unit, rounded down; what has not begun yet is 0 s."""
    if seconds < _MINUTE:
        return f"{max(0, int(seconds))} s"
    if seconds < _HOUR:
        return f"{int(seconds // _MINUTE)} min"
    if seconds < 2 * _DAY:
        return f"{int(seconds // _HOUR)} h"
    return f"{int(seconds // _DAY)} days"


def latency(seconds: float) -> str:
    """A latency with as many digits as anybody compares."""
    if seconds < 0.0095:
        return f"{seconds * 1000:.1f} ms"
    return f"{seconds * 1000:.0f} ms" if seconds < 0.9995 else f"{seconds:.1f} s"


def instant(timestamp: float) -> str:
    """Unix seconds as ISO 8601 in UTC, for machines and for the tooltip of a relative time."""
    return datetime.fromtimestamp(timestamp, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def clock(timestamp: float) -> str:
    """Unix seconds as people write them, in UTC."""
    return datetime.fromtimestamp(timestamp, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
