"""The whole way: the installed command on real servers, scraped by a real Prometheus, asked what a user would ask."""

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.real.exporter import exporter
from tests.real.hosts import GOOD, Hosts, Issuer
from tests.real.loopback import port_for
from tests.real.mailhost import MailHost, MailSystem
from tests.real.prometheus import RealPrometheus

pytestmark = pytest.mark.real

EXPIRED = "expired.example.org"
WRONG_NAME = "wrong-name.example.org"


def entry(host: MailHost, *ports: str) -> str:
    """One host of a configuration; by its address, since no name server knows its name."""
    return f"  - {{host: {host.address}, server_name: {host.name}, ports: [{', '.join(ports)}]}}\n"


def port(well_known: int, protocol: str, tls: str, more: str = "") -> str:
    return f"{{port: {port_for(well_known)}, protocol: {protocol}, tls: {tls}{more}}}"


@pytest.fixture(scope="module")
def prometheus(module_folder: Path, issuer: Issuer, hosts: Hosts, mail_system: MailSystem) -> Iterator[RealPrometheus]:
    """A Prometheus that has scraped the exporter after its first round."""
    submission, imaps = port(587, "smtp", "starttls"), port(993, "imap", "implicit")
    config = (
        "min_gap: 0s\nfirst_round: 1s\n"
        f"defaults: {{ca_file: {json.dumps(str(issuer.root_file))}, ehlo_name: monitor.example.org}}\n"
        "hosts:\n"
        + entry(hosts.by_name[GOOD], submission, imaps, port(2525, "smtp", "starttls"))
        + entry(hosts.by_name[EXPIRED], submission)
        + entry(hosts.by_name[WRONG_NAME], imaps)
    )
    with exporter(module_folder, config) as address:
        scrape = (
            "global: {scrape_interval: 1s}\n"
            f"scrape_configs: [{{job_name: mailprobe, static_configs: [{{targets: ['{address}']}}]}}]\n"
        )
        with RealPrometheus(module_folder, scrape) as running:
            running.wait_for("mailprobe_first_round_progress_ratio == 1")
            yield running


def test_it_is_scraped_without_an_error(prometheus: RealPrometheus) -> None:
    assert [series.value for series in prometheus.query('up{job="mailprobe"}')] == [1]


def test_is_587_open(prometheus: RealPrometheus, hosts: Hosts) -> None:
    address = hosts.by_name[GOOD].address

    answer = prometheus.query(f'mailprobe_port_open{{host="{address}",port="{port_for(587)}"}}')

    assert [series.value for series in answer] == [1]


def test_which_expected_port_is_closed(prometheus: RealPrometheus, hosts: Hosts) -> None:
    (closed,) = prometheus.query("mailprobe_port_open == 0 and mailprobe_port_expected_open == 1")

    assert (closed.labels["host"], closed.labels["port"]) == (hosts.by_name[GOOD].address, str(port_for(2525)))


def test_how_many_days_until_the_certificate_ends(prometheus: RealPrometheus, hosts: Hosts) -> None:
    left = "(mailprobe_certificate_not_after_timestamp_seconds - time()) / 86400"
    answer = {series.labels["host"]: series.value for series in prometheus.query(left)}

    assert 60 < answer[hosts.by_name[GOOD].address] < 100
    assert answer[hosts.by_name[EXPIRED].address] < 0


def test_how_long_the_banner_takes(prometheus: RealPrometheus) -> None:
    latency = 'mailprobe_phase_duration_seconds{phase="greeting"}'
    mean = "mailprobe_greeting_latency_seconds_sum / mailprobe_greeting_latency_seconds_count"

    for question in (latency, mean):
        answer = prometheus.query(question)
        assert len(answer) == 4
        assert all(0 < series.value < 10 for series in answer)


def test_what_is_wrong_with_which_certificate(prometheus: RealPrometheus, hosts: Hosts) -> None:
    answer = prometheus.query("mailprobe_certificate_error_info")

    assert {(series.labels["host"], series.labels["reason"]) for series in answer} == {
        (hosts.by_name[EXPIRED].address, "expired"),
        (hosts.by_name[WRONG_NAME].address, "name_mismatch"),
    }


def test_does_starttls_still_work(prometheus: RealPrometheus) -> None:
    answer = prometheus.query('mailprobe_starttls_advertised{tls="starttls"} * mailprobe_tls_established')

    assert [series.value for series in answer] == [1, 1]


def test_how_old_is_what_is_shown(prometheus: RealPrometheus) -> None:
    (oldest,) = prometheus.query("max(time() - mailprobe_last_probe_timestamp_seconds)", time.time())

    assert 0 <= oldest.value < 60
