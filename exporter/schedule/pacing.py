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
from collections.abc import Iterator
from enum import Enum
from itertools import takewhile
from types import TracebackType
from typing import Final, Self

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
    over      the sessions whose gaps run
    silences  connects in a row that got no answer
    rest      runs while the address is silent and nobody may begin
    memory    runs until the silences are forgotten
    """

    __slots__ = ("memory", "name", "over", "queue", "rest", "silences", "taken")

    def __init__(self, name: tuple[str, str]) -> None:
        self.name = name
        self.taken = 0
        self.queue: dict[Visit, None] = {}
        self.over: list[Visit] = []
        self.silences = 0
        self.rest: asyncio.TimerHandle | None = None
        self.memory: asyncio.TimerHandle | None = None

    @property
    def vacant(self) -> bool:
        return not (self.taken or self.queue or self.rest)

    @property
    def idle(self) -> bool:
        return self.vacant and not self.memory


class _Stage(Enum):
    QUEUED = "queued"  # wants places at its host and its address
    PLACED = "placed"  # has both, wants to be one of the sessions in flight
    BEGUN = "begun"
    OVER = "over"  # its gap runs
    GONE = "gone"


class Visit:
    """One session at a host and an address: wanted, under way, or over with its gap still running.

    As a context it enters when it is this session's turn, once. A class and no generator: that costs half as much.
    """

    __slots__ = ("address", "alarm", "begun", "gap_end", "host", "lanes", "pacing", "passed", "stage")

    def __init__(self, pacing: "Pacing", host: str, address: str) -> None:
        self.pacing = pacing
        self.host = host
        self.address = address
        self.lanes: tuple[_Lane, ...] = ()
        self.stage = _Stage.QUEUED
        # Set when it begins; only who must wait has one.
        self.begun: asyncio.Future[None] | None = None
        self.passed = 0
        self.gap_end = 0.0
        # Ends the gap, where somebody waits for it.
        self.alarm: asyncio.TimerHandle | None = None

    async def __aenter__(self) -> Self:
        await self.pacing.begin(self)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.pacing.end(self)

    def elders(self) -> Iterator[tuple[_Lane, "Visit"]]:
        """Everybody who came before this one, and where."""
        for lane in self.lanes:
            for visit in takewhile(lambda visit: visit is not self, lane.queue):
                yield lane, visit

    def is_passed_at(self, lane: _Lane) -> bool:
        """First in the queue where it is not passed: it waits for a place there, not for its own elders."""
        return all(other is lane or next(iter(other.queue)) is self for other in self.lanes)


class Pacing:
    """Gives out the places.

    A gap has a timer of its own only where somebody waits for its end: nearly always nobody does, and each timer wakes
    the whole program. All others are ended together some seconds later, or by whoever comes.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._lanes: dict[tuple[str, str], _Lane] = {}
        self._placed: dict[Visit, None] = {}
        # Those whose gaps run, in the order in which they ended.
        self._over: dict[Visit, None] = {}
        self._broom: asyncio.TimerHandle | None = None
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

    def hold(self, host: str, address: str) -> Visit:
        """Hold a place for one session; enters when it is this session's turn.

        A probe holds one place at a time: the second one at the same host would wait for the first for ever.
        """
        return Visit(self, host, address)

    async def begin(self, visit: Visit) -> None:
        """Return when it is the turn of this visit; cancelled before, it gives up its place in the queue."""
        host, address = visit.lanes = (self._lane("host", visit.host), self._lane("address", visit.address))
        self._waiting += 1
        if host.vacant and address.vacant:
            # As nearly always: nobody is here, so nobody need be asked.
            self._take_places(visit)
        else:
            self._queue(visit)
        if visit.stage is _Stage.BEGUN:
            return
        visit.begun = asyncio.get_running_loop().create_future()
        try:
            await visit.begun
        except asyncio.CancelledError:
            self._withdraw(visit)
            raise

    def end(self, visit: Visit) -> None:
        """The session is over: its gap begins."""
        loop = asyncio.get_running_loop()
        self._sessions -= 1
        visit.stage = _Stage.OVER
        visit.gap_end = loop.time() + self._limits.min_gap
        self._over[visit] = None
        for lane in visit.lanes:
            lane.over.append(visit)
            self._let_rest(lane)
        if any(lane.queue for lane in visit.lanes):
            self._set_alarm(visit)
        if self._broom is None:
            self._broom = loop.call_at(visit.gap_end, self._sweep)
        self._begin_placed()

    def not_made(self, visit: Visit) -> None:
        """The visit ended before anything left this machine: nobody noticed, so nobody needs the gap."""
        if visit.stage is _Stage.OVER:
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
        key = (kind, name)
        lane = self._lanes.get(key)
        if lane is None:
            lane = self._lanes[key] = _Lane(key)
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

    def _queue(self, visit: Visit) -> None:
        """Wait behind the others. The gaps there that are over end now, and those that are not, on time."""
        for lane in visit.lanes:
            lane.queue[visit] = None
        now = asyncio.get_running_loop().time()
        # Once each: one visit may have been at both.
        for before in dict.fromkeys(before for lane in visit.lanes for before in lane.over):
            if before.gap_end > now:
                self._set_alarm(before)
            else:
                self._gap_over(before)
        if visit.stage is _Stage.QUEUED and self._may_have_places(visit):
            self._place(visit)

    def _serve(self, *lanes: _Lane) -> None:
        """Give out what is free at `lanes`, and what becomes free because an impatient session has gone."""
        worth_a_look = list(lanes)
        while worth_a_look:
            lane = worth_a_look.pop()
            while lane.queue and self._open(lane):
                visit = next(filter(self._may_have_places, lane.queue), None)
                if visit is None:
                    break
                self._place(visit)
                worth_a_look.extend(visit.lanes)

    def _place(self, visit: Visit) -> None:
        for lane, elder in visit.elders():
            elder.passed += elder.is_passed_at(lane)
        for lane in visit.lanes:
            del lane.queue[visit]
        self._take_places(visit)

    def _take_places(self, visit: Visit) -> None:
        for lane in visit.lanes:
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
            # Done: cancelled, and not yet run to withdraw; it will give back what it gets here.
            if visit.begun is not None and not visit.begun.done():
                visit.begun.set_result(None)

    def _set_alarm(self, visit: Visit) -> None:
        if visit.alarm is None:
            visit.alarm = asyncio.get_running_loop().call_at(visit.gap_end, self._gap_over, visit)

    def _gap_over(self, visit: Visit) -> None:
        visit.stage = _Stage.GONE
        del self._over[visit]
        if visit.alarm is not None:
            visit.alarm.cancel()
        for lane in visit.lanes:
            lane.over.remove(visit)
        self._vacate(*visit.lanes)

    def _sweep(self) -> None:
        """End the gaps that are over and that nobody has waited for."""
        loop = asyncio.get_running_loop()
        now = loop.time()
        for visit in [visit for visit in self._over if visit.gap_end <= now]:
            self._gap_over(visit)
        # Not before the latest gap: one look for all that have begun meanwhile.
        last = max((visit.gap_end for visit in self._over), default=None)
        self._broom = None if last is None else loop.call_at(last, self._sweep)

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
