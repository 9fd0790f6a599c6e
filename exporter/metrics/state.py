"""What metrics are read from: values, and the step from one state of a target to the next.

Values only, and pure: a new result makes a new state out of the old one. Nothing here knows a metric name, reads a
clock or is changed in place, so a view that somebody holds stays as it was.
"""

import ipaddress
from dataclasses import dataclass, replace
from functools import lru_cache

from exporter.judgement.expectation import Judgement, has_no_address
from exporter.results import CertificateFacts, CertificateVerdict, Outcome, Phase, ProbeResult, Resolution
from exporter.targets import IpFamily, PortState, Target

# Seconds. Few, because every one is a series of every target: 0.1 is a near server that is well, 0.5 a far one, 2 what
# a person calls slow, 10 longer than postscreen's greeting wait (6 s), that is a tarpit or an overload.
GREETING_BUCKETS = (0.1, 0.5, 2.0, 10.0)


@dataclass(frozen=True, slots=True)
class GreetingLatency:
    """A histogram of the time until the greeting was complete, over the life of the target.

    counts   how many were in each bucket and no lower one; the last is above all bounds
    total    sum of all latencies in seconds
    """

    counts: tuple[int, ...] = (0,) * (len(GREETING_BUCKETS) + 1)
    total: float = 0.0

    def observed(self, latency: float) -> "GreetingLatency":
        """With one more latency, in seconds."""
        bucket = sum(latency > bound for bound in GREETING_BUCKETS)
        counts = tuple(count + (index == bucket) for index, count in enumerate(self.counts))
        return GreetingLatency(counts, self.total + latency)


@dataclass(frozen=True, slots=True)
class CertificateSeen:
    """The certificates of one session.

    observed   Unix seconds at which the probe that received them began
    chain      as sent; the first is the server's own
    verdict    `None`: not judged
    """

    observed: float
    chain: tuple[CertificateFacts, ...]
    verdict: CertificateVerdict | None

    @property
    def leaf(self) -> CertificateFacts:
        """The server's own certificate."""
        return self.chain[0]


@dataclass(frozen=True, slots=True)
class TargetState:
    """Everything known of one target. Before the first probe, `result` and whatever comes from one is `None`.

    judgement      of `result`
    interval       effective seconds between two probes
    since          Unix seconds at which the state (outcome and success) began
    last_success   Unix seconds at which the last successful probe began
    certificate    the last one seen, perhaps by an earlier probe than the last
    known          an address of this family is known, or was, and DNS has not taken it back since
    outcomes       how many probes ended in which outcome, over the life of the target
    greeting       latencies of all complete greetings, over the life of the target
    """

    target: Target
    result: ProbeResult | None = None
    judgement: Judgement | None = None
    interval: float | None = None
    since: float | None = None
    last_success: float | None = None
    certificate: CertificateSeen | None = None
    known: bool = False
    outcomes: tuple[tuple[Outcome, int], ...] = ()
    greeting: GreetingLatency = GreetingLatency()

    @property
    def exists(self) -> bool:
        """The target has samples."""
        return self.judgement is not None and self.judgement.exists

    @property
    def certificate_retained(self) -> bool:
        """The certificate is not from the last probe but from an earlier one."""
        return self.certificate is not None and self.result is not None and not self.result.certificates

    def after(self, result: ProbeResult, judgement: Judgement, interval: float) -> "TargetState":
        """The state after one more probe. The certificate of an earlier one is kept, however old it is."""
        before = self.judgement
        unchanged = before is not None and (before.outcome, before.success) == (judgement.outcome, judgement.success)
        latency = dict(result.durations).get(Phase.GREETING)
        seen = CertificateSeen(result.started, result.certificates, result.verdict) if result.certificates else None
        return TargetState(
            target=self.target,
            result=result,
            judgement=judgement,
            interval=interval,
            since=self.since if unchanged else result.started,
            last_success=result.started if judgement.success else self.last_success,
            certificate=seen or self.certificate,
            known=_known(self.known, result),
            outcomes=_counted(self.outcomes or _initial(self.target), judgement.outcome),
            greeting=self.greeting if latency is None else self.greeting.observed(latency),
        )

    def without_certificate(self) -> "TargetState":
        """The certificate was kept long enough."""
        return replace(self, certificate=None)


@dataclass(frozen=True, slots=True)
class HostState:
    """Everything known of one host.

    labels       the user's own that all targets of the host share
    resolution   the last lookup; `None` before the first, and of an address literal, which nobody looks up
    missed       rounds of its targets that could not be kept
    """

    host: str
    labels: tuple[tuple[str, str], ...] = ()
    resolution: Resolution | None = None
    missed: int = 0

    def after(self, resolution: Resolution) -> "HostState":
        """The state after one more lookup."""
        return self if _is_literal(self.host) else replace(self, resolution=resolution)


@dataclass(frozen=True, slots=True)
class FamilyState:
    """Whether this machine can reach one address family. `None`: no target of the family was tried yet."""

    ip_family: IpFamily
    routed: bool | None


@dataclass(frozen=True, slots=True)
class ExporterState:
    """What the daemon says about itself at one moment; `None` is what nobody has told.

    reload_successful     the last attempt to read the configuration
    reload_timestamp      Unix seconds of the last one that succeeded
    targets               configured
    in_flight             probes that run right now
    lag                   seconds by which probes start later than they are due
    loop_lag              seconds by which the event loop runs late
    first_round           share of the targets that were probed since the start
    """

    version: str
    reload_successful: bool | None = None
    reload_timestamp: float | None = None
    targets: int | None = None
    in_flight: int | None = None
    lag: float | None = None
    loop_lag: float | None = None
    first_round: float | None = None


def routed(result: ProbeResult) -> bool | None:
    """Whether this machine had a route to the target; `None` where the probe did not come that far."""
    if result.outcome is Outcome.NO_ROUTE:
        return False
    return None if result.port_open is None else True


# Asked at every probe; to find that a name is no address takes an exception each time.
@lru_cache(maxsize=4096)
def _is_literal(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _known(before: bool, result: ProbeResult) -> bool:
    """Whether the family has an address, as of the last answer. A failing DNS leaves what was known."""
    if has_no_address(result):
        return False
    found = result.resolution.addresses(result.target.ip_family) if result.resolution is not None else ()
    return before or bool(found) or result.address is not None


def _initial(target: Target) -> tuple[tuple[Outcome, int], ...]:
    """The good outcome, which is there from the first probe on: a rate over it must not be absent while all fails."""
    closed = target.expectation.state in (PortState.CLOSED, PortState.FILTERED)
    return ((Outcome.CLOSED_AS_EXPECTED if closed else Outcome.OK, 0),)


def _counted(outcomes: tuple[tuple[Outcome, int], ...], outcome: Outcome) -> tuple[tuple[Outcome, int], ...]:
    """With one more of `outcome`."""
    counts = dict(outcomes)
    counts[outcome] = counts.get(outcome, 0) + 1
    return tuple(counts.items())
