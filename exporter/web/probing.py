"""Probes on demand: one session for everybody who asks the same at the same time, and soon after.

They wait for their turn like every other session (`schedule.pacing`), and no longer than the request does. A session
that has begun comes to its goodbye even if nobody waits for it any more. Where a host leads is asked once, judged, and
connected to as it was judged: a name that points elsewhere a moment later gains nothing by it.
"""

import asyncio
import math
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from exporter.config.model import Config
from exporter.probe.seams import Hold, ProbeFunction, Resolver
from exporter.results import Outcome, ProbeResult, Resolution
from exporter.targets import AddressRule, IpFamily, Target
from exporter.web.inquiry import NotAllowed, Question


class NoResult(Exception):
    """Nothing can be said in time, which says nothing about the server; the text is for people."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the daemon lends.

    config    the configuration in force
    resolver  for every name, as for scheduled probes
    hold      the places of the schedule: whose turn it is at a host, at an address and in all
    prober    a prober that takes addresses from nowhere but the resolver given
    """

    config: Callable[[], Config]
    resolver: Resolver
    hold: Hold
    prober: Callable[[Resolver], ProbeFunction]


@dataclass(frozen=True, slots=True)
class Bounds:
    """In pieces and seconds.

    requests   that wait at once; half of the connections that are served, so that the other half is left
    flights    under way at once; as many, and those go on for which nobody waits any more
    kept       questions remembered with their results, some 10 KiB each; the least recently asked goes first
    addresses  of one name and family, where all are probed; large providers have four to eight
    least      that are left for a session which begins; to break off what just began is what servers log as an attack
    """

    requests: int = 32
    flights: int = 32
    kept: int = 1000
    addresses: int = 16
    least: float = 1.0


@dataclass(frozen=True, slots=True)
class Answer:
    """Results of the targets whose turn came, at least one, and how many seconds ago the last of them ended."""

    results: tuple[ProbeResult, ...]
    age: float = 0.0


class _Known:
    """A resolver that knows one answer: the one that was judged."""

    def __init__(self) -> None:
        self.resolution = Resolution(Outcome.DNS_ERROR, None, None, 0.0)

    async def resolve(self, host: str, families: frozenset[IpFamily]) -> Resolution:
        return self.resolution


@dataclass(eq=False, slots=True)
class _Memory:
    """One question: its probe under way, and its last results.

    probe     its own, which remembers what it asked a silent port, for as long as the question is remembered
    given     seconds that whoever began the flight could wait
    enough    for whom the results are: who asks for no more seconds; for everybody where the hurry changed nothing
    finished  on the loop's clock; meaningless without results
    """

    known: _Known
    probe: ProbeFunction
    flight: asyncio.Task[tuple[ProbeResult, ...] | None] | None = None
    given: float = 0.0
    results: tuple[ProbeResult, ...] = ()
    finished: float = 0.0
    enough: float = math.inf


@dataclass(eq=False, slots=True)
class _Turn:
    """A `Hold` for a session whose turn has come already; a second one at the same server waits like any other."""

    hold: Hold
    guest: str
    place: AsyncExitStack
    fresh: bool = field(default=True)

    @asynccontextmanager
    async def __call__(self, host: str, address: str) -> AsyncIterator[None]:
        if not self.fresh:
            await self.place.enter_async_context(self.hold(self.guest, address))
        self.fresh = False
        try:
            yield
        finally:
            await self.place.aclose()


