"""How a sample is named: its metric, and between braces the labels of its owner and its own, in the order of their
names, as the client libraries write them.

Most of a target's lines are the labels of the target, the same in each. So lines are kept without them, and a mark
stands where some of them belong. Which ones those are depends on the names alone: all owners whose labels have the same
names share one `LabelNames`, and the marks in their lines.
"""

from bisect import bisect
from functools import cache, lru_cache
from typing import Final, NamedTuple

from exporter.metrics.line import Labels, label

# Marks are not printable, so no label can hold them, and a line feed ends a line. They are one byte each, since to
# replace two takes twice the time. This one stands for the name of a metric.
NAME_MARK: Final = "\x1f"
_MARKS: Final = "".join(map(chr, (*range(10), *range(11, 31))))

# Opens the marks of two characters, which only owners with labels of many different names make necessary.
_LONG_MARK: Final = "\x7f"
_PRINTABLE: Final = 0x21


class Stretch(NamedTuple):
    """Neighbours among the labels of an owner, in the order of their names; `end` is `None` after the last one."""

    first: int
    end: int | None

    @property
    def mark(self) -> str:
        """What stands for them in a line."""
        number = _numbers.setdefault(self, len(_numbers))
        beyond = number - len(_MARKS)
        return _MARKS[number] if beyond < 0 else f"{_LONG_MARK}{chr(_PRINTABLE + beyond)}"


# Of every stretch that was ever marked.
_numbers: dict[Stretch, int] = {}


class LabelNames:
    """The names of an owner's labels, in their order; compared by identity, so made by `label_names` alone."""

    def __init__(self, names: tuple[str, ...]) -> None:
        self.names = names

    def stretch(self, first: int, end: int) -> Stretch:
        """From one number to another, that one not included."""
        return Stretch(first, None if end == len(self.names) else end)


@cache
def label_names(names: tuple[str, ...]) -> LabelNames:
    """The one for all owners whose labels have these names, in their order."""
    return LabelNames(names)


# The same phases, outcomes and certificates are written at every probe; the cache, which is large enough for the
# certificates of some thousand targets, saves a quarter of the time that a target's lines take.
@lru_cache(maxsize=4096)
def braces(owner: LabelNames, pairs: Labels) -> tuple[str, tuple[Stretch, ...]]:
    """The labels of a sample, with marks for those of its owner, and what is marked; empty where there is no label."""
    parts: list[str] = []
    marked: list[Stretch] = []

    def mark(before: int) -> None:
        done = marked[-1].end if marked else 0
        if done is not None and done < before:
            marked.append(owner.stretch(done, before))
            parts.append(marked[-1].mark)

    # An empty value is no label to Prometheus.
    for name, value in sorted(pair for pair in pairs if pair[1]):
        mark(bisect(owner.names, name))
        parts.append(label(name, value))
    mark(len(owner.names))
    return f"{{{','.join(parts)}}}" if parts else "", tuple(marked)
