"""The demo: its hosts, each on loopback addresses of its own, and the configuration that probes them.

What they are is in `roster`. Their names are in `.example` (RFC 2606 §2), so they exist in nobody's DNS: whoever probes
them resolves them from `Demo.addresses`. Their ports are the well-known ones plus 10000, which needs no privileges; but
for one, which a reference must have (`host.Port.at`). Linux answers on all of 127.0.0.0/8; other systems must be given
the addresses first.
"""

import asyncio
import contextlib
import itertools
import json
import logging
import os
import socket
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from exporter.config.wellknown import WELL_KNOWN
from exporter.demo.ban import Ban
from exporter.demo.host import DOMAIN, OVER, Door, Host, Period, Port, Second
from exporter.demo.listener import Listener, SessionLimit, silence
from exporter.demo.mint import Authority, Credential, KeyKind
from exporter.demo.roster import HOSTS, REFERENCE
from exporter.demo.scripted import Sleep
from exporter.demo.servers import FriendlyServer
from exporter.demo.tls import ServerTls
from exporter.targets import TlsMode

_logger = logging.getLogger(__name__)

NETWORK = "127.0.1"
FIRST_ADDRESS = 11
IPV6_LOOPBACK = "::1"
# For all hosts together. mailprobe's own sessions are one per host; the rest is for people who look around.
SESSIONS = 100


class DemoUnavailable(Exception):
    """The demo cannot run on this machine; the message says which address and port, and why."""


@dataclass(frozen=True, slots=True)
class DemoState:
    """What is to be seen at one host: its name, one sentence, and a PromQL query that has a result because of it."""

    host: str
    fault: str
    query: str


@dataclass(frozen=True, slots=True)
class Demo:
    """The running demo.

    config_text  YAML for mailprobe; it names a file that is gone when the demo ends
    addresses    host name to loopback addresses, the one that its servers are on first
    states       one or more for each host, in the order of the configuration
    """

    config_text: str
    addresses: Mapping[str, tuple[str, ...]]
    states: tuple[DemoState, ...]


@contextlib.asynccontextmanager
async def demo_servers(
    now: datetime, *, network: str = NETWORK, ipv6: str = IPV6_LOOPBACK, sleep: Sleep = asyncio.sleep
) -> AsyncIterator[Demo]:
    """Run all hosts until the end of the block.

    `now` is where the dates of the certificates are counted from, and must be about the real time for clients to see
    what is promised. `network` is the first three numbers of the addresses, for a second demo on one machine. Hosts
    that need the address `ipv6`, or a well-known port, are left out with a warning where those cannot be had. Raises
    DemoUnavailable.
    """
    hosts = tuple(_possible(network, ipv6))
    addresses = _addresses(hosts, network, ipv6)
    root = Authority.create("mailprobe demo: not a real authority", now=now)
    house = _House(root.intermediate("mailprobe demo: issuer"), now, sleep, SessionLimit(SESSIONS))
    async with contextlib.AsyncExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="mailprobe-demo-")))
        for host in hosts:
            await house.open(host, addresses[host.name][0], stack)
        states = tuple(
            DemoState(host.name, sight.fault, sight.query.format(host=host.name))
            for host in hosts
            for sight in host.sights
        )
        yield Demo(_config_text(hosts, root.write(directory)), addresses, states)


def _possible(network: str, ipv6: str) -> Iterator[Host]:
    """The hosts, and the reference, for which this machine has everything."""
    for host in (*HOSTS, REFERENCE):
        lacking = _lacking(host, network, ipv6)
        if lacking:
            _logger.warning("the demo leaves out %s: %s", host.name, lacking)
        else:
            yield host


def _lacking(host: Host, network: str, ipv6: str) -> str:
    """What cannot be had of that which other hosts do without; empty: nothing."""
    if host.has_ipv6 and not _is_free(ipv6, 0):
        return f"this machine does not have the address {ipv6}"
    # A well-known port, on which a real server may listen at all addresses.
    for port in host.ports:
        if port.door is Door.SILENT and not _is_free(f"{network}.{FIRST_ADDRESS}", port.at):
            return f"port {port.at} is in use"
    return ""


def _is_free(address: str, port: int) -> bool:
    try:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        socket.create_server((address, port), family=family).close()
    except OSError:
        return False
    return True


def _addresses(hosts: Sequence[Host], network: str, ipv6: str) -> dict[str, tuple[str, ...]]:
    numbers = itertools.count(FIRST_ADDRESS)
    return {
        host.name: (
            *(f"{network}.{number}" for number in itertools.islice(numbers, host.addresses)),
            *([ipv6] if host.has_ipv6 else []),
        )
        for host in hosts
    }


