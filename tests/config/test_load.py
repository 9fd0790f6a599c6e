"""Where a configuration comes from: files, the files they name, and the command line."""

from pathlib import Path

from exporter.config.load import load, parse, targets_for_hosts


def test_hosts_files_add_hosts_in_the_order_of_pattern_and_name(tmp_path: Path) -> None:
    folder = tmp_path / "conf.d"
    folder.mkdir()
    (folder / "b.yml").write_text("- {host: b.example.org, ports: [25], ca_file: roots.pem}\n")
    (folder / "a.yml").write_text("hosts: [{host: a.example.org, ports: [25]}]\n")
    (folder / "roots.pem").write_text("text before\n-----BEGIN CERTIFICATE-----\n")
    (tmp_path / "last.yml").write_text("[]\n")
    (tmp_path / "conf.yml").write_text(
        "defaults: {ip_families: [ipv4], interval: 60s}\n"
        "hosts: [{host: c.example.org, ports: [25]}]\n"
        "hosts_files: [conf.d/*.yml, none.d/*.yml, conf.d/a.yml, last.yml]\n"
    )
    found = load(tmp_path / "conf.yml")
    assert [(target.host, target.interval) for target in found.targets] == [
        ("c.example.org", 60),
        ("a.example.org", 60),
        ("b.example.org", 60),
    ]
    assert [Path(name).relative_to(tmp_path).as_posix() for name in found.files] == [
        "conf.yml",
        "conf.d/a.yml",
        "conf.d/b.yml",
        "last.yml",
    ]
    assert found.targets[2].ca_file == str(folder / "roots.pem"), "a path starts from the file it is written in"


def test_loading_again_sees_what_was_changed_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "conf.yml"
    path.write_text("hosts: [a.example.org]\n")
    first = load(path)
    assert load(path) == first
    path.write_text("hosts: [b.example.org]\n")
    assert {target.host for target in load(path).targets} == {"b.example.org"}


def test_a_command_line_without_ports_expects_nothing() -> None:
    found = targets_for_hosts(["mail.example.org", "192.0.2.1"])
    assert found.targets == parse("hosts: [mail.example.org, 192.0.2.1]", "conf.yml").targets
    assert found.files == ()


def test_ports_on_the_command_line_should_be_open() -> None:
    found = targets_for_hosts(["mail.example.org", "mx.example.org"], [587, 25])
    text = "hosts: [{host: mail.example.org, ports: [587, 25]}, {host: mx.example.org, ports: [587, 25]}]"
    assert found.targets == parse(text, "conf.yml").targets
