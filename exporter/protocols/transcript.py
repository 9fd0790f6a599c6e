"""What was said, line by line, for people: the status page, `check` and the debug log.

It keeps lines and makes them safe to show. It does not interpret them.
"""

from collections.abc import Iterable
from functools import lru_cache
from itertools import starmap

from exporter.results import TranscriptLine

# RFC 5321 §4.5.3.1.5: nobody has more to say in one line; what is longer is cut for the reader's sake.
TEXT_LIMIT = 512

# A session with an upgrade has some sixty lines; what comes after three times that tells a reader nothing new.
TRANSCRIPT_LINES = 200

# A server says at every probe what it said before, and most servers say the same; so lines are made once and shared.
# A target adds a handful of its own (its name is in them), and the longest lines of 4096 are less than 8 MB.
REMEMBERED_LINES = 4096

_VISIBLE = {code: f"\\x{code:02x}" for code in range(256) if not 0x20 <= code < 0x7F}


def visible(data: bytes, limit: int = TEXT_LIMIT) -> str:
    r"""`data` as printable ASCII, every other byte written as in `\x00`; ends in an ellipsis where `limit` cut it."""
    text = data[: limit + 1].decode("latin-1")
    # Nearly always, and told sooner than the table could be applied.
    if not (text.isascii() and text.isprintable()):
        text = text.translate(_VISIBLE)
    return text if len(text) <= limit else text[: limit - 1] + "…"


class Transcript:
    """The first lines of a session, each kept as it was until somebody asks."""

    __slots__ = ("_lines",)

    def __init__(self) -> None:
        self._lines: list[tuple[bool, bytes, bool]] = []

    def add(self, line: bytes, *, sent: bool, secured: bool) -> None:
        """Keep one line, if there is room for it."""
        if len(self._lines) < TRANSCRIPT_LINES:
            self._lines.append((sent, line[: TEXT_LIMIT + 1], secured))

    def extend(self, lines: Iterable[bytes], *, sent: bool, secured: bool) -> None:
        """Keep several lines, as far as there is room."""
        kept = [(sent, line[: TEXT_LIMIT + 1], secured) for line in lines]
        self._lines += kept[: TRANSCRIPT_LINES - len(self._lines)]

    def lines(self) -> tuple[TranscriptLine, ...]:
        """The lines in their order."""
        return tuple(starmap(_transcript_line, self._lines))


@lru_cache(maxsize=REMEMBERED_LINES)
def _transcript_line(sent: bool, line: bytes, secured: bool) -> TranscriptLine:
    return TranscriptLine(sent, visible(line), secured)
