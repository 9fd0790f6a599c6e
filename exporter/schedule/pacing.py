"""Who may open a session now: places at a host, at an address and in all, given out in the order of arrival.

Fifty names on one address are one guest there, and both families of a host are one guest at the host. So a session
needs a place at its host and one at its address, and a place stays taken for the gap after its session. A session that
has both then waits for one of the few sessions that may be in flight in all; nobody sits on one of those while waiting.

A session whose host or address is busy may be passed by a later one for which both are free; otherwise the silent IPv6
address of a host would hold up its ports on IPv4. It may be passed `PATIENCE` times. Then its places are kept for it,
and so nobody starves: the session that has waited longest is always first at both.

Not here: when a target is due, and what a result means.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from enum import Enum
from itertools import takewhile
from typing import Final

from exporter.schedule.limits import Limits

# One connect without an answer may be bad luck, although Linux sends its SYN three times within the 5 s of a connect
# (at 0, 1 and 3 s); two are a filter or a dead host.
SILENCES: Final = 2

# Seconds between two sessions at such an address: with the 5 s of a connect, eight ports still fit in two minutes.
SILENT_GAP: Final = 10.0

# While an address rests for `SILENT_GAP` and the next connect to it times out, about eight sessions at 2 s of gap pass
# at the host's other address. Twice that is no longer ordinary.
PATIENCE: Final = 16


class _Lane:
    """One host or one address.

    taken     places in use, by sessions and by the gaps after them
    queue     who wants a place here, in the order of arrival
    silences  connects in a row that got no answer
    rest      runs while the address is silent and nobody may begin
    memory    runs until the silences are forgotten
    """

    __slots__ = ("memory", "name", "queue", "rest", "silences", "taken")

    def __init__(self, name: tuple[str, str]) -> None:
        self.name = name
        self.taken = 0
        self.queue: dict[Visit, None] = {}
        self.silences = 0
        self.rest: asyncio.TimerHandle | None = None
        self.memory: asyncio.TimerHandle | None = None

    @property
    def idle(self) -> bool:
        return not (self.taken or self.queue or self.rest or self.memory)


class _Stage(Enum):
    QUEUED = "queued"  # wants places at its host and its address
    PLACED = "placed"  # has both, wants to be one of the sessions in flight
    BEGUN = "begun"


class Visit:
    """One session at a host and an address: wanted, under way, or over with its gap still running."""

    __slots__ = ("begun", "gap", "lanes", "passed", "stage")

    def __init__(self, host: _Lane, address: _Lane) -> None:
        self.lanes = (host, address)
        self.begun: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.gap: asyncio.TimerHandle | None = None
        self.passed = 0
        self.stage = _Stage.QUEUED

    @property
    def address(self) -> str:
        """Where it goes."""
        return self.lanes[1].name[1]

    def elders(self) -> Iterator[tuple[_Lane, "Visit"]]:
        """Everybody who came before this one, and where."""
        for lane in self.lanes:
            for visit in takewhile(lambda visit: visit is not self, lane.queue):
                yield lane, visit

    def is_passed_at(self, lane: _Lane) -> bool:
        """First in the queue where it is not passed: it waits for a place there, not for its own elders."""
        return all(other is lane or next(iter(other.queue)) is self for other in self.lanes)


class Pacing:
    """Gives out the places."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._lanes: dict[tuple[str, str], _Lane] = {}
        self._placed: dict[Visit, None] = {}
        self._sessions = 0
        self._waiting = 0

    @property
    def sessions(self) -> int:
        """Sessions in flight."""
        return self._sessions

    @property
    def waiting(self) -> int:
        """Probes that wait for their turn."""
        return self._waiting

    def configure(self, limits: Limits) -> None:
        """Let other bounds hold; sessions in flight are left alone, gaps that run keep their length."""
        self._limits = limits
        self._serve(*self._lanes.values())
        self._begin_placed()

    @asynccontextmanager
    async def hold(self, host: str, address: str) -> AsyncIterator[Visit]:
        """Hold a place for one session; enters when it is this session's turn.

        A probe holds one place at a time: the second one at the same host would wait for the first for ever.
        """
        visit = Visit(self._lane("host", host), self._lane("address", address))
        for lane in visit.lanes:
            lane.queue[visit] = None
        self._waiting += 1
        if self._may_have_places(visit):
            self._place(visit)
        try:
            await visit.begun
        except asyncio.CancelledError:
            self._withdraw(visit)
            raise
        try:
            yield visit
        finally:
            self._end(visit)

    def not_made(self, visit: Visit) -> None:
        """The visit ended before anything left this machine: nobody noticed, so nobody needs the gap."""
        if visit.gap is not None:
            visit.gap.cancel()
            self._gap_over(visit)

    def unanswered(self, address: str, remember: float) -> None:
        """A connect to `address` got no answer; forgotten after `remember` seconds, or when the address answers."""
        lane = self._lane("address", address)
        lane.silences += 1
        if lane.memory is not None:
            lane.memory.cancel()
        lane.memory = asyncio.get_running_loop().call_later(remember, self._forget, lane)
        self._let_rest(lane)

    def answered(self, address: str) -> None:
        """Something at `address` answered, be it with a refusal: the ordinary gap is enough."""
        lane = self._lanes.get(("address", address))
        if lane is None:
            return
        if lane.memory is not None:
            lane.memory.cancel()
            self._forget(lane)
        if lane.rest is not None:
            lane.rest.cancel()
            self._rested(lane)

    def _lane(self, kind: str, name: str) -> _Lane:
        lane = self._lanes.get((kind, name))
        if lane is None:
            lane = self._lanes[kind, name] = _Lane((kind, name))
        return lane

    def _tidy(self, *lanes: _Lane) -> None:
        # Names and addresses come and go for as long as the daemon lives.
        for lane in lanes:
            if lane.idle:
                self._lanes.pop(lane.name, None)

    def _open(self, lane: _Lane) -> bool:
        return lane.taken < self._limits.sessions_per_address and lane.rest is None

    def _may_have_places(self, visit: Visit) -> bool:
        return all(map(self._open, visit.lanes)) and all(elder.passed < PATIENCE for _, elder in visit.elders())

    def _serve(self, *lanes: _Lane) -> None:
        """Give out what is free at `lanes`, and what becomes free because an impatient session has gone."""
        worth_a_look = list(lanes)
        while worth_a_look:
            lane = worth_a_look.pop()
            while self._open(lane) and (visit := next(filter(self._may_have_places, lane.queue), None)):
                self._place(visit)
                worth_a_look.extend(visit.lanes)

    def _place(self, visit: Visit) -> None:
        for lane, elder in visit.elders():
            elder.passed += elder.is_passed_at(lane)
        for lane in visit.lanes:
            del lane.queue[visit]
            lane.taken += 1
        visit.stage = _Stage.PLACED
        self._placed[visit] = None
        self._begin_placed()

    def _begin_placed(self) -> None:
        while self._placed and self._sessions < self._limits.max_sessions:
            visit = next(iter(self._placed))
            del self._placed[visit]
            visit.stage = _Stage.BEGUN
            self._sessions += 1
            self._waiting -= 1
            # Cancelled, and not yet run to withdraw: it will give back what it gets here.
            if not visit.begun.done():
                visit.begun.set_result(None)

    def _end(self, visit: Visit) -> None:
        self._sessions -= 1
        visit.gap = asyncio.get_running_loop().call_later(self._limits.min_gap, self._gap_over, visit)
        for lane in visit.lanes:
            self._let_rest(lane)
        self._begin_placed()

    def _gap_over(self, visit: Visit) -> None:
        visit.gap = None
        self._vacate(*visit.lanes)

    def _withdraw(self, visit: Visit) -> None:
        """Somebody waits no longer. There was no session, so there is no gap after it."""
        if visit.stage is _Stage.BEGUN:
            self._sessions -= 1
        else:
            self._waiting -= 1
        if visit.stage is _Stage.QUEUED:
            for lane in visit.lanes:
                del lane.queue[visit]
            self._serve(*visit.lanes)
            self._tidy(*visit.lanes)
            return
        self._placed.pop(visit, None)
        self._vacate(*visit.lanes)
        self._begin_placed()

    def _vacate(self, *lanes: _Lane) -> None:
        for lane in lanes:
            lane.taken -= 1
        self._serve(*lanes)
        self._tidy(*lanes)

    def _let_rest(self, lane: _Lane) -> None:
        if lane.silences < SILENCES:
            return
        if lane.rest is not None:
            lane.rest.cancel()
        lane.rest = asyncio.get_running_loop().call_later(SILENT_GAP, self._rested, lane)

    def _rested(self, lane: _Lane) -> None:
        lane.rest = None
        self._serve(lane)
        self._tidy(lane)

    def _forget(self, lane: _Lane) -> None:
        lane.memory = None
        lane.silences = 0
        self._tidy(lane)
