"""Run the benchmarks: `python -m tests.bench [NAME …] [--large] [--rounds N] [--json FILE]`.

    scrape     rendering /metrics                      against prometheus_client
    probe      CPU time of a whole session             against asyncio's streams
    memory     memory of a session in flight           against asyncio's streams
    blackbox   CPU time from session to metrics        against blackbox_exporter, where it is installed
    fleet      CPU time of the whole daemon            against blackbox_exporter; takes ten minutes
    latency    error of the greeting's latency         against blackbox_exporter; takes four minutes
    load       what probes tell with 1,000 clients     against the same without any; takes three minutes

What is measured, and what each contender does and does not do, is written at the head of its module. The result is
ratios, never milliseconds: of one run, taken in turns, as the median and the range of all rounds. Nothing here passes
or fails by a time. A machine that does other work meanwhile widens the ranges.

`python -m tests.bench.scale` and `python -m tests.bench.extent` say what one process carries and how much there is of
it; they compare with nobody.
"""

import argparse
import json
import platform
import ssl
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from importlib.metadata import version
from pathlib import Path

from OpenSSL import SSL
from rich.console import Console
from rich.table import Table

from tests.bench import blackbox, cores, fleet, latency, load, memory, probe, scrape
from tests.bench.mailserver import mail_server
from tests.bench.ratio import Ratio, Size

NAMES = ("scrape", "probe", "memory", "blackbox", "fleet", "latency", "load")

_UNAVAILABLE: Mapping[str, Callable[[], str | None]] = {
    "memory": memory.unavailable,
    "blackbox": blackbox.unavailable,
    "fleet": fleet.unavailable,
    "latency": latency.unavailable,
    "load": load.unavailable,
}

DEFAULT = Size(rounds=7, targets=(1_000,), probes=300, held=200, memory_rounds=3)
LARGE = Size(rounds=7, targets=(1_000, 10_000), probes=1_000, held=500, memory_rounds=5)


def main(arguments: Sequence[str]) -> None:
    """Measure and report."""
    options = _options(arguments)
    size = LARGE if options.large else DEFAULT
    if options.rounds:
        size = replace(size, rounds=options.rounds, memory_rounds=min(options.rounds, size.memory_rounds))
    # A file or a pipe has no width; the table's own is about this.
    console = Console(width=None if sys.stdout.isatty() else 150)
    ratios = measured(options.names or NAMES, size, console)
    console.print(table(ratios))
    facts = machine()
    for name, value in facts.items():
        console.print(f"{name}: {value}", highlight=False)
    if options.json:
        options.json.write_text(
            json.dumps({"machine": facts, "ratios": [asdict(row) for row in ratios]}, indent=2) + "\n"
        )


def measured(names: Sequence[str], size: Size, console: Console) -> list[Ratio]:
    """The ratios of these benchmarks; one that cannot be taken here is skipped with a line that says why."""
    ratios: list[Ratio] = []
    with mail_server() as site:
        for name in names:
            missing = _UNAVAILABLE.get(name, lambda: None)()
            if missing is not None:
                console.print(f"{name}: skipped, {missing}", highlight=False)
                continue
            console.print(f"{name}: measuring", highlight=False)
            match name:
                case "scrape":
                    ratios += scrape.measure(size)
                case "probe":
                    ratios += probe.measure(size, site)
                case "memory":
                    ratios += memory.measure(size, site)
                case "blackbox":
                    ratios += blackbox.measure(size, site)
                case "fleet":
                    ratios += fleet.measure(size)
                case "latency":
                    ratios += latency.measure(size)
                case "load":
                    ratios += load.measure(min(size.rounds, load.ROUNDS))
    return ratios


def table(ratios: Sequence[Ratio]) -> Table:
    """The ratios for people."""
    drawn = Table("benchmark", "case", "quantity", "contender", "against", "ratio", "range")
    for row in ratios:
        median, spread = f"{row.median:.3g}", f"{row.lowest:.3g} .. {row.highest:.3g}"
        drawn.add_row(row.benchmark, row.case, row.quantity, row.contender, row.against, median, spread)
    return drawn


def machine() -> dict[str, str]:
    """What the ratios depend on besides the code."""
    return {
        "python": platform.python_version(),
        "OpenSSL of asyncio streams": ssl.OPENSSL_VERSION,
        "OpenSSL of mailprobe": SSL.OpenSSL_version(SSL.OPENSSL_VERSION).decode(),
        "prometheus_client": version("prometheus-client"),
        "blackbox_exporter": blackbox.installed_version() or "not installed",
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "mail server": "on a core of its own" if cores.separate() else "on the contenders' core",
    }


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description="Ratios against others, from one run.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"any of {', '.join(NAMES)}; all unless named")
    parser.add_argument("--large", action="store_true", help="more work, and 10,000 targets: some minutes")
    parser.add_argument("--rounds", type=_positive, help="rounds in which the contenders take turns")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the ratios to FILE as well")
    options = parser.parse_args(arguments)
    if unknown := set(options.names) - set(NAMES):
        parser.error(f"no such benchmark: {', '.join(sorted(unknown))}")
    return options


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a number from 1 on")
    return int(text)


if __name__ == "__main__":
    main(sys.argv[1:])
