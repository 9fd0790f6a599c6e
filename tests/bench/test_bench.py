"""Whether the benchmarks still run, and compare like with like: at the smallest size, and whatever they say."""

import io
import json
import math
import socket
import ssl
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families
from rich.console import Console

from exporter.demo.mint import Authority
from exporter.targets import TlsMode
from tests.bench import (
    company,
    extent,
    fleet,
    flight,
    latency,
    load,
    lookups,
    memory,
    probe,
    scale,
    scrape,
    workers,
)
from tests.bench.__main__ import BENCHMARKS, Benchmark, figure_table, main, measured, ratio_table
from tests.bench.crowd import DELAY, HELD, crowd
from tests.bench.exporters import INTERVAL
from tests.bench.mailserver import Site, mail_server
from tests.bench.ratio import BenchmarkFailed, Figure, Ratio, Row, compared, figure, interleaved
from tests.bench.session import ByMailprobe, ByStreams, SessionFailed, Sessions
from tests.bench.size import TINY, Size
from tests.real.require import lack

# Name, labels and value.
Samples = set[tuple[str, frozenset[tuple[str, str]], float]]


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with mail_server() as running:
        yield running


def available(benchmark: str) -> None:
    if (reason := BENCHMARKS[benchmark].unavailable()) is not None:
        lack(reason)


def assert_well_formed(rows: Iterable[Row], benchmark: str) -> tuple[list[Ratio], list[Figure]]:
    ratios = [row for row in rows if isinstance(row, Ratio)]
    figures = [row for row in rows if isinstance(row, Figure)]
    assert ratios or figures
    for row in ratios:
        assert row.benchmark == benchmark
        assert 0 < row.lowest <= row.median <= row.highest < math.inf
        assert row.rounds == 1
    for found in figures:
        assert found.benchmark == benchmark
        assert 0 <= found.value < math.inf
    assert len({(row.case, row.quantity, row.contender, row.against) for row in ratios}) == len(ratios)
    assert len({(row.case, row.quantity, row.contender, row.unit) for row in figures}) == len(figures)
    return ratios, figures


def assert_against_others(ratios: Iterable[Ratio]) -> None:
    for row in ratios:
        assert row.contender.startswith("mailprobe")
        assert not row.against.startswith("mailprobe")


def values(figures: Iterable[Figure], quantity: str) -> list[float]:
    return [row.value for row in figures if row.quantity == quantity]


def test_scrape_yields_ratios() -> None:
    (*ratios, own), _ = assert_well_formed(scrape.measure(TINY), "scrape")
    assert_against_others(ratios)
    assert len(ratios) == 10
    assert (own.contender, own.against) == (scrape.NEXT, scrape.FIRST)


def test_probe_yields_ratios() -> None:
    ratios, _ = assert_well_formed(probe.measure(TINY), "probe")
    assert_against_others(ratios)
    assert {row.case for row in ratios} == set(probe.CASES)


def test_company_compares_the_same_sessions_with_themselves() -> None:
    available("company")
    ratios, _ = assert_well_formed(company.measure(TINY), "company")
    assert {(row.contender, row.against) for row in ratios} == {(company.TOGETHER, company.SINGLY)}
    assert [row.case for row in ratios] == [str(case) for case in company.CASES]


def test_memory_yields_a_ratio() -> None:
    available("memory")
    ratios, _ = assert_well_formed(memory.measure(TINY), "memory")
    assert_against_others(ratios)


@pytest.mark.parametrize("case", [fleet.CASES[0], fleet.CASES[4], fleet.CASES[-1]], ids=str)
def test_fleet_compares_the_sessions_of_both_programs(case: fleet.Case) -> None:
    available("fleet")
    ratios, figures = assert_well_formed(fleet.measure(TINY, (case,)), "fleet")
    assert [(row.contender, row.against) for row in ratios][:1] == [(fleet.MAILPROBE, fleet.BLACKBOX)]
    assert {row.contender for row in ratios[1:]} == set(fleet.TARGETS.values())
    for quantity in ("sessions held", "sessions that one core carries"):
        assert len(values(figures, quantity)) == 2
        assert all(values(figures, quantity))


def test_flight_compares_what_both_programs_grow_by() -> None:
    available("flight")
    ratios, figures = assert_well_formed(flight.measure(TINY, (HELD,)), "flight")
    assert_against_others(ratios)
    assert len(figures) == 2


def test_latency_compares_the_errors_of_both_programs() -> None:
    available("latency")
    ratios, figures = assert_well_formed(latency.measure(TINY), "latency")
    assert {row.against for row in ratios} == {latency.BLACKBOX, latency.TRUTH}
    assert all(values(figures, "greetings compared in a round"))
    assert values(figures, "samples of a scrape")[0] > TINY.latency_rate * INTERVAL * 20


