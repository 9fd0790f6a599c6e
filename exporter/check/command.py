"""`mailprobe check`: one round of probes now, with or without a configuration."""

import argparse
import asyncio
import json
import logging
import sys
import time
from collections.abc import Callable, Sequence

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from exporter.check.report import as_json, print_report
from exporter.check.verdict import Checked, Status, overall
from exporter.config.fault import ConfigError
from exporter.config.load import load, targets_for_hosts
from exporter.config.model import Config
from exporter.judgement.expectation import judge
from exporter.probe.certificate.judge import CertificateJudge
from exporter.probe.certificate.trust import TrustStoreError, TrustStores
from exporter.probe.kernel import stamping
from exporter.probe.names import machine_name
from exporter.probe.prober import Prober
from exporter.probe.resolve import SystemResolver
from exporter.probe.session import Means
from exporter.probe.tls import TlsClient
from exporter.results import Outcome
from exporter.schedule.limits import Limits
from exporter.schedule.pacing import Pacing
from exporter.targets import Target

# Somebody waits for the answer, so no pause between sessions; two at a time so that filtered ports do not add up,
# and no more, because some servers allow a client only a few.
_LIMITS = Limits(max_sessions=50, sessions_per_address=2, min_gap=0.0)


class UsageError(Exception):
    """The command line makes no sense as a whole."""


def add_check(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of the command."""
    parser.add_argument(
        "words", nargs="*", metavar="HOST [PORT]", help="hosts and, behind them, the ports to probe on each of them"
    )
    parser.add_argument(
        "--config.file", dest="config_file", metavar="FILE", help="take hosts and settings from a configuration"
    )
    parser.add_argument("-v", "--verbose", action="store_true", help="print the dialog with each server")
    parser.add_argument("--json", dest="as_json", action="store_true", help="print JSON instead")
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    # What goes wrong is in the report; a log line in the middle of it would only be in the way.
    logging.basicConfig(level=logging.CRITICAL)
    try:
        config = configuration(options.words, options.config_file)
        stores = TrustStores({target.ca_file: None for target in config.targets})
    except (ConfigError, TrustStoreError, UsageError) as error:
        print(error, file=sys.stderr)
        return Status.UNKNOWN
    found = asyncio.run(_check(config, stores))
    now = time.time()
    if options.as_json:
        print(json.dumps(as_json(found, now), indent=2))
    else:
        print_report(Console(highlight=False), found, now, verbose=options.verbose)
    return overall(found, now)


def configuration(words: Sequence[str], config_file: str | None) -> Config:
    """A configuration, a selection of it, or plain hosts and ports. Raises ConfigError and UsageError."""
    hosts = [word for word in words if not word.isdecimal()]
    ports = [int(word) for word in words if word.isdecimal()]
    if config_file is None:
        if not hosts:
            raise UsageError("name a host to check, or a configuration with --config.file")
        return targets_for_hosts(hosts, ports or None)
    config = load(config_file)
    unknown = [host for host in hosts if host not in {target.host for target in config.targets}]
    if unknown:
        raise UsageError(f"{config_file} has no host {', '.join(unknown)}")
    chosen = tuple(
        target
        for target in config.targets
        if (not hosts or target.host in hosts) and (not ports or target.service.port in ports)
    )
    if not chosen:
        raise UsageError(f"{config_file} has no port {', '.join(map(str, ports))} at these hosts")
    return Config(chosen, nameservers=config.nameservers)


async def _check(config: Config, stores: TrustStores) -> list[Checked]:
    resolver = SystemResolver(time.monotonic, config.nameservers)
    prober = Prober(resolver, Means(TlsClient(), CertificateJudge(stores), machine_name()))
    columns = (TextColumn("probing"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}"))
    errors = Console(stderr=True)
    with stamping(), Progress(*columns, console=errors, transient=True, disable=not errors.is_terminal) as progress:
        bar = progress.add_task("", total=len(config.targets))

        def done(target: Target) -> None:
            progress.update(bar, advance=1, description=f"{target.host} {target.service.port}")

        return await probe_all(prober, config.targets, done)


async def probe_all(prober: Prober, targets: Sequence[Target], done: Callable[[Target], None]) -> list[Checked]:
    """Probe every target once, in the order given where results are concerned; those that do not exist are left out."""
    pacing = Pacing(_LIMITS)

    async def one(target: Target) -> Checked:
        result = await prober(target, pacing.hold)
        host_known = result.resolution is not None and result.resolution.outcome is Outcome.OK
        done(target)
        return Checked(result, judge(result, known_before=False, host_known=host_known))

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one(target)) for target in targets]
    return [checked for task in tasks if (checked := task.result()).judgement.exists]
