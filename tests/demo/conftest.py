"""One private authority for all tests of this folder, since its keys take time; and a demo for each that wants one."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from exporter.config.load import parse
from exporter.config.model import Config
from exporter.demo.hosts import Demo, demo_servers
from exporter.demo.mint import Authority, Credential
from tests.demo.clients import NOW
from tests.demo.visit import NETWORK, at_once


@pytest.fixture(scope="session")
def root() -> Authority:
    return Authority.create("Test Root", now=NOW, key="rsa-2048")


@pytest.fixture(scope="session")
def intermediate(root: Authority) -> Authority:
    return root.intermediate("Test Intermediate")


@pytest.fixture(scope="session")
def credential(intermediate: Authority) -> Credential:
    return intermediate.issue(["mail.example.org"])


@pytest.fixture
async def demo() -> AsyncIterator[Demo]:
    async with demo_servers(NOW, network=NETWORK, sleep=at_once) as running:
        yield running


@pytest.fixture
def config(demo: Demo) -> Config:
    return parse(demo.config_text, "demo.yml")


@pytest.fixture
def trusted(config: Config) -> str:
    (ca_file,) = {target.ca_file for target in config.targets}
    assert ca_file is not None
    return Path(ca_file).read_text()