class _House:
    """Where the hosts are opened, and what their servers have in common."""

    def __init__(self, issuer: Authority, now: datetime, sleep: Sleep, limit: SessionLimit) -> None:
        self._issuer = issuer
        self._now = now
        self._sleep = sleep
        self._limit = limit

    async def open(self, host: Host, address: str, stack: contextlib.AsyncExitStack) -> None:
        """Open the ports of a host until `stack` is unwound. Raises DemoUnavailable."""
        # One for each kind: ports that are to show the same certificate do show the same one.
        shown: dict[tuple[Period, Second], ServerTls] = {}
        ban = Ban(len(host.ports))
        for port in host.ports:
            if port.door is Door.SILENT:
                with _taken(address, port.at):
                    stack.enter_context(silence(address, port.at))
            elif port.door is Door.OPEN:
                kind = (port.certificate, port.second)
                if kind not in shown:
                    shown[kind] = self._tls(host.name, *kind)
                serve = self._server(host, port, shown[kind]).serve
                with _taken(address, port.at):
                    await stack.enter_async_context(
                        ban.listener(serve, address, port.at, self._limit)
                        if host.bans
                        else Listener(serve, address, port.at, limit=self._limit)
                    )

    def _server(self, host: Host, port: Port, tls: ServerTls) -> FriendlyServer:
        service = WELL_KNOWN[port.number].service
        return FriendlyServer(
            host.name, service, tls, offers_starttls=port.offers_starttls, manner=port.manner, sleep=self._sleep
        )

    def _tls(self, name: str, period: Period, second: Second) -> ServerTls:
        own = self._issue(name, period)
        match second:
            case Second.NONE:
                return ServerTls(own)
            case Second.EXPIRED_RSA:
                return ServerTls(own, self._issue(name, OVER, "rsa-2048"))
            case Second.UNNAMED:
                return ServerTls(self._issue(f"unnamed.{DOMAIN}", period), by_name={name: own})

    def _issue(self, name: str, period: Period, key: KeyKind = "ecdsa-p256") -> Credential:
        begins, ends = self._now + timedelta(days=period.begins), self._now + timedelta(days=period.ends)
        return self._issuer.issue([name], not_before=begins, not_after=ends, key=key)


@contextlib.contextmanager
def _taken(address: str, port: int) -> Iterator[None]:
    """Says what cannot be had where listening fails."""
    try:
        yield
    except OSError as error:
        # Not the exception's own text, in which Python repeats the address as a tuple.
        reason = os.strerror(error.errno or 0)
        raise DemoUnavailable(f"the demo cannot listen on {address} port {port}: {reason}") from error


def _config_text(hosts: Sequence[Host], ca_file: Path) -> str:
    """What `mailprobe run` reads. Everything is said again for each port: these ports are not well known."""
    known_to_answer = [f"{port.at}: [{host.name}]" for host in hosts if host is REFERENCE for port in host.ports]
    lines = [
        "# The demo's own hosts, probed far more often than anybody else's should be.",
        "min_gap: 0s",
        "first_round: 3s",
        "reference_interval: 10s",
        "variant_interval: 10s",
        # When the ordinary probes have had their first round.
        "variant_gap: 3s",
        f"references: {{{', '.join(known_to_answer)}}}",
        "defaults:",
        "  interval: 10s",
        "  ehlo_name: monitor.example",
        "  ip_families: [ipv4]",
        "  variants: []",
        # JSON's strings are YAML's as well, whatever is in the path.
        f"  ca_file: {json.dumps(str(ca_file))}",
        "  timeouts: {connect: 2s, greeting: 10s, reply: 5s, handshake: 5s, total: 20s}",
        "hosts:",
    ]
    for host in hosts:
        if host is REFERENCE:
            continue
        lines.append(f"  - host: {host.name}")
        if host.addresses > 1:
            lines.append("    addresses: all")
        if host.has_ipv6:
            lines.append("    ip_families: [ipv4, ipv6]")
        lines += ["    ports:", *(f"      - {{{_entry(port)}}}" for port in host.ports)]
    return "\n".join(lines) + "\n"


def _entry(port: Port) -> str:
    row = WELL_KNOWN[port.number]
    settings = [f"port: {port.at}", f"protocol: {row.service.protocol}", f"tls: {row.service.tls}"]
    settings.append(f"expect: {port.expect}")
    if row.service.tls is TlsMode.STARTTLS:
        settings.append(f"starttls: {row.expectation.starttls}")
    settings.append(f"valid_certificate: {str(row.expectation.valid_certificate).lower()}")
    settings.append(f"auth_before_tls: {row.expectation.auth_before_tls}")
    return ", ".join([*settings, *([port.settings] if port.settings else [])])
