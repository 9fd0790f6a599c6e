"""One exporter's part of a configuration that several share: which hosts fall to it.

Rendezvous hashing (Thaler and Ravishankar, "Using name-based mappings to increase hit rates", IEEE/ACM Transactions on
Networking 6(1), 1998): for each host every shard draws a number, and the highest draw has the host. Nobody has to agree
with anybody on anything but the total, and one shard more takes its own share from all the others and moves nothing
else.

A host is never divided, because its pauses, its suspected bans and its certificates are one exporter's affair; nor are
hosts that a `certificate_group` compares with each other. References are no part of anything: they say how it stands
with the network of the machine that asks, so every shard asks them.

Not here: whether every index is really running. Who watches nothing of a host cannot miss it.
"""

import hashlib
import logging
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from exporter.config.fault import ConfigError, Fault, Place, quoted
from exporter.config.hostname import identity
from exporter.config.load import COMMAND_LINE
from exporter.config.model import Config
from exporter.targets import Target

_logger = logging.getLogger(__name__)

INDEX_FLAG: Final = "--shard.index"
TOTAL_FLAG: Final = "--shard.total"
INDEX_VARIABLE: Final = "MAILPROBE_SHARD_INDEX"
TOTAL_VARIABLE: Final = "MAILPROBE_SHARD_TOTAL"

# A hundred thousand hosts are a hundred for each of a thousand; more would be a typing error, which must not divide the
# hosts among exporters that nobody has.
MAX_TOTAL: Final = 1000

# 64 bits: two equal draws are as good as impossible, and would still be decided.
_DIGEST_BYTES: Final = 8

_ENVIRONMENT = "the environment"
_NUMBER = re.compile("[0-9]{1,9}")


@dataclass(frozen=True, slots=True)
class Shard:
    """Which part of the hosts is meant.

    index   counted from 0
    total   into how many parts they are divided
    """

    index: int = 0
    total: int = 1

    def has(self, unit: str) -> bool:
        """Whether what is called `unit` falls to this shard and to no other one of the same total."""
        own = self._draw(unit, self.index)
        # The first draw that beats it decides, so that what falls to others, and that is most, costs little.
        return all(own >= self._draw(unit, other) for other in range(self.total))

    @staticmethod
    def _draw(unit: str, index: int) -> tuple[bytes, int]:
        # Not `hash()`, which the interpreter salts anew at every start. The total must not come in: a draw that changed
        # with it would move every host.
        digest = hashlib.blake2b(f"{unit}\0{index}".encode(), digest_size=_DIGEST_BYTES).digest()
        return digest, index


# All of it: what an exporter has that was told nothing about shards.
WHOLE: Final = Shard()


def chosen_shard(index: str | None, total: str | None, environment: Mapping[str, str]) -> Shard:
    """The shard that the flags name, each one else the variable of `environment` that stands for it, else the whole.

    A variable without a value counts as one that is not set, as elsewhere in a shell. Raises `ConfigError`.
    """
    first = _given(index, INDEX_FLAG, environment, INDEX_VARIABLE)
    second = _given(total, TOTAL_FLAG, environment, TOTAL_VARIABLE)
    # One of the two without the other: to watch everything would be as wrong as to watch nothing.
    if first is None:
        if second is None:
            return WHOLE
        raise ConfigError([second.place.fault(f"needs to know which of them: {INDEX_FLAG} or {INDEX_VARIABLE}")])
    if second is None:
        raise ConfigError([first.place.fault(f"needs to know of how many: {TOTAL_FLAG} or {TOTAL_VARIABLE}")])
    faults: list[Fault] = []
    of = _number(second, 1, MAX_TOTAL, faults)
    number = _number(first, 0, MAX_TOTAL - 1, faults)
    if number is not None and of is not None and number >= of:
        counted = f"shards are counted from 0, so the last of {of} is {of - 1}, not {number}"
        faults.append(first.place.fault(counted))
    if number is None or of is None or faults:
        raise ConfigError(faults)
    return Shard(number, of)


def part(config: Config, shard: Shard) -> Config:
    """`config` with the hosts of `shard` alone, all references, and the settings of the ports that are left."""
    units = _units(config.targets)
    own = {unit for unit in set(units.values()) if shard.has(unit)}
    targets = tuple(target for target in config.targets if units[target.host] in own)
    left = {(target.host, target.service.port) for target in (*targets, *config.references)}
    ports = tuple(port for port in config.ports if (port.host, port.port) in left)
    return replace(config, targets=targets, ports=ports)


def log_part(config: Config, shard: Shard) -> None:
    """Say in the log how many hosts fell to `shard`, whose part `config` is; nothing where there are no shards."""
    if shard == WHOLE:
        return
    hosts = len({target.host for target in config.targets})
    facts = {"shard_index": shard.index, "shard_total": shard.total, "hosts": hosts}
    found = "these hosts fall to this shard" if hosts else "no host falls to this shard: there is nothing to watch here"
    _logger.info(found, extra={"facts": facts})


@dataclass(frozen=True, slots=True)
class _Given:
    """A value as it was written, and where."""

    text: str
    place: Place


def _given(flag: str | None, flag_name: str, environment: Mapping[str, str], variable: str) -> _Given | None:
    if flag is not None:
        return _Given(flag, Place(COMMAND_LINE, 0, flag_name))
    text = environment.get(variable)
    return _Given(text, Place(_ENVIRONMENT, 0, variable)) if text else None


def _number(given: _Given, least: int, most: int, faults: list[Fault]) -> int | None:
    number = int(given.text) if _NUMBER.fullmatch(given.text) else None
    if number is None or not least <= number <= most:
        faults.append(given.place.fault(f"must be a whole number from {least} to {most}, not {quoted(given.text)}"))
        return None
    return number


class _Ties:
    """Names that belong together, directly or through others; all of them are known by the least."""

    def __init__(self) -> None:
        self._lesser: dict[str, str] = {}

    def least(self, name: str) -> str:
        """What `name` is known by."""
        while (lesser := self._lesser.setdefault(name, name)) != name:
            # Each step shortens the way for the next who asks: a long chain of groups is not walked again and again.
            self._lesser[name] = self._lesser[lesser]
            name = lesser
        return name

    def tie(self, one: str, other: str) -> None:
        """`one` and `other` belong together."""
        low, high = sorted((self.least(one), self.least(other)))
        self._lesser[high] = low


def _units(targets: Iterable[Target]) -> dict[str, str]:
    """By host, as it is written, the name of what it is never parted from; the same in whatever order they stand.

    That is its `certificate_group`, by which every port is known that does not name another one: the host's own name.
    So a host that joins a group goes where the group is, and moves nobody. What has several is known by the least.
    """
    ties = _Ties()
    names: dict[str, str] = {}
    for target in targets:
        if target.certificate_group is not None:
            first = names.setdefault(target.host, target.certificate_group)
            ties.tie(first, target.certificate_group)
    return {target.host: ties.least(names.get(target.host, identity(target.host))) for target in targets}
