"""The command `mailprobe`: what is written on the command line becomes a call, and what comes back an exit code.

The only place where a process begins. Exit codes: 0 done; 1 the daemon could not go on; 2 a fault in the
configuration or the command line; `check` has those of monitoring plugins instead (0 OK, 1 WARNING, 2 CRITICAL, 3
UNKNOWN, which a faulty command line is as well).
"""

import argparse
import asyncio
import json
import os
import signal
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from exporter import cycles, log
from exporter.check.command import add_check
from exporter.check.verdict import Status
from exporter.config.fault import ConfigError
from exporter.config.load import load, parse
from exporter.config.model import Config
from exporter.config.schema import json_schema
from exporter.config.shard import INDEX_FLAG, INDEX_VARIABLE, TOTAL_FLAG, TOTAL_VARIABLE, Shard, chosen_shard, part
from exporter.config.show import show
from exporter.daemon import Daemon, prepare
from exporter.demo.hosts import Demo, DemoUnavailable, demo_servers
from exporter.demo.resolver import DemoResolver
from exporter.probe.certificate.trust import TrustStoreError
from exporter.schedule.pool import MOST_WORKERS
from exporter.web.access import Access
from exporter.web.address import ListenError, parse_address
from exporter.web.prefix import PrefixError, parse_external_url, parse_prefix
from exporter.web.server import Service

VERSION = version("mailprobe-exporter")
DEFAULT_CONFIG = "/etc/mailprobe/config.yml"
DEFAULT_ADDRESS = ":10125"

EXIT_OK, EXIT_FAILED, EXIT_FAULT = 0, 1, 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; `arguments` without the program's name, or else the process' own."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    # Of a plugin, 1 and 2 are findings: what kept it from finding anything is UNKNOWN.
    plugin = words[:1] == ["check"]
    failed, fault, unread = (Status.UNKNOWN,) * 3 if plugin else (EXIT_FAILED, EXIT_FAULT, EXIT_OK)
    try:
        code = _carry_out(words, fault)
        # Written out here: at its own end the interpreter would complain about a reader that has gone.
        print(end="", flush=True)
        return code
    except (ConfigError, TrustStoreError) as error:
        print(error, file=sys.stderr)
        return fault
    except (ListenError, DemoUnavailable) as error:
        print(error, file=sys.stderr)
        return failed
    except KeyboardInterrupt:
        return failed
    except BrokenPipeError:
        # Whoever read our output has seen enough: `mailprobe config show | head`. The rest goes nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return unread


def _carry_out(words: Sequence[str], fault: int) -> int:
    try:
        options = command_line().parse_args(words)
    except SystemExit as end:
        # Help was asked for, or argparse has said what is wrong.
        return fault if end.code else EXIT_OK
    run: Callable[[argparse.Namespace], int] = options.run
    return run(options)


