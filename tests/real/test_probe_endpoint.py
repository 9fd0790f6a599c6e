"""`/probe` as Prometheus uses it: the installed command, real mail servers, and the scrape configuration of deploy/."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import quote
from urllib.request import urlopen

import pytest
import yaml

from tests.deploy.rules import ROOT
from tests.real.exporter import exporter
from tests.real.hosts import GOOD, Hosts, Issuer
from tests.real.loopback import port_for
from tests.real.mailhost import MailSystem
from tests.real.prometheus import RealPrometheus

pytestmark = pytest.mark.real

EXAMPLE = ROOT / "deploy" / "prometheus" / "probe.yml"
KUBERNETES = ROOT / "deploy" / "kubernetes" / "probe.yaml"


@dataclass(frozen=True)
class Probed:
    """Two exporters: a Prometheus asks the first, and nobody but the tests the second."""

    prometheus: RealPrometheus
    url: str
    targets: dict[str, str]


def scrape_configuration(address: str, groups: Sequence[Mapping[str, object]]) -> str:
    """The example, with other targets, another exporter, and without its patience."""
    document = yaml.safe_load(EXAMPLE.read_text(encoding="utf-8"))
    (job,) = document["scrape_configs"]
    assert [sorted(group) for group in job["static_configs"]] == [["targets"], ["labels", "targets"]]
    job |= {"scrape_interval": "2s", "scrape_timeout": "2s", "static_configs": [*groups]}
    job["relabel_configs"][-1]["replacement"] = address
    text: str = yaml.safe_dump(document)
    return text


@pytest.fixture(scope="module")
def probed(module_folder: Path, issuer: Issuer, hosts: Hosts, mail_system: MailSystem) -> Iterator[Probed]:
    where = hosts.by_name[GOOD].address
    config = (
        # The mail servers of the tests are on this machine, so it is named as a network.
        f"min_gap: 0s\nprobe_allow: [{where}]\nprobe_max_age: 1s\n"
        f"defaults: {{ca_file: {json.dumps(str(issuer.root_file))}, ehlo_name: monitor.example.org}}\n"
        f"modules: {{submission_strict: {{protocol: smtp, tls: starttls, server_name: {GOOD}}}}}\n"
        "hosts: []\n"
    )
    targets = {
        "strict": f"{where}:{port_for(587)}",
        "imaps": f"imaps://{where}:{port_for(993)}",
        "closed": f"submission://{where}:{port_for(2525)}",
    }
    groups: list[dict[str, object]] = [
        {"targets": [targets["imaps"], targets["closed"]]},
        {"targets": [targets["strict"]], "labels": {"__param_module": "submission_strict"}},
    ]
    with (
        exporter(module_folder, config) as address,
        RealPrometheus(module_folder, scrape_configuration(address, groups)) as prometheus,
    ):
        prometheus.wait_for("count(mailprobe_last_probe_timestamp_seconds) == 3")
        yield Probed(prometheus, f"http://{address}", targets)


def answer(url: str) -> tuple[int, str]:
    """Status and text of one request."""
    try:
        with urlopen(url, timeout=20) as reply:
            return reply.status, reply.read().decode()
    except HTTPError as error:
        with error:
            return error.code, error.read().decode()


def test_prometheus_scrapes_every_target_without_an_error(probed: Probed) -> None:
    up = probed.prometheus.query('up{job="mailprobe-probe"}')
    assert {series.labels["instance"]: series.value for series in up} == dict.fromkeys(probed.targets.values(), 1)


def test_what_is_well_and_what_is_not_are_told_apart(probed: Probed) -> None:
    found = {series.labels["instance"]: series.value for series in probed.prometheus.query("mailprobe_success")}
    # Without a server_name the certificate is not issued to an address.
    assert found == {probed.targets["strict"]: 1, probed.targets["imaps"]: 0, probed.targets["closed"]: 0}
    reasons = probed.prometheus.query("mailprobe_outcome_info")
    assert {series.labels["instance"]: series.labels["outcome"] for series in reasons} == {
        probed.targets["strict"]: "ok",
        probed.targets["imaps"]: "expectation_failed",
        probed.targets["closed"]: "connect_refused",
    }


def test_the_series_carry_the_labels_that_scheduled_ones_have(probed: Probed, hosts: Hosts) -> None:
    (series,) = probed.prometheus.query('mailprobe_success{tls="implicit"}')
    assert series.labels["host"] == hosts.by_name[GOOD].address
    assert (series.labels["port"], series.labels["protocol"]) == (str(port_for(993)), "imap")
    assert series.labels["ip_family"] == "ipv4"


def test_certificates_are_seen_through_the_upgrade(probed: Probed) -> None:
    left = "(mailprobe_certificate_not_after_timestamp_seconds - time()) / 86400"
    assert {60 < series.value < 100 for series in probed.prometheus.query(left)} == {True}
    assert len(probed.prometheus.query("mailprobe_tls_info")) == 2


def test_every_scrape_is_a_probe_of_its_own(probed: Probed) -> None:
    probed.prometheus.wait_for("min(changes(mailprobe_last_probe_timestamp_seconds[1m])) >= 2")


def test_the_whole_dialog_is_shown_to_who_asks_for_it(probed: Probed) -> None:
    target = quote(probed.targets["strict"])
    status, text = answer(f"{probed.url}/probe?target={target}&module=submission_strict&debug=true")
    assert status == 200
    assert "STARTTLS" in text
    assert "server in TLS" in text
    assert "mailprobe_success{" in text


@pytest.mark.parametrize(
    ("query", "status"),
    [
        pytest.param("", 400, id="nothing"),
        pytest.param("target=127.0.0.1:25", 403, id="this machine"),
        pytest.param("target=localhost:25", 403, id="this machine by name"),
        pytest.param("target=169.254.169.254:25", 403, id="metadata of a cloud"),
        pytest.param("target=http://127.0.0.1", 400, id="another scheme"),
    ],
)
def test_it_is_no_port_scanner(probed: Probed, query: str, status: int) -> None:
    assert answer(f"{probed.url}/probe?{query}")[0] == status


def test_the_object_for_kubernetes_says_the_same_as_the_example() -> None:
    (job,) = yaml.safe_load(EXAMPLE.read_text(encoding="utf-8"))["scrape_configs"]
    spec = yaml.safe_load(KUBERNETES.read_text(encoding="utf-8"))["spec"]
    assert (spec["jobName"], spec["prober"]["path"]) == (job["job_name"], job["metrics_path"])
    assert (spec["interval"], spec["scrapeTimeout"]) == (job["scrape_interval"], job["scrape_timeout"])
    assert spec["module"] == job["static_configs"][1]["labels"]["__param_module"]
