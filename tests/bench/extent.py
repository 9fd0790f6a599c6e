"""How much there is of it: series and bytes of a scrape by the number of hosts, and lookups a minute by that of ports.

No contender and no time: these are counts, which come out the same everywhere. Five ports to a host, all of them well.
Lookups are those that a name server on loopback received while every port of every host was probed on its schedule for
an hour of a clock that is moved by hand, with answers that hold for five minutes and no address in IPv6.
"""

import asyncio
import tempfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from exporter.probe.resolve import SystemResolver
from exporter.targets import IpFamily
from tests.bench.scrape import ByMailprobe
from tests.probe.nameserver import Answers, NameServer, records

PORTS = 5
_HOURS_SECONDS = 3600.0
_INTERVAL = 120.0
_TTL = 300
_GZIP_LEVEL = 1


@dataclass(frozen=True, slots=True)
class Extent:
    """Of one scrape, uncompressed and compressed as it is sent."""

    hosts: int
    targets: int
    samples_per_target: float
    plain_bytes: int
    gzip_bytes: int


@dataclass(frozen=True, slots=True)
class Lookups:
    """Questions to the name server, A and AAAA each one, in a minute of the schedule."""

    hosts: int
    probes_per_minute: float
    questions_per_minute: float


def extent(hosts: int) -> Extent:
    """The scrape of so many hosts."""
    document = ByMailprobe(hosts * PORTS).render()
    samples = sum(not line.startswith(b"#") for line in document.splitlines())
    small = zlib.compress(document, _GZIP_LEVEL, wbits=31)
    return Extent(hosts, hosts * PORTS, samples / (hosts * PORTS), len(document), len(small))


async def lookups(hosts: int) -> Lookups:
    """The questions of so many hosts."""
    names = [f"mail{number}.example.org" for number in range(hosts)]
    soa = records("example.org", _TTL, "SOA", f"ns.example.org. root.example.org. 1 7200 3600 86400 {_TTL}")
    answers: Answers = {(name, "A"): [records(name, _TTL, "A", "192.0.2.1")] for name in names}
    answers |= {(name, "AAAA"): [] for name in names}
    with tempfile.TemporaryDirectory() as directory:
        async with NameServer(answers, (soa,)) as server:
            return await _asked(names, server, Path(directory))


async def _asked(names: Sequence[str], server: NameServer, directory: Path) -> Lookups:
    now = 0.0
    resolver = SystemResolver(
        lambda: now,
        ("127.0.0.1",),
        hosts_file=directory / "hosts",
        resolv_conf=directory / "resolv.conf",
        port=server.port,
    )
    rounds = int(_HOURS_SECONDS / _INTERVAL)
    for turn in range(rounds):
        for port in range(PORTS):
            now = turn * _INTERVAL + port * _INTERVAL / PORTS
            for name in names:
                await resolver.resolve(name, frozenset(IpFamily))
    minutes = _HOURS_SECONDS / 60
    return Lookups(len(names), len(names) * PORTS * rounds / minutes, len(server.questions) / minutes)


if __name__ == "__main__":
    for count in (100, 1_000, 10_000):
        print(extent(count))  # noqa: T201 (the table)
    print(asyncio.run(lookups(100)))  # noqa: T201 (the table)
