"""The container image: built from any base with Python, and run as confined as a cluster can run it."""

import os
import signal
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.deploy.container import Container, running
from tests.deploy.image import CONTAINERFILE, Image, built
from tests.real.privatenetwork import private_network
from tests.real.waiting import wait_until

pytestmark = [
    pytest.mark.real,
    # The first test waits for the image.
    pytest.mark.timeout(240),
]

URL = "http://127.0.0.1:10125"
CONFIG = """\
first_round: 1s
hosts:
  - host: 127.0.0.1
    ports: [{port: 9, protocol: smtp, tls: none, expect: closed}]
"""


@pytest.fixture(scope="module")
def image() -> Iterator[Image]:
    # Not pytest's own folders: it keeps those of the last runs, and an image takes some hundred megabytes.
    with tempfile.TemporaryDirectory(prefix="mailprobe-image-") as folder:
        yield built(Path(folder))


@pytest.fixture(autouse=True)
def network() -> Iterator[None]:
    """The image listens on a fixed port, which may be taken on this machine."""
    with private_network():
        yield


@pytest.fixture
def config(tmp_path: Path) -> Path:
    folder = tmp_path / "etc"
    folder.mkdir()
    (folder / "config.yml").write_text(CONFIG)
    return folder


def mounted(config: Path) -> dict[str, object]:
    """The configuration as the compose file mounts it."""
    return {"destination": "/etc/mailprobe", "type": "bind", "source": str(config), "options": ["bind", "ro"]}


def read(path: str) -> str:
    """What the exporter answers; the empty text while it does not."""
    try:
        with urllib.request.urlopen(URL + path, timeout=10) as answer:
            body: bytes = answer.read()
            return body.decode()
    except urllib.error.URLError:
        return ""


def wait_for(container: Container, path: str, wanted: str) -> None:
    """Wait until the answer at `path` contains `wanted`."""

    def is_there() -> bool:
        assert container.process.poll() is None, container.log.read_text()
        return wanted in read(path)

    wait_until(is_there, lambda: f"{wanted} at {path}:\n{container.log.read_text()}")


def health_check(image: Image) -> list[str]:
    kind, *command = image.config["Healthcheck"]["Test"]
    assert kind == "CMD"
    return [str(word) for word in command]


def test_it_probes_without_root_without_capabilities_and_without_a_place_to_write(
    image: Image, config: Path, tmp_path: Path
) -> None:
    with running(image, tmp_path, mounts=[mounted(config)]) as container:
        wait_for(container, "/-/healthy", "healthy")
        wait_for(container, "/metrics", 'mailprobe_success{host="127.0.0.1",ip_family="ipv4",port="9"')
        status = container.status()
        assert status["Uid"].split() == ["65532"] * 4
        assert {status[name] for name in ("CapPrm", "CapEff", "CapBnd", "CapAmb")} == {f"{0:016x}"}
        assert status["NoNewPrivs"] == "1"
        assert container.execute(*health_check(image)).returncode == 0
        for folder in ("/", "/tmp", "/opt/mailprobe", "/etc/mailprobe"):
            attempt = container.execute("/opt/mailprobe/bin/python", "-c", f"open('{folder}/written', 'w')")
            assert "Read-only file system" in attempt.stderr


def test_it_shakes_hands_and_reads_certificates_when_confined(image: Image, tmp_path: Path) -> None:
    """The demo is the one command that writes: it keeps its certificates in /tmp."""
    temporary = {"destination": "/tmp", "type": "tmpfs", "source": "tmpfs", "options": ["mode=1777"]}
    command = ["demo", "--web.listen-address=:10125"]
    with running(image, tmp_path, command=command, mounts=[temporary]) as container:
        wait_for(container, "/metrics", 'mailprobe_certificate_valid{check="chain",host="healthy.mail.example"')


def test_a_changed_configuration_is_read_on_sighup_and_sigterm_ends_it_well(
    image: Image, config: Path, tmp_path: Path
) -> None:
    with running(image, tmp_path, mounts=[mounted(config)]) as container:
        wait_for(container, "/metrics", 'port="9"')
        (config / "config.yml").write_text(CONFIG.replace("port: 9", "port: 10"))
        os.kill(container.pid, signal.SIGHUP)
        wait_for(container, "/metrics", 'port="10"')
        os.kill(container.pid, signal.SIGTERM)
        assert container.process.wait(timeout=20) == 0, container.log.read_text()


def test_the_health_check_fails_where_nobody_listens(image: Image, config: Path, tmp_path: Path) -> None:
    command = ["run", "--web.listen-address=127.0.0.1:10126"]
    with running(image, tmp_path, command=command, mounts=[mounted(config)]) as container:

        def is_listening() -> bool:
            assert container.process.poll() is None, container.log.read_text()
            return "msg=listening" in container.log.read_text()

        wait_until(is_listening, container.log.read_text)
        assert container.execute(*health_check(image)).returncode != 0


def test_nothing_in_it_belongs_to_the_user_it_runs_as_and_pip_stayed_behind(image: Image) -> None:
    files = list((image.root / "opt").rglob("*"))
    assert files
    assert [file for file in files if file.lstat().st_uid != 0 or file.lstat().st_mode & 0o6000] == []
    assert [file for file in files if file.name in ("pip", "setuptools", "pip.conf")] == []
    assert not (image.root / "etc" / "pip.conf").exists()
    assert not (image.root / "src").exists()


def test_the_base_image_is_an_argument_with_a_default() -> None:
    lines = CONTAINERFILE.read_text(encoding="utf-8").splitlines()
    assert "ARG BASE_IMAGE=python:3.11-slim" in lines
    assert [line.split()[1] for line in lines if line.startswith("FROM ")] == ["${BASE_IMAGE}"] * 2
