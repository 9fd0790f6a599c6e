"""How much there is of it: samples and bytes of a scrape by the number of hosts.

No contender and no time: these are counts, which come out the same everywhere. Five ports to a host, all of them well;
the document is compressed as the daemon sends it.
"""

from collections.abc import Iterator
from functools import partial

from tests.bench.ratio import Figure, figure
from tests.bench.scrape import PORTS, ByMailprobe, samples
from tests.bench.size import Size


def measure(size: Size) -> list[Figure]:
    """All figures of this benchmark."""
    return [row for hosts in size.hosts for row in _rows(hosts)]


def _rows(hosts: int) -> Iterator[Figure]:
    """The scrape of so many hosts."""
    rendered = ByMailprobe(hosts * PORTS).render("")
    found = samples(rendered.body)
    plain, small = len(rendered.body), len(rendered.compressed().body)
    say = partial(figure, benchmark="extent", case=f"{hosts:,} hosts with {PORTS} ports", contender="mailprobe")
    yield say([found], "", quantity="samples of a scrape")
    yield say([found / (hosts * PORTS)], "", quantity="samples of a target")
    yield say([plain], "bytes", quantity="a scrape")
    yield say([small], "bytes", quantity="a scrape in gzip")
    yield say([plain / small], "", quantity="bytes that one byte of gzip stands for")
