"""A real Prometheus as the client: with a password, with TLS, with a certificate; and without them."""

import asyncio
import json
from pathlib import Path

import pytest

from exporter.web.access import Access
from tests.real.prometheus import RealPrometheus
from tests.web.access import NAME, PASSWORD, USER, served, yard

pytestmark = pytest.mark.real


def job(name: str, url: str, **settings: object) -> dict[str, object]:
    """A scrape job; JSON is YAML as well."""
    scheme, _, address = url.partition("://")
    return {"job_name": name, "scheme": scheme, "static_configs": [{"targets": [address]}], **settings}


def scraped(folder: Path, jobs: list[dict[str, object]]) -> dict[str, tuple[float, bool]]:
    """By job: whether its target is up, and whether its samples came."""
    config = {"global": {"scrape_interval": "1s"}, "scrape_configs": jobs}
    with RealPrometheus(folder, json.dumps(config)) as prometheus:
        # Every job has been tried, well or not.
        prometheus.wait_for(f"count(up) == {len(jobs)}")
        came = {series.labels["job"] for series in prometheus.query("mailprobe_success")}
        return {series.labels["job"]: (series.value, series.labels["job"] in came) for series in prometheus.query("up")}


async def test_prometheus_is_let_in_with_what_the_file_asks_for_and_not_without(tmp_path: Path) -> None:
    ground = yard(tmp_path)
    right, wrong = {"username": USER, "password": PASSWORD}, {"username": USER, "password": "wrong"}
    tls = {"ca_file": str(ground.root), "server_name": NAME}
    scraper = {"cert_file": str(ground.scraper.chain), "key_file": str(ground.scraper.key)}
    visitor = {"cert_file": str(ground.visitor.chain), "key_file": str(ground.visitor.key)}
    async with (
        served(Access(ground.put("good-users"))) as plain,
        served(Access(ground.put("good-users-tls"))) as both,
        served(Access(ground.put("good-sans"))) as certificates,
    ):
        jobs = [
            job("password", plain, basic_auth=right),
            job("no password", plain),
            job("wrong password", plain, basic_auth=wrong),
            job("password and tls", both, basic_auth=right, tls_config=tls),
            job("tls without a password", both, tls_config=tls),
            job("no trust", both, basic_auth=right),
            job("certificate", certificates, tls_config=tls | scraper),
            job("certificate of another", certificates, tls_config=tls | visitor),
            job("no certificate", certificates, tls_config=tls),
        ]
        seen = await asyncio.to_thread(scraped, tmp_path, jobs)
    let_in = {"password", "password and tls", "certificate"}
    assert seen == {str(each["job_name"]): ((1, True) if each["job_name"] in let_in else (0, False)) for each in jobs}


async def test_prometheus_reaches_an_exporter_behind_a_prefix(tmp_path: Path) -> None:
    ground = yard(tmp_path)
    async with served(Access(ground.put("good-users")), prefix="/mail") as url:
        right = {"username": USER, "password": PASSWORD}
        jobs = [job("prefix", url.removesuffix("/mail"), metrics_path="/mail/metrics", basic_auth=right)]
        assert await asyncio.to_thread(scraped, tmp_path, jobs) == {"prefix": (1, True)}
