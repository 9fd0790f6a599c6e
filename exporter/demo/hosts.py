"""Mail hosts in good and in bad states, each on a loopback address of its own, and the configuration that probes them.

Every host is one thing that goes wrong with mail servers. Their names are in `.example` (RFC 2606 §2), so they exist in
nobody's DNS: whoever probes them resolves them from `Demo.addresses`. Their ports are the well-known ones plus 10000,
which needs no privileges. Linux answers on all of 127.0.0.0/8; other systems must be given the addresses first.
"""

import asyncio
import contextlib
import json
import os
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from exporter.config.wellknown import WELL_KNOWN
from exporter.demo.listener import Listener, SessionLimit
from exporter.demo.mint import Authority
from exporter.demo.scripted import Sleep
from exporter.demo.servers import FriendlyServer, Manner
from exporter.demo.tls import ServerTls
from exporter.targets import TlsMode

DOMAIN = "mail.example"
NETWORK = "127.0.1"
FIRST_ADDRESS = 11
PORT_OFFSET = 10_000
# For all hosts together. mailprobe's own sessions are one per host; the rest is for people who look around.
SESSIONS = 100

YEAR = timedelta(days=365)


class DemoUnavailable(Exception):
    """The demo cannot run on this machine; the message says which address and port, and why."""


@dataclass(frozen=True, slots=True)
class Period:
    """When a certificate begins and ends, in days from now."""

    begins: float
    ends: float


FRESH = Period(begins=-1, ends=89)
NEARLY_OVER = Period(begins=-85, ends=5)
OVER = Period(begins=-93, ends=-3)
LAST_YEARS = Period(begins=20 - YEAR.days, ends=20)


@dataclass(frozen=True, slots=True)
class Port:
    """One port of a demo's host, by its well-known number; `listens` False leaves it closed."""

    number: int
    certificate: Period = FRESH
    offers_starttls: bool = True
    manner: Manner = Manner.PROMPT
    listens: bool = True


