"""From a state to samples: one function for every metric whose value is not simply a field.

The rule of all of them: unknown is no sample, and no sample is never zero. A finding that the last session did not come
to is absent. Certificates, which outlive the session that showed them, are read in `certificate`.
"""

from collections.abc import Callable, Iterator
from functools import lru_cache
from itertools import accumulate

from exporter.judgement.expectation import Judgement
from exporter.judgement.security import TlsFinding
from exporter.judgement.vantage import Vantage
from exporter.metrics.capability import recognised
from exporter.metrics.figures import NOTHING, Figures, Filled, Frame, one
from exporter.metrics.line import Labels, Sample, bounded
from exporter.metrics.state import GREETING_BUCKETS, AddressCount, ExporterState, FamilyState, HostState, TargetState
from exporter.results import Durations, Outcome, Phase, ProbeResult
from exporter.targets import IpFamily, PortState, TlsMode

# As OpenMetrics writes bounds, in both formats alike.
_BUCKETS = Frame(
    *(((("le", bound),), "_bucket") for bound in (*map(repr, GREETING_BUCKETS), "+Inf")), ((), "_sum"), ((), "_count")
)

Number = float | None


def of_exporter(value: Callable[[ExporterState], Number]) -> Figures[ExporterState]:
    """A number of the exporter itself."""
    return Figures(lambda state: one(value(state)))


def of_state(value: Callable[[TargetState], Number]) -> Figures[TargetState]:
    """A number of the state itself."""
    return Figures(lambda state: one(value(state)))


def of_result(value: Callable[[ProbeResult], Number]) -> Figures[TargetState]:
    """A number of the last result."""
    return Figures(lambda state: one(None if state.result is None else value(state.result)))


def of_judgement(value: Callable[[Judgement], Number]) -> Figures[TargetState]:
    """A number of the last judgement."""
    return Figures(lambda state: one(None if state.judgement is None else value(state.judgement)))


def session(state: TargetState) -> object:
    """All that a session showed but its times, and what it was judged to be: what most metrics of a target read."""
    result = state.result
    if result is None:
        return state.target, state.judgement, state.interval
    findings = result.findings
    return (
        *(state.target, state.judgement, state.interval, state.tls_findings, state.starttls.lost_since),
        *(result.target, result.port_open, result.outcome, result.phase, result.tls),
        *(findings.greeting_code, findings.message_size_limit, findings.starttls_advertised, findings.cleartext_auth),
        *(findings.capabilities, findings.capabilities_tls),
    )


@Figures
def port_expected_open(state: TargetState) -> Filled:
    """1 or 0 by the configuration, and nothing where nothing is expected."""
    expected = state.target.expectation.state
    return one(None if expected is PortState.ANY else expected is PortState.OPEN)


def outcome(state: TargetState) -> Iterator[Sample]:
    """The outcome as judged, with the phase in which the session ended."""
    if state.result is not None and state.judgement is not None:
        yield Sample(1, (("outcome", state.judgement.outcome), ("phase", state.judgement.phase)))


@Figures
def probes(state: TargetState) -> Filled:
    """One count for every outcome that occurred, and the good one in any case."""
    frame = _one_of_each("outcome", tuple([name for name, _ in state.outcomes]))
    return frame, [count for _, count in state.outcomes]


@Figures
def phase_durations(state: TargetState) -> Filled:
    """The seconds of each phase that was completed."""
    durations = state.result.durations if state.result is not None else Durations()
    return _one_of_each("phase", durations.phases), durations.seconds


# Sessions end in a few ways, and in a few orders of their phases.
@lru_cache(maxsize=1024)
def _one_of_each(label: str, values: tuple[str, ...]) -> Frame:
    return Frame(*((((label, value),), "") for value in values))


@Figures
def greeting_latency(state: TargetState) -> Filled:
    """The histogram, cumulative as Prometheus wants it.

    A port that never greeted has none: seven zeros for each closed port would say nothing.
    """
    below = tuple(accumulate(state.greeting.counts))
    return (_BUCKETS, (*below, state.greeting.total, below[-1])) if below[-1] else (NOTHING, ())


def tls_established(result: ProbeResult) -> bool | None:
    """1 inside TLS; 0 where it was asked for in vain or not offered; unknown where the session ended before."""
    if result.tls is not None:
        return True
    if result.target.service.tls is TlsMode.NONE or result.outcome in (Outcome.INTERNAL_ERROR, Outcome.LOCAL_ERROR):
        return None
    tried = result.phase in (Phase.STARTTLS, Phase.TLS)
    return False if tried or result.findings.starttls_advertised is False else None


