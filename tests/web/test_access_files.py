"""The web file: every bad one is refused in its own words, every good one is taken, and no secret is repeated."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from exporter.config.fault import ConfigError
from exporter.config.webfile import MAX_BYTES, read_web_file
from exporter.web.access import Access
from exporter.web.tls import server_tls
from tests.web.access import CONFIGS, Yard, yard
from tests.web.webfiles import FAULTS

GOOD = sorted(path.stem for path in CONFIGS.glob("good-*.yml"))

# What the bad files have where a hash belongs.
SECRET = "hunter2"


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Yard:
    return yard(tmp_path_factory.mktemp("yard"))


@pytest.mark.parametrize("name", FAULTS)
def test_a_bad_file_is_refused_with_line_and_key_path(name: str, ground: Yard) -> None:
    with pytest.raises(ConfigError) as caught:
        Access(ground.put(name))
    messages = [str(fault).replace(f"{ground.folder}/", "") for fault in caught.value.faults]
    assert messages == [f"{name}.yml{message}" for message in FAULTS[name]]
    assert not any(SECRET in message for message in messages)


@pytest.mark.parametrize("name", GOOD)
def test_a_good_file_is_taken(name: str, ground: Yard) -> None:
    access = Access(ground.put(name))

    assert access.successful
    assert (access.rules.tls is not None) == ("tls_server_config" in (CONFIGS / f"{name}.yml").read_text())


def test_every_file_of_the_folder_is_tried() -> None:
    assert {path.stem for path in CONFIGS.glob("*.yml")} == FAULTS.keys() | set(GOOD)


@pytest.mark.parametrize(
    ("name", "warned"),
    [
        ("good-request", "tls_server_config.client_auth_type: RequestClientCert is the same as NoClientCert here"),
        ("good-ciphers-tls13", "tls_server_config.cipher_suites: TLS 1.3 has no choice of ciphers"),
    ],
)
def test_what_is_kept_only_in_part_is_warned_of(
    name: str, warned: str, ground: Yard, caplog: pytest.LogCaptureFixture
) -> None:
    Access(ground.put(name))

    [record] = caplog.records
    assert warned in record.getMessage()


def test_hashes_do_not_show_in_what_is_printed_for_developers(ground: Yard) -> None:
    path = ground.put("good-users")

    assert "$2" not in repr(read_web_file(path)) + repr(Access(path).rules)


@pytest.mark.parametrize(
    ("held", "message"),
    [
        pytest.param(b"\xff\xfe", "is not UTF-8 text", id="not-utf-8"),
        pytest.param(b"{}" + b" " * MAX_BYTES, "is larger than 1 MB", id="too-large"),
        pytest.param(b"\x00", "is not valid YAML", id="control-character"),
        pytest.param(b"{}\n---\n{}\n", "holds a second document", id="two-documents"),
    ],
)
def test_a_file_that_is_no_text_of_this_kind_is_refused(held: bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / "web.yml"
    path.write_bytes(held)
    with pytest.raises(ConfigError, match=message):
        read_web_file(path)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"web\.yml: cannot be read: No such file or directory"):
        read_web_file(tmp_path / "web.yml")


def test_a_pipe_is_not_waited_for(ground: Yard, tmp_path: Path) -> None:
    pipe = tmp_path / "web.yml"
    os.mkfifo(pipe)
    with pytest.raises(ConfigError, match="is no file"):
        read_web_file(pipe)
    section = ground.put("good-tls").read_text().replace("server.key", str(pipe))
    (tmp_path / "tls.yml").write_text(section.replace("server.pem", str(ground.folder / "server.pem")))
    with pytest.raises(ConfigError, match=r"tls\.yml:3: tls_server_config\.key_file: .* is no file"):
        Access(tmp_path / "tls.yml")


def test_a_file_that_may_not_be_a_certificate_is_told_from_one_that_is_missing(ground: Yard, tmp_path: Path) -> None:
    path = tmp_path / "tls.yml"
    path.write_text(f"tls_server_config: {{cert_file: {ground.folder}, key_file: {ground.folder}/server.key}}\n")
    with pytest.raises(ConfigError, match=r"cert_file: .* is no file"):
        Access(path)


def test_what_openssl_was_built_without_is_a_fault_of_the_section(ground: Yard) -> None:
    tls = read_web_file(ground.put("good-tls")).tls
    assert tls is not None
    with pytest.raises(ConfigError, match="tls_server_config: is more than this machine's OpenSSL can"):
        server_tls(replace(tls, ciphers=("CAMELLIA-OF-1999",)))


def test_paths_start_from_the_folder_of_the_file(ground: Yard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    assert Access(ground.put("good-tls")).rules.tls is not None
