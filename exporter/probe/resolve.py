"""From a host name to addresses: the hosts file first, then DNS, both families at once.

Not getaddrinfo: it hides how long an answer may be kept and why there is none. Search domains and the list of name
servers are taken from the system's resolv.conf, which is read again when it changes. Answers are kept for their
time to live, between five seconds and an hour, and one name is asked for once at a time. No DNSSEC: whether an
answer is authentic is not asked here.
"""

import asyncio
import io
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from weakref import WeakValueDictionary

import dns.asyncresolver
import dns.exception
import dns.rdatatype
import dns.resolver

from exporter.probe.certificate.names import ascii_name, ip_literal
from exporter.probe.transport import LOCAL_ERRORS
from exporter.results import MICROSECONDS, Outcome, Resolution
from exporter.targets import IpFamily

# Shorter than five seconds, and each port of a host would ask again; longer than an hour, and a moved host is missed.
_MIN_TTL = 5.0
_MAX_TTL = 3600.0

# A failure is asked about again before the next confirming probe (15 s after a change), but not by every port of a
# host.
_FAILURE_TTL = 10.0

# That a name has no address of a family is said with a time to live as well (RFC 2308 §5). Most hosts have none in
# IPv6: without it every port of each would ask anew at every probe. Kept five minutes at most, the longest interval of
# a well-known port, so that a host that moves into the family is found as soon as one that moves within it.
_ABSENCE_TTL = 300.0

# One try may take 2 s and all of them 5 s, as in resolv.conf(5): with a single try of 5 s a lost packet is a failed
# lookup.
_TRY_SECONDS = 2.0
_LIFETIME_SECONDS = 5.0

_RECORDS = {IpFamily.IPV4: dns.rdatatype.A, IpFamily.IPV6: dns.rdatatype.AAAA}


@dataclass(frozen=True, slots=True)
class _Answer:
    """What one question brought: addresses, or why there are none. Kept until `expires` on the resolver's clock."""

    outcome: Outcome
    addresses: tuple[str, ...]
    expires: float
    detail: str = ""


@dataclass(frozen=True, slots=True)
class _Kept:
    """The answers of several families in one, until the first of them `expires`. Giving it takes no time."""

    resolution: Resolution
    expires: float


