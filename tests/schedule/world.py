"""A small world for the schedule: targets, results, and servers that are reached after a moment of virtual time."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Hashable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import pairwise

from exporter.probe.seams import Hold
from exporter.results import Durations, Outcome, Phase, ProbeResult
from exporter.schedule.limits import Limits
from exporter.schedule.scheduler import Scheduler
from exporter.targets import (
    AuthRule,
    Expectation,
    IpFamily,
    PortState,
    Protocol,
    Service,
    StarttlsRule,
    Target,
    TargetKey,
    TlsMode,
)

CONNECT_FAILURES = frozenset(
    {
        Outcome.CONNECT_REFUSED,
        Outcome.CONNECT_TIMEOUT,
        Outcome.NETWORK_UNREACHABLE,
        Outcome.CONNECTION_RESET,
    }
)

# A fault of our own is not known to have touched the server.
UNKNOWN = frozenset({Outcome.INTERNAL_ERROR, Outcome.TOTAL_TIMEOUT})

WITHOUT_SESSION = frozenset({Outcome.DNS_NXDOMAIN, Outcome.DNS_ERROR, Outcome.DNS_NO_ADDRESS, Outcome.NO_ROUTE})


def target(
    host: str = "mail.example.org",
    port: int = 587,
    *,
    interval: float = 120.0,
    state: PortState = PortState.OPEN,
    family: IpFamily = IpFamily.IPV4,
    labels: tuple[tuple[str, str], ...] = (),
    address: str = "",
) -> Target:
    """A target of which only the schedule's side matters."""
    return Target(
        host=host,
        service=Service(port, Protocol.SMTP, TlsMode.STARTTLS),
        ip_family=family,
        expectation=Expectation(state, StarttlsRule.REQUIRED, True, AuthRule.FORBIDDEN),
        interval=interval,
        labels=labels,
        address=address,
    )


def result(of: Target, outcome: Outcome = Outcome.OK) -> ProbeResult:
    """What a probe hands on when it ended with `outcome`."""
    if outcome in WITHOUT_SESSION:
        return ProbeResult(of, 0.0, 0.0, outcome, Phase.RESOLVE)
    if outcome in CONNECT_FAILURES:
        return ProbeResult(of, 0.0, 0.0, outcome, Phase.CONNECT, port_open=False)
    if outcome in UNKNOWN:
        return ProbeResult(of, 0.0, 0.0, outcome, Phase.CONNECT)
    passed = Durations() if outcome is Outcome.GREETING_TIMEOUT else Durations.of([(Phase.GREETING, 0.1)])
    return ProbeResult(of, 0.0, 0.0, outcome, Phase.GREETING, port_open=True, durations=passed)


@dataclass(frozen=True, slots=True)
class Session:
    """A connection to a server, on the loop's clock."""

    key: TargetKey
    host: str
    address: str
    begin: float
    end: float


@dataclass(slots=True)
class World:
    """Servers and the ear that listens to the schedule; every answer may be changed while it runs.

    resolves   whether a target's name yields an address, and if not, how the probe ends without a session
    outcome    how the next session with a target ends
    seconds    how long it lasts
    address    where a target lives
    judge      the state that `deliver` returns
    wanted     whether a variant is worth its session
    """

    resolves: Callable[[Target], Outcome] = lambda _: Outcome.OK
    outcome: Callable[[Target], Outcome] = lambda _: Outcome.OK
    seconds: Callable[[Target], float] = lambda _: 1.0
    address: Callable[[Target], str] = lambda target: f"{target.ip_family} of {target.host}"
    judge: Callable[[ProbeResult], Hashable] = lambda result: result.outcome
    wanted: Callable[[Target], bool] = lambda _: True
    started: list[tuple[float, TargetKey]] = field(default_factory=list)
    sessions: list[Session] = field(default_factory=list)
    delivered: list[tuple[float, ProbeResult, float]] = field(default_factory=list)
    missed: list[tuple[float, TargetKey]] = field(default_factory=list)
    running: set[TargetKey] = field(default_factory=set)
    most_sessions: int = 0

    def scheduler(self, *targets: Target, limits: Limits | None = None) -> Scheduler:
        """A schedule for this world, with the targets configured."""
        limits = limits or Limits()
        scheduler = Scheduler(self.probe, self.deliver, limits=limits, missed=self.miss, wanted=self.is_wanted)
        scheduler.configure(targets, limits)
        return scheduler

    async def probe(self, target: Target, hold: Hold) -> ProbeResult:
        """The probe as the schedule knows it."""
        self.started.append((now(), target.key))
        if (failure := self.resolves(target)) is not Outcome.OK:
            return result(target, failure)
        address = self.address(target)
        async with hold(target.host, address), self._session(target, address):
            outcome = self.outcome(target)
            await asyncio.sleep(self.seconds(target))
        return result(target, outcome)

    @asynccontextmanager
    async def _session(self, target: Target, address: str) -> AsyncIterator[None]:
        begin = now()
        self.running.add(target.key)
        self.most_sessions = max(self.most_sessions, len(self.running))
        try:
            yield
        finally:
            self.running.discard(target.key)
            self.sessions.append(Session(target.key, target.host, address, begin, now()))

    def deliver(self, result: ProbeResult, interval: float) -> Hashable:
        """Where results go."""
        self.delivered.append((now(), result, interval))
        return self.judge(result)

    def miss(self, target: Target) -> None:
        """Where missed rounds are counted."""
        self.missed.append((now(), target.key))

    def is_wanted(self, target: Target) -> bool:
        """What the schedule asks before it makes a variant."""
        return self.wanted(target)

    def begins(self, of: Target) -> list[float]:
        """When the probes of a target were started."""
        return [at for at, key in self.started if key == of.key]

    def intervals(self, of: Target) -> list[float]:
        """The effective intervals that were delivered for a target."""
        return [interval for _, result, interval in self.delivered if result.target.key == of.key]


def now() -> float:
    """The loop's time."""
    return asyncio.get_running_loop().time()


async def run_for(scheduler: Scheduler, seconds: float) -> None:
    """Run a schedule for a while and stop it."""
    async with asyncio.TaskGroup() as group:
        group.create_task(scheduler.run())
        await asyncio.sleep(seconds)
        await scheduler.stop(grace=0.0)


def smallest_gaps(sessions: list[Session], place: Callable[[Session], str]) -> dict[str, float]:
    """Per place, the least time between the end of a session and the begin of the next; negative where they overlap."""
    by_place: dict[str, list[Session]] = defaultdict(list)
    for session in sorted(sessions, key=lambda session: session.begin):
        by_place[place(session)].append(session)
    return {
        name: min((after.begin - before.end for before, after in pairwise(visits)), default=1e9)
        for name, visits in by_place.items()
    }
