"""What the tests of reach, host and vantage share: results that tell only whether a port was reached, and when."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from exporter.judgement.reach import Reach
from exporter.results import Outcome, ProbeResult
from exporter.targets import IpFamily, PortState
from tests.judgement.sessions import ended, expectation, target

OK: Final = Outcome.OK
REFUSED: Final = Outcome.CONNECT_REFUSED
TIMEOUT: Final = Outcome.CONNECT_TIMEOUT


def seen(
    at: float,
    outcome: Outcome,
    *,
    state: PortState = PortState.OPEN,
    host: str = "mail.example.org",
    port: int = 587,
) -> ProbeResult:
    """A probe that began `at` and ended with `outcome`."""
    of = target(host, port, family=IpFamily.IPV4, expects=expectation(state))
    result = ended(of, outcome, at)
    return replace(result, port_open=False) if outcome is Outcome.CONNECTION_RESET else result


def reach(*probes: tuple[float, Outcome], state: PortState = PortState.OPEN) -> Reach:
    """What is known of a port after these probes."""
    known = Reach()
    for at, outcome in probes:
        known = known.after(seen(at, outcome, state=state))
    return known


@dataclass(slots=True)
class Port:
    """A port in its rhythm: probed every `interval` seconds, for the first time at `phase`."""

    host: str
    port: int
    interval: float
    phase: float
    reach: Reach = field(default_factory=Reach)


def rounds(ports: Sequence[Port], until: float) -> list[tuple[float, Port]]:
    """When each of them is probed before the instant `until`, in the order of time."""
    probes: list[tuple[float, Port]] = []
    for port in ports:
        times = math.ceil((until - port.phase) / port.interval)
        probes.extend((port.phase + turn * port.interval, port) for turn in range(times))
    return sorted(probes, key=lambda probe: probe[0])
