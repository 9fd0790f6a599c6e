"""How the log is written: one line an event, as logfmt or JSON, on standard error.

An event carries its facts beside its message, in `extra={"facts": {…}}`, so that both formats show them as fields.
What came from a server is shown with its control characters visible: a line of the log is always one line.
"""

import json
import logging
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TextIO

FORMATS = ("logfmt", "json")
LEVELS = ("debug", "info", "warn", "error")

_LEVEL_NAMES = {logging.WARNING: "warn", logging.CRITICAL: "error"}


def configure(level: str, form: str, stream: TextIO | None = None) -> None:
    """Send everything from `level` up to `stream` (default: standard error) in format `form`."""
    handler = logging.StreamHandler(stream if stream is not None else sys.stderr)
    handler.setFormatter(_Json() if form == "json" else _Logfmt())
    logging.basicConfig(level="WARNING" if level == "warn" else level.upper(), handlers=[handler], force=True)


def fields(record: logging.LogRecord) -> dict[str, object]:
    """The fields of an event in the order they are written."""
    at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
    level = _LEVEL_NAMES.get(record.levelno, record.levelname.lower())
    facts: Mapping[str, object] = getattr(record, "facts", {})
    found: dict[str, object] = {"ts": at, "level": level, "msg": record.getMessage(), **facts}
    if record.exc_info:
        found["traceback"] = logging.Formatter().formatException(record.exc_info)
    return {name: value for name, value in found.items() if value is not None}


class _Logfmt(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return " ".join(f"{name}={_quoted(value)}" for name, value in fields(record).items())


class _Json(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return json.dumps(fields(record), default=str)


def _quoted(value: object) -> str:
    text = str(value)
    plain = text.isascii() and text.isprintable() and not any(character in text for character in ' ="\\')
    return text if plain and text else json.dumps(text)
