"""The servers that most tests of this folder share, started once, and an authority for their certificates.

A test that counts lines in a log, replaces a certificate or reloads a server starts its own with `mailhost.serve`.
"""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.real.hosts import GOOD, Hosts, Issuer, shared_hosts
from tests.real.mailhost import MailSystem, serve
from tests.real.monitor import Monitor


@contextmanager
def _open_folder() -> Iterator[Path]:
    """A new folder that every user may enter, as the unprivileged daemons of a mail server must; pytest's are closed.

    The name is short, since it is part of the names of sockets (at most 107 bytes, Linux unix(7)).
    """
    with tempfile.TemporaryDirectory(prefix="mp-") as name:
        path = Path(name)
        path.chmod(0o755)
        yield path


@pytest.fixture
def folder() -> Iterator[Path]:
    """For the servers of one test."""
    with _open_folder() as path:
        yield path


@pytest.fixture(scope="module")
def module_folder() -> Iterator[Path]:
    """For the servers of one module."""
    with _open_folder() as path:
        yield path


@pytest.fixture(scope="session")
def session_folder() -> Iterator[Path]:
    """For the servers that all share."""
    with _open_folder() as path:
        yield path


@pytest.fixture(scope="session")
def issuer(session_folder: Path) -> Issuer:
    return Issuer.create(session_folder)


@pytest.fixture(scope="session")
def hosts(session_folder: Path, issuer: Issuer) -> Hosts:
    return shared_hosts(session_folder, issuer)


@pytest.fixture(scope="session")
def mail_system(session_folder: Path, hosts: Hosts) -> Iterator[MailSystem]:
    """One Postfix and one Dovecot that serve every host of `hosts`."""
    (default_certificate,) = hosts.by_name[GOOD].certificates
    with serve(session_folder, hosts.by_name.values(), default_certificate) as running:
        yield running


@pytest.fixture(scope="session")
def monitor(session_folder: Path, issuer: Issuer, hosts: Hosts, mail_system: MailSystem) -> Monitor:
    """Probes the hosts of `hosts`, whose servers run."""
    return Monitor(session_folder, issuer.root_file, hosts.by_name.values())
