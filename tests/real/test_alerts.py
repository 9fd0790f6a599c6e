"""From a fault to the pager: scripted mail servers, the installed command, and a real Prometheus and Alertmanager.

Both run on the shipped files; what differs is where they find each other and how often they look. The rules are the
shipped ones to the letter, and some of them want a fault to last for an hour. Nobody waits for that: Prometheus keeps
in the series ALERTS_FOR_STATE since when each alert is pending, and takes it up again when it is restarted. So, between
two runs, the hour is written into that series. What is wrong, and what becomes of it, is seen by the rules themselves.
"""

import asyncio
import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from types import TracebackType
from typing import Any, Self

import pytest
import yaml

from exporter.config.wellknown import WELL_KNOWN
from exporter.demo.listener import Listener
from exporter.demo.mint import Authority, Credential
from exporter.demo.servers import FriendlyServer
from exporter.demo.tls import ServerTls
from tests.real.alertmanager import Labels, Message, Notice, RealAlertmanager, Webhook, shipped
from tests.real.exporter import exporter
from tests.real.hosts import Issuer
from tests.real.loopback import fresh_address
from tests.real.privatenetwork import private_network
from tests.real.prometheus import RealPrometheus, Series
from tests.real.waiting import wait_until

pytestmark = pytest.mark.real

DEPLOY = Path(__file__).parents[2] / "deploy" / "prometheus"

# The longest `for` among the alerts of the story, that of a certificate's warning.
HOUR = 3600.0
FLAGS = (
    # Rules that want less than ten minutes forget their pending alerts in a restart unless told otherwise.
    "--rules.alert.for-grace-period=0s",
    # Alertmanager is found some seconds after the start, and what fired before is told again; by default in a minute.
    "--rules.alert.resend-delay=5s",
)

# Lives short enough never to be in the band of fixed days, which has an alert of its own. A quarter is ten days.
LIFETIME = timedelta(days=40)
QUARTER = timedelta(days=10)
# Longer than everything takes to be seen healthy, so that the certificate has come to its quarter only after that.
AHEAD = timedelta(seconds=25)

Alert = tuple[str, str, str, str]


@dataclass(frozen=True, slots=True)
class Host:
    """A mail host on the well-known ports of an address of its own."""

    name: str
    address: str = field(default_factory=fresh_address)

    async def serve(self, stack: AsyncExitStack, ports: Sequence[int], credential: Credential) -> None:
        """Serve `ports` until `stack` is closed."""
        for port in ports:
            server = FriendlyServer(self.name, WELL_KNOWN[port].service, ServerTls(credential))
            await stack.enter_async_context(Listener(server.serve, self.address, port))

    def entry(self, ports: Sequence[int]) -> str:
        """Its lines of the configuration; by its address, since no name server knows its name."""
        return (
            f"  - {{host: {self.address}, server_name: {self.name}, ports: {list(ports)}, labels: {{site: milan}}}}\n"
        )


class Site:
    """Two hosts that serve while the context is open: `mx` will lose a port, and `store` has `ending` on its ports."""

    def __init__(self, authority: Authority) -> None:
        self.mx, self.store = Host("mx.example.org"), Host("store.example.org")
        end = datetime.now(UTC) + QUARTER + AHEAD
        self.ending = authority.issue([self.store.name], not_before=end - LIFETIME, not_after=end)
        self._good, self._renewed = authority.issue([self.mx.name]), authority.issue([self.store.name])
        self._others, self._submission, self._mailboxes = AsyncExitStack(), AsyncExitStack(), AsyncExitStack()

    @property
    def entries(self) -> str:
        """What the configuration says about the hosts."""
        return self.mx.entry([465, 587, 993]) + self.store.entry([993, 995])

    async def __aenter__(self) -> Self:
        await self.mx.serve(self._others, [465, 993], self._good)
        await self.mx.serve(self._submission, [587], self._good)
        await self.store.serve(self._mailboxes, [993, 995], self.ending)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for stack in (self._others, self._submission, self._mailboxes):
            await stack.aclose()

    async def close_587(self) -> None:
        await self._submission.aclose()

    async def mend(self) -> None:
        """Open the port again and renew the certificate."""
        await self.mx.serve(self._submission, [587], self._good)
        await self._mailboxes.aclose()
        await self.store.serve(self._mailboxes, [993, 995], self._renewed)


def exporter_config(ca_file: Path, entries: str) -> str:
    defaults = {"ca_file": str(ca_file), "ehlo_name": "monitor.example.org", "interval": "10s", "ip_families": ["ipv4"]}
    return f"min_gap: 0s\nfirst_round: 1s\ndefaults: {json.dumps(defaults)}\nhosts:\n{entries}"


def prometheus_config(folder: Path, exporter_address: str, alertmanager_address: str) -> str:
    """The shipped configuration beside the shipped rules, with other addresses and a quicker pace."""
    (folder / "rules").symlink_to(DEPLOY / "rules")
    document: dict[str, Any] = yaml.safe_load((DEPLOY / "prometheus.yml").read_text(encoding="utf-8"))
    document["global"] = dict.fromkeys(document["global"], "500ms") | {"scrape_timeout": "500ms"}
    (job,) = document["scrape_configs"]
    (alerting,) = document["alerting"]["alertmanagers"]
    job["static_configs"] = [{"targets": [exporter_address]}]
    alerting["static_configs"] = [{"targets": [alertmanager_address]}]
    return yaml.safe_dump(document)


def alert(labels: Labels) -> Alert:
    """Name, severity, host and port of an alert."""
    return labels["alertname"], labels["severity"], labels.get("host", ""), labels.get("port", "")


