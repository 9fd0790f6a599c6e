"""The web file and its certificates change while the exporter runs."""

import asyncio
import logging
import os
import ssl
from pathlib import Path

import pytest
from cryptography import x509

from exporter.web.access import Access
from tests.web.access import CONFIGS, NAME, Yard, served, yard


class Clock:
    """Moved by hand; every look at the files is a second after the one before."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def later(self) -> None:
        """Long enough for the files to be looked at again."""
        self.now += 1.0


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def ground(tmp_path: Path) -> Yard:
    return yard(tmp_path)


def replace(path: Path, text: str) -> None:
    """As editors and certbot do it: a new file takes the place of the old one."""
    new = path.with_name("new")
    new.write_text(text)
    os.replace(new, path)


def text_of(name: str) -> str:
    return (CONFIGS / f"{name}.yml").read_text()


async def shown_at(url: str, ground: Yard) -> bytes:
    """The certificate that a new client is shown."""
    context = ssl.create_default_context(cafile=str(ground.root))
    port = int(url.rsplit(":", 1)[1])
    _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname=NAME)
    certificate: bytes | None = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    writer.close()
    await writer.wait_closed()
    assert certificate is not None
    return certificate


async def test_the_next_client_is_shown_a_new_certificate(ground: Yard, clock: Clock) -> None:
    async with served(Access(ground.put("good-tls"), clock)) as url:
        before = await shown_at(url, ground)
        new = ground.renew()
        assert await shown_at(url, ground) == before
        clock.later()
        assert await shown_at(url, ground) == new.certificate


async def test_a_key_that_does_not_fit_yet_leaves_the_old_pair_in_force(
    ground: Yard, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    access = Access(ground.put("good-tls"), clock)
    async with served(access) as url:
        before = await shown_at(url, ground)
        old_key = (ground.folder / "server.key").read_bytes()
        new = ground.renew()
        new_key = (ground.folder / "server.key").read_bytes()
        (ground.folder / "server.key").write_bytes(old_key)
        for _ in range(3):
            clock.later()
            assert await shown_at(url, ground) == before
        assert not access.successful
        # Once for the change, however many come.
        [record] = caplog.records
        assert record.levelno == logging.ERROR
        assert "is not the key of the certificate" in record.getMessage()
        (ground.folder / "server.key").write_bytes(new_key)
        clock.later()
        assert await shown_at(url, ground) == new.certificate
        assert access.successful


BROKEN = {
    "not yaml": "basic_auth_users: {",
    "empty": "",
    "junk": "junk: true\n",
    "files that are not there": text_of("bad-files-missing"),
}


@pytest.mark.parametrize("broken", BROKEN)
def test_a_file_that_breaks_changes_nothing_and_says_so_once(
    broken: str, ground: Yard, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    path = ground.put("good-users")
    access = Access(path, clock)
    before = access.rules
    replace(path, BROKEN[broken])
    for _ in range(3):
        clock.later()
        assert access.rules is before
    assert not access.successful
    assert len(caplog.records) == 1
    assert "the one before stays in force" in caplog.text


def test_a_file_that_vanishes_changes_nothing(ground: Yard, clock: Clock) -> None:
    path = ground.put("good-users")
    access = Access(path, clock)
    before = access.rules
    path.unlink()
    clock.later()
    assert access.rules is before
    assert not access.successful
    ground.put("good-nothing").rename(path)
    clock.later()
    assert access.rules.users == {}
    assert access.successful


def test_a_file_that_broke_is_well_when_the_certificate_it_names_appears(ground: Yard, clock: Clock) -> None:
    path = ground.put("good-users")
    access = Access(path, clock)
    replace(path, text_of("bad-files-missing"))
    clock.later()
    assert access.rules.tls is None
    made = ground.servers.issue([NAME]).write(ground.folder, "no")
    assert made.chain.name == "no.pem"
    clock.later()
    assert access.rules.tls is not None
    assert access.successful


def test_the_files_are_looked_at_once_a_second_at_most(ground: Yard, clock: Clock) -> None:
    path = ground.put("good-users")
    access = Access(path, clock)
    replace(path, "{}")
    clock.now += 0.9
    assert access.rules.users
    clock.now += 0.1
    assert not access.rules.users


def test_files_that_did_not_change_are_not_read_again(ground: Yard, clock: Clock) -> None:
    path = ground.put("good-tls")
    access = Access(path, clock)
    # What a reading costs is a new context, so an unchanged file must not have one.
    before = access.rules
    clock.later()
    assert access.rules is before


@pytest.mark.parametrize("changed", ["server.pem", "server.key", "clients.pem"])
def test_every_file_that_is_named_is_watched(changed: str, ground: Yard, clock: Clock) -> None:
    access = Access(ground.put("good-verify"), clock)
    before = access.rules
    file = ground.folder / changed
    replace(file, file.read_text())
    clock.later()
    assert access.rules.tls is not before.tls


async def test_tls_and_passwords_are_switched_on_for_the_next_client(ground: Yard, clock: Clock) -> None:
    path = ground.put("good-nothing")
    async with served(Access(path, clock)) as url:
        replace(path, text_of("good-tls"))
        clock.later()
        assert x509.load_der_x509_certificate(await shown_at(url, ground)).not_valid_after_utc


def test_a_file_that_gets_another_mode_is_read_again(
    ground: Yard, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    access = Access(ground.put("good-tls"), clock)
    # As after `cp new.key server.key`, where the right to read it comes a moment later.
    key = ground.folder / "server.key"
    os.chmod(key, 0o440)
    clock.later()
    assert access.rules.tls is not None
    assert [record.getMessage() for record in caplog.records] == ["web configuration read again"]
