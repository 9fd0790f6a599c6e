"""The running exporter: configuration, schedule, probes, store and pages, joined and kept until a signal ends them.

SIGHUP and `POST /-/reload` read the configuration again; one with a fault changes nothing. SIGTERM and SIGINT let
the sessions in flight come to their goodbye, within five seconds in all.
"""

import asyncio
import contextlib
import logging
import operator
import signal
import time
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from exporter import cycles, journal
from exporter.config.fault import ConfigError
from exporter.config.model import Config
from exporter.config.shard import WHOLE, Shard, log_part
from exporter.config.show import effective_text
from exporter.judgement.expectation import Judgement, holds, judge
from exporter.judgement.vantage import Vantage, worth_asking
from exporter.judgement.variant import variant_target, worth_making
from exporter.metrics.compression import Passage
from exporter.metrics.exposition import Exposition
from exporter.metrics.lag import LoopLag
from exporter.metrics.negotiation import Format
from exporter.metrics.own import OwnMetrics, private_registry
from exporter.metrics.state import HostState, TargetState
from exporter.metrics.store import Store
from exporter.probe.certificate.judge import CertificateJudge
from exporter.probe.certificate.trust import TrustStoreError, TrustStores
from exporter.probe.kernel import stamping
from exporter.probe.names import machine_name
from exporter.probe.prober import Prober
from exporter.probe.resolve import SystemResolver
from exporter.probe.seams import ProbeFunction, Resolver
from exporter.probe.session import Means
from exporter.probe.tls import TlsClient
from exporter.results import Outcome, ProbeResult, Resolution
from exporter.schedule.addresses import AddressBook
from exporter.schedule.limits import Limits
from exporter.schedule.message import Settings
from exporter.schedule.pool import WorkerPool
from exporter.schedule.scheduler import Scheduler
from exporter.targets import AddressRule, IpFamily, Target, TargetKey, Variant
from exporter.web.application import application
from exporter.web.events import Changes
from exporter.web.probing import Surroundings, probing
from exporter.web.server import Service, serve

_logger = logging.getLogger(__name__)

# Sessions in flight get three and a half of the five seconds that a stop may take in all. One is for answers in flight
# (`Limits.stop` of `web.connection`), and the rest for the end of the process.
_STOP_SECONDS = 3.5

# At a start every name of many addresses is looked up for the first time, within a minute; the targets are put together
# anew once for all that came within a second.
_ADDRESSES_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Ready:
    """A configuration with everything that had to be read for it."""

    config: Config
    stores: TrustStores


def prepare(read: Callable[[], Config], last: Config | None = None) -> Ready:
    """Read a configuration and the roots it names. Raises ConfigError and TrustStoreError.

    Targets that are equal in `last`, the one in force, are the very objects that are there: what is known of them goes
    on with no second copy in memory, and the loop, to which ten thousand comparisons are a long time, makes none.
    """
    config = read()
    if last is not None:
        config = replace(config, targets=_beside(config.targets, last.targets))
    return Ready(config, TrustStores(dict.fromkeys(config.ca_files)))


