"""When the turn of a target comes, as arithmetic: its place in the interval, its next instant, its jitter.

All of it follows from the target's key, so nothing is remembered and nothing is random: a restart, a reload and a test
find every target in the same place. The rhythm is counted from the start of the schedule and not from the wall clock: a
clock that is set must not move a probe, and two monitors with one configuration do not knock at the same second.
"""

import hashlib
import math
from typing import Final

from exporter.targets import TargetKey, Variant

# A tenth each way is enough to take apart what failed in the same second, and little enough to keep the promises that
# are made in round numbers (15 s, 10 minutes).
JITTER: Final = 0.1

# 48 bits: spread finer than anybody measures, and exact as a float.
_DIGEST_BYTES: Final = 6


def phase(key: TargetKey) -> float:
    """The place of a target in its interval, as a share in [0, 1); the same in every process and on every machine."""
    return _share(_name(key))


def jittered(seconds: float, key: TargetKey, turn: int) -> float:
    """`seconds`, longer or shorter by up to `JITTER`; differs from target to target and from `turn` to `turn`."""
    share = _share(f"{_name(key)}\0{turn}")
    return seconds * (1 - JITTER + 2 * JITTER * share)


def joining_instant(now: float, share: float, interval: float, first_round: float) -> float:
    """When a target that joins at `now` is due for the first time; all that join together are spread over the round."""
    return now + share * min(first_round, interval)


def regular_instant(origin: float, share: float, interval: float, not_before: float) -> float:
    """The first instant of a target's rhythm not earlier than `not_before`; `origin` is when all rhythms began."""
    rounds = math.ceil((not_before - origin) / interval - share)
    return origin + (rounds + share) * interval


def _name(key: TargetKey) -> str:
    name = f"{key.host}\0{key.port}\0{key.ip_family}\0{key.address}"
    return name if key.variant is Variant.DEFAULT else f"{name}\0{key.variant}"


def _share(text: str) -> float:
    # Not `hash()`, which the interpreter salts anew at every start.
    digest = hashlib.blake2b(text.encode(), digest_size=_DIGEST_BYTES).digest()
    return int.from_bytes(digest, "big") / (1 << 8 * _DIGEST_BYTES)
