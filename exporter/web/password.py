"""Passwords: whether what a client sent is right, at a bounded price.

HTTP basic authentication (RFC 7617) against bcrypt hashes. A name that does not exist costs as much time as one that
does, answers are remembered under a keyed hash, and bcrypt runs in a thread, one at a time. It keeps no password and
logs nothing.
"""

import asyncio
import base64
import binascii
import hashlib
import hmac
import secrets
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import bcrypt

# As many as the exporter-toolkit keeps; a handful of scrapers and people are all that come. Right and wrong ones are
# kept apart, so that somebody who guesses cannot push out those who know.
_REMEMBERED = 100

# bcrypt reads no more; Go's, which the hashes are shared with, leaves the rest out without a word as well.
_BCRYPT_BYTES = 72

# A hash of random bytes that nobody kept, less its version and cost.
_NOBODY = "8uTZO4b08qPFY5Fdr9hm3OqPVTWZ80XC5nOks5TyI/4LJDYw3atW."


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a client says it is; the password as the bytes that came."""

    user: str
    password: bytes = field(repr=False)


def credentials(header: str | None) -> Credentials | None:
    """Read an `Authorization` header; `None` where it is missing, of another scheme, or not to be understood."""
    # RFC 9110 §11.1: the name of a scheme is the same in any case.
    scheme, _, token = (header or "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        user, colon, password = base64.b64decode(token.strip(" "), validate=True).partition(b":")
    except (binascii.Error, ValueError):
        return None
    if not colon:
        return None
    # A name that is not UTF-8 is nobody's, and is looked up like any other.
    return Credentials(user.decode("utf-8", "replace"), password)


class Passwords:
    """Checks credentials and remembers what came of it."""

    def __init__(self) -> None:
        self._key = secrets.token_bytes(32)
        self._right: OrderedDict[bytes, None] = OrderedDict()
        self._wrong: OrderedDict[bytes, None] = OrderedDict()
        # One at a time: guesses must not take more than one processor from the probes.
        self._turn = asyncio.Semaphore(1)

    async def right(self, sent: Credentials, users: Mapping[str, str]) -> bool:
        """Whether `users` (names with bcrypt hashes, not empty) has this name with this password."""
        known = sent.user in users
        hashed, *padding = checked(sent.user, users)
        # The hash is a part of it: a password that was changed is not remembered.
        mark = self._mark(sent, hashed)
        if (remembered := self._remembered(mark)) is not None:
            return remembered
        async with self._turn:
            # Several requests may have waited with the same words.
            if (remembered := self._remembered(mark)) is not None:
                return remembered
            fits = await asyncio.to_thread(_fits, sent.password, hashed, padding)
            _remember(self._right if known and fits else self._wrong, mark)
        return known and fits

    def _mark(self, sent: Credentials, hashed: str) -> bytes:
        digest = hmac.new(self._key, digestmod=hashlib.sha256)
        for part in (sent.user.encode("utf-8"), hashed.encode("ascii"), sent.password):
            # The length before each: no two triples may read the same.
            digest.update(len(part).to_bytes(8, "big") + part)
        return digest.digest()

    def _remembered(self, mark: bytes) -> bool | None:
        for kept, answer in ((self._right, True), (self._wrong, False)):
            if mark in kept:
                kept.move_to_end(mark)
                return answer
        return None


def _remember(kept: OrderedDict[bytes, None], mark: bytes) -> None:
    kept[mark] = None
    if len(kept) > _REMEMBERED:
        kept.popitem(last=False)


def checked(user: str, users: Mapping[str, str]) -> tuple[str, ...]:
    """The hashes to check for a name, its own or nobody's first; together they cost the same for every name.

    bcrypt's work is two to the power of the cost. So a hash that is cheaper than the dearest one is followed by
    nobody's at its own cost and at every one between: 2⁴ + 2⁴ + 2⁵ … + 2⁹ are 2¹⁰.
    """
    dearest = max(_cost(hashed) for hashed in users.values())
    own = users.get(user, _nobody(dearest))
    return (own, *(_nobody(cost) for cost in range(_cost(own), dearest)))


def _cost(hashed: str) -> int:
    return int(hashed.split("$")[2])


def _nobody(cost: int) -> str:
    return f"$2b${cost:02}${_NOBODY}"


def _fits(password: bytes, hashed: str, padding: Sequence[str]) -> bool:
    expected = hashed.encode("ascii")
    found = bcrypt.hashpw(password[:_BCRYPT_BYTES], expected)
    for other in padding:
        bcrypt.hashpw(password[:_BCRYPT_BYTES], other.encode("ascii"))
    return hmac.compare_digest(found, expected)
