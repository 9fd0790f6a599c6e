"""What a reader asks of the pages: a state, words to look for, a stretch of the list; and which targets that is.

Everything is in the address, so that a view can be kept, sent to somebody else, and asked for without a script.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Generic, TypeVar
from urllib.parse import urlencode

from exporter.metrics.state import TargetState
from exporter.web.standing import Standing
from exporter.web.wording import FAMILY, OUTCOME, PROTOCOL

# Characters of a search; the longest host name has 253.
WORDS_LIMIT: Final = 256

# Words of a search; each is looked for in every target.
_MOST_WORDS: Final = 8

# Rows of a live view that are asked for by name; more of them are as well asked for as a whole.
ROWS_LIMIT: Final = 64

_PARAMETERS: Final = ("state", "q", "page", "row")

_PAGE: Final = re.compile(r"[1-9][0-9]{0,5}", re.ASCII)

_Item = TypeVar("_Item")


class QuestionError(Exception):
    """A question that cannot be understood; the text is for the person who wrote it."""


@dataclass(frozen=True, slots=True)
class Question:
    """What to show.

    only   the state; `None`: all of them
    words  as typed, all of which must be found in a target
    page   which stretch of the list, from 1 on
    rows   only these hosts of that stretch, for a reader that has the others; empty: all of them
    """

    only: Standing | None = None
    words: str = ""
    page: int = 1
    rows: frozenset[str] = frozenset()

    @property
    def plain(self) -> bool:
        """Nothing is left out."""
        return self.only is None and not self.words

    def link(self, **changes: object) -> str:
        """This question as a relative address with other values; without a page among them, from the first one on."""
        asked = replace(self, **{"page": 1, "rows": frozenset(), **changes})  # type: ignore[arg-type]  # by `replace`
        pairs = [("state", asked.only), ("q", asked.words), ("page", asked.page if asked.page > 1 else None)]
        given = urlencode([(name, str(value)) for name, value in pairs if value])
        return f"?{given}"

    def of_state(self, which: Standing) -> str:
        """The same for the targets that stand so."""
        return self.link(only=which)

    def of_all(self) -> str:
        """The same for targets in all states."""
        return self.link(only=None)

    def of_page(self, page: int) -> str:
        """Another stretch of the same."""
        return self.link(page=page)


def parse_question(pairs: Iterable[tuple[str, str]]) -> Question:
    """Read the parameters of a page. Raises `QuestionError`."""
    given: dict[str, list[str]] = {}
    for name, value in pairs:
        if name not in _PARAMETERS:
            raise QuestionError(f"unknown parameter, known are {', '.join(_PARAMETERS)}")
        given.setdefault(name, []).append(value)
    rows = frozenset(given.pop("row", ()))
    if any(len(values) > 1 for values in given.values()) or len(rows) > ROWS_LIMIT:
        raise QuestionError("a parameter comes too often")
    asked = {name: values[0].strip() for name, values in given.items() if values[0].strip()}
    state, words, page = asked.get("state"), asked.get("q", ""), asked.get("page", "1")
    if state is not None and state not in list(Standing):
        raise QuestionError(f"unknown state, known are {', '.join(Standing)}")
    if len(words) > WORDS_LIMIT or len(words.split()) > _MOST_WORDS:
        raise QuestionError(f"a search has at most {_MOST_WORDS} words and {WORDS_LIMIT} characters")
    if not _PAGE.fullmatch(page):
        raise QuestionError("page must be a number from 1 on")
    return Question(Standing(state) if state is not None else None, words, int(page), rows)


def found(states: Iterable[TargetState], words: str) -> list[TargetState]:
    """The targets in which all `words` are found, in any letter case; a number is a whole port or part of a text."""
    wanted = words.lower().split()
    return [state for state in states if all(_has(state, word) for word in wanted)] if wanted else list(states)


@dataclass(frozen=True, slots=True)
class Stretch(Generic[_Item]):
    """The part of a list that is shown: `number` of `pages`, beginning with the item `first` (from 1) of `total`."""

    items: Sequence[_Item]
    number: int
    pages: int
    first: int
    total: int

    @property
    def last(self) -> int:
        """The place of the last item that is shown; one before `first` where there is none."""
        return self.first + len(self.items) - 1


def stretch(items: Sequence[_Item], page: int, size: int) -> Stretch[_Item]:
    """The stretch number `page` of `size` items; past the end the last one, since lists become shorter."""
    pages = max(1, -(-len(items) // size))
    number = min(page, pages)
    first = (number - 1) * size
    return Stretch(items[first : first + size], number, pages, first + 1, len(items))


def _has(state: TargetState, word: str) -> bool:
    target = state.target
    # What nearly every search is about comes first.
    if word in target.host.lower():
        return True
    if word.isdecimal() and word == str(target.service.port):
        return True
    return any(word in text.lower() for text in _texts(state))


def _texts(state: TargetState) -> Iterable[str]:
    target, judgement, result = state.target, state.judgement, state.result
    yield from (PROTOCOL[target.service.protocol], FAMILY[target.ip_family], target.address)
    for name, value in target.labels:
        yield f"{name}:{value}"
    if judgement is not None:
        yield from (judgement.outcome, OUTCOME[judgement.outcome], judgement.detail)
    if result is not None:
        yield from (result.address or "", result.findings.greeting or "")


def by_host(states: Iterable[TargetState]) -> Mapping[str, list[TargetState]]:
    """The targets of each host, both in the order of the configuration."""
    members: dict[str, list[TargetState]] = {}
    for state in states:
        members.setdefault(state.target.host, []).append(state)
    return members
