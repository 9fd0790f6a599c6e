"""What metrics are read from: values, and the step from one state of a target to the next.

Values only, and pure: a new result makes a new state out of the old one. Nothing here knows a metric name, reads a
clock or is changed in place, so a view that somebody holds stays as it was.
"""

import ipaddress
from bisect import bisect_left
from dataclasses import dataclass, replace
from functools import lru_cache

from exporter.config.model import Watch
from exporter.judgement.expectation import Judgement, has_no_address
from exporter.judgement.reach import Reach
from exporter.judgement.security import StarttlsMemory, TlsFinding, tls_findings
from exporter.judgement.sighting import Sightings
from exporter.judgement.variant import KEY_TYPES, VariantSeen, VariantStanding
from exporter.metrics.history import History
from exporter.results import (
    MICROSECONDS,
    CertificateFacts,
    CertificateVerdict,
    Outcome,
    Phase,
    ProbeResult,
    Resolution,
)
from exporter.targets import IpFamily, PortState, Service, Target, Variant

# Seconds. Few, because every one is a series of every target: 0.1 is a near server that is well, 0.5 a far one, 2 what
# a person calls slow, 10 longer than postscreen's greeting wait (6 s), that is a tarpit or an overload.
GREETING_BUCKETS = (0.1, 0.5, 2.0, 10.0)

