"""Kinds of values: each knows how to read itself, how to complain, and how a JSON schema says the same.

A kind reads what is under a cursor and returns the value, or `None` after it has noted a fault. `None` is never a value
itself: nothing in the format may be written empty.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, TypeVar

from exporter.config import duration
from exporter.config.cursor import Cursor
from exporter.config.document import Scalar, ScalarKind, described

T_co = TypeVar("T_co", covariant=True)
T = TypeVar("T")
E = TypeVar("E", bound=StrEnum)

# Without a leading zero, which YAML 1.1 takes for octal, and with fewer digits than int() refuses to read.
_WHOLE_NUMBER = re.compile("0|[1-9][0-9]{0,8}")


@dataclass(frozen=True, slots=True)
class Kind(Generic[T_co]):
    """What a key takes: `read` for the loader, `schema` for editors."""

    read: Callable[[Cursor], T_co | None]
    schema: Mapping[str, object]


def text(what: str, complaint: Callable[[str], str | None], schema: Mapping[str, object]) -> Kind[str]:
    """Text that YAML takes for text. `complaint` says what is wrong with it, or `None`."""

    def read(at: Cursor) -> str | None:
        found = read_text(at, what)
        if found is None:
            return None
        if (wrong := complaint(found)) is not None:
            at.fault(wrong)
            return None
        return found

    return Kind(read, {"type": "string", **schema})


def read_text(at: Cursor, what: str) -> str | None:
    """The text under `at`; what YAML 1.1 takes for something else (`no`, `12`, `1:20`) is a fault that says so."""
    node = at.node
    if not isinstance(node, Scalar) or node.kind is ScalarKind.NULL:
        at.fault(f"must be {what}, not {described(node)}")
    elif node.kind is not ScalarKind.TEXT:
        at.fault(f'must be {what}, but YAML reads {described(node)} as {node.kind.value}: write "{described(node)}"')
    elif not node.text:
        at.fault(f"must be {what}, not an empty text")
    # A control character would break logs and the exposition; a lone surrogate cannot even be encoded.
    elif not node.text.isprintable():
        at.fault(f"must be {what} without control characters, not {described(node)}")
    else:
        return node.text
    return None


def choice(members: Iterable[E]) -> Kind[E]:
    """One of the values of an enumeration, or of some of its members."""
    allowed = {member.value: member for member in members}

    def read(at: Cursor) -> E | None:
        # A quoted "required" is as good as a bare one; `no` and `off` are no member, whatever YAML makes of them.
        if isinstance(at.node, Scalar) and at.node.text in allowed:
            return allowed[at.node.text]
        at.fault(f"must be one of {', '.join(allowed)}, not {described(at.node)}")
        return None

    return Kind(read, {"enum": list(allowed)})


def _read_truth(at: Cursor) -> bool | None:
    node = at.node
    if isinstance(node, Scalar) and node.text in {"true", "false"}:
        if node.kind is ScalarKind.BOOLEAN:
            return node.text == "true"
        at.fault(f"must be true or false: write {node.text} without quotes")
    else:
        at.fault(f"must be true or false, not {described(node)}")
    return None


# Only the two words that YAML 1.1, YAML 1.2 and JSON agree on; `yes`, `no`, `on` and `off` change sides between them.
TRUTH: Kind[bool] = Kind(_read_truth, {"type": "boolean"})


def whole_number(what: str, minimum: int, maximum: int) -> Kind[int]:
    """A number without sign, point, leading zero or quotes."""

    def read(at: Cursor) -> int | None:
        node = at.node
        if isinstance(node, Scalar) and _WHOLE_NUMBER.fullmatch(node.text):
            if node.kind is not ScalarKind.INTEGER:
                at.fault(f"must be {what}: write {node.text} without quotes")
                return None
            if minimum <= int(node.text) <= maximum:
                return int(node.text)
        elif isinstance(node, Scalar) and re.fullmatch("0[0-9]+", node.text):
            at.fault(f"must be {what} without leading zeros, not {described(node)}")
            return None
        at.fault(f"must be {what} from {minimum} to {maximum}, not {described(node)}")
        return None

    return Kind(read, {"type": "integer", "minimum": minimum, "maximum": maximum})


def span(minimum: float, maximum: float, too_short: str = "") -> Kind[float]:
    """A duration between two bounds, in seconds; `too_short` says why a shorter one is refused."""

    def read(at: Cursor) -> float | None:
        node = at.node
        if not isinstance(node, Scalar) or (seconds := duration.parsed(node.text)) is None:
            hint = ""
            if isinstance(node, Scalar) and _WHOLE_NUMBER.fullmatch(node.text):
                hint = f": a number needs a unit, write {node.text}s"
            at.fault(f"must be a duration such as 500ms, 60s, 5m or 1h30m, not {described(node)}{hint}")
            return None
        if seconds < minimum:
            reason = f": {too_short}" if too_short else ""
            at.fault(f"must be at least {duration.written(minimum)}, not {described(node)}{reason}")
            return None
        if seconds > maximum:
            at.fault(f"must be at most {duration.written(maximum)}, not {described(node)}")
            return None
        return seconds

    return Kind(read, {"type": "string", "pattern": duration.PATTERN})


# Ten seconds keep well below the rates at which servers shut a client out; what is seen once a day needs no more.
INTERVAL = span(10, 86_400, too_short="a shorter interval is a burden on the servers and shows nothing more")


def list_of(kind: Kind[T], may_be_empty: bool, at_most: int | None = None) -> Kind[tuple[T, ...]]:
    """A list without repetitions, in its own order; without `at_most` of any length."""

    def read(at: Cursor) -> tuple[T, ...] | None:
        items = at.items()
        if items is None:
            return None
        if not items and not may_be_empty:
            at.fault("must name at least one")
        if at_most is not None and len(items) > at_most:
            # Unread: to compare each of a million with all before it would take hours.
            at.fault(f"must name at most {at_most}, not {len(items)}")
            return None
        found: list[T] = []
        for item in items:
            value = kind.read(item)
            if value is not None and value in found:
                item.fault(f"is named twice: {described(item.node)}")
            elif value is not None:
                found.append(value)
        return tuple(found)

    bounds = ({} if may_be_empty else {"minItems": 1}) | ({} if at_most is None else {"maxItems": at_most})
    return Kind(read, {"type": "array", "items": kind.schema, "uniqueItems": True, **bounds})
