"""How often name servers are asked: the questions of thousands of names with five ports each, on their schedule.

    lookups   mailprobe   against asking at every probe, for both families

The resolver of the daemon is asked for each name once for each port in every interval, spread as the schedule spreads
them, by a clock that is moved by hand; nothing is waited for. The name server is a process' own, on loopback, and
counts. Names have an address in IPv4 and none in IPv6, as most mail servers, and that they have none is told with the
same time to live. What counts is the time after the first ten minutes, in which every name is asked for the first time.

A question is one packet to a name server: of A or of AAAA. Longer than an hour no answer is kept, shorter than five
seconds none; that there is no address, never longer than five minutes.
"""

import asyncio
import tempfile
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

from exporter.probe.resolve import SystemResolver
from exporter.targets import IpFamily
from tests.bench.ratio import Row, compared, figure
from tests.bench.scrape import PORTS
from tests.bench.size import Size
from tests.probe.nameserver import Answers, NameServer, records

MAILPROBE = "mailprobe"
NAIVE = "asking at every probe"

# Times to live that are common: of a name that may have to move at once, of most, and of one that stays.
TTLS = (30, 300, 3600)

_INTERVAL = 120.0
_FIRST_ROUNDS = 5
# An hour, in which every name is asked for again that may be kept so long.
_ROUNDS = 30
# A short time to live makes so many questions that fewer names must do; the number for each name is the same.
_SHORT = 60
_FEWER = 10


def measure(size: Size) -> list[Row]:
    """All that this benchmark says."""
    rows: list[Row] = []
    for ttl in TTLS:
        names = size.names if ttl > _SHORT else max(1, size.names // _FEWER)
        rows += _rows(names, ttl, asyncio.run(questions(names, ttl)))
    return rows


async def questions(names: int, ttl: int) -> int:
    """How many there were in the rounds that count."""
    hosts = [f"mail{number}.example.org" for number in range(names)]
    soa = records("example.org", ttl, "SOA", f"ns.example.org. root.example.org. 1 7200 3600 86400 {ttl}")
    answers: Answers = {(host, "A"): [records(host, ttl, "A", "192.0.2.1")] for host in hosts}
    answers |= {(host, "AAAA"): [] for host in hosts}
    with tempfile.TemporaryDirectory() as directory:
        async with NameServer(answers, (soa,)) as server:
            return await _asked(hosts, server, Path(directory))


async def _asked(hosts: Sequence[str], server: NameServer, directory: Path) -> int:
    now = 0.0
    resolver = SystemResolver(
        lambda: now,
        ("127.0.0.1",),
        hosts_file=directory / "hosts",
        resolv_conf=directory / "resolv.conf",
        port=server.port,
    )
    before = 0
    for turn in range(_FIRST_ROUNDS + _ROUNDS):
        if turn == _FIRST_ROUNDS:
            before = len(server.questions)
        for port in range(PORTS):
            now = turn * _INTERVAL + port * _INTERVAL / PORTS
            for host in hosts:
                await resolver.resolve(host, frozenset(IpFamily))
    return len(server.questions) - before


def _rows(names: int, ttl: int, asked: int) -> Iterator[Row]:
    minutes = _ROUNDS * _INTERVAL / 60
    probes = names * PORTS * _ROUNDS
    case = f"{names:,} names with {PORTS} ports, TTL {ttl} s"
    costs = [{MAILPROBE: asked, NAIVE: probes * len(IpFamily)}]
    yield compared(costs, MAILPROBE, NAIVE, benchmark="lookups", case=case, quantity="questions to name servers")
    say = partial(figure, benchmark="lookups", case=case, contender=MAILPROBE)
    yield say([asked / minutes], "a minute", quantity="questions to name servers")
    yield say([probes / minutes], "a minute", quantity="probes")
