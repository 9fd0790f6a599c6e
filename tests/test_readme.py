"""The README cannot lie: its tables and its example are compared with the code.

`MAILPROBE_UPDATE_GOLDEN=1` rewrites the metric table; the others are written by hand.
"""

import argparse
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from exporter.cli import command_line
from exporter.config.daemon import WATCH
from exporter.config.load import parse
from exporter.config.model import Watch
from exporter.config.wellknown import WELL_KNOWN
from exporter.judgement.security import SEVERITY, TlsFinding
from exporter.metrics.catalogue import CATALOGUE
from exporter.results import Outcome
from exporter.targets import PortState
from tests.judgement.sessions import ended, target
from tests.judgement.test_what_exists import TABLE

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"


def section(name: str) -> str:
    """The text between the marks `<!-- name -->` and `<!-- /name -->`."""
    found = re.search(rf"<!-- {name} -->\n(.*?)<!-- /{name} -->", README.read_text(), re.DOTALL)
    assert found is not None
    return found[1]


def rows(name: str) -> list[list[str]]:
    """The cells of the table in a section, without its head."""
    lines = [line for line in section(name).splitlines() if line.startswith("|")][2:]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]


def metric_table() -> str:
    head = "| metric | kind | labels | meaning |\n| --- | --- | --- | --- |\n"
    return head + "".join(
        f"| `{metric.name}` | {metric.kind} | {', '.join(f'`{label}`' for label in metric.labels)} | {metric.help} |\n"
        for metric in CATALOGUE
    )


def test_the_metric_table_is_the_catalogue() -> None:
    if os.environ.get("MAILPROBE_UPDATE_GOLDEN"):
        before, mark, rest = README.read_text().partition("<!-- metrics -->\n")
        README.write_text(f"{before}{mark}{metric_table()}<!-- /metrics -->{rest.partition('<!-- /metrics -->')[2]}")

    assert section("metrics") == metric_table()


def test_the_finding_table_has_every_finding_with_its_severity_in_order() -> None:
    assert [row[:2] for row in rows("findings")] == [[f"`{finding}`", SEVERITY[finding]] for finding in TlsFinding]


def test_every_conclusion_can_be_switched() -> None:
    keys = {row[0].strip("`") for row in rows("conclusions")}

    assert {f"{WATCH.name}.{field}" for field in Watch.__slots__} <= keys
    assert all(key.split(".")[0] in (ROOT / "config.example.yml").read_text() for key in keys)


def test_the_outcome_table_has_every_outcome_in_order() -> None:
    assert [row[0] for row in rows("outcomes")] == [f"`{outcome}`" for outcome in Outcome]
    assert all(row[3] for row in rows("outcomes"))


# Without a route nothing was tried, and a fault of our own may come at any time.
SPECIAL = {Outcome.NO_ROUTE: "none", Outcome.INTERNAL_ERROR: "as far as seen"}
SAMPLES = {True: "1", False: "0", None: "none"}


@pytest.mark.parametrize("outcome", TABLE, ids=str)
def test_the_outcome_table_says_what_success_and_port_open_are(outcome: Outcome) -> None:
    _, success = dict(zip(PortState, TABLE[outcome], strict=True))[PortState.OPEN]

    written = {row[0]: (row[1], row[2]) for row in rows("outcomes")}

    port_open = SPECIAL.get(outcome, SAMPLES[ended(target(), outcome).port_open])
    assert written[f"`{outcome}`"] == (SAMPLES[success], port_open)


def flags(parser: argparse.ArgumentParser, command: str = "") -> Iterator[tuple[str, str]]:
    """Every long flag with the command it belongs to."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, inner in action.choices.items():
                yield from flags(inner, f"{command} {name}".strip())
        else:
            yield from ((command, flag) for flag in action.option_strings if flag.startswith("--") and flag != "--help")


def test_the_flag_table_has_every_flag_of_every_command() -> None:
    written = {
        (command.strip("`"), row[1].strip("`")) for row in rows("flags") for command in row[0].strip().split(", ")
    }

    assert written == set(flags(command_line()))


def test_the_example_is_a_configuration_that_loads() -> None:
    text = section("example").removeprefix("```yaml\n").removesuffix("```\n")

    config = parse(text, "README.md", ROOT)

    assert {target.host for target in config.targets} == {"mail.example.org", "mx2.example.org"}


def test_the_port_table_has_every_well_known_port() -> None:
    text = README.read_text()
    table = text[text.index("| port | service |") : text.index("Many articles")]
    ports = {int(port) for line in table.split("\n|")[2:] for port in re.findall(r"\d+", line.split("|")[0])}

    assert ports == set(WELL_KNOWN)


def test_the_standards_table_has_every_rfc_that_the_code_cites() -> None:
    cited = {
        number for file in (ROOT / "exporter").rglob("*.py") for number in re.findall(r"RFC (\d+)", file.read_text())
    }
    written = {number for row in rows("standards") for number in row[0].split(", ")}

    assert written == cited


def test_every_file_that_is_linked_exists() -> None:
    links = re.findall(r"\]\(([^)#]+)\)", README.read_text())

    assert [link for link in links if not link.startswith("http") and not (ROOT / link).exists()] == []
