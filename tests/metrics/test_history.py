"""What is remembered of a target's past: enough to tell what happened, and never more than was promised."""

import pickle
import sys
from collections.abc import Iterator
from dataclasses import fields, is_dataclass, replace
from enum import Enum

import pytest

from exporter.judgement.expectation import judge
from exporter.metrics.history import (
    ATTEMPTS,
    CHANGES,
    DETAIL_LIMIT,
    DIALOG_BYTES,
    FAILED_DIALOGS,
    FAILURES,
    History,
)
from exporter.results import Durations, Outcome, Phase, ProbeResult, Resolution, TranscriptLine
from exporter.targets import IpFamily, PortState, Protocol, TlsMode
from tests.judgement.sessions import STARTED, ended, expectation, healthy, target
from tests.metrics.world import World

TARGET = target()
OTHER = target(port=25)
IMPLICIT = target(port=993, protocol=Protocol.IMAP, tls=TlsMode.IMPLICIT)
CLOSED = target(expects=expectation(PortState.CLOSED))


def at(number: int) -> float:
    """When the probe of this number began."""
    return STARTED + 120.0 * number


def well(number: int, *lines: str) -> ProbeResult:
    """A successful probe, in which the server said these lines."""
    return replace(healthy(TARGET, at(number)), transcript=said(*lines))


def broken(number: int, detail: str = "no greeting within 30 s", *lines: str) -> ProbeResult:
    """A probe that failed for this reason."""
    return replace(ended(TARGET, Outcome.GREETING_TIMEOUT, at(number)), detail=detail, transcript=said(*lines))


def said(*lines: str) -> tuple[TranscriptLine, ...]:
    return tuple(TranscriptLine(sent=False, text=line) for line in lines)


def past(*results: ProbeResult) -> History:
    """The history after these probes."""
    history = History()
    for result in results:
        history = history.after(result, judge(result, known_before=True))
    return history


def memory(value: object, known: set[int] | None = None) -> int:
    """Bytes of `value` and all that it holds, each object once; members of enumerations are there anyhow."""
    known = set() if known is None else known
    if id(value) in known or value is None or isinstance(value, (Enum, bool)):
        return 0
    known.add(id(value))
    return sys.getsizeof(value) + sum(memory(part, known) for part in _parts(value))


def _parts(value: object) -> Iterator[object]:
    if is_dataclass(value):
        yield from (getattr(value, field.name) for field in fields(value))
    elif isinstance(value, tuple):
        yield from value


def test_a_target_that_was_never_probed_has_no_past() -> None:
    assert History().attempts() == ()
    assert History().dialogs() == ()


def test_an_attempt_tells_how_the_probe_went() -> None:
    [attempt] = past(broken(3, "silence")).attempts()
    assert (attempt.started, attempt.outcome, attempt.phase, attempt.success, attempt.detail) == (
        *(at(3), Outcome.GREETING_TIMEOUT, Phase.GREETING),
        *(False, "silence"),
    )
    assert (attempt.duration, attempt.durations, attempt.greeting_latency) == (5.0, (), None)


@pytest.mark.parametrize("seconds", [0.0, 0.000_2, 0.004_2, 0.042_13, 0.7654, 6.001, 30.02, 59.99, 300.0])
def test_a_time_is_right_to_a_part_in_two_thousand(seconds: float) -> None:
    [attempt] = past(replace(well(0), duration=seconds, durations=Durations.of([(Phase.GREETING, seconds)]))).attempts()
    assert attempt.duration == pytest.approx(seconds, rel=1 / 2000)
    assert attempt.greeting_latency == attempt.duration


def test_a_time_beyond_all_measure_is_the_longest_one() -> None:
    [attempt] = past(replace(well(0), duration=1e9, durations=Durations.of([(Phase.CONNECT, 1e9)]))).attempts()
    assert attempt.duration == dict(attempt.durations)[Phase.CONNECT] == pytest.approx(65_504, rel=1 / 2000)


