"""How long what has arrived waits for what else arrives: until a moment after the last look, which is the longer the
farther the servers are, and none where they are near.

An answer from far away finds nothing of its session in the processor's caches, and the code that reads it only where
another one has just been read. Where distances differ, answers come one by one, so they are gathered: with four hundred
sessions a second that saves a fifth of a session's processor time where servers are 5 to 40 ms away, and a sixth where
they are 10 to 160 ms away (the last cases of `tests.bench fleet`, in turns with and without). A near server answers
while all that concerns it is still in the caches; to let it wait costs a twentieth instead. And who comes alone never
waits.

No latency is longer for it, since the kernel tells when each segment arrived; how long all of a probe took is.
"""

from typing import Final

# Between two looks, as a part of the time that an answer takes: a session is a tenth longer for it. That saves 20 % of
# the processor where servers are 5 to 40 ms away, and half as much 12 %.
GATHERED_PART: Final = 0.2

# And in seconds, at most. Where servers are 10 to 160 ms away, half of it saves 3 % less of the processor, twice of it
# 2 % more.
LONGEST_SECONDS: Final = 0.01

# And at least, or nobody waits: epoll_wait(2) counts in milliseconds. Servers in the same building answer sooner than
# in five of them.
SHORTEST_SECONDS: Final = 0.001

# What takes longer makes no look later, and counts as this: one server that greets after ten seconds says nothing about
# all others.
_FARTHEST_SECONDS: Final = LONGEST_SECONDS / GATHERED_PART

# What counts are about so many answers: a second of a busy process.
_REMEMBERED: Final = 2000


class Gathering:
    """When to look, and how far the servers are. Instants are on one clock, in seconds; no I/O."""

    __slots__ = ("_answers", "_looked", "_took")

    def __init__(self) -> None:
        self._looked = 0.0
        # How many answers, and how long they took together.
        self._answers = 0
        self._took = 0.0

    def answered(self, seconds: float) -> None:
        """Note an answer that took so long."""
        self._answers += 1
        self._took += seconds if seconds < _FARTHEST_SECONDS else _FARTHEST_SECONDS

    def looked(self, now: float) -> None:
        """Note that everything that was ready was read by `now`."""
        self._looked = now
        if self._answers > _REMEMBERED:
            self._answers //= 2
            self._took /= 2

    def wait(self, now: float) -> float:
        """Seconds for which what is ready at `now` should wait; zero or less: not at all."""
        if self._took * GATHERED_PART < SHORTEST_SECONDS * self._answers or not self._answers:
            return 0.0
        apart = min(LONGEST_SECONDS, self._took / self._answers * GATHERED_PART)
        return self._looked + apart - now