def known(prometheus: RealPrometheus, expression: str) -> set[Alert]:
    """The alerts among the series of `expression`."""
    return {alert(series.labels) for series in prometheus.query(expression)}


@contextmanager
def page(text: str) -> Iterator[str]:
    """The address at which `text` can be scraped."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:  # the name that http.server calls
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  (the base class names it so)
            """Scrapes are not worth a line."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield f"127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def let_an_hour_pass(folder: Path, pending: Sequence[Series]) -> None:
    """Let the Prometheus of `folder`, which does not run, remember that `pending` have been so for an hour longer.

    It scrapes what it is to remember, with all its labels, into the series that its rules would write.
    """
    text = "".join(
        f"ALERTS_FOR_STATE{{{', '.join(f'{name}={json.dumps(value)}' for name, value in labels.items())}}} {since}\n"
        for labels, since in ((_without_name(series.labels), series.value - HOUR) for series in pending)
    )
    latest = max(series.value for series in pending) - HOUR
    with page(text) as address:
        job = {"job_name": "memory", "honor_labels": True, "static_configs": [{"targets": [address]}]}
        config = {"global": {"scrape_interval": "200ms", "scrape_timeout": "200ms"}, "scrape_configs": [job]}
        with RealPrometheus(folder, yaml.safe_dump(config)) as prometheus:
            prometheus.wait_for(f"count(ALERTS_FOR_STATE <= {latest}) == {len(pending)}")


def _without_name(labels: Labels) -> Mapping[str, str]:
    return {name: value for name, value in labels.items() if name != "__name__"}


def is_all_well(prometheus: RealPrometheus) -> bool:
    """Every port was probed, the rules know of all certificates, and none of them has a word to say."""
    return (
        bool(prometheus.query("mailprobe_first_round_progress_ratio == 1"))
        and len(prometheus.query("mailprobe_success == 1")) == 5
        and len(prometheus.query("host:mailprobe_certificate_not_after_timestamp_seconds:min_declared")) == 2
        # Before the first scrape the exporter was missing.
        and not prometheus.query("ALERTS")
    )


async def until(condition: Callable[[], bool], what: Callable[[], object]) -> None:
    """Wait for `condition` while the mail servers go on serving."""
    await asyncio.to_thread(wait_until, condition, lambda: str(what()))


@pytest.mark.timeout(180)
async def test_a_closed_port_and_an_ending_certificate_are_told_and_so_is_their_end(
    folder: Path, issuer: Issuer
) -> None:
    with private_network(), Webhook() as webhook, RealAlertmanager(folder, shipped(webhook)) as alertmanager:
        async with Site(issuer.intermediate) as site:
            with exporter(folder, exporter_config(issuer.root_file, site.entries)) as address:
                config = prometheus_config(folder, address, alertmanager.address)
                await tell(folder, config, site, webhook)


async def tell(folder: Path, config: str, site: Site, webhook: Webhook) -> None:
    """The story: all is well, two things go wrong, an hour passes, and they are mended."""
    closed = ("MailPortClosed", "critical", site.mx.address, "587")
    ending = ("MailCertificateEnding", "warning", site.store.address, "")

    with RealPrometheus(folder, config, *FLAGS) as prometheus:
        await until(lambda: is_all_well(prometheus), lambda: prometheus.query("ALERTS"))
        await site.close_587()
        await until(lambda: bool(prometheus.query("mailprobe_port_open == 0")), lambda: "a closed port")
        await until(lambda: known(prometheus, "ALERTS") == {closed, ending}, lambda: prometheus.query("ALERTS"))
        pending = prometheus.query("ALERTS_FOR_STATE")
    assert webhook.messages == []

    await asyncio.to_thread(let_an_hour_pass, folder, pending)

    with RealPrometheus(folder, config, *FLAGS) as prometheus:
        await until(lambda: set(told(webhook, "firing")) >= {closed, ending}, lambda: webhook.messages)
        await site.mend()
        await until(lambda: set(told(webhook, "resolved")) >= {closed, ending}, lambda: webhook.messages)
        # Neither has Prometheus known of any other, told or not.
        assert known(prometheus, 'max_over_time(ALERTS{alertstate="firing"}[1h])') == {closed, ending}

    assert set(told(webhook, "resolved")) == {closed, ending}
    messages = told(webhook, "firing")
    assert {one: message.receiver for one, (message, _) in messages.items()} == {closed: "pager", ending: "chat"}
    assert all(message.group == {"host": notice.labels["host"]} for message, notice in messages.values())
    assert_filled_in(messages[closed][1], f"Port 587 of {site.mx.address} is closed over ipv4.", "connect_refused")
    fingerprint = hashlib.sha256(site.ending.certificate).hexdigest()
    summary = f"certificate of {site.store.address} ends in 9d 23h 59m"
    # Two ports and one alert.
    assert_filled_in(messages[ending][1], summary, fingerprint, "Shown on 993, 995.")


def told(webhook: Webhook, status: str) -> Mapping[Alert, tuple[Message, Notice]]:
    """Each alert that was told with this `status`, as it was told last."""
    return {alert(notice.labels): (message, notice) for message, notice in webhook.told(status)}


def assert_filled_in(notice: Notice, summary: str, *described: str) -> None:
    """The texts say what it is about, and no place in them was left empty."""
    assert set(notice.annotations) == {"summary", "description", "runbook_url"}
    assert summary in notice.annotations["summary"]
    for part in described:
        assert part in notice.annotations["description"]
    for text in notice.annotations.values():
        assert not re.search(r"\{\{|<no value>|<error|  ", text)
    assert notice.annotations["runbook_url"].endswith(f"#{notice.labels['alertname'].lower()}")
    # What the configuration puts on a host reaches whoever gets the message.
    assert notice.labels["site"] == "milan"
