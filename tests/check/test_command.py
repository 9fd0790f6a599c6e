"""`mailprobe check` from its words to its exit code."""

import asyncio
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from exporter.check.command import UsageError, configuration
from exporter.cli import main
from exporter.config.fault import ConfigError
from exporter.config.model import Watch
from exporter.config.wellknown import WELL_KNOWN
from exporter.demo.host import PORT_OFFSET
from exporter.demo.listener import Listener
from exporter.demo.mint import Authority
from exporter.demo.servers import FriendlyServer
from exporter.demo.tls import ServerTls
from exporter.targets import PortState


@pytest.fixture
def config_file(tmp_path: Path) -> str:
    file = tmp_path / "config.yml"
    file.write_text("hosts: [{host: a.example.org, ports: [25, 587]}, {host: b.example.org, ports: [25]}]\n")
    return str(file)


def chosen(words: list[str], file: str | None = None) -> list[tuple[str, int]]:
    targets = configuration(words, file).targets
    return list(dict.fromkeys((target.host, target.service.port) for target in targets))


def test_a_host_alone_is_probed_on_the_common_ports_and_nothing_is_promised() -> None:
    config = configuration(["a.example.org"], None)

    assert {target.service.port for target in config.targets} == {25, 110, 143, 465, 587, 993, 995, 2525}
    assert {target.expectation.state for target in config.targets} == {PortState.ANY}


def test_ports_behind_the_hosts_are_probed_on_each_and_should_be_open() -> None:
    config = configuration(["a.example.org", "b.example.org", "25", "993"], None)

    assert len({target.key for target in config.targets}) == 8
    assert {target.expectation.state for target in config.targets} == {PortState.OPEN}


def test_a_configuration_is_checked_whole_or_in_part(config_file: str) -> None:
    assert chosen([], config_file) == [("a.example.org", 25), ("a.example.org", 587), ("b.example.org", 25)]
    assert chosen(["b.example.org"], config_file) == [("b.example.org", 25)]
    assert chosen(["587"], config_file) == [("a.example.org", 587)]


REFERENCES = """
references: {25: [mx.example.net], 587: [mx.example.net, mx2.example.net]}
watch: {stale_certificates: false}
defaults: {ip_families: [ipv4]}
hosts: [{host: a.example.org, ports: [25, 587]}, {host: b.example.org, ports: [25]}]
"""


@pytest.mark.parametrize(
    ("words", "references"),
    [
        ([], [("mx.example.net", 25), ("mx.example.net", 587), ("mx2.example.net", 587)]),
        (["b.example.org"], [("mx.example.net", 25)]),
        (["587"], [("mx.example.net", 587), ("mx2.example.net", 587)]),
    ],
    ids=["all", "a host", "a port"],
)
def test_references_are_asked_about_the_ports_that_are_probed(
    words: list[str], references: list[tuple[str, int]], tmp_path: Path
) -> None:
    file = tmp_path / "config.yml"
    file.write_text(REFERENCES)

    config = configuration(words, str(file))

    assert sorted((target.host, target.service.port) for target in config.references) == references
    assert config.watch == Watch(stale_certificates=False)


def test_a_network_that_lets_nobody_out_is_told_before_the_host_that_cannot_be_reached(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "config.yml"
    file.write_text(
        "references: {2525: [127.0.1.251]}\ndefaults: {ip_families: [ipv4]}\n"
        "hosts: [{host: 127.0.1.250, ports: [2525]}]\n"
    )

    code = main(["check", f"--config.file={file}"])

    out = capsys.readouterr().out
    assert (code, out.splitlines()[1]) == (2, "this network blocks port 2525 over ipv4")
    assert "127.0.1.251" not in out


@pytest.mark.parametrize(
    ("words", "told"), [([], []), (["--variants"], [("rsa", "not_installed")])], ids=["without", "with"]
)
async def test_other_handshakes_are_made_when_asked_for(
    words: list[str], told: list[tuple[str, str]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name, file, roots = "mail.example.org", tmp_path / "config.yml", tmp_path / "roots.pem"
    authority = Authority.create("Test Root", now=datetime.now(UTC))
    roots.write_bytes(authority.pem)
    server = FriendlyServer(name, WELL_KNOWN[993].service, ServerTls(authority.issue([name])))

    async with Listener(server.serve) as listener:
        port = f"{{port: {listener.port}, protocol: imap, tls: implicit, server_name: {name}}}"
        file.write_text(f"defaults: {{ca_file: {roots}}}\nhosts: [{{host: 127.0.0.1, ports: [{port}]}}]\n")
        code = await asyncio.to_thread(main, ["check", f"--config.file={file}", "--json", *words])

    (target,) = json.loads(capsys.readouterr().out)["targets"]
    assert (code, target["status"]) == (0, "OK")
    assert [(seen["variant"], seen["standing"]) for seen in target["variants"]] == told


@pytest.mark.parametrize(
    ("words", "with_file", "message"),
    [
        ([], False, "name a host"),
        (["c.example.org"], True, "has no host c.example.org"),
        (["b.example.org", "587"], True, "has no port 587"),
    ],
    ids=["nothing to check", "unknown host", "unknown port"],
)
def test_a_command_line_without_sense_is_told(
    words: list[str], with_file: bool, message: str, config_file: str
) -> None:
    with pytest.raises(UsageError, match=message):
        configuration(words, config_file if with_file else None)


def test_a_port_nobody_knows_is_a_fault() -> None:
    with pytest.raises(ConfigError, match="protocol"):
        configuration(["a.example.org", "4711"], None)


@pytest.mark.parametrize(
    "words",
    [["check"], ["check", "a b"], ["check", "--config.file=/nonexistent/config.yml"]],
    ids=["no host", "bad host", "no file"],
)
def test_a_fault_on_the_way_in_is_unknown(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 3
    assert capsys.readouterr().err


def test_a_refused_port_is_critical_and_json_is_all_that_is_printed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "config.yml"
    port = PORT_OFFSET + 1
    file.write_text(f"hosts: [{{host: 127.0.1.250, ports: [{{port: {port}, protocol: smtp, tls: none}}]}}]\n")

    code = main(["check", f"--config.file={file}", "--json"])

    data = json.loads(capsys.readouterr().out)
    assert (code, data["status"]) == (2, "CRITICAL")
    assert [target["outcome"] for target in data["targets"]] == ["connect_refused"]