def command_line() -> argparse.ArgumentParser:
    """Every command with its flags; `run` of what it parses is the function to call."""
    parser = argparse.ArgumentParser(
        prog="mailprobe", description="Probes mail servers and exposes what it finds to Prometheus."
    )
    parser.add_argument("--version", action="version", version=f"mailprobe {VERSION}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_run(commands.add_parser("run", help="probe the configured hosts until stopped"))
    add_check(commands.add_parser("check", help="probe once and print what was found"))
    _add_config(commands.add_parser("config", help="check, describe or show the configuration"))
    _add_demo(commands.add_parser("demo", help="run the exporter on embedded mail servers in good and bad states"))
    return parser


def _add_run(parser: argparse.ArgumentParser) -> None:
    _add_config_file(parser)
    _add_daemon_flags(parser, DEFAULT_ADDRESS)
    _add_shard_flags(parser)
    parser.add_argument(
        "--probe.workers",
        dest="workers",
        type=_workers,
        default=0,
        metavar="N",
        help="probe in so many processes beside the one that schedules and serves (default: %(default)s, all in one)",
    )
    parser.set_defaults(run=_run)


def _add_shard_flags(parser: argparse.ArgumentParser) -> None:
    # As text: what is wrong with them is told in the same words as of the variables.
    parser.add_argument(
        INDEX_FLAG,
        dest="shard_index",
        metavar="N",
        help=f"which part of the hosts to watch, counted from 0 (default: ${INDEX_VARIABLE}, else all hosts)",
    )
    parser.add_argument(
        TOTAL_FLAG, dest="shard_total", metavar="N", help=f"into how many parts (default: ${TOTAL_VARIABLE})"
    )


def _workers(text: str) -> int:
    if not text.isascii() or not text.isdecimal() or int(text) > MOST_WORKERS:
        raise argparse.ArgumentTypeError(f"must be a whole number from 0 to {MOST_WORKERS}, not {text!r}")
    return int(text)


def _shard(options: argparse.Namespace) -> Shard:
    return chosen_shard(options.shard_index, options.shard_total, os.environ)


def _add_config_file(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--config.file", dest="config_file", default=DEFAULT_CONFIG, metavar="FILE", help="default: %(default)s"
    )


def _add_daemon_flags(parser: argparse.ArgumentParser, address: str) -> None:
    listening = parser.add_mutually_exclusive_group()
    listening.add_argument(
        "--web.listen-address",
        dest="listen_addresses",
        action="append",
        type=_listen_address,
        metavar="ADDRESS",
        help=f"where to serve HTTP, as host:port or :port; may be given more than once (default: {address})",
    )
    listening.add_argument(
        "--web.systemd-socket", dest="systemd_socket", action="store_true", help="serve the sockets that systemd opened"
    )
    parser.add_argument(
        "--web.config.file",
        dest="web_config_file",
        metavar="FILE",
        help="TLS, users and headers, in the format of Prometheus' exporter-toolkit",
    )
    parser.add_argument(
        "--web.auth-exempt-health",
        dest="open_health",
        action="store_true",
        help="ask for no password at /-/healthy and /-/ready",
    )
    parser.add_argument(
        "--web.external-url",
        dest="external_prefix",
        type=_external_url,
        metavar="URL",
        help="how people reach the pages behind a reverse proxy; its path is the route prefix",
    )
    parser.add_argument(
        "--web.route-prefix",
        dest="route_prefix",
        type=_route_prefix,
        metavar="PATH",
        help="the path under which everything is served (default: that of the external URL)",
    )
    parser.add_argument(
        "--log.level", dest="log_level", choices=log.LEVELS, default="info", help="default: %(default)s"
    )
    parser.add_argument(
        "--log.format", dest="log_format", choices=log.FORMATS, default="logfmt", help="default: %(default)s"
    )
    parser.set_defaults(default_address=address)


def _listen_address(text: str) -> str:
    """`text` itself, if it can be listened at: what is wrong with it is a fault of the command line."""
    try:
        parse_address(text)
    except ListenError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    return text


def _external_url(text: str) -> str:
    try:
        return parse_external_url(text)
    except PrefixError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _route_prefix(text: str) -> str:
    try:
        return parse_prefix(text)
    except PrefixError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _service(options: argparse.Namespace) -> Service:
    """How the pages are served. Raises ConfigError for a web file that cannot be used."""
    return Service(
        options.listen_addresses or [options.default_address],
        systemd=options.systemd_socket,
        access=Access(Path(options.web_config_file)) if options.web_config_file else None,
        open_health=options.open_health,
        prefix=(options.external_prefix or "") if options.route_prefix is None else options.route_prefix,
    )


def _run(options: argparse.Namespace) -> int:
    shard = _shard(options)

    def read() -> Config:
        return part(load(Path(options.config_file)), shard)

    # A reload that is asked for while the daemon starts must not end it; the daemon's own handler follows.
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    with cycles.seldom():
        ready = prepare(read)
        log.configure(options.log_level, options.log_format)
        daemon = Daemon(read, ready, version=VERSION, shard=shard, workers=options.workers)
        asyncio.run(daemon.run(_service(options), lambda urls: None))
    return EXIT_OK


def _add_config(parser: argparse.ArgumentParser) -> None:
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    check = commands.add_parser("check", help="read the configuration and print every fault")
    _add_config_file(check)
    check.set_defaults(run=_config_check)
    schema = commands.add_parser("schema", help="print a JSON schema that editors understand")
    schema.set_defaults(run=_config_schema)
    shown = commands.add_parser("show", help="print the setting of every port and where it comes from")
    _add_config_file(shown)
    shown.set_defaults(run=_config_show)


def _config_check(options: argparse.Namespace) -> int:
    config = prepare(lambda: load(Path(options.config_file))).config
    hosts = len({target.host for target in config.targets})
    print(f"{options.config_file}: {hosts} hosts, {len(config.targets)} targets, no faults")
    return EXIT_OK


def _config_schema(options: argparse.Namespace) -> int:
    print(json.dumps(json_schema(), indent=2))
    return EXIT_OK


def _config_show(options: argparse.Namespace) -> int:
    print(show(load(Path(options.config_file))), end="")
    return EXIT_OK


def _add_demo(parser: argparse.ArgumentParser) -> None:
    _add_daemon_flags(parser, "127.0.0.1:10125")
    parser.set_defaults(run=_demo)


def _demo(options: argparse.Namespace) -> int:
    log.configure(options.log_level, options.log_format)
    asyncio.run(_demonstrate(options))
    return EXIT_OK


async def _demonstrate(options: argparse.Namespace) -> None:
    async with demo_servers(datetime.now(UTC)) as demo:

        def read() -> Config:
            return parse(demo.config_text, "the demo's configuration")

        daemon = Daemon(read, prepare(read), version=VERSION, resolver=DemoResolver(demo.addresses))
        await daemon.run(_service(options), lambda urls: _introduce(demo, urls), in_terminal=True)


def _introduce(demo: Demo, urls: Sequence[str]) -> None:
    """What a newcomer reads first: where to look, and what there is to see."""
    width = max(len(state.host) for state in demo.states)
    print("Mail servers in good and bad states are running on this machine, and mailprobe watches them.\n")
    for state in demo.states:
        print(f"  {state.host:<{width}}  {state.fault}")
        print(f"  {'':<{width}}  {state.query}")
    print(f"\nLook at     {urls[0]}/  or  {urls[0]}/metrics")
    print(f"For example curl -s {urls[0]}/metrics | grep mailprobe_success")
    print("Stop it with Ctrl-C.\n", flush=True)
