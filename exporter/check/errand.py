"""Making one round: every target once, its other handshakes where they were asked for, and the references.

Nothing is weighed here: `together` does that with what comes back.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace

from exporter.check.verdict import Checked
from exporter.config.model import Config
from exporter.judgement.expectation import judge
from exporter.judgement.variant import VariantSeen, variant_seen, variant_target, worth_making
from exporter.probe.seams import ProbeFunction, Resolver
from exporter.results import Outcome, ProbeResult
from exporter.schedule.addresses import AddressBook
from exporter.schedule.limits import Limits
from exporter.schedule.pacing import Pacing
from exporter.targets import AddressRule, Target

# Somebody waits for the answer, so no pause between sessions; two at a time so that filtered ports do not add up,
# and no more, because some servers allow a client only a few.
_LIMITS = Limits(max_sessions=50, sessions_per_address=2, min_gap=0.0)


async def with_addresses(config: Config, resolver: Resolver, now: float) -> Config:
    """`config` with one target for each address of the hosts that are configured so, as one lookup tells them.

    `now` in seconds. A host without a known address keeps its targets, and they say why.
    """
    book = AddressBook(config.address_grace)
    hosts = {target.host: target.ip_families for target in config.targets if target.addresses is AddressRule.ALL}

    async def look_up(host: str) -> None:
        book.observe(host, await resolver.resolve(host, frozenset(hosts[host])), now)

    async with asyncio.TaskGroup() as group:
        for host in hosts:
            group.create_task(look_up(host))
    return replace(config, targets=book.expand(config.targets, now))


class Errand:
    """Makes the sessions of one round, all under the same limits."""

    def __init__(self, probe: ProbeFunction, done: Callable[[Target], None], *, variants: bool) -> None:
        """`done` is told of each target that is through; `variants`: make the other handshakes as well."""
        self._probe = probe
        self._done = done
        self._variants = variants
        self._hold = Pacing(_LIMITS).hold

    async def check(self, targets: Sequence[Target]) -> list[Checked]:
        """Every target once, results in the order given; those that do not exist are left out."""
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self._check(target)) for target in targets]
        return [checked for task in tasks if (checked := task.result()).judgement.exists]

    async def ask(self, references: Sequence[Target]) -> list[ProbeResult]:
        """Every reference once, in the order given."""
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self._ask(reference)) for reference in references]
        return [task.result() for task in tasks]

    async def _ask(self, reference: Target) -> ProbeResult:
        result = await self._probe(reference, self._hold)
        self._done(reference)
        return result

    async def _check(self, target: Target) -> Checked:
        result = await self._probe(target, self._hold)
        host_known = result.resolution is not None and result.resolution.outcome is Outcome.OK
        judgement = judge(result, known_before=False, host_known=host_known)
        variants = await self._other_handshakes(result) if self._variants else ()
        self._done(target)
        return Checked(result, judgement, variants)

    async def _other_handshakes(self, ordinary: ProbeResult) -> tuple[VariantSeen, ...]:
        target = ordinary.target
        leaf = ordinary.certificates[0] if ordinary.certificates else None
        seen = []
        for variant in target.variants:
            if worth_making(variant, ordinary, None, ordinary.started):
                result = await self._probe(variant_target(target, variant, target.interval), self._hold)
                seen.append(variant_seen(result, leaf))
        return tuple(seen)
