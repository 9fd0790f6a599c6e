"""How long what has arrived waits for what else arrives: where servers are near not at all, and where they are far
until a moment after the last look.

An answer from far away finds nothing of its session in the processor's caches, and the code that reads it only where
another one has just been read. Where distances differ, answers come one by one, so they are gathered: that saves a
sixth of a session's processor time with four hundred sessions a second (the last case of `tests.bench fleet`, in turns
with and without). A near server answers while all that concerns it is still in the caches; to let it wait costs a
twentieth instead. And who comes alone never waits.

No latency is longer for it, since the kernel tells when each segment arrived; how long all of a probe took is.
"""

from typing import Final

# Between two looks, in seconds. Half of it saves 3 % less and twice of it 2 % more of the processor; a session of seven
# answers takes a tenth of a second longer with it, and half or twice as much longer with those.
GATHERING_SECONDS: Final = 0.01

# Near is what answers sooner than that. Servers in the same building do so also where sixty sessions begin together and
# each has a handshake with RSA to make (half of this); and where answers take longer, a fifth more is little.
FAR_SECONDS: Final = 0.05

# What counts are about so many answers: a second of a busy process.
_REMEMBERED: Final = 2000


class Gathering:
    """When to look, and how far the servers are. Instants are on one clock, in seconds; no I/O."""

    __slots__ = ("_answers", "_looked", "_waited", "_waiting")

    def __init__(self) -> None:
        self._looked = 0.0
        # Sessions that wait since then, and by the sum over the last answers, for how long and for how many.
        self._waiting = 0
        self._waited = 0.0
        self._answers = 0

    def looked(self, now: float, answers: int, waiting: int) -> None:
        """Note a look at `now` that found so many answers and left so many sessions waiting for another one."""
        # Little's law: how many wait, summed up over time and divided by those who got an answer, is how long one did.
        self._waited += self._waiting * (now - self._looked)
        self._answers += answers
        if self._answers > _REMEMBERED:
            self._waited /= 2
            self._answers //= 2
        self._looked, self._waiting = now, waiting

    def wait(self, now: float) -> float:
        """Seconds for which what is ready at `now` should wait; zero or less: not at all."""
        if self._waited <= FAR_SECONDS * self._answers:
            return 0.0
        return self._looked + GATHERING_SECONDS - now
