"""The schedule: one agenda for all targets, one task for each probe that is under way.

A target keeps its place in the rhythm (`spread`), waits for its turn at its host and address (`pacing`), is slowed down
while it does not want us (`backoff`, `outage`) and is probed sooner once when its state changed. A probe that outlasts
its interval is not joined by a second one; the round is reported as missed.

A variant of a target is made where it is `wanted`, rarely and far from every other one at its address (`spacing`). It
tells nothing about its target's health: it is no part of the first round and of an outage, and nothing confirms it.

All time is the running loop's. What the results mean is the business of `deliver`. An exception from `probe`, `deliver`
or `missed` is a fault of this program: it ends `run()` with an exception group, so that the daemon stops with a
traceback instead of showing old numbers for ever.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Hashable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from functools import partial
from typing import Final

from exporter.probe.seams import ProbeFunction
from exporter.results import Outcome, ProbeResult
from exporter.schedule.agenda import Agenda
from exporter.schedule.backoff import ANSWERS, LOSSES, REFUSALS
from exporter.schedule.entry import Entry
from exporter.schedule.limits import Limits
from exporter.schedule.outage import Outage
from exporter.schedule.pacing import Pacing
from exporter.schedule.spacing import Spacing, Turn
from exporter.schedule.spread import jittered, joining_instant, phase, regular_instant
from exporter.targets import IpFamily, Target, TargetKey, Variant

Deliver = Callable[[ProbeResult, float], Hashable]

# Seconds until a change of state is looked at again: with a scrape every 15 s, a rule sees both within half a minute.
CONFIRMATION_DELAY: Final = 15.0

# Who is hastened is probed once a minute at most, however often it is asked for.
HASTE: Final = 60.0

# The first variants of all targets are spread over an hour at most: soon enough after a start for an administrator who
# waits, long enough for the six of them that an address has room for.
VARIANTS_FIRST_ROUND: Final = 3600.0

# `lag` is the mean over this many sessions: enough to be calm, few enough to tell of the last minutes.
_LAG_SESSIONS: Final = 100


class Scheduler:
    """Starts the probes of all targets, each when its time has come and its server has room for it.

    To be used once: `configure`, `run`, in the meantime `configure` again, `stop`.

    probe     one probe of one target; enters `hold` before it starts its clocks
    deliver   takes a result and the seconds between two probes of its target as they are now (without jitter), and
              returns the state it sees there; it runs on the loop, so it must be quick
    missed    called for each round that could not be kept, because the probe of the round before was not done; not for
              a variant, which may wait for hours until others at its address are through
    wanted    whether a variant is worth its session now; asked before each, and never for an ordinary target
    """

    def __init__(
        self,
        probe: ProbeFunction,
        deliver: Deliver,
        *,
        limits: Limits,
        missed: Callable[[Target], None],
        wanted: Callable[[Target], bool] = lambda _: True,
    ) -> None:
        self._probe = probe
        self._deliver = deliver
        self._missed = missed
        self._wanted = wanted
        self._limits = limits
        self._pacing = Pacing(limits)
        self._spacing = Spacing(limits.variant_gap)
        self._agenda: Agenda[Entry] = Agenda()
        self._entries: dict[TargetKey, Entry] = {}
        self._outages: dict[tuple[str, IpFamily], Outage] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._in_session: set[Entry] = set()
        self._ordinary = 0
        self._delivered = 0
        self._lags: deque[float] = deque(maxlen=_LAG_SESSIONS)
        self._running = False
        self._origin = 0.0
        self._stop_at: float | None = None
        self._wake = asyncio.Event()
        self._ended = asyncio.Event()

    @property
    def in_flight(self) -> int:
        """Probes under way, those that wait for their turn not counted."""
        return len(self._tasks) - self.waiting

    @property
    def waiting(self) -> int:
        """Probes that wait for their turn at their host, their address or for one of the sessions in all."""
        return self._pacing.waiting + self._spacing.waiting

    @property
    def lag(self) -> float:
        """Seconds by which sessions began after they were due, the mean of the last hundred; 0 before the first."""
        return sum(self._lags) / len(self._lags) if self._lags else 0.0

    @property
    def first_round_done(self) -> bool:
        """Every configured target has delivered a result; after a reload also those that came with it."""
        done, configured = self.first_round_progress
        return done == configured

    @property
    def first_round_progress(self) -> tuple[int, int]:
        """How many targets have delivered a result, and how many are configured; variants are not counted."""
        return self._delivered, self._ordinary

    def interval(self, target: Target) -> float:
        """Seconds between two probes of `target` as they are now, without jitter."""
        entry = self._entries.get(target.key)
        return entry.interval if entry is not None else target.interval

    def configure(self, targets: Sequence[Target], limits: Limits) -> None:
        """Watch exactly `targets` from now on; before `run()`, or in its loop.

        A target that is equal to the one before keeps its rhythm, its back-off and its probe under way. One that went
        or changed is dropped: its session, if it is in one, ends as it would have, since breaking off is what servers
        log as an attack, but the result is ignored. What is new joins within `limits.first_round`.
        """
        self._limits = limits
        self._pacing.configure(limits)
        self._spacing.gap = limits.variant_gap
        wanted = {target.key: target for target in targets}
        for entry in list(self._entries.values()):
            if wanted.get(entry.target.key) != entry.target:
                self._drop(entry)
        for key, target in wanted.items():
            if key not in self._entries:
                self._join(target)

    def hold(self, host: str, address: str) -> AbstractAsyncContextManager[object]:
        """A place among those of the schedule, for one session that nobody has scheduled."""
        return self._pacing.hold(host, address)

    def hasten(self, key: TargetKey) -> None:
        """Probe the target with `key` now, unless it had its last round less than a minute ago; while running.

        Nothing happens where it is unknown, being probed, or slowed down because its server refuses us. A variant is
        hastened once in its interval: a port that shows several certificates by turns has another one at every probe.
        """
        entry = self._entries.get(key)
        if not self._running or entry is None or entry.task is not None or entry.backoff.refusals:
            return
        now = asyncio.get_running_loop().time()
        if now - entry.round >= HASTE and not (entry.is_variant and now - entry.hastened < entry.target.interval):
            entry.hastened = now
            self._plan(entry, min(entry.due, now))

    async def run(self) -> None:
        """Probe until `stop()` or until cancelled."""
        self._origin = asyncio.get_running_loop().time()
        self._running = True
        try:
            async with asyncio.TaskGroup() as probes:
                for entry in self._entries.values():
                    self._plan_first(entry, self._origin)
                while self._stop_at is None:
                    self._start_due(probes)
                    await self._sleep_until(self._agenda.first())
                await self._wind_up(self._stop_at)
        finally:
            self._running = False
            self._ended.set()

    async def stop(self, grace: float = 5.0) -> None:
        """Start nothing more and return when `run()` has ended.

        Sessions in flight have `grace` seconds to come to their goodbye and deliver; then they are cancelled. Probes
        that wait for their turn, or for a name server, are cancelled at once.
        """
        self._stop_at = asyncio.get_running_loop().time() + grace
        self._wake.set()
        if self._running:
            await self._ended.wait()

    def _join(self, target: Target) -> None:
        entry = self._entries[target.key] = Entry(target, phase(target.key))
        if not entry.is_variant:
            self._ordinary += 1
            self._outages.setdefault((target.host, target.ip_family), Outage()).join(target)
        if self._running:
            self._plan_first(entry, asyncio.get_running_loop().time())

    def _drop(self, entry: Entry) -> None:
        target = entry.target
        del self._entries[target.key]
        self._agenda.drop(entry)
        if not entry.is_variant:
            self._ordinary -= 1
            self._delivered -= int(entry.turn > 0)
            outage = self._outages[target.host, target.ip_family]
            outage.leave(target)
            if not outage.members:
                del self._outages[target.host, target.ip_family]
        if entry.task is not None and entry not in self._in_session:
            entry.task.cancel()

    def _plan_first(self, entry: Entry, now: float) -> None:
        first_round = self._limits.first_round
        if entry.is_variant:
            # The ordinary probes have their first round, and whoever restarts the daemon twice has made no session.
            now += self._limits.variant_gap
            first_round = VARIANTS_FIRST_ROUND
        self._plan(entry, joining_instant(now, entry.phase, entry.target.interval, first_round))

    def _plan(self, entry: Entry, due: float) -> None:
        first = self._agenda.first()
        entry.due = due
        self._agenda.put(entry, due)
        if first is None or due < first:
            self._wake.set()

    async def _sleep_until(self, due: float | None) -> None:
        self._wake.clear()
        # A timer that wakes us like everything else does; a timeout would cancel this task at every probe.
        timer = None if due is None else asyncio.get_running_loop().call_at(due, self._wake.set)
        try:
            await self._wake.wait()
        finally:
            if timer is not None:
                timer.cancel()

    def _start_due(self, probes: asyncio.TaskGroup) -> None:
        now = asyncio.get_running_loop().time()
        while (entry := self._agenda.take(now)) is not None:
            entry.round = entry.due
            if entry.task is None:
                entry.task = probes.create_task(self._run_probe(entry, entry.round))
                self._tasks.add(entry.task)
                entry.task.add_done_callback(self._tasks.discard)
            elif not entry.is_variant:
                self._missed(entry.target)
            # The end of this round, should the probe last so long; moved when the result is there.
            free = entry.slowed or entry.is_variant
            self._plan(entry, entry.round + entry.interval if free else self._next_regular(entry))

    def _next_regular(self, entry: Entry) -> float:
        # Half an interval after the last round at least: who comes into the rhythm from outside is not probed twice in
        # a moment, and who is in it comes to the next instant exactly.
        return self._regular(entry, entry.round + entry.target.interval / 2)

    def _regular(self, entry: Entry, not_before: float) -> float:
        return regular_instant(self._origin, entry.phase, entry.target.interval, not_before)

    async def _run_probe(self, entry: Entry, due: float) -> None:
        try:
            if entry.is_variant:
                result = await self._probe_variant(entry)
            else:
                result = await self._probe(entry.target, partial(self._hold, entry, due))
        finally:
            entry.task = None
        if result is not None and self._entries.get(entry.target.key) is entry:
            self._settle(entry, result)

    async def _probe_variant(self, entry: Entry) -> ProbeResult | None:
        """Wait where its session will be made, and make it if it is still wanted then."""
        target = entry.target
        ordinary = self._entries.get(replace(target.key, variant=Variant.DEFAULT))
        async with self._spacing.turn() as turn:
            # The wait may be long, so it comes before the name is resolved and not after it.
            if self._wanted(target) and ordinary is not None and ordinary.visit is not None:
                await turn.at(ordinary.visit.address)
            if not self._wanted(target):
                return None
            return await self._probe(target, partial(self._hold_variant, entry, turn))

    @asynccontextmanager
    async def _hold_variant(self, entry: Entry, turn: Turn, host: str, address: str) -> AsyncIterator[None]:
        # DNS may have moved the host since the ordinary probe was there.
        await turn.at(address)
        async with self._hold(entry, None, host, address):
            try:
                yield
            finally:
                turn.used()

    @asynccontextmanager
    async def _hold(self, entry: Entry, due: float | None, host: str, address: str) -> AsyncIterator[None]:
        # The many addresses of one host are many guests: they need not queue up behind one name.
        async with self._pacing.hold(address if entry.target.address else host, address) as visit:
            if due is not None:
                self._lags.append(asyncio.get_running_loop().time() - due)
            self._in_session.add(entry)
            entry.visit = visit
            try:
                yield
            finally:
                self._in_session.discard(entry)

    def _settle(self, entry: Entry, result: ProbeResult) -> None:
        was_slowed = entry.slowed
        self._weigh(entry, result)
        state = self._deliver(result, entry.interval)
        changed = entry.turn > 0 and state != entry.state
        entry.state = state
        self._delivered += int(entry.turn == 0 and not entry.is_variant)
        entry.turn += 1
        due = self._next_due(entry, was_slowed)
        # Once: a target that changes with every probe is not worth more of them. And never after a refusal: the server
        # has just asked us to stay away.
        calm = entry.confirming or entry.is_variant or result.outcome in REFUSALS
        entry.confirming = changed and not calm
        if entry.confirming:
            now = asyncio.get_running_loop().time()
            due = min(due, now + jittered(CONFIRMATION_DELAY, entry.target.key, entry.turn))
        if due != entry.due:
            self._plan(entry, due)

    def _weigh(self, entry: Entry, result: ProbeResult) -> None:
        """Let `result` have its effect on the pace of the target, its host and its address."""
        if entry.is_variant:
            entry.backoff = entry.backoff.after(result, host_lost=False)
        else:
            self._weigh_host(entry, result)
        if entry.visit is None:
            return
        if result.outcome is Outcome.NO_ROUTE:
            self._pacing.not_made(entry.visit)
        elif result.port_open or result.outcome in ANSWERS:
            self._pacing.answered(entry.visit.address)
        elif result.outcome in LOSSES:
            self._pacing.unanswered(entry.visit.address, entry.interval)

    def _weigh_host(self, entry: Entry, result: ProbeResult) -> None:
        outage = self._outages[entry.target.host, entry.target.ip_family]
        was_total = outage.total
        outage.note(result)
        entry.backoff = entry.backoff.after(result, outage.total)
        if was_total and not outage.total:
            self._welcome_back(outage)

    def _welcome_back(self, outage: Outage) -> None:
        """A port of a lost host answers: the other ones need not wait for their slowed rounds."""
        now = asyncio.get_running_loop().time()
        for key in outage.members:
            entry = self._entries[key]
            if entry.backoff.losses:
                entry.backoff = replace(entry.backoff, losses=0)
                if not entry.slowed:
                    self._plan(entry, min(entry.due, self._regular(entry, now)))

    def _next_due(self, entry: Entry, was_slowed: bool) -> float:
        now = asyncio.get_running_loop().time()
        if entry.slowed:
            return now + jittered(entry.interval, entry.target.key, entry.turn)
        if entry.is_variant:
            # No rhythm of its own: variants that came one after the other today do so tomorrow, and none has to wait.
            return now + entry.interval
        if was_slowed:
            return self._regular(entry, now + entry.target.interval / 2)
        return max(self._next_regular(entry), self._regular(entry, now))

    async def _wind_up(self, stop_at: float) -> None:
        """Let the sessions come to their end until `stop_at`; end everything else at once."""
        sessions = {entry.task for entry in self._in_session if entry.task is not None}
        for task in self._tasks - sessions:
            task.cancel()
        if sessions:
            await asyncio.wait(sessions, timeout=max(0.0, stop_at - asyncio.get_running_loop().time()))
        for task in list(self._tasks):
            task.cancel()
