"""How long a server takes in one phase of a session: the clock of latencies. Instants go in, seconds come out; no I/O.

It runs from what we sent to what arrived, and stands still while it is our turn. A handshake in two round trips (TLS
1.2, RFC 5246 §7.3) is in the middle of it once, and then sixty others may be before us: that is no time of the
server's. How long all of a probe took, our own work included, is another figure.
"""


class PhaseClock:
    """Of one session. All instants are on one clock, in seconds."""

    __slots__ = ("_began", "_seen")

    def __init__(self, instant: float) -> None:
        self._began = self._seen = instant

    def begin(self, instant: float) -> None:
        """A phase begins."""
        self._began = instant

    def begin_with_last(self) -> None:
        """A phase begins with what arrived last."""
        self._began = self._seen

    def sent(self, instant: float) -> None:
        """Something was sent: what went by since it was our turn is not counted."""
        self._began += instant - max(self._began, self._seen)

    def arrived(self, instant: float) -> None:
        """Something arrived: whatever the phase is, so far it lasted until then."""
        self._seen = instant

    @property
    def elapsed(self) -> float:
        """Seconds that the server took in this phase, until what arrived last; below zero where nothing did."""
        return self._seen - self._began
