"""The command line: what each command prints, where to, and with which exit code it ends."""

import json
import os
import re
import subprocess
from pathlib import Path

import pytest

from exporter.cli import main
from exporter.config.fault import ConfigError
from exporter.config.load import load
from exporter.config.schema import json_schema
from exporter.config.show import show
from tests.running import COMMAND, ENVIRONMENT

ROOT = Path(__file__).parent.parent
EXAMPLE = str(ROOT / "config.example.yml")
FAULTY = ROOT / "tests" / "configs" / "many.yml"

COMMANDS = ["", "run", "check", "config", "config check", "config schema", "config show", "demo"]


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command or "mailprobe")
def test_every_command_explains_itself(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*command.split(), "--help"]) == 0

    out, err = capsys.readouterr()
    assert out.startswith(f"usage: {f'mailprobe {command}'.strip()} ")
    assert err == ""


def test_the_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    main(["--help"])

    # Two words deep: what stands under the commands is the help of each.
    named = re.findall(r"^    (\w+)", capsys.readouterr().out, re.MULTILINE)
    assert named == ["run", "check", "config", "demo"]


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        ([], "the following arguments are required: COMMAND"),
        (["config"], "the following arguments are required: COMMAND"),
        (["probe"], "invalid choice: 'probe'"),
        (["run", "--nonsense"], "unrecognized arguments: --nonsense"),
        (["run", "host.example.org"], "unrecognized arguments: host.example.org"),
        (["run", "--log.level=loud"], "invalid choice: 'loud'"),
        (["run", "--log.format=xml"], "invalid choice: 'xml'"),
        (["run", "--config.file"], "expected one argument"),
        (["run", "--web.listen-address=localhost"], 'listen address "localhost": write HOST:PORT'),
        (["run", "--web.listen-address=:99999"], "port 99999 is greater than 65535"),
        (["demo", "--config.file=config.yml"], "unrecognized arguments: --config.file=config.yml"),
    ],
    ids=[
        "no command",
        "no command of config",
        "unknown command",
        "unknown flag",
        "word too many",
        "unknown level",
        "unknown format",
        "flag without value",
        "address without port",
        "no such port",
        "demo with a configuration",
    ],
)
def test_a_command_line_that_makes_no_sense_is_a_fault(
    words: list[str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == 2

    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("usage: mailprobe ")
    assert complaint in err


@pytest.mark.parametrize(
    "words",
    [["check", "--nonsense"], ["check", "--config.file"], ["check"], ["check", f"--config.file={FAULTY}"]],
    ids=["unknown flag", "flag without value", "nothing to check", "faulty configuration"],
)
def test_a_check_that_could_not_begin_is_unknown_and_never_critical(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == 3

    out, err = capsys.readouterr()
    assert out == ""
    assert err


def test_a_good_configuration_is_counted(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["config", "check", f"--config.file={EXAMPLE}"]) == 0

    targets = load(EXAMPLE).targets
    hosts = {target.host for target in targets}
    assert capsys.readouterr() == (f"{EXAMPLE}: {len(hosts)} hosts, {len(targets)} targets, no faults\n", "")


@pytest.mark.parametrize("command", [["config", "check"], ["config", "show"], ["run"]], ids=" ".join)
def test_a_faulty_configuration_is_told_with_every_fault(
    command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(ConfigError) as refused:
        load(FAULTY)

    assert main([*command, f"--config.file={FAULTY}"]) == 2

    assert len(refused.value.faults) > 3
    assert capsys.readouterr() == ("", "".join(f"{fault}\n" for fault in refused.value.faults))


@pytest.mark.parametrize("command", [["config", "check"], ["config", "show"], ["run"]], ids=" ".join)
def test_a_configuration_that_is_not_there_is_a_fault(
    command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    missing = tmp_path / "config.yml"

    assert main([*command, f"--config.file={missing}"]) == 2

    assert capsys.readouterr() == ("", f"{missing}: cannot be read: No such file or directory\n")


def test_roots_that_hold_no_certificate_are_found_before_anything_is_probed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    roots, config = tmp_path / "roots.pem", tmp_path / "config.yml"
    roots.write_text("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
    config.write_text("defaults: {ca_file: roots.pem}\nhosts: [mail.example.org]\n")

    assert main(["config", "check", f"--config.file={config}"]) == 2

    assert capsys.readouterr() == ("", f"{roots} holds no certificate\n")


def test_the_schema_is_printed_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["config", "schema"]) == 0

    assert json.loads(capsys.readouterr().out) == json_schema()


def test_the_settings_are_shown_with_their_origins(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["config", "show", f"--config.file={EXAMPLE}"]) == 0

    out, err = capsys.readouterr()
    assert out == show(load(EXAMPLE))
    assert f"# defaults ({EXAMPLE}:" in out
    assert err == ""


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["config", "show", f"--config.file={EXAMPLE}"], 0),
        (["config", "schema"], 0),
        (["--version"], 0),
        (["--help"], 0),
        (["check", "--json", "127.0.0.1", "2525"], 3),
    ],
    ids=["show", "schema", "version", "help", "check"],
)
def test_a_reader_that_has_seen_enough_ends_the_command_in_peace(words: list[str], code: int) -> None:
    # A pipe that nobody reads any more, as after `| head`; not closed later, or it would depend on who is faster.
    reader, writer = os.pipe()
    os.close(reader)
    try:
        ended = subprocess.run([COMMAND, *words], stdout=writer, stderr=subprocess.PIPE, env=ENVIRONMENT, check=False)
    finally:
        os.close(writer)

    assert (ended.returncode, ended.stderr) == (code, b"")
