"""Which targets a host has where each of its addresses is one: those that DNS names, and for a while those it named.

What leaves DNS is probed on for the grace, because resolvers elsewhere hold the old answer that long and still send
clients there. A name server that fails takes nothing away; that a name does not exist, or has no address, is an answer.
Pure memory: answers and instants go in, targets come out. Not here: looking names up (`probe.resolve`), and connecting.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from exporter.probe.certificate.names import ip_literal
from exporter.results import Outcome, Resolution
from exporter.targets import AddressRule, IpFamily, Target

# Of one host in one family. A DNS message of 512 bytes (RFC 1035 §2.3.4) has room for not quite thirty addresses, so a
# name that every resolver can look up in one datagram stays below; with eight ports, 32 addresses are ten thousand
# series already.
MOST_ADDRESSES: Final = 32

_Key = tuple[str, IpFamily]

# Nobody answered, so nothing is known that was not known before.
_UNANSWERED = frozenset({Outcome.DNS_ERROR, Outcome.LOCAL_ERROR})


@dataclass(frozen=True, slots=True)
class _Known:
    """What answers said about one host in one family.

    named   what the latest answer names
    left    what it does not name although an earlier one did, with the instant at which that was noticed
    """

    named: tuple[str, ...] = ()
    left: tuple[tuple[str, float], ...] = ()

    def shown(self, now: float, grace: float) -> tuple[str, ...]:
        """What is probed at `now`, in numerical order: what is named, and what left less than `grace` seconds ago."""
        staying = (address for address, since in self.left if now < since + grace)
        return tuple(sorted({*self.named, *staying}, key=_order)[:MOST_ADDRESSES])

    def after(self, named: tuple[str, ...], now: float, grace: float) -> "_Known":
        """With a new answer. Only what was probed is remembered, so a name of a thousand addresses fills no memory."""
        since = dict(self.left)
        missing = (address for address in self.shown(now, grace) if address not in named)
        return _Known(named, tuple((address, since.get(address, now)) for address in missing))


class AddressBook:
    """The addresses of all hosts whose targets are one per address.

    Instants are seconds, all on one clock. Only hosts with `AddressRule.ALL` belong here: of any other one nothing is
    ever expanded, whatever `observe` says.

    grace   seconds for which an address is probed on that DNS no longer names; a new one holds also for those that have
            left before
    """

    def __init__(self, grace: float) -> None:
        self.grace = grace
        self._known: dict[_Key, _Known] = {}
        # What was shown when somebody last asked.
        self._shown: dict[_Key, tuple[str, ...]] = {}

    def observe(self, host: str, resolution: Resolution, now: float) -> bool:
        """Take in a lookup of `host`; True if `expand` gives something else at `now` than before.

        That may be because of the answer, or because the grace of an address is over.
        """
        for family, named in _answers(resolution).items():
            known = self._known.get((host, family), _Known())
            self._known[host, family] = known.after(named, now, self.grace)
        changes = [self._show((host, family), now) for family in IpFamily]
        return any(before != after for before, after in changes)

    def expand(self, targets: Sequence[Target], now: float) -> tuple[Target, ...]:
        """`targets` with one for each address in the place of every template, in numerical order of the addresses.

        A template is a target of `AddressRule.ALL` without an address. Where no address of its family is known, it
        stays, and whatever DNS says is told by it. Of more than `MOST_ADDRESSES` the lowest are probed. `targets` are
        all that are configured: what has no template among them is forgotten.
        """
        kept = dict.fromkeys((target.host, target.ip_family) for target in targets if _is_template(target))
        for key in self._known.keys() - kept.keys():
            self._forget(key)
        return tuple(_expanded(targets, {key: self._show(key, now)[1] for key in kept}))

    def left_out(self, host: str) -> Mapping[IpFamily, int]:
        """How many addresses that DNS names were not probed when last asked, because there are too many."""
        return {
            family: len(set(known.named).difference(self._shown.get((host, family), ())))
            for family in IpFamily
            if (known := self._known.get((host, family))) is not None
        }

    def _show(self, key: _Key, now: float) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """What was shown before and what is shown now."""
        before = self._shown.get(key, ())
        after = self._known.get(key, _Known()).shown(now, self.grace)
        if after:
            self._shown[key] = after
        else:
            # A name without an address is no entry for ever.
            self._forget(key)
        return before, after

    def _forget(self, key: _Key) -> None:
        self._known.pop(key, None)
        self._shown.pop(key, None)


def _expanded(targets: Iterable[Target], shown: Mapping[_Key, tuple[str, ...]]) -> Iterator[Target]:
    for target in targets:
        addresses = shown[target.host, target.ip_family] if _is_template(target) else ()
        if addresses:
            yield from (replace(target, address=address) for address in addresses)
        else:
            yield target


def _is_template(target: Target) -> bool:
    return target.addresses is AddressRule.ALL and not target.address


def _answers(resolution: Resolution) -> dict[IpFamily, tuple[str, ...]]:
    """What the families that were asked about and answered have; an empty one has no address."""
    if resolution.outcome in _UNANSWERED:
        return {}
    found = {IpFamily.IPV4: resolution.ipv4, IpFamily.IPV6: resolution.ipv6}
    return {
        family: addresses
        for family, addresses in found.items()
        if addresses is not None and family not in resolution.failed
    }


def _order(address: str) -> tuple[int, str]:
    """Numerical; of one address in two zones, which only a hosts file can name, the text decides."""
    literal = ip_literal(address)
    return (0 if literal is None else int(literal), address)