@pytest.mark.parametrize(
    ("of", "order"),
    [
        pytest.param(
            TARGET,
            [Phase.RESOLVE, Phase.CONNECT, Phase.GREETING, Phase.CAPABILITIES, Phase.STARTTLS, Phase.TLS],
            id="starttls",
        ),
        pytest.param(
            IMPLICIT,
            [Phase.RESOLVE, Phase.CONNECT, Phase.TLS, Phase.GREETING_FIRST_BYTE, Phase.GREETING, Phase.GOODBYE],
            id="implicit",
        ),
        pytest.param(IMPLICIT, [Phase.CONNECT, Phase.TLS, Phase.GREETING_FIRST_BYTE], id="implicit-broken-off"),
        pytest.param(TARGET, [], id="none"),
    ],
)
def test_the_phases_come_in_the_order_of_the_session(of: object, order: list[Phase]) -> None:
    assert isinstance(of, type(TARGET))
    result = replace(healthy(of), durations=Durations.of((phase, 0.25) for phase in order))
    [attempt] = past(result).attempts()
    assert [phase for phase, _ in attempt.durations] == order


@pytest.mark.parametrize("outcome", Outcome)
def test_every_outcome_is_remembered_as_itself(outcome: Outcome) -> None:
    result = ended(TARGET, outcome)
    judgement = judge(result, known_before=True)
    [attempt] = History().after(result, judgement).attempts()
    assert (attempt.outcome, attempt.phase, attempt.success) == (
        *(judgement.outcome, judgement.phase),
        judgement.success,
    )


def test_the_last_attempts_are_kept_and_no_more() -> None:
    attempts = past(*(well(number) for number in range(ATTEMPTS + 5))).attempts()
    assert [attempt.started for attempt in attempts] == [at(number) for number in range(5, ATTEMPTS + 5)]


def test_each_detail_stays_with_its_attempt() -> None:
    turns = [broken(number, f"reason {number}") if number % 3 == 0 else well(number) for number in range(ATTEMPTS + 7)]
    for end in range(1, len(turns) + 1):
        numbers = range(max(0, end - ATTEMPTS), end)
        details = [attempt.detail for attempt in past(*turns[:end]).attempts()]
        assert details == [f"reason {number}" if number % 3 == 0 else "" for number in numbers]


def test_equal_failures_in_a_row_are_one_entry_however_many_they_are() -> None:
    [failure] = past(well(0), *(broken(number) for number in range(1, 1001))).failures
    assert (failure.first, failure.last, failure.count) == (at(1), at(1000), 1000)
    assert (failure.outcome, failure.phase, failure.detail) == (
        *(Outcome.GREETING_TIMEOUT, Phase.GREETING),
        "no greeting within 30 s",
    )


@pytest.mark.parametrize(
    "between",
    [
        pytest.param(well(1), id="a-success"),
        pytest.param(broken(1, "421 too busy"), id="another-reason"),
        pytest.param(ended(TARGET, Outcome.CONNECT_REFUSED, at(1)), id="another-outcome"),
        pytest.param(ended(TARGET, Outcome.LOCAL_ERROR, at(1)), id="a-fault-of-ours"),
    ],
)
def test_a_run_of_failures_ends_with_anything_else(between: ProbeResult) -> None:
    failures = past(broken(0), between, broken(2)).failures
    alike = [failure for failure in failures if failure.detail == "no greeting within 30 s"]
    assert [(failure.first, failure.last, failure.count) for failure in alike] == [(at(0), at(0), 1), (at(2), at(2), 1)]


def test_a_failure_is_remembered_long_after_its_attempt() -> None:
    history = past(broken(0, "503 broken"), *(well(number) for number in range(1, 2000)))
    assert all(attempt.success for attempt in history.attempts())
    assert [failure.detail for failure in history.failures] == ["503 broken"]


def test_the_newest_failures_are_kept_and_no_more() -> None:
    failures = past(*(broken(number, f"reason {number}") for number in range(FAILURES + 4))).failures
    assert [failure.detail for failure in failures] == [f"reason {number}" for number in range(4, FAILURES + 4)]


