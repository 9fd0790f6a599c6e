"""Containers and provisioning: every path exists, nothing runs as root, and the parts find each other.

Docker is not started; what a container does inside is the business of the other tests.
"""

import ast
import json
import re
from pathlib import Path
from typing import Any

import pytest

from exporter.config.load import load
from tests.deploy.rules import ROOT
from tests.deploy.test_prometheus import read

FOLDER = ROOT / "deploy" / "compose"
PROVISIONING = ROOT / "deploy" / "grafana" / "provisioning"
SERVICES: dict[str, Any] = read(FOLDER / "compose.yml")["services"]
DOCKERFILE = (FOLDER / "Dockerfile").read_text(encoding="utf-8")
# Instructions, with their continued lines joined and without comments.
INSTRUCTIONS = [
    line.split(maxsplit=1)
    for line in re.sub(r"\\\n\s*", "", re.sub(r"^#.*\n", "", DOCKERFILE, flags=re.MULTILINE)).splitlines()
    if line
]


def arguments(instruction: str) -> list[str]:
    """What follows each instruction of this name."""
    return [rest for name, rest in INSTRUCTIONS if name == instruction]


def mounts(service: str) -> dict[str, str]:
    """The host's side of every mount by the container's side."""
    parts = (volume.split(":") for volume in SERVICES[service]["volumes"])
    return {inside: outside for outside, inside, *_ in parts}


@pytest.mark.parametrize("service", SERVICES)
def test_every_mounted_path_exists_and_is_mounted_for_reading(service: str) -> None:
    for volume in SERVICES[service]["volumes"]:
        if volume.startswith("."):
            outside, _, mode = volume.split(":")
            assert (FOLDER / outside).exists(), volume
            assert mode == "ro", volume


@pytest.mark.parametrize("service", SERVICES)
def test_every_service_is_confined_and_seen_from_this_machine_only(service: str) -> None:
    assert SERVICES[service]["cap_drop"] == ["ALL"]
    assert SERVICES[service]["security_opt"] == ["no-new-privileges:true"]
    assert all(port.startswith("127.0.0.1:") for port in SERVICES[service]["ports"])


@pytest.mark.parametrize("service", SERVICES)
def test_every_foreign_image_has_a_fixed_version(service: str) -> None:
    assert "build" in SERVICES[service] or re.fullmatch(r".+:v?\d+\.\d+\.\d+", SERVICES[service]["image"])


def test_the_exporter_is_built_from_this_checkout() -> None:
    build = SERVICES["mailprobe"]["build"]
    assert (FOLDER / build["context"]).resolve() == ROOT
    assert (ROOT / build["dockerfile"]).samefile(FOLDER / "Dockerfile")


def test_everything_that_is_copied_exists_and_reaches_the_build() -> None:
    ignored = (FOLDER / "Dockerfile.dockerignore").read_text(encoding="utf-8").splitlines()
    sources = [source for rest in arguments("COPY") if not rest.startswith("--from") for source in rest.split()[:-1]]
    assert sources
    for source in sources:
        assert (ROOT / source).exists()
        assert f"!{source.removeprefix('./')}" in ignored
    assert "*" in ignored


def test_the_image_runs_the_daemon_without_root() -> None:
    (user,) = arguments("USER")
    assert int(user.split(":")[0]) > 0
    (entry,), (command,) = arguments("ENTRYPOINT"), arguments("CMD")
    assert json.loads(entry) == ["/opt/mailprobe/bin/mailprobe"]
    assert json.loads(command) == ["run", "--config.file=/etc/mailprobe/config.yml", "--web.listen-address=:10125"]
    assert mounts("mailprobe")["/etc/mailprobe"] == "./mailprobe"


def test_the_health_check_is_a_program_that_asks_for_health() -> None:
    (check,) = arguments("HEALTHCHECK")
    *_, code = json.loads(check[check.index("[") :])
    ast.parse(code)
    assert "http://127.0.0.1:10125/-/healthy" in code


def test_the_starter_configuration_has_no_fault() -> None:
    hosts = {target.host for target in load(FOLDER / "mailprobe" / "config.yml").targets}
    assert hosts == {"mail.example.org", "mail.example.net"}


def test_prometheus_finds_its_configuration_and_rules() -> None:
    inside = mounts("prometheus")
    assert (
        f"--config.file={next(path for path in inside if path.endswith('.yml'))}" in SERVICES["prometheus"]["command"]
    )
    rules = Path("/etc/prometheus") / read(FOLDER / "prometheus.yml")["rule_files"][0]
    assert (FOLDER / inside[str(rules.parent)]).resolve() == ROOT / "deploy" / "prometheus" / "rules"


def test_prometheus_reaches_the_exporter_by_the_name_of_its_service() -> None:
    (job,) = read(FOLDER / "prometheus.yml")["scrape_configs"]
    assert [config["targets"] for config in job["static_configs"]] == [["mailprobe:10125"]]


def test_grafana_finds_prometheus_and_is_told_its_pace() -> None:
    (source,) = read(PROVISIONING / "datasources" / "prometheus.yml")["datasources"]
    assert source["type"] == "prometheus"
    assert source["url"] == "http://prometheus:9090"
    assert source["isDefault"] is True
    assert source["jsonData"]["timeInterval"] == read(FOLDER / "prometheus.yml")["global"]["scrape_interval"]


def test_grafana_finds_the_dashboards() -> None:
    (provider,) = read(PROVISIONING / "dashboards" / "mailprobe.yml")["providers"]
    inside = mounts("grafana")
    folder = FOLDER / inside[provider["options"]["path"]]
    assert list(folder.glob("*.json"))
    home = Path(SERVICES["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"])
    assert str(home.parent) == provider["options"]["path"]
    assert (folder / home.name).is_file()
    assert (FOLDER / inside["/etc/grafana/provisioning"]).resolve() == PROVISIONING
