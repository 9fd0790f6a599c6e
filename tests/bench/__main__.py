"""Run the benchmarks: `make bench`, or `python -m tests.bench [NAME …] [--size SIZE] [--rounds N] [--json FILE]`.

`make bench` runs all of them, for some 45 minutes, and writes build/bench.json besides the tables; arguments go into
BENCH_ARGS, as in `make bench BENCH_ARGS="fleet --rounds 1"`. The Python that measures is the one that made .venv;
another one is measured with `make bench PYTHON=/usr/bin/python3 VENV=build/venv`.

Compared with others, in turns and within one run:

    fleet      CPU time of the whole daemon for a session, by chain and rate; what one core carries
    flight     memory of a probe in flight in the whole daemon
    latency    error of the greeting's latency at a high rate
    scrape     rendering /metrics, and how long it holds up probes
    probe      CPU time of a session in the process that holds it
    memory     memory of a session in the process that holds it
    lookups    questions to name servers

Compared with itself:

    company    CPU time of sessions that begin together, and one by one
    load       what probes tell with 1,000 clients at the HTTP side, and with none
    workers    throughput of two worker processes
    scale      40,000 targets beside 1,333
    extent     samples and bytes of a scrape by the number of hosts

What is measured, and what each contender does and does not do, is written at the head of its module. The first three
are against blackbox_exporter, of Debian's package prometheus-blackbox-exporter; where it is missing they are left out
with a line that says so. Everything else is started here. What is measured has a core of its own; servers and whoever
asks have another one. What is compared is told as ratios, as the median and the range of all rounds; `ratio` says why.
Nothing here passes or fails by a time. A machine that does other work meanwhile widens the ranges.

`--json FILE` writes the same as the tables show:

    {"machine": {NAME: TEXT, …},
     "ratios": [{"benchmark", "case", "quantity", "contender", "against", "median", "lowest", "highest", "rounds"}, …],
     "figures": [{"benchmark", "case", "quantity", "contender", "value", "unit"}, …]}

A ratio below 1 says that the contender takes less than what it is set against. A figure whose unit ends in "on this
machine" has another value on another one.
"""

import argparse
import json
import os
import platform
import ssl
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Final

from OpenSSL import SSL
from rich.console import Console
from rich.table import Table

from tests.bench import (
    company,
    cores,
    exporters,
    extent,
    fleet,
    flight,
    interpreter,
    latency,
    load,
    lookups,
    memory,
    probe,
    process,
    scale,
    scrape,
    workers,
)
from tests.bench.ratio import BenchmarkFailed, Figure, Ratio, Row
from tests.bench.size import LARGE, TINY, USUAL, Size

_SIZES: Final = {"usual": USUAL, "large": LARGE, "tiny": TINY}


def _nothing() -> str | None:
    """What keeps a benchmark that needs nothing from being run."""
    return None


@dataclass(frozen=True, slots=True)
class Benchmark:
    """One of them: how it is run, about how many minutes it takes, and what keeps it from being run here."""

    measure: Callable[[Size], Sequence[Row]]
    minutes: float
    unavailable: Callable[[], str | None] = _nothing


BENCHMARKS: Final[Mapping[str, Benchmark]] = {
    "fleet": Benchmark(fleet.measure, 22, exporters.unavailable),
    "flight": Benchmark(flight.measure, 8, exporters.unavailable),
    "latency": Benchmark(latency.measure, 3, exporters.unavailable),
    "scrape": Benchmark(scrape.measure, 4),
    "probe": Benchmark(probe.measure, 1),
    "memory": Benchmark(memory.measure, 1, process.unavailable),
    "lookups": Benchmark(lookups.measure, 3),
    "company": Benchmark(company.measure, 1, process.unavailable),
    "load": Benchmark(load.measure, 3, process.unavailable),
    "workers": Benchmark(workers.measure, 3, workers.unavailable),
    "scale": Benchmark(scale.measure, 14, process.unavailable),
    "extent": Benchmark(extent.measure, 1),
}

# Of those who make fewer rounds than the others.
_OTHER_ROUNDS = ("memory_rounds", "fleet_rounds", "scale_rounds")