def test_load_yields_ratios() -> None:
    available("load")
    ratios, _ = assert_well_formed(load.measure(TINY), "load")
    assert_against_others(row for row in ratios if row.contender == load.BUSY)
    assert {row.contender for row in ratios} == {load.BUSY, load.AGAIN}


def test_workers_yields_ratios() -> None:
    available("workers")
    ratios, _ = assert_well_formed(workers.measure(TINY), "workers")
    assert_against_others(ratios)


def test_scale_counts_sessions_by_turns_and_looks_on_while_the_configuration_is_read_again() -> None:
    available("scale")
    ratios, figures = assert_well_formed(scale.measure(TINY), "scale")
    assert [(row.contender, row.against, row.rounds) for row in ratios] == [("400 targets", "200 targets", 1)] * 2
    assert values(figures, "probes that failed") == [0, 0]
    assert len(values(figures, "memory of a target")) == 2
    assert len(values(figures, "start")) == 4
    assert len(values(figures, "sessions held while they count")) == 2
    assert len(values(figures, "sessions held")) == 4


def test_extent_counts_what_a_scrape_has() -> None:
    _, figures = assert_well_formed(extent.measure(TINY), "extent")
    few, many = values(figures, "samples of a scrape")
    assert few < many < 2 * few


@pytest.mark.parametrize(("ttl", "each"), [(30, 150), (300, 24), (3600, 13)])
async def test_a_name_is_asked_for_as_often_as_its_time_to_live_says(ttl: int, each: int) -> None:
    # In an hour, for each name, the two families together; that there is no address in IPv6 is kept no longer than five
    # minutes. Five ports ask every 24 seconds in all.
    assert await lookups.questions(3, ttl) == 3 * each


def test_lookups_counts_questions_against_asking_at_every_probe() -> None:
    ratios, figures = assert_well_formed(lookups.measure(TINY), "lookups")
    assert_against_others(ratios)
    assert len(values(figures, "probes")) == len(lookups.TTLS)


def test_a_greeting_is_timed_from_the_packets_where_that_is_permitted() -> None:
    available("load")
    with crowd() as running:
        if not running.crowd.witnessed:
            lack("packets can only be seen by root: run the tests as root")
        with socket.create_connection(("127.0.3.4", running.crowd.ports["delayed"])) as client:
            assert client.recv(4) == b"220 "
        assert running.greetings()["127.0.3.4"].delay >= DELAY


def test_the_results_of_a_run_are_shown_and_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "results.json"
    main(["scrape", "extent", "--size", "tiny", "--json", str(file)])
    results = json.loads(file.read_text())
    assert {row["benchmark"] for row in results["ratios"]} == {"scrape"}
    assert {row["benchmark"] for row in results["figures"]} == {"scrape", "extent"}
    assert "optimised" in results["machine"]["python"].lower()
    shown = capsys.readouterr().out
    assert "a scrape as OpenMetrics" in shown
    assert "a scrape in gzip" in shown


def test_a_benchmark_that_fails_leaves_the_results_of_the_others() -> None:
    def fail(_: Size) -> list[Row]:
        raise BenchmarkFailed("no session was held")

    shown = io.StringIO()
    benchmarks = {"fails": Benchmark(fail, 1), "missing": Benchmark(fail, 1, lambda: "no such program")}
    rows, failed = measured(benchmarks | {"extent": BENCHMARKS["extent"]}, TINY, Console(file=shown, width=160))
    assert {row.benchmark for row in rows} == {"extent"}
    assert failed == ["fails"]
    assert "no session was held" in shown.getvalue()
    assert "missing: skipped, no such program" in shown.getvalue()


def test_a_benchmark_that_is_not_there_is_refused() -> None:
    with pytest.raises(SystemExit):
        main(["scrapes"])


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
    expected = samples(ours.render("").body)
    assert len(expected) > 6 * 20
    assert samples(theirs.render("").body) == expected
    # Ours counts its probes, so that values differ from the second one on.
    theirs.update()
    ours.update()
    assert {sample[:2] for sample in samples(theirs.render("").body)} == {
        sample[:2] for sample in samples(ours.render("").body)
    }


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


def test_a_figure_is_the_median_of_its_rounds_and_large_ones_are_shown_in_full() -> None:
    row = figure(
        [3.0, 123456.4, 223456.0], "bytes", benchmark="extent", case="a host", quantity="size", contender="ours"
    )
    shown = io.StringIO()
    Console(file=shown, width=160).print(figure_table([row]))
    assert "123,456" in shown.getvalue()


def test_the_table_shows_every_ratio_with_its_range() -> None:
    row = Ratio("probe", "a session", "CPU time", "mailprobe", "others", 0.51234, 0.45, 12.345, 7)
    shown = io.StringIO()
    Console(file=shown, width=160).print(ratio_table([row]))
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
