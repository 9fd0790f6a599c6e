"""Whether the benchmarks still run, and compare like with like: at the smallest size, and whatever they say."""

import io
import math
import ssl
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families
from rich.console import Console

from exporter.demo.mint import Authority
from exporter.targets import TlsMode
from tests.bench import blackbox, load, memory, probe, scrape
from tests.bench.__main__ import table
from tests.bench.mailserver import Site, mail_server
from tests.bench.ratio import Ratio, Size, compared, interleaved
from tests.bench.session import ByMailprobe, ByStreams, SessionFailed, Sessions
from tests.real.require import lack

TINY = Size(rounds=1, targets=(5,), probes=4, held=16, memory_rounds=1)

# Name, labels and value.
Samples = set[tuple[str, frozenset[tuple[str, str]], float]]


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with mail_server() as running:
        yield running


def assert_well_formed(ratios: list[Ratio], benchmark: str) -> None:
    assert ratios
    for row in ratios:
        assert row.benchmark == benchmark
        assert 0 < row.lowest <= row.median <= row.highest < math.inf
        assert row.rounds == 1
        assert row.contender.startswith("mailprobe")
        assert not row.against.startswith("mailprobe")
    assert len({(row.case, row.quantity, row.contender, row.against) for row in ratios}) == len(ratios)


def test_scrape_yields_ratios() -> None:
    ratios = scrape.measure(TINY)
    assert_well_formed(ratios, "scrape")
    assert len(ratios) == 4


def test_probe_yields_ratios(site: Site) -> None:
    ratios = probe.measure(TINY, site)
    assert_well_formed(ratios, "probe")
    assert {row.case for row in ratios} == set(probe.CASES)


def test_memory_yields_a_ratio(site: Site) -> None:
    if (reason := memory.unavailable()) is not None:
        lack(reason)
    assert_well_formed(memory.measure(TINY, site), "memory")


def test_blackbox_yields_ratios(site: Site) -> None:
    if (reason := blackbox.unavailable()) is not None:
        lack(reason)
    ratios = blackbox.measure(TINY, site)
    assert_well_formed(ratios, "blackbox")
    assert {row.case for row in ratios} == set(probe.CASES)


def test_load_yields_ratios() -> None:
    if (reason := load.unavailable()) is not None:
        lack(reason)
    ratios = load.measure(1, hosts=20, readers=load.Readers(3, 3), seconds=2.0)
    assert_well_formed([row for row in ratios if row.contender == load.BUSY], "load")
    assert {row.contender for row in ratios} == {load.BUSY, load.AGAIN}


@pytest.mark.parametrize("hold_by", [ByMailprobe, ByStreams])
async def test_no_contender_takes_a_certificate_that_it_cannot_trust(
    hold_by: Callable[[Site], Sessions], site: Site, tmp_path: Path
) -> None:
    await hold_by(site).hold(1, site.port, TlsMode.STARTTLS)
    stranger = Authority.create("Another root", now=datetime.now(UTC)).write(tmp_path)
    with pytest.raises((SessionFailed, ssl.SSLCertVerificationError)):
        await hold_by(replace(site, ca_file=str(stranger))).hold(1, site.port, TlsMode.STARTTLS)


def samples(text: bytes) -> Samples:
    return {
        (sample.name, frozenset(sample.labels.items()), sample.value)
        for family in text_string_to_metric_families(text.decode())
        for sample in family.samples
    }


@pytest.mark.parametrize("name", [name for name in scrape.CONTENDERS if name != "mailprobe"])
def test_all_contenders_of_a_scrape_expose_the_same_samples(name: str) -> None:
    theirs, ours = scrape.CONTENDERS[name](6), scrape.ByMailprobe(6)
    expected = samples(ours.render())
    assert len(expected) > 6 * 20
    assert samples(theirs.render()) == expected
    # Ours counts its probes, so that values differ from the second one on.
    theirs.update()
    ours.update()
    assert {sample[:2] for sample in samples(theirs.render())} == {sample[:2] for sample in samples(ours.render())}


def test_every_contender_has_its_turn_in_each_round_and_the_first_turn_goes_round() -> None:
    turns: list[str] = []

    def turn(name: str) -> float:
        turns.append(name)
        return float(len(turns))

    costs = interleaved({"a": lambda: turn("a"), "b": lambda: turn("b")}, 3)
    assert turns == ["a", "b", "a", "b", "b", "a", "a", "b"]
    assert costs == [{"a": 3.0, "b": 4.0}, {"b": 5.0, "a": 6.0}, {"a": 7.0, "b": 8.0}]


def test_a_ratio_is_taken_within_each_round() -> None:
    costs = [{"ours": 1.0, "theirs": 2.0}, {"ours": 30.0, "theirs": 10.0}, {"ours": 4.0, "theirs": 4.0}]
    row = compared(costs, "ours", "theirs", benchmark="probe", case="a session", quantity="CPU time")
    assert (row.lowest, row.median, row.highest, row.rounds) == (0.5, 1.0, 3.0, 3)


def test_the_table_shows_every_ratio_with_its_range() -> None:
    row = Ratio("probe", "a session", "CPU time", "mailprobe", "others", 0.51234, 0.45, 12.345, 7)
    shown = io.StringIO()
    Console(file=shown, width=160).print(table([row]))
    line = next(line for line in shown.getvalue().splitlines() if "a session" in line)
    assert [cell.strip() for cell in line.strip("│").split("│")] == [
        "probe",
        "a session",
        "CPU time",
        "mailprobe",
        "others",
        "0.512",
        "0.45 .. 12.3",
    ]