def tls(state: TargetState) -> Iterator[Sample]:
    """What was negotiated."""
    if state.result is not None and (facts := state.result.tls) is not None:
        pairs = (("version", facts.version), ("cipher", facts.cipher), ("group", facts.group))
        yield Sample(1, tuple((name, bounded(value)) for name, value in pairs))


def capabilities(state: TargetState) -> Iterator[Sample]:
    """The names of our own list that the server offered, before and inside TLS."""
    if state.result is None:
        return
    findings, protocol = state.result.findings, state.target.service.protocol
    for offered, secured in ((findings.capabilities, "false"), (findings.capabilities_tls, "true")):
        for name in recognised(protocol, offered or ()):
            yield Sample(1, (("capability", name), ("secured", secured)))


def expectations(state: TargetState) -> Iterator[Sample]:
    """Every expectation that is declared and could be judged."""
    if state.judgement is not None:
        for name, met in state.judgement.expectations:
            yield Sample(met, (("expectation", name),))


def tls_findings(state: TargetState) -> Iterator[Sample]:
    """One sample for each finding."""
    for finding in state.tls_findings:
        yield Sample(1, (("finding", finding),))


@Figures
def starttls_lost(state: TargetState) -> Filled:
    """Since when it is missed, as long as it is known to be."""
    return one(state.starttls.lost_since if TlsFinding.STARTTLS_LOST in state.tls_findings else None)


def host(state: HostState) -> object:
    """All that is known of a host but the time of its lookup."""
    resolution = state.resolution
    found = None if resolution is None else (resolution.ipv4, resolution.ipv6, resolution.failed)
    return found, state.missed, state.variant_ports, state.family_lost, state.suspected_ban, state.addresses


def dns_addresses(state: HostState) -> Iterator[Sample]:
    """How many addresses each family has. A lookup that failed counted nothing; one that found no name found none."""
    resolution = state.resolution
    if resolution is None:
        return
    for family, found in ((IpFamily.IPV4, resolution.ipv4), (IpFamily.IPV6, resolution.ipv6)):
        if found is not None and family not in resolution.failed:
            yield Sample(len(found), (("ip_family", family),))


@Figures
def dns_duration(state: HostState) -> Filled:
    """Seconds of the last lookup."""
    return one(None if state.resolution is None else state.resolution.duration)


@Figures
def missed_rounds(state: HostState) -> Filled:
    """Rounds that could not be kept, zero from the start."""
    return one(state.missed)


def variant_ports(state: HostState) -> Iterator[Sample]:
    """How many ports stand how."""
    for variant, standing, count in state.variant_ports:
        yield Sample(count, (("variant", variant), ("standing", standing)))


def family_lost(state: HostState) -> Iterator[Sample]:
    """Of each family of which it can be told."""
    for family, lost in state.family_lost:
        yield Sample(lost, (("ip_family", family),))


def suspected_ban(state: HostState) -> Iterator[Sample]:
    """Of each family of which it can be told."""
    for family, suspected in state.suspected_ban:
        yield Sample(suspected, (("ip_family", family),))


def addresses_probed(state: HostState) -> Iterator[Sample]:
    """Of each port of which all addresses are probed."""
    return (Sample(count.probed, _port(count)) for count in state.addresses)


def addresses_open(state: HostState) -> Iterator[Sample]:
    """Of the same ports."""
    return (Sample(count.open, _port(count)) for count in state.addresses)


def vantage_ok(vantage: Vantage) -> tuple[Sample, ...]:
    """What is known of the way out to one port."""
    pairs = (("port", str(vantage.port)), ("ip_family", vantage.ip_family), ("basis", vantage.basis))
    return (Sample(vantage.ok, pairs),)


def family_routed(state: FamilyState) -> Iterator[Sample]:
    """Whether this machine has a route."""
    if state.routed is not None:
        yield Sample(state.routed, (("ip_family", state.ip_family),))


def build(state: ExporterState) -> tuple[Sample, ...]:
    """What runs here."""
    return (Sample(1, (("version", state.version),)),)


def _port(count: AddressCount) -> Labels:
    service = count.service
    pairs = (("port", str(service.port)), ("protocol", service.protocol), ("tls", service.tls))
    return (*pairs, ("ip_family", count.ip_family))