_WATCH_ALL = Watch()
_NO_SIGHTINGS = Sightings()
_NO_MEMORY = StarttlsMemory()
_NEVER_TRIED = Reach()
_NO_HISTORY = History()
_VARIANTS = tuple(Variant)


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
        bucket = bisect_left(GREETING_BUCKETS, latency)
        counts = (*self.counts[:bucket], self.counts[bucket] + 1, *self.counts[bucket + 1 :])
        # Latencies are whole microseconds, and so is their sum but for what binary fractions make of it.
        return GreetingLatency(counts, round(self.total + latency, MICROSECONDS))


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
    since          Unix seconds at which the state (outcome and success) began; of a failure at which the outage did,
                   whose reason may change while it lasts
    last_success   Unix seconds at which the last successful probe began
    certificate    the last one seen, perhaps by an earlier probe than the last
    known          an address of this family is known, or was, and DNS has not taken it back since
    outcomes       how many probes ended in which outcome, over the life of the target
    greeting       latencies of all complete greetings, over the life of the target
    sightings      the certificates that the ordinary probe was shown of late; empty where nobody compares them
    starttls       when STARTTLS was offered, and since when it is missed
    tls_findings   what the last probe showed of attacks on TLS and of faults around it
    reach          when the port answered, and since when it does not
    variants       what the other handshakes showed, each the last that told anything
    set_aside      those for which nothing was installed, of a key type that the ordinary probe was shown since then
    stale          shows an older certificate than its group; `None` where nothing can be compared
    remarks        what the neighbours say about the state, for people: the first words of its reason
    history        the last probes, the failures before them, and when the state changed
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
    sightings: Sightings = _NO_SIGHTINGS
    starttls: StarttlsMemory = _NO_MEMORY
    tls_findings: tuple[TlsFinding, ...] = ()
    reach: Reach = _NEVER_TRIED
    variants: tuple[VariantSeen, ...] = ()
    set_aside: tuple[VariantSeen, ...] = ()
    stale: bool | None = None
    remarks: tuple[str, ...] = ()
    history: History = _NO_HISTORY

    @property
    def exists(self) -> bool:
        """The target has samples."""
        return self.judgement is not None and self.judgement.exists

    @property
    def certificate_retained(self) -> bool:
        """The certificate is not from the last probe but from an earlier one."""
        return self.certificate is not None and self.result is not None and not self.result.certificates

    def seen_as(self, variant: Variant) -> VariantSeen | None:
        """What the last handshake of this kind showed."""
        return next((seen for seen in self.variants if seen.variant is variant), None)

    def looked_at(self, variant: Variant) -> VariantSeen | None:
        """The last handshake of this kind, also where it says nothing about the port as it is now."""
        return next((seen for seen in (*self.variants, *self.set_aside) if seen.variant is variant), None)

    def after(
        self, result: ProbeResult, judgement: Judgement, interval: float, watch: Watch = _WATCH_ALL
    ) -> "TargetState":
        """The state after one more ordinary probe. The certificate of an earlier one is kept, however old it is.

        What concerns the neighbours as well, `stale` and `remarks`, stays as it was.
        """
        before = self.judgement
        unchanged = before is not None and (before.outcome, before.success) == (judgement.outcome, judgement.success)
        goes_on = before is not None and before.success is False and judgement.success is False
        latency = next((seconds for phase, seconds in result.durations if phase is Phase.GREETING), None)
        seen = CertificateSeen(result.started, result.certificates, result.verdict) if result.certificates else None
        leaf = seen.leaf if seen is not None else None
        starttls = self.starttls.after(result)
        return TargetState(
            target=self.target,
            result=result,
            judgement=judgement,
            interval=interval,
            since=self.since if unchanged or goes_on else result.started,
            last_success=result.started if judgement.success else self.last_success,
            certificate=seen or self.certificate,
            known=_known(self.known, result),
            outcomes=_counted(self.outcomes or _initial(self.target), judgement.outcome),
            greeting=self.greeting if latency is None else self.greeting.observed(latency),
            sightings=self.sightings.after(leaf, result.started, interval)
            if watch.stale_certificates
            else _NO_SIGHTINGS,
            starttls=starttls,
            tls_findings=self._findings_after(result, starttls) if watch.tls_findings else (),
            # Without an address, or without a route, there is no port that could be lost or answer.
            reach=self.reach.after(result) if judgement.exists else _NEVER_TRIED,
            variants=_beside(self.variants, leaf),
            set_aside=_set_aside(self, leaf),
            stale=self.stale,
            remarks=self.remarks,
            history=self.history.after(result, judgement),
        )

    def _findings_after(self, result: ProbeResult, starttls: StarttlsMemory) -> tuple[TlsFinding, ...]:
        """What `result` shows of attacks on TLS: what the last one showed, as far as it says the same."""
        last = self.result
        same = last is not None and result.findings is last.findings and result.repeats(last)
        if same and starttls.lost_since == self.starttls.lost_since:
            return self.tls_findings
        return tls_findings(result, starttls)

    def after_variant(self, seen: VariantSeen, kept: float) -> "TargetState":
        """The state after another handshake than the ordinary one.

        One that failed tells nothing, and what was known before stands for `kept` seconds; so does a certificate where
        the server hung up, as others do that have none: any connection may be lost once. A certificate that the
        ordinary probe was shown as well within its window is the same one: the server was between two.
        """
        before = self.seen_as(seen.variant)
        if before is not None and _tells_nothing(seen, before) and seen.observed - before.observed < kept:
            return self
        if seen.standing is VariantStanding.DIFFERENT and seen.certificates[0].fingerprint_sha256 in {
            one.fingerprint_sha256 for one in self.sightings.seen
        }:
            seen = replace(seen, standing=VariantStanding.SAME)
        others = (one for one in self.variants if one.variant is not seen.variant)
        return replace(
            self,
            variants=tuple(sorted((*others, seen), key=lambda one: _VARIANTS.index(one.variant))),
            set_aside=tuple(one for one in self.set_aside if one.variant is not seen.variant),
        )

    def without_certificate(self) -> "TargetState":
        """The certificate was kept long enough, and those of other handshakes with it."""
        bare = tuple(seen for seen in self.variants if not seen.certificates)
        return replace(self, certificate=None, variants=bare)

    def under(self, target: Target, watch: Watch) -> "TargetState":
        """The state when the configuration says `target` and `watch` from now on, about the same service.

        Findings are what the last probe shows by the rules of now. Its judgement stands until the next one.
        """
        result = None if self.result is None else replace(self.result, target=target)
        starttls = self.starttls.under(target)
        return replace(
            self,
            target=target,
            starttls=starttls,
            sightings=self.sightings if watch.stale_certificates else _NO_SIGHTINGS,
            tls_findings=tls_findings(result, starttls) if watch.tls_findings and result is not None else (),
            variants=tuple(seen for seen in self.variants if seen.variant in target.variants),
            set_aside=tuple(seen for seen in self.set_aside if seen.variant in target.variants),
        )


@dataclass(frozen=True, slots=True)
class AddressCount:
    """How many addresses of one port over one family are probed, and on how many of them it is open."""

    service: Service
    ip_family: IpFamily
    probed: int
    open: int


