"""The schedule: one agenda for all targets, one task for each probe that is under way.

A target keeps its place in the rhythm (`spread`), waits for its turn at its host and address (`pacing`), is slowed down
while it does not want us (`backoff`, `outage`) and is probed sooner once when its state changed. Where many are due
within a moment, they begin together (`company`). A probe that outlasts its interval is not joined by a second one; the
round is reported as missed.

A variant of a target is made where it is `wanted`, rarely and far from every other one at its address (`spacing`). It
tells nothing about its target's health: it is no part of the first round and of an outage, and nothing confirms it.

All time is the running loop's. What the results mean is the business of `deliver`. An exception from `probe`, `deliver`
or `missed` is a fault of this program: it ends `run()` with an exception group, so that the daemon stops with a
traceback instead of showing old numbers for ever.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Hashable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from functools import partial
from typing import Final

from exporter.batch import Batch
from exporter.probe.seams import ProbeFunction
from exporter.results import Outcome, ProbeResult
from exporter.schedule.agenda import Agenda
from exporter.schedule.alarm import Alarm
from exporter.schedule.backoff import ANSWERS, LOSSES, REFUSALS
from exporter.schedule.company import company
from exporter.schedule.entry import Entry
from exporter.schedule.limits import Limits
from exporter.schedule.outage import Outage
from exporter.schedule.pacing import Pacing, Visit
from exporter.schedule.sessions import Sessions
from exporter.schedule.spacing import Spacing, Turn
from exporter.schedule.spread import jittered, joining_instant, regular_instant
from exporter.targets import IpFamily, Target, TargetKey, Variant

Deliver = Callable[[ProbeResult, float], Hashable]

# Seconds until a change of state is looked at again: with a scrape every 15 s, a rule sees both within half a minute.
CONFIRMATION_DELAY: Final = 15.0

# Who is hastened is probed once a minute at most, however often it is asked for.
HASTE: Final = 60.0

# The first variants of all targets are spread over an hour at most: soon enough after a start for an administrator who
# waits, long enough for the six of them that an address has room for.
VARIANTS_FIRST_ROUND: Final = 3600.0


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
        self._alarm = Alarm(self._start_due)
        self._entries: dict[TargetKey, Entry] = {}
        self._outages: dict[tuple[str, IpFamily], Outage] = {}
        self._probes = asyncio.TaskGroup()
        self._tasks: set[asyncio.Task[None]] = set()
        # Sessions that began together mostly end together; their results are settled so too.
        self._finished: Batch[tuple[Entry, ProbeResult | None]] = Batch(self._settle_finished)
        self._sessions = Sessions(self._pacing)
        self._ordinary = 0
        self._delivered = 0
        self._running = False
        self._origin = self._stop_at = 0.0
        # Nothing is started any more, and `run()` is to end: because of `stop()`, or of a fault that it raises.
        self._closed = False
        self._fault: Exception | None = None
        self._halt = asyncio.Event()
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
        return self._sessions.lag

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
        changed: list[Target] = []
        for entry in list(self._entries.values()):
            target = wanted.pop(entry.target.key, None)
            # Nearly all of forty thousand are as they were, and to compare all fields of each takes a while.
            if target is entry.target or target == entry.target:
                continue
            self._drop(entry)
            if target is not None:
                changed.append(target)
        for target in (*changed, *wanted.values()):
            self._join(target)

    def hold(self, host: str, address: str) -> Visit:
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
            async with self._probes:
                for entry in self._entries.values():
                    self._plan_first(entry, self._origin)
                try:
                    await self._halt.wait()
                finally:
                    # Before the group waits for the last ones.
                    self._closed = True
                if self._fault is not None:
                    raise self._fault
                await self._wind_up()
        finally:
            self._running = False
            self._alarm.clear()
            self._ended.set()

    async def stop(self, grace: float = 5.0) -> None:
        """Start nothing more and return when `run()` has ended.

        Sessions in flight have `grace` seconds to come to their goodbye and deliver; then they are cancelled. Probes
        that wait for their turn, or for a name server, are cancelled at once.
        """
        self._stop_at = asyncio.get_running_loop().time() + grace
        self._closed = True
        self._halt.set()
        if self._running:
            await self._ended.wait()

    def _join(self, target: Target) -> None:
        entry = self._entries[target.key] = Entry(target)
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
        if entry.task is not None and entry not in self._sessions.entries:
            entry.task.cancel()

    def _plan_first(self, entry: Entry, now: float) -> None:
        first_round = self._limits.first_round
        if entry.is_variant:
            # The ordinary probes have their first round, and whoever restarts the daemon twice has made no session.
            now += self._limits.variant_gap
            first_round = VARIANTS_FIRST_ROUND
        self._plan(entry, joining_instant(now, entry.phase, entry.target.interval, first_round))

    def _plan(self, entry: Entry, due: float) -> None:
        entry.due = due
        self._agenda.put(entry, due)
        self._alarm.set(due)

    def _start_due(self) -> None:
        if self._closed:
            return
        now = asyncio.get_running_loop().time()
        with self._ending_with_a_fault():
            while (entry := self._agenda.take(now)) is not None:
                self._start(entry)
            for entry in company(self._agenda, now):
                self._start(entry)
        if (first := self._agenda.first()) is not None:
            self._alarm.set(first)

    @contextmanager
    def _ending_with_a_fault(self) -> Iterator[None]:
        """For what the loop calls: there, an exception only comes to the loop, which logs it and goes on."""
        try:
            yield
        except Exception as fault:
            self._closed = True
            self._fault = fault
            self._halt.set()
            raise

    def _start(self, entry: Entry) -> None:
        entry.round = entry.due
        if entry.task is None:
            entry.task = self._probes.create_task(self._run_probe(entry, entry.round))
            self._tasks.add(entry.task)
            entry.task.add_done_callback(self._tasks.discard)
        elif not entry.is_variant:
            self._missed(entry.target)
        # The end of this round, should the probe last so long; moved when the result is there.
        entry.due = entry.round + entry.interval if entry.slowed or entry.is_variant else self._next_regular(entry)
        self._agenda.put(entry, entry.due)

    def _next_regular(self, entry: Entry) -> float:
        # Half an interval after the last round at least: who comes into the rhythm from outside is not probed twice in
        # a moment, and who is in it comes to the next instant exactly.
        return self._regular(entry, entry.round + entry.target.interval / 2)

    def _regular(self, entry: Entry, not_before: float) -> float:
        return regular_instant(self._origin, entry.phase, entry.target.interval, not_before)

    async def _run_probe(self, entry: Entry, due: float) -> None:
        result: ProbeResult | None = None
        try:
            if entry.is_variant:
                result = await self._probe_variant(entry)
            else:
                result = await self._probe(entry.target, partial(self._sessions.hold, entry, due))
        except Exception:
            # The group ends the others now, but not what is started after this moment.
            self._closed = True
            raise
        finally:
            self._finished.add((entry, result))

    def _settle_finished(self, finished: list[tuple[Entry, ProbeResult | None]]) -> None:
        with self._ending_with_a_fault():
            for entry, result in finished:
                entry.task = None
                if result is not None and self._entries.get(entry.target.key) is entry:
                    self._settle(entry, result)
                entry.visit = None

    async def _probe_variant(self, entry: Entry) -> ProbeResult | None:
        """Wait where its session will be made, and make it if it is still wanted then."""
        target = entry.target
        ordinary = self._entries.get(replace(target.key, variant=Variant.DEFAULT))
        async with self._spacing.turn() as turn:
            # The wait may be long, so it comes before the name is resolved and not after it.
            if self._wanted(target) and ordinary is not None and ordinary.address is not None:
                await turn.at(ordinary.address)
            if not self._wanted(target):
                return None
            return await self._probe(target, partial(self._hold_variant, entry, turn))

    @asynccontextmanager
    async def _hold_variant(self, entry: Entry, turn: Turn, host: str, address: str) -> AsyncIterator[None]:
        # DNS may have moved the host since the ordinary probe was there.
        await turn.at(address)
        async with self._sessions.hold(entry, None, host, address):
            try:
                yield
            finally:
                turn.used()

    def _settle(self, entry: Entry, result: ProbeResult) -> None:
        was_slowed = entry.slowed
        self._weigh(entry, result)
        state = self._deliver(result, entry.interval)
        changed = entry.turn > 0 and state != entry.state
        entry.state = state
        self._delivered += int(entry.turn == 0 and not entry.is_variant)
        entry.turn += 1
        now = asyncio.get_running_loop().time()
        due = self._next_due(entry, was_slowed, now)
        # Once: a target that changes with every probe is not worth more of them. And never after a refusal: the server
        # has just asked us to stay away.
        calm = entry.confirming or entry.is_variant or result.outcome in REFUSALS
        entry.confirming = changed and not calm
        if entry.confirming:
            due = min(due, now + jittered(CONFIRMATION_DELAY, entry.target.key, entry.turn))
        if due != entry.due:
            self._plan(entry, due)

    def _weigh(self, entry: Entry, result: ProbeResult) -> None:
        """Let `result` have its effect on the pace of the target, its host and its address."""
        if entry.is_variant:
            entry.slow(entry.backoff.after(result, host_lost=False))
        else:
            self._weigh_host(entry, result)
        visit = entry.visit
        if visit is None:
            return
        if result.outcome is Outcome.NO_ROUTE:
            self._pacing.not_made(visit)
        elif result.port_open or result.outcome in ANSWERS:
            self._pacing.answered(visit.address)
        elif result.outcome in LOSSES:
            self._pacing.unanswered(visit.address, entry.interval)

    def _weigh_host(self, entry: Entry, result: ProbeResult) -> None:
        outage = self._outages[entry.target.host, entry.target.ip_family]
        was_total = outage.total
        outage.note(result)
        entry.slow(entry.backoff.after(result, outage.total))
        if was_total and not outage.total:
            self._welcome_back(outage)

    def _welcome_back(self, outage: Outage) -> None:
        """A port of a lost host answers: the other ones need not wait for their slowed rounds."""
        now = asyncio.get_running_loop().time()
        for key in outage.members:
            entry = self._entries[key]
            if entry.backoff.losses:
                entry.slow(replace(entry.backoff, losses=0))
                if not entry.slowed:
                    self._plan(entry, min(entry.due, self._regular(entry, now)))

    def _next_due(self, entry: Entry, was_slowed: bool, now: float) -> float:
        if entry.slowed:
            return now + jittered(entry.interval, entry.target.key, entry.turn)
        if entry.is_variant:
            # No rhythm of its own: variants that came one after the other today do so tomorrow, and none has to wait.
            return now + entry.interval
        if was_slowed:
            return self._regular(entry, now + entry.target.interval / 2)
        due = self._next_regular(entry)
        return due if due >= now else self._regular(entry, now)

    async def _wind_up(self) -> None:
        """Let the sessions come to their end within the grace; end everything else at once."""
        sessions = {entry.task for entry in self._sessions.entries if entry.task is not None}
        for task in self._tasks - sessions:
            task.cancel()
        if sessions:
            await asyncio.wait(sessions, timeout=max(0.0, self._stop_at - asyncio.get_running_loop().time()))
        for task in list(self._tasks):
            task.cancel()
        self._finished.close()
