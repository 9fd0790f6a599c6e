"""Every fault has a file of its own in `tests/configs`, and its exact message in the table of `faults`."""

import os
from pathlib import Path

import pytest

from exporter.config.fault import ConfigError, Fault
from exporter.config.load import MAX_BYTES, load, parse, targets_for_hosts
from tests.config.faults import FAULTS

CONFIGS = Path(__file__).parent.parent / "configs"


def messages(error: ConfigError, folder: Path) -> list[str]:
    """The faults as text, with paths cut down to what does not depend on where the tests are."""
    texts = (str(fault).replace(f"{folder}{os.sep}", "") for fault in error.faults)
    return [text.replace(f"{folder.parent}{os.sep}", "") for text in texts]


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_named_with_its_file_line_and_key_path(name: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(CONFIGS / f"{name}.yml")
    assert messages(caught.value, CONFIGS) == [f"{name}.yml{message}" for message in FAULTS[name]]


def test_every_file_of_the_folder_has_its_expected_messages() -> None:
    assert {path.stem for path in CONFIGS.glob("*.yml")} == FAULTS.keys()


def test_all_faults_of_all_files_come_at_once_sorted_by_file_and_line(tmp_path: Path) -> None:
    (tmp_path / "conf.yml").write_text("hosts:\n  - 12\nhosts_files: [b.yml, a.yml]\nmin_gap: 2\n")
    (tmp_path / "a.yml").write_text("- mail..example.org\n")
    (tmp_path / "b.yml").write_text("hosts: [mail.example.org.]\n")
    with pytest.raises(ConfigError) as caught:
        load(tmp_path / "conf.yml")
    assert [(Path(fault.file).name, fault.line, fault.path) for fault in caught.value.faults] == [
        ("a.yml", 1, "[0]"),
        ("b.yml", 1, "hosts[0]"),
        ("conf.yml", 2, "hosts[0]"),
        ("conf.yml", 4, "min_gap"),
    ]


def test_a_host_in_two_files_is_a_fault_that_names_both_lines(tmp_path: Path) -> None:
    (tmp_path / "conf.yml").write_text("hosts_files: ['*.yml.d']\nhosts:\n  - {host: a.example.org, ports: [25]}\n")
    (tmp_path / "more.yml.d").write_text("\n- host: a.example.org\n  ports: [465, 25]\n")
    with pytest.raises(ConfigError) as caught:
        load(tmp_path / "conf.yml")
    assert messages(caught.value, tmp_path) == [
        "more.yml.d:3: [0].ports[1]: port 25 of a.example.org is named twice, first in conf.yml:3"
    ]


def test_a_default_that_is_wrong_for_many_hosts_is_reported_once() -> None:
    with pytest.raises(ConfigError) as caught:
        parse("defaults: {timeouts: {total: 1s}}\nhosts: [a.example.org, b.example.org]", "conf.yml")
    assert len(caught.value.faults) == 1


def test_a_path_that_no_file_can_have_is_a_fault_like_any_other() -> None:
    with pytest.raises(ConfigError, match="cannot be read: File name too long"):
        parse(f"defaults: {{ca_file: {'a' * 300}.pem}}\nhosts: []", "conf.yml")


def test_a_file_that_is_not_there_says_so() -> None:
    with pytest.raises(ConfigError) as caught:
        load("no/such/conf.yml")
    assert str(caught.value) == "no/such/conf.yml: cannot be read: No such file or directory"


def test_a_file_that_is_too_large_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "conf.yml"
    path.write_bytes(b"#" * (MAX_BYTES + 1))
    with pytest.raises(ConfigError) as caught:
        load(path)
    assert messages(caught.value, tmp_path) == ["conf.yml: is larger than 10 MB"]


def test_a_file_of_the_largest_size_is_read(tmp_path: Path) -> None:
    path = tmp_path / "conf.yml"
    path.write_bytes(b"\n\xff" + b"#" * (MAX_BYTES - 2))
    with pytest.raises(ConfigError) as caught:
        load(path)
    assert messages(caught.value, tmp_path) == ["conf.yml:2: is not UTF-8 text"]


@pytest.mark.parametrize(
    ("written", "message"),
    [
        pytest.param("", "conf.d/a.yml: is empty", id="nothing"),
        pytest.param("~", "conf.d/a.yml:1: must be a list of hosts, not an empty value", id="null"),
        pytest.param(
            "defaults: {}\nhosts: []",
            "conf.d/a.yml:1: defaults: cannot stand in a hosts file, only in the main file",
            id="defaults",
        ),
        pytest.param("- [", "conf.d/a.yml:1: is not valid YAML", id="syntax"),
    ],
)
def test_a_hosts_file_holds_hosts_and_nothing_else(tmp_path: Path, written: str, message: str) -> None:
    (tmp_path / "conf.d").mkdir()
    (tmp_path / "conf.d" / "a.yml").write_text(written)
    (tmp_path / "conf.yml").write_text("hosts_files: [conf.d/*.yml]")
    with pytest.raises(ConfigError) as caught:
        load(tmp_path / "conf.yml")
    assert [text[: len(message)] for text in messages(caught.value, tmp_path)] == [message]


def test_a_folder_among_the_hosts_files_is_a_fault(tmp_path: Path) -> None:
    (tmp_path / "conf.d").mkdir()
    (tmp_path / "conf.yml").write_text("hosts_files: [conf.d]")
    with pytest.raises(ConfigError) as caught:
        load(tmp_path / "conf.yml")
    assert messages(caught.value, tmp_path) == ["conf.d: cannot be read: Is a directory"]


@pytest.mark.parametrize(
    ("hosts", "ports", "message"),
    [
        pytest.param(
            ["mail.example.org"],
            [26],
            "hosts[0].ports[0]: port 26 is not well known: it needs protocol and tls",
            id="port",
        ),
        pytest.param(
            ["mail..example.org"],
            None,
            'hosts[0]: must be a host name or an IP address, not "mail..example.org": '
            "letters, digits and hyphens, at most 63 between two dots and 253 in all",
            id="host",
        ),
        pytest.param(
            ["a", "a"], [25], "hosts[1].ports[0]: port 25 of a is named twice, first in the command line", id="twice"
        ),
    ],
)
def test_a_fault_of_the_command_line_has_no_line(hosts: list[str], ports: list[int] | None, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        targets_for_hosts(hosts, ports)
    assert str(caught.value) == f"the command line: {message}"


def test_a_fault_without_a_path_shows_none() -> None:
    assert str(Fault("conf.yml", 12, "", "is empty")) == "conf.yml:12: is empty"