class Probes:
    """Answers questions by probes. Belongs to the event loop; `probing` makes one."""

    def __init__(self, surroundings: Surroundings, bounds: Bounds) -> None:
        self._surroundings = surroundings
        self._bounds = bounds
        self._memories: OrderedDict[Question, _Memory] = OrderedDict()
        self._flights: set[asyncio.Task[tuple[ProbeResult, ...] | None]] = set()
        # What may be ended at any moment without anybody noticing: whoever resolves a name or waits for a turn.
        self._waiting: set[asyncio.Task[Any]] = set()
        self._asking = 0
        self._stopping = False

    @property
    def config(self) -> Config:
        """The configuration in force."""
        return self._surroundings.config()

    @property
    def in_flight(self) -> int:
        """Questions whose probe is under way, or waits for its turn."""
        return len(self._flights)

    async def ask(self, question: Question, seconds: float, patience: float) -> Answer:
        """Probe, or join a probe under way, or take a result that is not too old.

        A session that begins for this request ends within `seconds`, and the answer is waited for `patience` more.
        Raises `NotAllowed` where the host leads to an address that is not allowed, and `NoResult`.
        """
        if self._asking >= self._bounds.requests:
            raise NoResult(f"{self._asking} requests wait for a probe, as many as are let in at once")
        loop = asyncio.get_running_loop()
        asked = loop.time()
        self._asking += 1
        try:
            if (answer := await self._of_the_hasty(question, seconds)) is not None:
                return answer
            left = asked + seconds - loop.time()
            return await self._landed(self._flight(question, left), question, left + patience)
        finally:
            self._asking -= 1

    def reuse(self, question: Question, max_age: float, seconds: float = 0.0) -> Answer | None:
        """Results that ended less than `max_age` seconds ago, if there are any.

        Not those that only say that somebody had less time than the `seconds` that there are now.
        """
        memory = self._memories.get(question)
        if memory is None or not memory.results or memory.enough < seconds:
            return None
        age = asyncio.get_running_loop().time() - memory.finished
        return Answer(memory.results, age) if age < max_age else None

    async def _of_the_hasty(self, question: Question, seconds: float) -> Answer | None:
        """What somebody who has less time is finding out just now, unless there was too little of it."""
        memory = self._memories.get(question)
        if memory is None or memory.flight is None or memory.given >= seconds:
            return None
        began = asyncio.get_running_loop().time()
        await asyncio.wait({memory.flight}, timeout=seconds)
        fresh = memory.results and memory.finished >= began and memory.enough >= seconds
        return Answer(memory.results) if fresh else None

    async def stop(self, grace: float) -> None:
        """Begin nothing more; sessions have `grace` seconds to come to their goodbye."""
        self._stopping = True
        for task in self._waiting:
            task.cancel()
        if self._flights:
            await asyncio.wait(set(self._flights), timeout=grace)
        await self.cut_off()

    async def cut_off(self) -> None:
        """End everything now, and return when it has ended."""
        self._stopping = True
        flights = tuple(self._flights)
        for flight in flights:
            flight.cancel()
        # Whoever asked is told how it went; here it only matters that it is over.
        await asyncio.gather(*flights, return_exceptions=True)

    def _memory(self, question: Question) -> _Memory:
        memory = self._memories.get(question)
        if memory is None:
            known = _Known()
            memory = self._memories[question] = _Memory(known, self._surroundings.prober(known))
        self._memories.move_to_end(question)
        return memory

    def _flight(self, question: Question, seconds: float) -> asyncio.Task[tuple[ProbeResult, ...] | None]:
        """The one under way, else a new one."""
        memory = self._memories.get(question)
        if memory is not None and memory.flight is not None:
            return memory.flight
        # Before anything is remembered: whoever is turned away must leave nothing behind.
        if self._stopping:
            raise NoResult("mailprobe is stopping")
        if len(self._flights) >= self._bounds.flights:
            raise NoResult(f"{len(self._flights)} probes are under way, as many as are made at once for /probe")
        self._forget()
        memory = self._memory(question)
        memory.given = seconds
        deadline = asyncio.get_running_loop().time() + seconds
        flight = memory.flight = asyncio.create_task(self._fly(question, memory, deadline))
        self._flights.add(flight)
        flight.add_done_callback(self._flights.discard)
        return flight

    def _forget(self) -> None:
        """Let go of results that nobody may get any more, and of questions that nobody asks."""
        oldest = asyncio.get_running_loop().time() - self.config.probe_max_age
        for memory in self._memories.values():
            if memory.finished <= oldest:
                memory.results = ()
        unused = [question for question, memory in self._memories.items() if memory.flight is None]
        for question in unused[: max(0, len(self._memories) - self._bounds.kept)]:
            del self._memories[question]

    async def _landed(
        self, flight: asyncio.Task[tuple[ProbeResult, ...] | None], question: Question, seconds: float
    ) -> Answer:
        # Whoever waits may go, and the others go on waiting.
        await asyncio.wait({flight}, timeout=seconds)
        if not flight.done():
            raise NoResult(f"no result within {seconds:g} s; the session goes on, and another request finds its result")
        if flight.cancelled():
            raise NoResult("mailprobe is stopping")
        results = flight.result()
        if results is None:
            raise NotAllowed(f"{question.host} leads to an address that probe_allow does not name")
        if not results:
            raise NoResult(
                f"no turn came in time for a session with {question.host}, which others are in or waiting for"
            )
        return Answer(results)

    async def _fly(self, question: Question, memory: _Memory, deadline: float) -> tuple[ProbeResult, ...] | None:
        """The results of those targets whose turn came; `None` where a session would not be allowed."""
        try:
            families = frozenset(question.targets[0].ip_families)
            with self._waits():
                resolution = await self._surroundings.resolver.resolve(question.host, families)
            memory.known.resolution = resolution
            visits = tuple(self._visits(question.targets, resolution))
            if not _all_allowed(question, visits):
                return None
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(self._visit(memory, *visit, deadline)) for visit in visits]
            ended = (task.result() for task in tasks if not task.cancelled())
            results = tuple(result for result in ended if result is not None)
        finally:
            memory.flight = None
        if results:
            memory.results, memory.finished = results, asyncio.get_running_loop().time()
            memory.enough = memory.given if any(_hurried(result, memory.given) for result in results) else math.inf
        return results

    def _visits(self, targets: Sequence[Target], resolution: Resolution) -> Iterator[tuple[Target, str | None]]:
        """Every target with the address to connect to; `None`: there is none, which is a result as well."""
        for target in targets:
            addresses = resolution.addresses(target.ip_family)
            if target.addresses is AddressRule.ALL and addresses:
                for address in addresses[: self._bounds.addresses]:
                    yield replace(target, address=address), address
            else:
                yield target, addresses[0] if addresses else None

    async def _visit(self, memory: _Memory, target: Target, address: str | None, deadline: float) -> ProbeResult | None:
        """Wait for a turn and probe; `None` if it did not come."""
        hold = self._surroundings.hold
        if self._stopping:
            return None
        if address is None:
            return await memory.probe(target, hold)
        # The many addresses of one host are many guests, as in the schedule.
        guest = target.address or target.host
        loop = asyncio.get_running_loop()
        begin = deadline - min(self._bounds.least, (deadline - loop.time()) / 2)
        async with AsyncExitStack() as place:
            try:
                with self._waits():
                    async with asyncio.timeout_at(begin):
                        await place.enter_async_context(hold(guest, address))
            except TimeoutError:
                return None
            total = min(target.timeouts.total, deadline - loop.time())
            hurried = replace(target, timeouts=replace(target.timeouts, total=total))
            result = await memory.probe(hurried, _Turn(hold, guest, place))
        return replace(result, target=target)

    @contextmanager
    def _waits(self) -> Iterator[None]:
        task = asyncio.current_task()
        assert task is not None  # nothing here runs outside of one
        self._waiting.add(task)
        try:
            yield
        finally:
            self._waiting.discard(task)


@asynccontextmanager
async def probing(surroundings: Surroundings, bounds: Bounds | None = None) -> AsyncIterator[Probes]:
    """Probes on demand while the context is open; what is still under way at its end is broken off."""
    # No task group: a fault of ours in a probe is an error of the request that asked for it and not the end of the
    # daemon, and the end of the context is not a fault of several.
    probes = Probes(surroundings, bounds or Bounds())
    try:
        yield probes
    finally:
        await probes.cut_off()


def _hurried(result: ProbeResult, given: float) -> bool:
    """The server was not given the time that the configuration gives it."""
    return result.outcome is Outcome.TOTAL_TIMEOUT and given < result.target.timeouts.total


def _all_allowed(question: Question, visits: Sequence[tuple[Target, str | None]]) -> bool:
    allowed = question.allowed
    return allowed is None or all(
        allowed.admits(question.host, address) for _, address in visits if address is not None
    )
