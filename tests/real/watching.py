"""Hosts watched over some rounds: real probes, dated by a clock that the test moves, and what they tell of a port."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from exporter.judgement.reach import Reach
from exporter.results import Outcome
from exporter.targets import Timeouts, TlsMode
from tests.real.mailhost import MailHost
from tests.real.monitor import Monitor

# A server on the same machine accepts within a millisecond; whoever has not in this time never will.
_QUICK = Timeouts(connect=0.5)


@dataclass(slots=True)
class Clock:
    """A wall clock that stands still until it is moved; a `wall` for `Monitor`."""

    now: float = 1_750_000_000.0

    def __call__(self) -> float:
        return self.now


@dataclass(slots=True)
class Watch:
    """What is known about the ports of some hosts, each by its host's name and the number of its standard.

    All sessions come from the address `source`. `clock` is the one that dates the results of `monitor`.
    """

    monitor: Monitor
    clock: Clock
    source: str
    reaches: dict[tuple[str, int], Reach] = field(default_factory=dict)

    async def probe(self, host: MailHost, port: int, *, tls: TlsMode | None = None, reference: bool = False) -> Outcome:
        """One probe, two seconds after the one before."""
        self.clock.now += 2.0
        target = self.monitor.target(host, port, tls=tls, timeouts=_QUICK)
        result = await self.monitor.probe(replace(target, source_address=self.source, reference=reference))
        self.reaches[host.name, port] = self.reaches.get((host.name, port), Reach()).after(result)
        return result.outcome

    async def round(self, hosts: Iterable[MailHost], ports: Iterable[int]) -> Mapping[tuple[str, int], Outcome]:
        """One probe of each port of each host, two minutes after the round before."""
        self.clock.now += 120.0
        wanted = [(host, port) for port in ports for host in hosts]
        return {(host.name, port): await self.probe(host, port) for host, port in wanted}

    def of(self, host: MailHost) -> list[Reach]:
        """The ports of `host`."""
        return [reach for (name, _), reach in self.reaches.items() if name == host.name]

    def of_others(self, host: MailHost) -> list[Reach]:
        """The ports of every other host."""
        return [reach for (name, _), reach in self.reaches.items() if name != host.name]