class Daemon:
    """The parts and how they hang together; the `DaemonView` of the pages."""

    def __init__(
        self,
        read: Callable[[], Config],
        ready: Ready,
        *,
        version: str,
        resolver: Resolver | None = None,
        shard: Shard = WHOLE,
        workers: int = 0,
    ) -> None:
        """`read` gives the configuration anew on a reload, `ready` is the first; `resolver`: where names are told.

        `workers`: processes that probe, 0 for this one; they ask the system's resolver, whatever `resolver` is.
        """
        self.version = version
        self.changes = Changes()
        self._shard = shard
        self._read = read
        self._config = ready.config
        self._reloading = asyncio.Lock()
        self._system_resolver = SystemResolver(time.monotonic, ready.config.nameservers)
        self._judge = CertificateJudge(ready.stores)
        self._addresses = AddressBook(ready.config.address_grace)
        self._targets: tuple[Target, ...] = ()
        self._variants: tuple[Target, ...] = ()
        self._variant_interval = ready.config.variant_interval
        self._addresses_changed: asyncio.TimerHandle | None = None
        self._store = Store()
        self._blocks = journal.Blocks()
        registry = private_registry()
        self._own = OwnMetrics(registry, version)
        self._exposition = Exposition(self._store, registry)
        self._name = name = machine_name()
        if name is None and any(target.ehlo_name is None for target in ready.config.targets):
            _logger.warning(
                "this machine's name is not fully qualified: set ehlo_name, or servers may refuse the probes"
            )
        names = resolver or self._system_resolver
        means = Means(TlsClient(), self._judge, name)
        self._pool = WorkerPool(workers, self._settings(ready)) if workers else None
        probe: ProbeFunction = Prober(names, means) if self._pool is None else self._pool
        self._scheduler = Scheduler(
            probe, self._deliver, limits=_limits(ready.config), missed=self._store.missed, wanted=self._wanted
        )
        self._on_demand = Surroundings(
            config=lambda: self._config,
            resolver=names,
            hold=self._scheduler.hold,
            prober=lambda known: Prober(known, means),
        )
        self._lag = LoopLag()
        self._first_round_over = False
        self._without_route: dict[IpFamily, set[TargetKey]] = {family: set() for family in IpFamily}
        self._own.observe(
            targets=lambda: len(self._targets),
            in_flight=lambda: self._scheduler.in_flight,
            lag=lambda: self._scheduler.lag,
            loop_lag=lambda: self._lag.worst,
            first_round_progress=lambda: self._scheduler.first_round_progress,
        )
        if self._pool is not None:
            pool = self._pool
            self._own.observe_workers(alive=lambda: pool.alive, restarts=lambda: pool.restarts)
        self._apply(ready)

    async def run(
        self, service: Service, announce: Callable[[Sequence[str]], None], *, in_terminal: bool = False
    ) -> None:
        """Serve as `service` says and probe until SIGTERM or SIGINT; `announce` is told the URLs. Raises ListenError.

        `in_terminal`: a SIGHUP says that the terminal is gone, which ends the daemon instead of reloading it.
        """
        loop = asyncio.get_running_loop()
        stop, hang_up = asyncio.Event(), asyncio.Event()
        on_hang_up = stop if in_terminal else hang_up
        with stamping(), _handlers(loop, {signal.SIGTERM: stop, signal.SIGINT: stop, signal.SIGHUP: on_hang_up}):
            async with probing(self._on_demand) as probes, serve(application(self, probes), service) as urls:
                if service.access is not None:
                    access = service.access
                    self._own.observe_access(lambda: access.successful)
                _logger.info("listening", extra={"facts": {"address": " ".join(urls)}})
                announce(urls)
                workers = contextlib.nullcontext() if self._pool is None else self._pool.running()
                async with workers, asyncio.TaskGroup() as group:
                    background = (
                        group.create_task(self._lag.watch()),
                        group.create_task(cycles.collect()),
                        group.create_task(self._reload_on(hang_up)),
                    )
                    group.create_task(self._scheduler.run())
                    await stop.wait()
                    _logger.info("stopping: sessions in flight may say goodbye")
                    async with asyncio.TaskGroup() as ending:
                        ending.create_task(self._scheduler.stop(_STOP_SECONDS))
                        ending.create_task(probes.stop(_STOP_SECONDS))
                    for task in background:
                        task.cancel()

    def now(self) -> float:
        return time.time()

    def metrics(self, form: Format) -> Iterator[bytes | Passage]:
        return self._exposition.parts(form)

    def states(self) -> Iterable[TargetState]:
        return self._store.states()

    def hosts(self) -> Sequence[HostState]:
        return self._store.hosts()

    def vantages(self) -> Sequence[Vantage]:
        return self._store.vantages()

    def ready(self) -> tuple[int, int]:
        self._note_first_round()
        done, of = self._scheduler.first_round_progress
        if self._first_round_over:
            return of, of
        # A name that was just found to have many addresses has not been probed at any of them.
        return (done, of) if self._addresses_changed is None else (min(done, of - 1), of)

    def config_text(self) -> str:
        return effective_text(self._config)

    async def reload(self) -> str | None:
        """Read the configuration again and take it over; else say what is wrong with it, and everything stays."""
        async with self._reloading:
            try:
                ready = await asyncio.to_thread(prepare, self._read, self._config)
            except (ConfigError, TrustStoreError) as error:
                self._own.reload(False, time.time())
                _logger.error("the configuration was not reloaded, the one before stays in force: %s", error)
                return str(error)
            # Before there are new targets, which have not been probed.
            self._note_first_round()
            self._apply(ready)
            _logger.info("configuration reloaded", extra={"facts": {"targets": len(ready.config.targets)}})
            return None

    def _apply(self, ready: Ready) -> None:
        config = self._config = ready.config
        self._judge.trust(ready.stores)
        self._system_resolver.ask(config.nameservers)
        if self._pool is not None:
            self._pool.settle(self._settings(ready))
        self._addresses.grace = config.address_grace
        self._watch_targets()
        self._own.reload(True, time.time())
        log_part(config, self._shard)

    def _settings(self, ready: Ready) -> Settings:
        level = logging.getLogger().getEffectiveLevel()
        return Settings(ready.stores, ready.config.nameservers, self._name, level)

    def _watch_targets(self) -> None:
        """Watch what the configuration names, as far as its addresses are known now."""
        config = self._config
        self._addresses_changed = None
        last, self._targets = self._targets, self._addresses.expand(config.targets, time.monotonic())
        self._store.configure(
            self._targets,
            certificate_retention=config.certificate_retention,
            capability_metrics=config.capability_metrics,
            watch=config.watch,
            references=config.references,
        )
        self._forget_routes()
        self.changes.note_reload()
        # Three times as many as there are targets: they are made again only where one of these is another one.
        if config.variant_interval != self._variant_interval or not _are(self._targets, last):
            self._variant_interval = config.variant_interval
            self._variants = tuple(_variants(self._targets, config.variant_interval))
        self._scheduler.configure((*self._targets, *self._variants, *config.references), _limits(config))

    def _note_first_round(self) -> None:
        # Kept: what a reload or DNS brings in later does not make a service unready that was ready.
        over = self._addresses_changed is None and self._scheduler.first_round_done
        self._first_round_over = self._first_round_over or over

    async def _reload_on(self, hang_up: asyncio.Event) -> None:
        while True:
            await hang_up.wait()
            hang_up.clear()
            await self.reload()

    def _wanted(self, target: Target) -> bool:
        """Whether a handshake of another kind can show anything now."""
        state = self._store.state(replace(target.key, variant=Variant.DEFAULT))
        if state is None:
            return False
        return worth_making(target.variant, state.result, state.looked_at(target.variant), self.now())

    def _deliver(self, result: ProbeResult, interval: float) -> Hashable:
        target = result.target
        if target.addresses is AddressRule.ALL and result.resolution is not None:
            self._note_addresses(target, result.resolution)
        before = self._store.state(target.key)
        host_before = self._store.host(target.host)
        result = result.beside(None if before is None else before.result)
        judgement = self._judged(result, before)
        self._store.record(result, judgement, interval)
        self.changes.note(target.key)
        journal.dialog(result)
        after = self._store.state(target.key)
        if before is not None and after is not None:
            self._note_route(result)
            journal.change(target, before.judgement, judgement)
            self._look_again(before, after)
            self._ask_references(before, after)
        journal.host_change(host_before, self._store.host(target.host))
        self._blocks.note(self._store.vantages())
        return judgement.outcome, judgement.success

    def _judged(self, result: ProbeResult, before: TargetState | None) -> Judgement:
        """What `result` is worth, which is `beside` the last one of its target."""
        last, judgement = (None, None) if before is None else (before.result, before.judgement)
        # Nearly always it holds, and to judge anew is the work of a hundred small steps.
        if last is not None and judgement is not None and holds(judgement, last, result):
            return judgement
        known, host_known = self._store.known(result.target.key), self._store.host_known(result.target.host)
        return judge(result, known, host_known=host_known)

    def _look_again(self, before: TargetState, after: TargetState) -> None:
        """A port shows another certificate: what it shows to other clients is probably another one now as well."""
        if before.certificate is None or after.certificate is None:
            return
        if before.certificate.leaf.fingerprint_sha256 != after.certificate.leaf.fingerprint_sha256:
            for variant in before.target.variants:
                self._scheduler.hasten(replace(before.target.key, variant=variant))

    def _ask_references(self, before: TargetState, after: TargetState) -> None:
        """Find out soon whether it is this network that lets nobody out, before an alert blames the server."""
        target = before.target
        if not worth_asking(before.reach, after.reach):
            return
        for reference in self._config.references:
            if (reference.service.port, reference.ip_family) == (target.service.port, target.ip_family):
                self._scheduler.hasten(reference.key)

    def _note_addresses(self, target: Target, resolution: Resolution) -> None:
        left_out = self._addresses.left_out(target.host)
        changed = self._addresses.observe(target.host, resolution, time.monotonic())
        journal.addresses_left_out(target.host, left_out, self._addresses.left_out(target.host))
        if changed and self._addresses_changed is None:
            self._note_first_round()
            # Not now either: the schedule is in the middle of this target, which may be one that goes.
            loop = asyncio.get_running_loop()
            self._addresses_changed = loop.call_later(_ADDRESSES_SECONDS, self._watch_targets)

    def _note_route(self, result: ProbeResult) -> None:
        """Warn once of a family without a route, and again only after every target of it had one."""
        family = result.target.ip_family
        without = self._without_route[family]
        if result.outcome is not Outcome.NO_ROUTE:
            if without and result.port_open is not None:
                without -= {result.target.key, replace(result.target.key, address="")}
            return
        if not without:
            _logger.warning(
                "this machine has no route for %s: targets without one are left out",
                family,
                extra={"facts": {"host": result.target.host, "detail": result.detail}},
            )
        without.add(result.target.key)

    def _forget_routes(self) -> None:
        """Of an address that left, its name remembers the missing route until another one of its addresses has one."""
        named = {target.key for target in self._config.targets}
        kept = named | {target.key for target in self._targets}
        for without in self._without_route.values():
            gone = without - kept
            without -= gone
            without |= named & {replace(key, address="") for key in gone}