@dataclass(frozen=True, slots=True)
class HostState:
    """Everything known of one host.

    labels       the user's own that all targets of the host share
    resolution   the last lookup; `None` before the first, and of an address literal, which nobody looks up
    missed       rounds of its targets that could not be kept

    The others are what its ports say together, each only where it can be told:

    family_lost    every port is lost over this family and one answers over the other
    suspected_ban  every port was lost at once over this family while others answer
    variant_ports  on how many ports a handshake other than the ordinary one stands how
    addresses      of the ports of which all addresses are probed
    """

    host: str
    labels: tuple[tuple[str, str], ...] = ()
    resolution: Resolution | None = None
    missed: int = 0
    family_lost: tuple[tuple[IpFamily, bool], ...] = ()
    suspected_ban: tuple[tuple[IpFamily, bool], ...] = ()
    variant_ports: tuple[tuple[Variant, VariantStanding, int], ...] = ()
    addresses: tuple[AddressCount, ...] = ()

    def after(self, resolution: Resolution) -> "HostState":
        """The state after one more lookup."""
        if _is_literal(self.host):
            return self
        # Written out, since every probe ends here: `replace` takes three times as long.
        return HostState(
            host=self.host,
            labels=self.labels,
            resolution=resolution,
            missed=self.missed,
            family_lost=self.family_lost,
            suspected_ban=self.suspected_ban,
            variant_ports=self.variant_ports,
            addresses=self.addresses,
        )


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
    web_file_successful   the last attempt to read the file of TLS and users; `None` also where there is none
    workers               processes that probe and run; `None` also where the first process does it itself
    worker_restarts       those that were started in the place of one that had ended; likewise
    """

    version: str
    reload_successful: bool | None = None
    reload_timestamp: float | None = None
    targets: int | None = None
    in_flight: int | None = None
    lag: float | None = None
    loop_lag: float | None = None
    first_round: float | None = None
    web_file_successful: bool | None = None
    workers: int | None = None
    worker_restarts: int | None = None


def routed(result: ProbeResult) -> bool | None:
    """Whether this machine had a route to the target; `None` where the probe did not come that far."""
    if result.outcome is Outcome.NO_ROUTE:
        return False
    return None if result.port_open is None else True


# Asked at every probe.
@lru_cache(maxsize=4096)
def _is_literal(host: str) -> bool:
    # IPv6 has a colon, and IPv4 ends in a digit: told of a name without an exception, however many names there are.
    if ":" not in host and not host[-1:].isdigit():
        return False
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


def _tells_nothing(seen: VariantSeen, before: VariantSeen) -> bool:
    """Whether a handshake of another kind may have gone wrong by chance, as what it showed `before` lets one think."""
    hung_up = seen.standing is VariantStanding.NOT_INSTALLED and not seen.refused
    return seen.standing is VariantStanding.FAILED or (hung_up and bool(before.certificates))


def _beside(variants: tuple[VariantSeen, ...], leaf: CertificateFacts | None) -> tuple[VariantSeen, ...]:
    """What other handshakes showed, beside a certificate that the ordinary one was shown just now.

    One of a key type that is the ordinary one's by now is not made any more, so what it showed once is dropped.
    """
    if not variants or leaf is None:
        return variants
    kept = (seen for seen in variants if KEY_TYPES.get(seen.variant) != leaf.key_type)
    return tuple(
        replace(seen, standing=VariantStanding.SAME)
        if seen.standing is VariantStanding.DIFFERENT
        and seen.certificates[0].fingerprint_sha256 == leaf.fingerprint_sha256
        else seen
        for seen in kept
    )


def _set_aside(before: TargetState, leaf: CertificateFacts | None) -> tuple[VariantSeen, ...]:
    """What is no statement about the port any more, and must not be asked again within the week for all that.

    Behind one address may stand two servers, each with a certificate of another key type.
    """
    if not before.variants or leaf is None:
        return before.set_aside
    refused = (seen for seen in before.variants if seen.standing is VariantStanding.NOT_INSTALLED)
    return (*before.set_aside, *(seen for seen in refused if KEY_TYPES.get(seen.variant) == leaf.key_type))


def _initial(target: Target) -> tuple[tuple[Outcome, int], ...]:
    """The good outcome, which is there from the first probe on: a rate over it must not be absent while all fails."""
    closed = target.expectation.state in (PortState.CLOSED, PortState.FILTERED)
    return ((Outcome.CLOSED_AS_EXPECTED if closed else Outcome.OK, 0),)


def _counted(outcomes: tuple[tuple[Outcome, int], ...], outcome: Outcome) -> tuple[tuple[Outcome, int], ...]:
    """With one more of `outcome`."""
    (first, count), *others = outcomes
    # Nearly always it is the good one, the first, and there was never another.
    if not others and outcome is first:
        return ((outcome, count + 1),)
    counts = dict(outcomes)
    counts[outcome] = counts.get(outcome, 0) + 1
    return tuple(counts.items())