def main(arguments: Sequence[str]) -> None:
    """Measure and report."""
    options = _options(arguments)
    size = _SIZES[options.size]
    if options.rounds:
        fewer = {name: min(options.rounds, getattr(size, name)) for name in _OTHER_ROUNDS}
        size = replace(size, rounds=options.rounds, **fewer)
    # A file or a pipe has no width; the tables' own is about this.
    console = Console(width=None if sys.stdout.isatty() else 170)
    chosen = {name: BENCHMARKS[name] for name in options.names or BENCHMARKS}
    rows, failed = measured(chosen, size, console)
    facts = machine()
    ratios = [row for row in rows if isinstance(row, Ratio)]
    figures = [row for row in rows if isinstance(row, Figure)]
    for drawn in (ratio_table(ratios), figure_table(figures)):
        if drawn.row_count:
            console.print(drawn)
    for name, value in facts.items():
        console.print(f"{name}: {value}", highlight=False)
    if options.json:
        document = {"machine": facts, "ratios": list(map(asdict, ratios)), "figures": list(map(asdict, figures))}
        options.json.write_text(json.dumps(document, indent=2) + "\n")
        console.print(f"written to {options.json}", highlight=False)
    if failed:
        sys.exit(f"failed: {', '.join(failed)}")


def measured(benchmarks: Mapping[str, Benchmark], size: Size, console: Console) -> tuple[list[Row], list[str]]:
    """What these benchmarks say, and which of them failed, with a line that says why.

    One that cannot be run here is skipped, likewise with a line.
    """
    rows: list[Row] = []
    failed: list[str] = []
    for name, benchmark in benchmarks.items():
        missing = benchmark.unavailable()
        if missing is not None:
            console.print(f"{name}: skipped, {missing}", highlight=False)
            continue
        console.print(f"{name}: measuring", highlight=False)
        try:
            rows += benchmark.measure(size)
        except BenchmarkFailed as error:
            # Others have measured for half an hour by then.
            console.print(f"{name}: failed, {error!r}", highlight=False)
            failed.append(name)
    return rows, failed


def ratio_table(ratios: Sequence[Ratio]) -> Table:
    """The ratios for people."""
    drawn = Table("benchmark", "case", "quantity", "contender", "against", "ratio", "range")
    for row in ratios:
        median, spread = f"{row.median:.3g}", f"{row.lowest:.3g} .. {row.highest:.3g}"
        drawn.add_row(row.benchmark, row.case, row.quantity, row.contender, row.against, median, spread)
    return drawn


def figure_table(figures: Sequence[Figure]) -> Table:
    """The figures for people."""
    drawn = Table("benchmark", "case", "quantity", "of", "figure", "unit")
    for row in figures:
        # Counts in full, everything else with three digits.
        value = f"{row.value:,.0f}" if row.value >= 1000 else f"{row.value:.3g}"
        drawn.add_row(row.benchmark, row.case, row.quantity, row.contender, value, row.unit)
    return drawn


def machine() -> dict[str, str]:
    """What the ratios depend on besides the code."""
    return {
        "python": f"{platform.python_version()}, {interpreter.build()}",
        "OpenSSL of asyncio streams": ssl.OPENSSL_VERSION,
        "OpenSSL of mailprobe": SSL.OpenSSL_version(SSL.OPENSSL_VERSION).decode(),
        "prometheus_client": version("prometheus-client"),
        "blackbox_exporter": exporters.blackbox_version() or "not installed",
        "system": f"{platform.system()} {platform.release()} {platform.machine()}, {os.cpu_count()} cores",
        "servers": "on a core of their own" if cores.separate() else "on the contenders' core",
    }


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench",
        description=__doc__,
        epilog="Minutes that each takes in the usual size: "
        + ", ".join(f"{name} {benchmark.minutes:g}" for name, benchmark in BENCHMARKS.items()),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="all unless named")
    parser.add_argument(
        "--size", choices=_SIZES, default="usual", help="how much work it is; tiny shows only that all of it runs"
    )
    parser.add_argument("--rounds", type=_positive, help="rounds in which the contenders take turns, at most")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the results to FILE as well")
    options = parser.parse_args(arguments)
    if unknown := set(options.names) - set(BENCHMARKS):
        parser.error(f"no such benchmark: {', '.join(sorted(unknown))}")
    return options


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a number from 1 on")
    return int(text)


if __name__ == "__main__":
    main(sys.argv[1:])