def _beside(targets: Iterable[Target], last: Iterable[Target]) -> tuple[Target, ...]:
    """`targets`, of which those that are equal in `last` are the objects there."""
    known = {target.key: target for target in last}
    pairs = ((target, known.get(target.key)) for target in targets)
    return tuple([before if before == target and before is not None else target for target, before in pairs])


def _are(targets: Sequence[Target], last: Sequence[Target]) -> bool:
    """Whether these are the very objects in `last`, in their order."""
    return len(targets) == len(last) and all(map(operator.is_, targets, last))


def _variants(targets: Iterable[Target], interval: float) -> Iterator[Target]:
    """The other handshakes of every target; a name that stands for addresses not yet known has none."""
    for target in targets:
        if target.address or target.addresses is AddressRule.FIRST:
            yield from (variant_target(target, variant, interval) for variant in target.variants)


def _limits(config: Config) -> Limits:
    return Limits(
        max_sessions=config.max_sessions,
        sessions_per_address=config.sessions_per_address,
        min_gap=config.min_gap,
        first_round=config.first_round,
        variant_gap=config.variant_gap,
    )


@contextlib.contextmanager
def _handlers(loop: asyncio.AbstractEventLoop, events: dict[signal.Signals, asyncio.Event]) -> Iterator[None]:
    for number, event in events.items():
        loop.add_signal_handler(number, event.set)
    try:
        yield
    finally:
        for number in events:
            loop.remove_signal_handler(number)
