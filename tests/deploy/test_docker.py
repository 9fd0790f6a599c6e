"""The commands of deploy/README.md about Docker, word for word, on a Docker Engine.

The images from registries have stand-ins (`tests.deploy.registry`): what Grafana itself makes of its files is not seen.
"""

import json
import re
import shlex
import tempfile
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.deploy.engine import Engine, engine, require_engine
from tests.deploy.registry import alertmanager, files_of_grafana, prometheus, python
from tests.deploy.rules import ROOT
from tests.deploy.test_compose import PROMETHEUS, SERVICES, arguments
from tests.real.waiting import wait_until

pytestmark = [
    pytest.mark.real,
    # The first test waits for the images.
    pytest.mark.timeout(300),
]

README = ROOT / "deploy" / "README.md"
CONFIG = ROOT / "deploy" / "mailprobe" / "config.yml"
(_BASE,) = (rest.split("=", 1)[1] for rest in arguments("ARG"))

# A scrape may come as late as this after the start.
_SCRAPE_SECONDS = float(PROMETHEUS["global"]["scrape_interval"].removesuffix("s"))


def documented(section: str, program: str) -> list[str]:
    """The commands with this program under this heading of the documentation."""
    (text,) = re.findall(rf"^## {section}$(.*?)(?=^## )", README.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    lines = "\n".join(re.findall(r"^    (.+)$", text, re.MULTILINE)).replace("\\\n", "").splitlines()
    return [line.strip() for line in lines if line.startswith(program)]


@pytest.fixture(scope="module")
def docker() -> Iterator[Engine]:
    """With the images that the commands would fetch."""
    require_engine()
    # Not pytest's own folders: it keeps those of the last runs, and images take some hundred megabytes.
    with tempfile.TemporaryDirectory(prefix="mailprobe-docker-") as name:
        folder = Path(name)
        # Before the engine: its network leads nowhere, and packages are fetched.
        images = {
            _BASE: python(folder / "python"),
            SERVICES["prometheus"]["image"]: prometheus(folder / "prometheus"),
            SERVICES["alertmanager"]["image"]: alertmanager(folder / "alertmanager"),
            SERVICES["grafana"]["image"]: files_of_grafana(folder / "grafana"),
        }
        with engine(folder) as started:
            for image, contents in images.items():
                contents.bring(started, image)
            yield started


def read(port: int, path: str) -> str:
    """The answer; the empty text while there is none."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
            body: bytes = answer.read()
            return body.decode()
    except OSError:
        return ""


def read_data(port: int, path: str) -> Any:
    return json.loads(read(port, path))["data"]


def test_the_image_is_built_and_runs_as_documented(docker: Engine, tmp_path: Path) -> None:
    build, run = documented("As a container", "docker")
    docker.run(build)
    log = tmp_path / "log"
    with docker.running(run, log) as process:
        wait_until(lambda: "healthy" in read(10125, "/-/healthy"), log.read_text)
        assert "mailprobe_build_info{" in read(10125, "/metrics")
    assert process.returncode == 0, log.read_text()


def test_all_four_services_start_and_find_each_other_as_documented(docker: Engine, tmp_path: Path) -> None:
    (up,) = documented("With Prometheus, Alertmanager and Grafana", "docker compose")
    compose = up.split(" up ")[0]
    log = tmp_path / "log"
    with docker.running(up, log):
        # The exporter is scraped under the name of its service, and the rules are evaluated on what it says.
        wait_until(
            lambda: '"health":"up"' in read(9090, "/api/v1/targets?state=active"), log.read_text, 2 * _SCRAPE_SECONDS
        )
        groups = read_data(9090, "/api/v1/rules")["groups"]
        assert {Path(group["file"]).name for group in groups} == {"mailprobe.yml", "mailprobe-vantages.yml"}
        (known,) = read_data(9090, "/api/v1/alertmanagers")["activeAlertmanagers"]
        assert known["url"] == "http://alertmanager:9093/api/v2/alerts"
        docker.run(f"{compose} exec -T prometheus wget -q -O /dev/null http://alertmanager:9093/-/ready")
        assert "pager" in json.loads(read(9093, "/api/v2/status"))["config"]["original"]
        for name, service in SERVICES.items():
            if name in ("prometheus", "alertmanager"):
                check, *words = service["healthcheck"]["test"]
                assert check == "CMD"
                docker.run(f"{compose} exec -T {name} {shlex.join(words)}")
        # Grafana is given what it reads at its start, and nothing that it could change.
        for path, file in {
            "/provisioning/datasources/prometheus.yml": "deploy/grafana/provisioning/datasources/prometheus.yml",
            "/provisioning/dashboards/mailprobe.yml": "deploy/grafana/provisioning/dashboards/mailprobe.yml",
            "/dashboards/mail-overview.json": "grafana/mail-overview.json",
            "/dashboards/mail-host.json": "grafana/mail-host.json",
        }.items():
            assert read(3000, path) == (ROOT / file).read_text(encoding="utf-8"), path
        mounted = docker.run(f"{compose} exec -T prometheus wget -q -O - http://mailprobe:10125/config")
        assert "mail.example.org" in mounted

        def reloads() -> str:
            (line,) = re.findall(
                "^mailprobe_config_last_reload_success_timestamp_seconds .+$", read(10125, "/metrics"), re.MULTILINE
            )
            return str(line)

        before = reloads()
        (reload,) = re.findall(r"docker compose .+ kill -s HUP mailprobe", CONFIG.read_text(encoding="utf-8"))
        docker.run(reload)
        wait_until(lambda: reloads() != before, log.read_text)
