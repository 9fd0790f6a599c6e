"""One private authority for all tests of this folder: its keys are the only thing here that takes time."""

import pytest

from exporter.demo.mint import Authority, Credential
from tests.demo.clients import NOW


@pytest.fixture(scope="session")
def root() -> Authority:
    return Authority.create("Test Root", now=NOW, key="rsa-2048")


@pytest.fixture(scope="session")
def intermediate(root: Authority) -> Authority:
    return root.intermediate("Test Intermediate")


@pytest.fixture(scope="session")
def credential(intermediate: Authority) -> Credential:
    return intermediate.issue(["mail.example.org"])