V6 = target(family=IpFamily.IPV6)
NO_ADDRESS = ProbeResult(
    V6, STARTED, 0.1, Outcome.DNS_NO_ADDRESS, Phase.RESOLVE, resolution=Resolution(Outcome.OK, ("192.0.2.25",), (), 0.1)
)


@pytest.mark.parametrize(
    "result",
    [
        pytest.param(well(0), id="success"),
        pytest.param(ended(CLOSED, Outcome.CONNECT_REFUSED), id="closed-as-expected"),
        pytest.param(ended(target(expects=expectation(PortState.ANY)), Outcome.CONNECT_REFUSED), id="nothing-expected"),
        pytest.param(ended(TARGET, Outcome.INTERNAL_ERROR), id="a-fault-of-ours"),
        pytest.param(ended(TARGET, Outcome.NO_ROUTE), id="no-route"),
        pytest.param(NO_ADDRESS, id="no-address-and-so-no-target"),
    ],
)
def test_what_is_no_failure_is_not_among_them(result: ProbeResult) -> None:
    history = past(result)
    assert history.failures == ()
    assert len(history.attempts()) == 1


def test_a_change_is_where_another_state_began() -> None:
    history = past(well(0), well(1), broken(2, "first"), broken(3, "second"), well(4))
    assert [(change.since, change.success, change.detail) for change in history.changes] == [
        (at(0), True, ""),
        (at(2), False, "first"),
        (at(4), True, ""),
    ]


def test_the_newest_changes_are_kept_and_no_more() -> None:
    turns = [well(number) if number % 2 else broken(number) for number in range(CHANGES + 5)]
    assert [change.since for change in past(*turns).changes] == [at(number) for number in range(5, CHANGES + 5)]


def test_dialogs_are_those_of_the_last_success_and_of_the_newest_failures() -> None:
    turns = [well(0, "fine"), *(broken(number, f"reason {number}", f"line {number}") for number in range(1, 6))]
    shown = [[line.text for line in dialog.lines] for dialog in past(*turns).dialogs()]
    assert shown == [["fine"], *([f"line {number}"] for number in range(6 - FAILED_DIALOGS, 6))]


def test_the_dialog_of_a_run_is_that_of_its_newest_failure() -> None:
    [dialog] = past(broken(0, "same", "then"), broken(1, "same", "now")).dialogs()
    assert (dialog.started, dialog.lines, dialog.outcome) == (at(1), said("now"), Outcome.GREETING_TIMEOUT)


def test_a_success_without_a_dialog_leaves_the_one_before() -> None:
    closed = replace(ended(CLOSED, Outcome.CONNECT_REFUSED, at(1)), target=CLOSED)
    [dialog] = past(well(0, "220 ready"), closed).dialogs()
    assert dialog.lines == said("220 ready")


def test_a_dialog_that_is_too_long_is_cut_and_says_so() -> None:
    lines = ["x" * 500] * 200
    [dialog] = past(well(0, *lines)).dialogs()
    assert 0 < len(dialog.lines) < 200
    assert len(dialog.lines) + dialog.left_out == 200
    assert memory(tuple(TranscriptLine(False, "x" * 500 + str(number)) for number in range(len(dialog.lines)))) < (
        DIALOG_BYTES * 1.1
    )


def test_an_ordinary_dialog_is_kept_whole_and_is_not_copied() -> None:
    result = well(0, *(f"250-CAPABILITY-NUMBER-{number} with some parameters" for number in range(60)))
    [dialog] = past(result).dialogs()
    assert dialog.lines is result.transcript
    assert dialog.left_out == 0


def test_a_target_that_is_well_costs_about_a_kibibyte() -> None:
    results = [well(number) for number in range(3 * ATTEMPTS)]
    assert memory(past(*results)) < 1100


