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

FOLDER = ROOT / "deploy"
PROVISIONING = FOLDER / "grafana" / "provisioning"
COMPOSE = read(FOLDER / "compose.yml")
SERVICES: dict[str, Any] = COMPOSE["services"]
PROMETHEUS = read(FOLDER / "prometheus" / "prometheus.yml")
CONTAINERFILE = (FOLDER / "Containerfile").read_text(encoding="utf-8")
# Instructions, with their continued lines joined and without comments.
INSTRUCTIONS = [
    line.split(maxsplit=1)
    for line in re.sub(r"\\\n\s*", "", re.sub(r"^#.*\n", "", CONTAINERFILE, flags=re.MULTILINE)).splitlines()
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
    assert SERVICES[service]["read_only"] is True
    assert SERVICES[service]["cap_drop"] == ["ALL"]
    assert SERVICES[service]["security_opt"] == ["no-new-privileges:true"]
    assert all(port.startswith("127.0.0.1:") for port in SERVICES[service]["ports"])


@pytest.mark.parametrize("service", SERVICES)
def test_every_foreign_image_has_a_fixed_version(service: str) -> None:
    assert "build" in SERVICES[service] or re.fullmatch(r".+:v?\d+\.\d+\.\d+", SERVICES[service]["image"])


def test_the_exporter_is_built_from_this_checkout() -> None:
    build = SERVICES["mailprobe"]["build"]
    assert (FOLDER / build["context"]).resolve() == ROOT
    assert (ROOT / build["dockerfile"]).samefile(FOLDER / "Containerfile")


def test_everything_that_is_copied_exists_and_reaches_the_build() -> None:
    ignored = (FOLDER / "Containerfile.dockerignore").read_text(encoding="utf-8").splitlines()
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


@pytest.mark.parametrize("service", SERVICES)
def test_every_named_volume_exists_and_is_used(service: str) -> None:
    for volume in SERVICES[service]["volumes"]:
        if not volume.startswith("."):
            assert volume.split(":")[0] in COMPOSE["volumes"]


@pytest.mark.parametrize("service", [name for name, service in SERVICES.items() if "build" not in service])
def test_every_foreign_service_is_asked_for_its_health_on_its_own_port(service: str) -> None:
    (port,) = SERVICES[service]["ports"]
    inside = port.rsplit(":", 1)[1]
    *_, url = SERVICES[service]["healthcheck"]["test"]
    assert url.startswith(f"http://127.0.0.1:{inside}/")


def test_no_value_looks_like_a_secret() -> None:
    for service in SERVICES.values():
        for name in service.get("environment", {}):
            assert not re.search("PASSWORD|SECRET|TOKEN|KEY", name)
    assert "secrets" not in COMPOSE


@pytest.mark.parametrize("service", ["prometheus", "alertmanager"])
def test_each_finds_its_configuration(service: str) -> None:
    (file,) = (
        Path(word.removeprefix("--config.file="))
        for word in SERVICES[service]["command"]
        if word.startswith("--config.file=")
    )
    assert (FOLDER / mounts(service)[str(file.parent)] / file.name).is_file()


def test_prometheus_finds_the_rules() -> None:
    found = (FOLDER / mounts("prometheus")["/etc/prometheus"]).glob(PROMETHEUS["rule_files"][0])
    assert {path.parent for path in found} == {ROOT / "deploy" / "prometheus" / "rules"}


def test_prometheus_reaches_the_exporter_and_the_alertmanager_by_the_names_of_their_services() -> None:
    (job,) = PROMETHEUS["scrape_configs"]
    (alerting,) = PROMETHEUS["alerting"]["alertmanagers"]
    assert [config["targets"] for config in job["static_configs"]] == [["mailprobe:10125"]]
    assert [config["targets"] for config in alerting["static_configs"]] == [["alertmanager:9093"]]


def test_grafana_finds_prometheus_and_is_told_its_pace() -> None:
    (source,) = read(PROVISIONING / "datasources" / "prometheus.yml")["datasources"]
    assert source["type"] == "prometheus"
    assert source["url"] == "http://prometheus:9090"
    assert source["isDefault"] is True
    assert source["jsonData"]["timeInterval"] == PROMETHEUS["global"]["scrape_interval"]


def test_grafana_finds_the_dashboards() -> None:
    (provider,) = read(PROVISIONING / "dashboards" / "mailprobe.yml")["providers"]
    inside = mounts("grafana")
    folder = FOLDER / inside[provider["options"]["path"]]
    assert list(folder.glob("*.json"))
    home = Path(SERVICES["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"])
    assert str(home.parent) == provider["options"]["path"]
    assert (folder / home.name).is_file()
    assert (FOLDER / inside["/etc/grafana/provisioning"]).resolve() == PROVISIONING
