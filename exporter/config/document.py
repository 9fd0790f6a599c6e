"""YAML text as a tree that knows its lines.

PyYAML's events are used instead of its objects: those have forgotten where a key stood, that it stood there twice, and
that a `no` was once text (YAML 1.1 makes it false). One document, the standard tags, anchors and aliases; no merge keys
and no tags of an application.
"""

import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from enum import Enum
from functools import lru_cache, partial

import yaml

from exporter.config.fault import quoted, visible

# The format needs seven levels. PyYAML would follow any number, and Python's own stack would end it.
MAX_DEPTH = 32
# Aliases count as often as they are used, so that a few lines cannot unfold into gigabytes. A file of the largest size
# allowed holds about as many values without any alias.
MAX_NODES = 1_000_000


class ScalarKind(Enum):
    """What YAML 1.1 makes of a scalar; the value says it in a sentence."""

    TEXT = "text"
    INTEGER = "a number"
    FLOAT = "a fraction"
    BOOLEAN = "true or false"
    NULL = "nothing"
    TIMESTAMP = "a date"


@dataclass(frozen=True, slots=True)
class Scalar:
    """A single value; `text` is as written, less its quotes."""

    line: int
    text: str
    kind: ScalarKind = ScalarKind.TEXT


@dataclass(frozen=True, slots=True)
class Items:
    """A YAML sequence."""

    line: int
    items: "tuple[Node, ...]"


@dataclass(frozen=True, slots=True)
class Pairs:
    """A YAML mapping, with keys as they are written: also twice, and also such as are no scalars."""

    line: int
    pairs: "tuple[tuple[Node, Node], ...]"


@dataclass(frozen=True, slots=True)
class Tagged:
    """A value of any shape with a tag that only some application understands."""

    line: int
    tag: str


Node = Scalar | Items | Pairs | Tagged


