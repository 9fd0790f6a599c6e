"""A position in a file being read: a node, its key path, and where to put what is wrong with it."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from exporter.config.document import Items, Node, Pairs, Scalar, described
from exporter.config.fault import Fault, Place, quoted


@dataclass(frozen=True, slots=True)
class Source:
    """One file (or text, or command line).

    name     as faults show it
    folder   what relative paths in it start from
    faults   shared by all files of one configuration; grows while they are read
    """

    name: str
    folder: Path
    faults: list[Fault]


@dataclass(frozen=True, slots=True)
class Cursor:
    """A value of the file. `line` is that of its key where it has one, for a value may begin below it."""

    source: Source
    node: Node
    line: int
    path: str

    @property
    def place(self) -> Place:
        """Where this value is written."""
        return Place(self.source.name, self.line, self.path)

    def fault(self, message: str) -> None:
        """Note what is wrong with this value; reading goes on, so that one run names everything."""
        self.source.faults.append(self.place.fault(message))

    def items(self) -> tuple["Cursor", ...] | None:
        """The items of a list; `None`, with a fault, if it is none."""
        found = tuple(self.each())
        return found if isinstance(self.node, Items) else None

    def each(self) -> Iterator["Cursor"]:
        """The items of a list, each made when it is asked for; none, with a fault, if it is no list."""
        if not isinstance(self.node, Items):
            self.fault(f"must be a list, not {described(self.node)}")
            return
        for index, item in enumerate(self.node.items):
            yield Cursor(self.source, item, item.line, f"{self.path}[{index}]")

    def entries(self) -> dict[str, "Cursor"] | None:
        """The values of a mapping by key; `None`, with a fault, if it is none. Of equal keys the first counts."""
        if not isinstance(self.node, Pairs):
            self.fault(f"must be a mapping, not {described(self.node)}")
            return None
        found: dict[str, Cursor] = {}
        for key, value in self.node.pairs:
            if not isinstance(key, Scalar):
                Cursor(self.source, key, key.line, self.path).fault(f"holds {described(key)} where a key should be")
                continue
            entry = Cursor(self.source, value, key.line, _joined(self.path, key.text))
            if key.text in found:
                entry.fault(f"is given twice, first in line {found[key.text].line}")
                continue
            found[key.text] = entry
        return found


def _joined(path: str, key: str) -> str:
    shown = key if key.replace("_", "").isalnum() and len(key) <= 40 else quoted(key)
    return f"{path}.{shown}" if path else shown