def test_a_target_that_is_well_takes_no_more_after_many_probes_than_after_the_first() -> None:
    history, sizes = past(well(0)), []
    for number in range(1, 2 * ATTEMPTS):
        sizes.append(memory(history))
        history = history.after(well(number), judge(well(number), known_before=True))
    assert set(sizes) == {sizes[0]}


def test_nothing_that_each_probe_replaces_is_larger_than_what_python_keeps_among_its_own() -> None:
    history = past(*(well(number) for number in range(2 * ATTEMPTS)))
    assert max(sys.getsizeof(part) for part in _parts(history)) <= 512


def hostile(number: int) -> ProbeResult:
    """A probe of a server that never says the same twice, at the greatest length."""
    lines = (f"{number}-{line}" + "x" * 600 for line in range(200))
    detail = f"{number}" + "\N{SNOWMAN}" * 10_000
    if number % 2:
        return well(number, *(line[:512] for line in lines))
    return broken(number, detail, *(line[:512] for line in lines))


def test_a_server_that_does_its_worst_costs_less_than_128_kibibytes() -> None:
    history = past(*(hostile(number) for number in range(100)))
    assert len(history.failures) == FAILURES
    assert len(history.dialogs()) == FAILED_DIALOGS + 1
    assert all(len(failure.detail) == DETAIL_LIMIT for failure in history.failures)
    assert memory(history) < 128 * 1024


def test_equal_details_are_one_text_in_memory() -> None:
    history = past(*(broken(number, "".join(["no ", "greeting"])) for number in range(10)))
    assert len({id(attempt.detail) for attempt in history.attempts()}) == 1


def test_a_history_that_somebody_holds_stays_as_it_was() -> None:
    before = past(well(0), broken(1))
    shown = (before.attempts(), before.failures, before.changes)
    after = before.after(well(2), judge(well(2), known_before=True))
    assert (before.attempts(), before.failures, before.changes) == shown
    assert len(after.attempts()) == 3


def test_a_history_crosses_a_process_border() -> None:
    history = past(well(0, "220 ready"), broken(1, "gone", "421 bye"))
    assert pickle.loads(pickle.dumps(history)) == history


def starts(world: World, of: object = TARGET) -> list[float]:
    """When the attempts began of which the store knows."""
    assert isinstance(of, type(TARGET))
    state = world.store.state(of.key)
    return [] if state is None else [attempt.started for attempt in state.history.attempts()]


def test_the_store_remembers_what_it_was_given() -> None:
    world = World(TARGET, OTHER)
    world.deliver(well(0), broken(1))
    assert starts(world) == [at(0), at(1)]
    assert starts(world, OTHER) == []


def test_the_state_and_its_last_change_began_together() -> None:
    world = World(TARGET)
    world.deliver(well(0), broken(1), broken(2))
    state = world.store.state(TARGET.key)
    assert state is not None
    assert state.history.changes[-1].since == state.since == at(1)


def test_a_reload_leaves_the_history_of_a_target_that_stays() -> None:
    world = World(TARGET)
    world.deliver(well(0), broken(1))
    world.configure([OTHER, TARGET])
    assert starts(world) == [at(0), at(1)]


def test_another_expectation_leaves_the_history() -> None:
    world = World(TARGET)
    world.deliver(well(0))
    world.configure([CLOSED])
    assert starts(world, CLOSED) == [at(0)]


@pytest.mark.parametrize(
    "anew",
    [
        pytest.param(target(tls=TlsMode.NONE), id="another-service"),
        pytest.param(target(labels=(("site", "milan"),)), id="other-labels"),
    ],
)
def test_a_target_that_is_another_one_has_no_past(anew: object) -> None:
    assert isinstance(anew, type(TARGET))
    world = World(TARGET)
    world.deliver(well(0))
    world.configure([anew])
    assert starts(world, anew) == []


def test_the_history_goes_with_its_target() -> None:
    world = World(TARGET)
    world.deliver(well(0))
    world.configure([])
    world.configure([TARGET])
    assert starts(world) == []
