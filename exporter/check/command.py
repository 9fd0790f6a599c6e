"""`mailprobe check`: one round of probes now, with or without a configuration."""

import argparse
import asyncio
import json
import logging
import sys
import time
from collections.abc import Sequence
from dataclasses import replace

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from exporter.check.document import as_json
from exporter.check.errand import Errand, with_addresses
from exporter.check.report import print_report
from exporter.check.together import Round, conclude
from exporter.check.verdict import Status, overall
from exporter.config.fault import ConfigError
from exporter.config.load import load, targets_for_hosts
from exporter.config.model import Config
from exporter.probe.certificate.judge import CertificateJudge
from exporter.probe.certificate.trust import TrustStoreError, TrustStores
from exporter.probe.kernel import stamping
from exporter.probe.names import machine_name
from exporter.probe.prober import Prober
from exporter.probe.resolve import SystemResolver
from exporter.probe.session import Means
from exporter.probe.tls import TlsClient
from exporter.targets import Target


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
    parser.add_argument(
        "--variants",
        action="store_true",
        help="make the handshakes of other clients as well (without SNI, RSA only, ECDSA only): up to three more "
        "sessions with each port, and a server that has no such certificate logs a handshake that failed",
    )
    parser.add_argument("--json", dest="as_json", action="store_true", help="print JSON instead")
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    # What goes wrong is in the report; a log line in the middle of it would only be in the way.
    logging.basicConfig(level=logging.CRITICAL)
    try:
        config = configuration(options.words, options.config_file)
        stores = TrustStores({target.ca_file: None for target in (*config.targets, *config.references)})
    except (ConfigError, TrustStoreError, UsageError) as error:
        print(error, file=sys.stderr)
        return Status.UNKNOWN
    found = asyncio.run(_check(config, stores, variants=options.variants))
    now = time.time()
    if options.as_json:
        print(json.dumps(as_json(found, now), indent=2))
    else:
        print_report(Console(highlight=False), found, now, verbose=options.verbose)
    return overall(found.checked, now)


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
    probed = {(target.service.port, target.ip_family) for target in chosen}
    witnesses = (one for one in config.references if (one.service.port, one.ip_family) in probed)
    return replace(config, targets=chosen, references=tuple(witnesses))


async def _check(config: Config, stores: TrustStores, *, variants: bool) -> Round:
    resolver = SystemResolver(time.monotonic, config.nameservers)
    prober = Prober(resolver, Means(TlsClient(), CertificateJudge(stores), machine_name()))
    columns = (TextColumn("probing"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}"))
    errors = Console(stderr=True)
    with stamping(), Progress(*columns, console=errors, transient=True, disable=not errors.is_terminal) as progress:
        config = await with_addresses(config, resolver, time.monotonic())
        bar = progress.add_task("", total=len(config.targets) + len(config.references))

        def done(target: Target) -> None:
            progress.update(bar, advance=1, description=f"{target.host} {target.service.port}")

        errand = Errand(prober, done, variants=variants)
        async with asyncio.TaskGroup() as group:
            witnesses = group.create_task(errand.ask(config.references))
            checked = await errand.check(config.targets)
    return conclude(checked, witnesses.result(), config.watch, time.time())
