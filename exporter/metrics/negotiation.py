"""Which format and which encoding an HTTP client gets, by the headers that it sent.

RFC 9110 §12.4 and §12.5 with all weights, which the client library leaves out. Whoever asks for nothing that we have is
answered in the text format, which everybody reads, instead of an error.
"""

import re
from dataclasses import dataclass
from enum import Enum


class Format(Enum):
    """What can be written, from the richest to the plainest; the values are the content types.

    No name here is outside the old character set, so nothing ever needs escaping; the newer formats want that said.
    """

    OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=underscores"
    TEXT_1 = "text/plain; version=1.0.0; charset=utf-8; escaping=underscores"
    TEXT_0 = "text/plain; version=0.0.4; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Choice:
    """One element of a list header: what it names, in lower case, the version where it has one, and its weight."""

    name: str
    version: str | None
    weight: float


# RFC 9110 §12.4.2: at most three digits, from 0 ("not acceptable") to 1.
_WEIGHT = re.compile(r"0(\.[0-9]{0,3})?|1(\.0{0,3})?")

# What a client may write to get a format, the most exact first. Text 1.0.0 is only for those who know that it exists.
_ASKED_FOR_BY: dict[Format, tuple[tuple[str, str | None], ...]] = {
    Format.OPENMETRICS: (
        ("application/openmetrics-text", "1.0.0"),
        ("application/openmetrics-text", None),
        ("application/*", None),
        ("*/*", None),
    ),
    Format.TEXT_1: (("text/plain", "1.0.0"),),
    Format.TEXT_0: (("text/plain", "0.0.4"), ("text/plain", None), ("text/*", None), ("*/*", None)),
}


def chosen_format(accept: str) -> Format:
    """The best format for an `Accept` header, which may be empty."""
    weights = {(choice.name, choice.version): choice.weight for choice in _choices(accept)}
    best, best_rank = Format.TEXT_0, (0.0, False, 0)
    for richness, candidate in enumerate(reversed(Format)):
        asked = next((name for name in _ASKED_FOR_BY[candidate] if name in weights), None)
        if asked is None or weights[asked] == 0:
            continue
        named = "*" not in asked[0]
        # Of equal weights the richest that was asked for by name wins; "anything" is a person, who reads the plainest.
        rank = (weights[asked], named, richness if named else -richness)
        if rank > best_rank:
            best, best_rank = candidate, rank
    return best


def accepts_gzip(accept_encoding: str) -> bool:
    """Whether an `Accept-Encoding` header, which may be empty, likes gzip no less than no encoding at all."""
    weights = {choice.name: choice.weight for choice in _choices(accept_encoding)}
    # RFC 9110 §8.4.1.3: x-gzip is gzip by its old name. §12.5.3: `*` is whatever is not in the list.
    gzip = weights.get("gzip", weights.get("x-gzip", weights.get("*", 0.0)))
    return gzip > 0 and gzip >= weights.get("identity", 0.0)


def _choices(header: str) -> list[Choice]:
    """The elements of a list header; one whose weight is no number is left aside."""
    found = []
    for element in header.lower().split(","):
        name, *rest = (part.strip() for part in element.split(";"))
        parameters = dict(part.partition("=")[::2] for part in rest)
        weight = parameters.get("q", "1")
        if name and _WEIGHT.fullmatch(weight):
            found.append(Choice(name, parameters.get("version"), float(weight)))
    return found