class SystemFile:
    """A file of the system, parsed again whenever it has changed; an unreadable one counts as empty."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stamp: tuple[int, int, int] | None = None
        self._text = ""

    def changed(self) -> bool:
        """Read the file if it is another than last time; True the first time as well."""
        try:
            status = self._path.stat()
            stamp = (status.st_mtime_ns, status.st_size, status.st_ino)
            if stamp == self._stamp:
                return False
            self._text = self._path.read_text(encoding="utf-8", errors="replace")
        except (FileNotFoundError, NotADirectoryError, PermissionError):
            stamp = (0, 0, 0)
            if stamp == self._stamp:
                return False
            self._text = ""
        except OSError:
            # This machine is out of something; the file is as it was.
            return False
        self._stamp = stamp
        return True

    @property
    def text(self) -> str:
        """What was read last."""
        return self._text


class HostsFile:
    """The hosts file: `hosts(5)`."""

    def __init__(self, path: Path) -> None:
        self._file = SystemFile(path)
        self._addresses: dict[str, tuple[str, ...]] = {}

    def addresses(self, name: str) -> tuple[str, ...]:
        """Every address listed for `name` (in its ASCII form), in the order of the file."""
        if self._file.changed():
            self._addresses = _parse_hosts(self._file.text)
        return self._addresses.get(name, ())


def _parse_hosts(text: str) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for line in text.splitlines():
        address, *names = line.partition("#")[0].split() or [""]
        if ip_literal(address) is None:
            continue
        for name in names:
            key = ascii_name(name)
            found[key] = (*found.get(key, ()), address)
    return found


class SystemResolver:
    """Resolves as the machine does, or through `nameservers` where they are given."""

    # Ten thousand hosts in two families.
    CAPACITY = 20000

    def __init__(
        self,
        clock: Callable[[], float],
        nameservers: Sequence[str] = (),
        *,
        hosts_file: Path = Path("/etc/hosts"),
        resolv_conf: Path = Path("/etc/resolv.conf"),
        port: int = 53,
        lifetime: float = _LIFETIME_SECONDS,
    ) -> None:
        """`clock` in seconds, monotonic; `nameservers` as IP literals, asked on `port`; `lifetime` of all tries."""
        self._clock = clock
        self._nameservers = tuple(nameservers)
        self._hosts = HostsFile(hosts_file)
        self._resolv_conf = SystemFile(resolv_conf)
        self._port = port
        self._lifetime = lifetime
        self._resolver: dns.asyncresolver.Resolver | None = None
        # Counts changes of the name servers: an answer that an old one gives late is not kept.
        self._generation = 0
        self._cache: dict[tuple[str, IpFamily], _Answer] = {}
        # Of all families that are asked for together, as it nearly always is: one value for all ports of a host.
        self._kept: dict[tuple[str, frozenset[IpFamily]], _Kept] = {}
        # Each as long as somebody asks, or waits for the one who does.
        self._locks: WeakValueDictionary[tuple[str, IpFamily], asyncio.Lock] = WeakValueDictionary()
        self._full_at = self.CAPACITY

    def ask(self, nameservers: Sequence[str]) -> None:
        """Ask other name servers from now on, and forget what those before said."""
        if tuple(nameservers) != self._nameservers:
            self._nameservers = tuple(nameservers)
            self._resolver = None
            self._generation += 1
            self._cache.clear()
            self._kept.clear()

    async def resolve(self, host: str, families: frozenset[IpFamily]) -> Resolution:
        """Addresses of `host` in each of `families`, in numerical order; an IP literal is its own answer.

        What is still known is given again as it is, with a duration of 0.
        """
        # An address ends with a digit or has a colon; to find that a name is none takes an exception.
        if host[-1:].isdigit() or ":" in host:
            literal = _literal(host, families)
            if literal is not None:
                return literal
        started = self._clock()
        name = ascii_name(host)
        listed = self._hosts.addresses(name)
        if listed:
            # As `hosts: files dns` in nsswitch.conf does: a name that is listed is not asked about in DNS.
            answers = {family: _listed(name, listed, family) for family in families}
            return _resolution(answers, self._clock() - started)
        kept = self._kept.get((name, families))
        if kept is not None and started < kept.expires:
            return kept.resolution
        return await self._look_up(name, families, started)

    async def _look_up(self, name: str, families: frozenset[IpFamily], started: float) -> Resolution:
        generation = self._generation
        async with asyncio.TaskGroup() as group:
            tasks = {family: group.create_task(self._ask_once(name, family)) for family in families}
        answers = {family: task.result() for family, task in tasks.items()}
        if generation == self._generation:
            self._make_room()
            expires = min(answer.expires for answer in answers.values())
            self._kept[name, families] = _Kept(_resolution(answers, 0.0), expires)
        return _resolution(answers, self._clock() - started)

    async def _ask_once(self, name: str, family: IpFamily) -> _Answer:
        key = (name, family)
        # Whoever waits here finds the answer of the one before; a cancelled one leaves the question to the next.
        lock = self._locks.setdefault(key, asyncio.Lock())
        async with lock:
            kept = self._cache.get(key)
            if kept is not None and self._clock() < kept.expires:
                return kept
            generation = self._generation
            answer = await self._ask(name, family)
            if generation == self._generation:
                self._make_room()
                self._cache[key] = answer
            return answer

    def _make_room(self) -> None:
        if max(len(self._cache), len(self._kept)) < self._full_at:
            return
        now = self._clock()
        self._cache = {key: answer for key, answer in self._cache.items() if now < answer.expires}
        self._kept = {key: kept for key, kept in self._kept.items() if now < kept.expires}
        # Where more are known than that, they are not gone through at every question.
        self._full_at = max(self.CAPACITY, 2 * max(len(self._cache), len(self._kept)))

    async def _ask(self, name: str, family: IpFamily) -> _Answer:
        record = _RECORDS[family]
        try:
            answer = await self._configured().resolve(name, record, raise_on_no_answer=False, search=True)
        except dns.resolver.NXDOMAIN:
            return self._failure(Outcome.DNS_NXDOMAIN, f"{name} does not exist")
        except dns.resolver.YXDOMAIN:
            return self._failure(Outcome.DNS_ERROR, f"{name}: the name became too long")
        except dns.resolver.LifetimeTimeout:
            return self._failure(Outcome.DNS_ERROR, f"{name}: no name server answered within {self._lifetime:g} s")
        except dns.resolver.NoNameservers as error:
            local = next((cause for _, _, _, cause, _ in error.kwargs["errors"] if _is_local(cause)), None)
            outcome = Outcome.DNS_ERROR if local is None else Outcome.LOCAL_ERROR
            return self._failure(outcome, f"{name}: {_short(local or error)}")
        except (dns.exception.DNSException, OSError, ValueError) as error:
            return self._failure(
                Outcome.LOCAL_ERROR if _is_local(error) else Outcome.DNS_ERROR, f"{name}: {_short(error)}"
            )
        if answer.rrset is None:
            missing = self._failure(Outcome.DNS_NO_ADDRESS, f"{name} has no {record.name} record")
            return replace(missing, expires=self._clock() + _absence_ttl(answer))
        ttl = min(max(float(answer.chaining_result.minimum_ttl), _MIN_TTL), _MAX_TTL)
        addresses = _usable(str(record.address) for record in answer)
        if not addresses:
            return self._failure(Outcome.DNS_NO_ADDRESS, f"{name} has only an address that is none")
        return _Answer(Outcome.OK, addresses, self._clock() + ttl)

    def _failure(self, outcome: Outcome, detail: str) -> _Answer:
        return _Answer(outcome, (), self._clock() + _FAILURE_TTL, detail)

    def _configured(self) -> dns.asyncresolver.Resolver:
        if self._resolv_conf.changed() or self._resolver is None:
            resolver = dns.asyncresolver.Resolver(configure=False)
            try:
                resolver.read_resolv_conf(io.StringIO(self._resolv_conf.text))
            except dns.resolver.NoResolverConfiguration:
                # As resolv.conf(5) has it: without a server in the file, the one on this machine.
                resolver.nameservers = ["127.0.0.1"]
            if self._nameservers:
                resolver.nameservers = list(self._nameservers)
            resolver.port = self._port
            resolver.timeout, resolver.lifetime = min(_TRY_SECONDS, self._lifetime), self._lifetime
            self._resolver = resolver
        return self._resolver


# Asked at every probe. An entry is about 400 bytes.
@lru_cache(maxsize=16384)
def _literal(host: str, families: frozenset[IpFamily]) -> Resolution | None:
    """What an IP literal says, which nobody changes and which takes no time; `None` of a name."""
    literal = ip_literal(host)
    if literal is None:
        return None
    own = IpFamily.IPV4 if literal.version == 4 else IpFamily.IPV6
    other = _Answer(Outcome.DNS_NO_ADDRESS, (), math.inf, "an address of the other family")
    answer = _Answer(Outcome.OK, (_spelled(host),), math.inf)
    return _resolution({family: answer if family is own else other for family in families}, 0.0)


def _absence_ttl(answer: dns.resolver.Answer) -> float:
    """How long it holds that there is no record: as the zone says, else as long as any other failure."""
    # RFC 2308 §3: the zone says it by its SOA record in the authority section.
    if not any(records.rdtype == dns.rdatatype.SOA for records in answer.response.authority):
        return _FAILURE_TTL
    return min(max(float(answer.chaining_result.minimum_ttl), _FAILURE_TTL), _ABSENCE_TTL)


def _listed(name: str, addresses: tuple[str, ...], family: IpFamily) -> _Answer:
    version = 4 if family is IpFamily.IPV4 else 6
    own = _usable(address for address in addresses if (literal := ip_literal(address)) and literal.version == version)
    if own:
        return _Answer(Outcome.OK, own, math.inf)
    return _Answer(Outcome.DNS_NO_ADDRESS, (), math.inf, f"{name} has no {family} address in the hosts file")


def _usable(addresses: Iterable[str]) -> tuple[str, ...]:
    """Without the unspecified address, by which blocking name servers say 'nowhere' and which would lead back to us."""
    found = {_spelled(address): ip_literal(address) for address in addresses}
    wanted = [(int(literal), address) for address, literal in found.items() if literal and not literal.is_unspecified]
    # Name servers rotate their answers; a stable order keeps a target on one address.
    return tuple(address for _, address in sorted(wanted))


def _spelled(address: str) -> str:
    """One spelling for one address, whoever wrote it; a zone is no part of what has spellings."""
    return "%".join((str(ip_literal(address)), *address.split("%")[1:]))


def _resolution(answers: dict[IpFamily, _Answer], duration: float) -> Resolution:
    ipv4, ipv6 = answers.get(IpFamily.IPV4), answers.get(IpFamily.IPV6)
    outcomes = {answer.outcome for answer in answers.values()}
    # The most hopeful of what was seen: one address is enough, and an error may hide some.
    for outcome in (Outcome.OK, Outcome.LOCAL_ERROR, Outcome.DNS_ERROR, Outcome.DNS_NO_ADDRESS, Outcome.DNS_NXDOMAIN):
        if outcome in outcomes:
            break
    return Resolution(
        outcome=outcome,
        ipv4=ipv4.addresses if ipv4 is not None else None,
        ipv6=ipv6.addresses if ipv6 is not None else None,
        duration=round(duration, MICROSECONDS),
        detail="; ".join(dict.fromkeys(answer.detail for answer in answers.values() if answer.detail)),
        failed=tuple(
            family for family, answer in answers.items() if answer.outcome in (Outcome.DNS_ERROR, Outcome.LOCAL_ERROR)
        ),
    )


def _is_local(error: object) -> bool:
    """Whether this machine, not a name server, stood in the way."""
    return isinstance(error, OSError) and error.errno in LOCAL_ERRORS


def _short(error: Exception) -> str:
    """The first line of a resolver's complaint; dnspython's are one long sentence."""
    return (str(error).splitlines() or [type(error).__name__])[0][:200]