@dataclass(frozen=True, slots=True)
class Host:
    """A host of the demo: what it is called, what is wrong with it, and the query that shows it.

    In the query `{host}` stands for its name.
    """

    label: str
    fault: str
    query: str
    ports: tuple[Port, ...]

    @property
    def name(self) -> str:
        """The host name."""
        return f"{self.label}.{DOMAIN}"


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
    addresses    host name to loopback address
    states       one for each host, in the order of the configuration
    """

    config_text: str
    addresses: Mapping[str, str]
    states: tuple[DemoState, ...]


def _same(numbers: Sequence[int], certificate: Period = FRESH) -> tuple[Port, ...]:
    return tuple(Port(number, certificate) for number in numbers)


HOSTS = (
    Host(
        "healthy",
        "Nothing is wrong: all nine ports are open, encrypt, and show a certificate that is valid for months.",
        'mailprobe_success{{host="{host}"}} == 1',
        _same((25, 465, 587, 2525, 110, 995, 143, 993, 4190)),
    ),
    Host(
        "expiring",
        "The certificate ends within five days, and nobody has renewed it.",
        'mailprobe_certificate_not_after_timestamp_seconds{{host="{host}"}} - time() < 7 * 86400',
        _same((25, 465, 587, 993), NEARLY_OVER),
    ),
    Host(
        "expired",
        "The certificate ended three days ago; its users see warnings, other servers still bring mail.",
        'mailprobe_certificate_valid{{host="{host}", check="dates"}} == 0',
        _same((25, 465, 587, 993), OVER),
    ),
    Host(
        "closed",
        "Nothing listens on the submission port 587: connections are refused.",
        'mailprobe_port_open{{host="{host}", port="10587"}} == 0',
        (Port(25), Port(465), Port(587, listens=False), Port(993)),
    ),
    Host(
        "stripped",
        "Ports 25 and 587 no longer offer STARTTLS, so mail goes over them in plain text.",
        'mailprobe_starttls_advertised{{host="{host}"}} == 0',
        (Port(25, offers_starttls=False), Port(465), Port(587, offers_starttls=False)),
    ),
    Host(
        "slow",
        "Port 25 greets like postscreen: the first line at once, the last one three seconds later.",
        'mailprobe_phase_duration_seconds{{host="{host}", phase="greeting"}} > 2',
        (Port(25, manner=Manner.HESITANT), Port(587)),
    ),
    Host(
        "forgotten",
        "The certificate was renewed on 465, but 993 still shows last year's, which ends within twenty days.",
        'count by (host) (count by (host, fingerprint_sha256) (mailprobe_certificate_info{{host="{host}"}})) > 1',
        (Port(465), Port(993, LAST_YEARS)),
    ),
    Host(
        "overloaded",
        "Port 25 turns everybody away with 421: too many connections.",
        'mailprobe_outcome_info{{host="{host}", outcome="greeting_rejected_temporarily"}} == 1',
        (Port(25, manner=Manner.OVERLOADED), Port(587)),
    ),
)


@contextlib.asynccontextmanager
async def demo_servers(now: datetime, *, network: str = NETWORK, sleep: Sleep = asyncio.sleep) -> AsyncIterator[Demo]:
    """Run all hosts until the end of the block.

    `now` is where the dates of the certificates are counted from, and must be about the real time for clients to see
    what is promised. `network` is the first three numbers of the addresses, for a second demo on one machine. Raises
    DemoUnavailable.
    """
    addresses = {host.name: f"{network}.{FIRST_ADDRESS + place}" for place, host in enumerate(HOSTS)}
    root = Authority.create("mailprobe demo: not a real authority", now=now)
    issuer = root.intermediate("mailprobe demo: issuer")
    limit = SessionLimit(SESSIONS)
    async with contextlib.AsyncExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="mailprobe-demo-")))
        for host in HOSTS:
            # One certificate for each period: ports with the same one show the same certificate.
            shown = {
                period: _tls(issuer, host.name, now, period) for period in {port.certificate for port in host.ports}
            }
            for port in host.ports:
                if port.listens:
                    server = _server(host, port, shown[port.certificate], sleep)
                    await _listen(stack, server, addresses[host.name], PORT_OFFSET + port.number, limit)
        states = tuple(DemoState(host.name, host.fault, host.query.format(host=host.name)) for host in HOSTS)
        yield Demo(_config_text(root.write(directory)), addresses, states)


def _tls(issuer: Authority, name: str, now: datetime, period: Period) -> ServerTls:
    begins, ends = now + timedelta(days=period.begins), now + timedelta(days=period.ends)
    return ServerTls(issuer.issue([name], not_before=begins, not_after=ends))


def _server(host: Host, port: Port, tls: ServerTls, sleep: Sleep) -> FriendlyServer:
    service = WELL_KNOWN[port.number].service
    return FriendlyServer(
        host.name, service, tls, offers_starttls=port.offers_starttls, manner=port.manner, sleep=sleep
    )


async def _listen(
    stack: contextlib.AsyncExitStack, server: FriendlyServer, address: str, port: int, limit: SessionLimit
) -> None:
    try:
        await stack.enter_async_context(Listener(server.serve, address, port, limit=limit))
    except OSError as error:
        # Not the exception's own text, in which Python repeats the address as a tuple.
        reason = os.strerror(error.errno or 0)
        raise DemoUnavailable(f"the demo cannot listen on {address} port {port}: {reason}") from error


def _config_text(ca_file: Path) -> str:
    """What `mailprobe run` reads. Everything is said again for each port: these ports are not well known."""
    lines = [
        "# The demo's own hosts, probed far more often than anybody else's should be.",
        "min_gap: 0s",
        "first_round: 3s",
        "defaults:",
        "  interval: 10s",
        "  ehlo_name: monitor.example",
        "  ip_families: [ipv4]",
        # JSON's strings are YAML's as well, whatever is in the path.
        f"  ca_file: {json.dumps(str(ca_file))}",
        "  timeouts: {connect: 2s, greeting: 10s, reply: 5s, handshake: 5s, total: 20s}",
        "hosts:",
    ]
    for host in HOSTS:
        lines += [f"  - host: {host.name}", "    ports:"]
        lines += [f"      - {{{_entry(port.number)}}}" for port in host.ports]
    return "\n".join(lines) + "\n"


def _entry(number: int) -> str:
    row = WELL_KNOWN[number]
    entry = f"port: {PORT_OFFSET + number}, protocol: {row.service.protocol}, tls: {row.service.tls}, expect: open"
    if row.service.tls is TlsMode.STARTTLS:
        entry += f", starttls: {row.expectation.starttls}"
    valid = str(row.expectation.valid_certificate).lower()
    return f"{entry}, valid_certificate: {valid}, auth_before_tls: {row.expectation.auth_before_tls}"
