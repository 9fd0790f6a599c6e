"""A small installation in which everything occurs that the dashboards show, scraped by a real Prometheus.

The results are values, judged, stored and rendered by the exporter's own code; only the probing is left out. Every
scrape finds one more round of probes, so that counters move.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

from exporter.judgement.expectation import judge
from exporter.judgement.variant import variant_target
from exporter.metrics.exposition import Exposition
from exporter.metrics.own import OwnMetrics, private_registry
from exporter.metrics.store import Store
from exporter.results import (
    CertificateFacts,
    CertificateFault,
    CertificateVerdict,
    Outcome,
    ProbeResult,
    TlsFacts,
)
from exporter.targets import IpFamily, PortState, Protocol, TlsMode, Variant
from tests.judgement.sessions import ended, expectation, healthy, target
from tests.metrics.world import rendered
from tests.real.prometheus import RealPrometheus

DAY = 86400.0
IMPLICIT = TlsMode.IMPLICIT
SITE = (("site", "milan"),)


class Installation:
    """Hosts in good and bad states, probed anew by `probe`. All instants are relative to `now` (Unix seconds)."""

    def __init__(self, now: float) -> None:
        self._now = now
        self._rounds = 0
        self._store = Store()
        registry = private_registry()
        own = OwnMetrics(registry, "1.2.3")
        self.exposition = Exposition(self._store, registry)
        own.reload(successful=True, timestamp=now)
        results = self._results()
        own.observe(
            targets=lambda: len(results),
            in_flight=lambda: 1,
            lag=lambda: 0.01,
            loop_lag=lambda: 0.001,
            first_round_progress=lambda: (len(results), len(results)),
        )
        self._store.configure(
            [result.target for result in results], certificate_retention=DAY, capability_metrics=False
        )
        self._store.missed(results[0].target)

    def probe(self) -> None:
        """One round: every target once."""
        self._rounds += 1
        for result in self._results():
            key = result.target.key
            judgement = judge(result, self._store.known(key), host_known=self._store.host_known(key.host))
            self._store.record(result, judgement, 120.0)
            if result.target.variants:
                self._store.record(self._of_rsa(result), judgement, 120.0)

    def _of_rsa(self, result: ProbeResult) -> ProbeResult:
        """What clients that take RSA only are shown on the same port."""
        made = replace(result, target=variant_target(result.target, Variant.RSA, DAY))
        return self._with_certificate(made, "dd", 50)

    def _results(self) -> list[ProbeResult]:
        started = self._now
        mx = [
            replace(target("mx.example.org", port, labels=SITE, family=family), variants=(Variant.RSA,))
            for port in (25, 587)
            for family in IpFamily
        ]
        imaps = target("mx.example.org", 993, Protocol.IMAP, IMPLICIT, labels=SITE)
        return [
            *(self._with_certificate(healthy(each, started), "aa", 60) for each in mx),
            # It was well once, some rounds before the others were probed.
            self._with_certificate(healthy(imaps, started - 600), "aa", 60)
            if self._rounds == 1
            else ended(imaps, Outcome.CONNECT_REFUSED, started),
            *self._old_host(started),
            ended(target("gone.example.org", 465, tls=IMPLICIT), Outcome.DNS_NXDOMAIN, started),
            ended(
                target("pop.example.org", 110, Protocol.POP3, expects=expectation(PortState.CLOSED)),
                Outcome.CONNECT_REFUSED,
                started,
            ),
            self._with_certificate(
                healthy(target("pop.example.org", 143, Protocol.IMAP, expects=expectation(PortState.CLOSED)), started),
                "bb",
                60,
            ),
            ended(
                target("bare.example.org", 2525, expects=expectation(PortState.ANY)), Outcome.CONNECT_REFUSED, started
            ),
            ended(target("busy.example.org", 25), Outcome.GREETING_REJECTED_TEMPORARILY, started),
        ]

    def _old_host(self, started: float) -> Iterator[ProbeResult]:
        """An expired certificate on a port with an old TLS, and a port without STARTTLS."""
        expired = self._with_certificate(
            healthy(target("old.example.org", 995, Protocol.POP3, IMPLICIT), started),
            "cc",
            -1,
            CertificateFault.EXPIRED,
        )
        yield replace(expired, tls=TlsFacts("TLSv1", "AES128-SHA"))
        plain = healthy(target("old.example.org", 110, Protocol.POP3), started)
        yield replace(
            plain,
            findings=replace(plain.findings, starttls_advertised=False, cleartext_auth=True),
            tls=None,
            certificates=(),
            verdict=None,
        )

    def _with_certificate(
        self, result: ProbeResult, fingerprint: str, days: float, *faults: CertificateFault
    ) -> ProbeResult:
        """The result with a certificate that ends in so many days."""
        end = self._now + days * DAY
        leaf = CertificateFacts(0, fingerprint * 32, end - 90 * DAY, end, f"CN={result.target.host}", "CN=Example CA")
        verdict = CertificateVerdict(True, True, not faults, faults, end)
        return replace(result, certificates=(leaf,), verdict=verdict)


@contextmanager
def scraped(folder: Path, *, rule_files: str = "[]") -> Iterator[RealPrometheus]:
    """A Prometheus that has scraped the installation several times, and goes on doing so."""
    with _served(Installation(time.time())) as address:
        config = (
            "global: {scrape_interval: 200ms, scrape_timeout: 200ms, evaluation_interval: 200ms}\n"
            f"rule_files: {rule_files}\n"
            f"scrape_configs: [{{job_name: mailprobe, static_configs: [{{targets: ['{address}']}}]}}]\n"
        )
        with RealPrometheus(folder, config) as prometheus:
            # A rate needs two scrapes; a third leaves one to spare.
            prometheus.wait_for('sum_over_time(up{job="mailprobe"}[5m]) >= 3')
            yield prometheus


@contextmanager
def _served(installation: Installation) -> Iterator[str]:
    """The address at which the exposition can be scraped."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:  # the name that http.server calls
            installation.probe()
            document = rendered(installation.exposition, self.headers.get("Accept", ""))
            self.send_response(200)
            self.send_header("Content-Type", document.content_type)
            self.send_header("Content-Length", str(len(document.body)))
            self.end_headers()
            self.wfile.write(document.body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  (the base class names it so)
            """Scrapes are not worth a line."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield f"127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