class MalformedError(Exception):
    """The text is not YAML, or more of it than is read."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(line, message)
        self.line = line
        self.message = message


_TAG = "tag:yaml.org,2002:"
_SCALAR_TAGS = {
    _TAG + "str": ScalarKind.TEXT,
    _TAG + "int": ScalarKind.INTEGER,
    _TAG + "float": ScalarKind.FLOAT,
    _TAG + "bool": ScalarKind.BOOLEAN,
    _TAG + "null": ScalarKind.NULL,
    _TAG + "timestamp": ScalarKind.TIMESTAMP,
    # `<<` and `=` have meanings of their own in YAML 1.1, and none here.
    _TAG + "merge": ScalarKind.TEXT,
    _TAG + "value": ScalarKind.TEXT,
}
_COLLECTION_TAGS = {None, "!", _TAG + "seq", _TAG + "map"}
# The bare words that stand in every entry (keys, ports) are resolved once, with room for those that differ between.
_REMEMBERED_WORDS = 256


# What libyaml and PyYAML's own scanner read differently, each somewhere: tabs between tokens, byte order marks inside a
# text, tags, question marks in flow style, a comment hard upon the head of a block scalar. Tests search for more.
_READ_DIFFERENTLY = re.compile("[\t\ufeff!?]|[|>][-+0-9]*#")


def compose(text: str) -> Node | None:
    """The tree of `text`; `None` if there is nothing in it. Raises `MalformedError`."""
    if yaml.__with_libyaml__ and not _READ_DIFFERENTLY.search(text):
        # libyaml is eighteen times as fast. What stops it, or us at its events, is left to the scanner below to find
        # again or not to: so faults have one wording, and no text is YAML only where PyYAML was built with libyaml.
        with suppress(yaml.YAMLError, MalformedError, UnicodeEncodeError):
            node = _Builder(yaml.CSafeLoader(text)).document()
            # Of a document without a value they differ about the line, and one without a collection is a fault anyhow.
            if isinstance(node, Items | Pairs):
                return node
    try:
        return _composed_by_python(text)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        message = visible(" ".join(part for part in (error.context, error.problem) if part))
        raise MalformedError(mark.line + 1 if mark else 1, f"is not valid YAML: {message}") from error
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise MalformedError(line, "is not valid YAML: it holds a control character") from error


def _composed_by_python(text: str) -> Node | None:
    loader = yaml.SafeLoader(text)
    try:
        return _Builder(loader).document()
    except (ValueError, OverflowError) as error:
        # PyYAML hands the digits of `"\UFFFFFFFF"` to chr() and those of `%YAML` to int(), however many they are.
        raise MalformedError(loader.line + 1, "is not valid YAML: a number in it is too large") from error


class _Builder:
    """Turns the events of one text into a tree, and stops at the limits while it does."""

    def __init__(self, loader: "yaml.SafeLoader | yaml.CSafeLoader") -> None:
        # The stubs leave one of the two bare, and let the other return None, which both do only behind the last event.
        self._next: Callable[[], yaml.Event] = loader.get_event  # type: ignore[assignment]
        self._meaning = lru_cache(_REMEMBERED_WORDS)(partial(_resolved, loader))
        self._anchors: dict[str, tuple[Node, int]] = {}
        # How many values there are so far, with all that the aliases stand for.
        self._size = 0

    def document(self) -> Node | None:
        """The one document of the text."""
        self._next()  # the stream's start
        if isinstance(self._next(), yaml.StreamEndEvent):
            return None
        node = self._node(self._next(), 1)
        self._next()  # the document's end
        after = self._next()
        if not isinstance(after, yaml.StreamEndEvent):
            raise MalformedError(_line(after), "holds a second document: only one is read")
        return node

    def _node(self, event: yaml.Event, depth: int) -> Node:
        if depth > MAX_DEPTH:
            raise MalformedError(_line(event), f"is nested more than {MAX_DEPTH} levels deep")
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event)
        before = self._size
        self._size += 1
        node: Node
        if isinstance(event, yaml.ScalarEvent):
            node = self._scalar(event)
        elif isinstance(event, yaml.SequenceStartEvent):
            node = self._items(event, depth)
        else:
            assert isinstance(event, yaml.MappingStartEvent)  # the parser sends nothing else where a value begins
            node = self._pairs(event, depth)
        if isinstance(node, Tagged):
            self._size = before + 1  # what is below it is not kept
        if self._size - before > MAX_NODES:
            raise MalformedError(node.line, f"holds more than {MAX_NODES} values, with all that its aliases stand for")
        if event.anchor is not None:
            self._anchors[event.anchor] = (node, self._size - before)
        return node

    def _alias(self, event: yaml.AliasEvent) -> Node:
        # An anchor is known only when its value is complete, so a value cannot contain itself.
        name = str(event.anchor)
        if name not in self._anchors:
            raise MalformedError(_line(event), f"is not valid YAML: *{name} stands before the end of any &{name}")
        node, size = self._anchors[name]
        self._size += size
        return replace(node, line=_line(event))

    def _scalar(self, event: yaml.ScalarEvent) -> Node:
        text, tag = event.value, event.tag
        if tag is None or tag == "!":
            is_bare, _ = event.implicit
            return Scalar(_line(event), text, self._meaning(text) if is_bare else ScalarKind.TEXT)
        kind = _SCALAR_TAGS.get(tag)
        return Tagged(_line(event), str(tag)) if kind is None else Scalar(_line(event), text, kind)

    def _items(self, event: yaml.SequenceStartEvent, depth: int) -> Node:
        items: list[Node] = []
        while not isinstance(inner := self._next(), yaml.SequenceEndEvent):
            items.append(self._node(inner, depth + 1))
        if event.tag not in _COLLECTION_TAGS:
            return Tagged(_line(event), str(event.tag))
        return Items(_line(event), tuple(items))

    def _pairs(self, event: yaml.MappingStartEvent, depth: int) -> Node:
        pairs: list[tuple[Node, Node]] = []
        while not isinstance(inner := self._next(), yaml.MappingEndEvent):
            key = self._node(inner, depth + 1)
            pairs.append((key, self._node(self._next(), depth + 1)))
        if event.tag not in _COLLECTION_TAGS:
            return Tagged(_line(event), str(event.tag))
        return Pairs(_line(event), tuple(pairs))


def _resolved(loader: "yaml.SafeLoader | yaml.CSafeLoader", bare: str) -> ScalarKind:
    """What YAML 1.1 makes of a text without quotes and tag."""
    return _SCALAR_TAGS[loader.resolve(yaml.ScalarNode, bare, (True, False))]  # type: ignore[no-untyped-call]  # stubs


def _line(event: yaml.Event) -> int:
    return event.start_mark.line + 1 if event.start_mark else 1


def described(node: Node) -> str:
    """What `node` is, for the end of a sentence like 'must be a list, not …'."""
    if isinstance(node, Items):
        return "a list"
    if isinstance(node, Pairs):
        return "a mapping"
    if isinstance(node, Tagged):
        return f"a value with the tag {quoted(node.tag)}"
    if node.kind is ScalarKind.NULL:
        return "an empty value"
    return quoted(node.text) if node.kind is ScalarKind.TEXT else quoted(node.text)[1:-1]
