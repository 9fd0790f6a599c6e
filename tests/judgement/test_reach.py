"""What successive results say about whether a port is reached."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.judgement.reach import Reach
from exporter.results import Outcome, Phase
from exporter.schedule.backoff import LOSSES
from exporter.schedule.outage import LEAST_PORTS, Outage
from exporter.targets import PortState
from tests.judgement.reaching import OK, REFUSED, TIMEOUT, reach, seen
from tests.judgement.sessions import ended, healthy, target

SAYS_NOTHING = (Outcome.DNS_ERROR, Outcome.DNS_NXDOMAIN, Outcome.NO_ROUTE, Outcome.LOCAL_ERROR, Outcome.INTERNAL_ERROR)
TURNED_AWAY = (Outcome.GREETING_TIMEOUT, Outcome.GREETING_REJECTED, Outcome.GREETING_REJECTED_TEMPORARILY)


def test_a_port_that_was_never_probed_is_neither_lost_nor_there() -> None:
    assert not Reach().lost
    assert not Reach().answers
    assert not Reach().counts


@pytest.mark.parametrize("outcome", [OK, *TURNED_AWAY, Outcome.TLS_HANDSHAKE_FAILED])
def test_whoever_accepts_the_connection_is_reached_however_the_session_ends(outcome: Outcome) -> None:
    assert reach((10, outcome)) == Reach(
        last_open=10, lost_since=None, outcome=outcome, counts=True, open_since=10, last_lost=None
    )


@pytest.mark.parametrize("outcome", sorted(LOSSES))
def test_a_port_is_lost_in_each_of_the_ways_in_which_no_connection_is_made(outcome: Outcome) -> None:
    assert reach((10, outcome)) == Reach(
        last_open=None, lost_since=10, outcome=outcome, counts=True, open_since=None, last_lost=10
    )


def test_a_session_that_is_reset_after_it_was_opened_is_a_loss() -> None:
    cut = replace(healthy(target(), 10), outcome=Outcome.CONNECTION_RESET, phase=Phase.STARTTLS)

    assert Reach().after(cut).lost


@pytest.mark.parametrize("outcome", SAYS_NOTHING)
@pytest.mark.parametrize("before", [reach((10, OK)), reach((10, REFUSED))], ids=["open", "lost"])
def test_what_says_nothing_about_the_port_leaves_what_was_known(outcome: Outcome, before: Reach) -> None:
    assert before.after(seen(20, outcome)) == before


def test_a_run_of_losses_is_dated_by_its_first_and_its_newest_probe() -> None:
    lost = reach((10, OK), (20, REFUSED), (30, TIMEOUT), (40, Outcome.DNS_ERROR), (50, TIMEOUT))

    assert (lost.last_open, lost.lost_since, lost.last_lost) == (10, 20, 50)
    assert lost.outcome is TIMEOUT


def test_a_run_of_successes_is_dated_likewise_and_outlives_its_end() -> None:
    there = reach((10, REFUSED), (20, OK), (30, OK), (40, OK))

    assert (there.open_since, there.last_open, there.lost_since) == (20, 40, None)
    assert there.after(seen(50, REFUSED)).open_since == 20
    assert there.after(seen(50, REFUSED)).after(seen(60, OK)).open_since == 60


@pytest.mark.parametrize(
    ("state", "outcomes", "counts"),
    [
        pytest.param(PortState.OPEN, [REFUSED], True, id="expected-open"),
        pytest.param(PortState.OPEN, [Outcome.DNS_ERROR], True, id="expected-open-and-without-an-address"),
        pytest.param(PortState.ANY, [REFUSED, TIMEOUT], False, id="expected-nowhere"),
        pytest.param(PortState.ANY, [OK, REFUSED, REFUSED], True, id="expected-nowhere-but-was-open"),
        pytest.param(PortState.CLOSED, [OK, REFUSED], False, id="open-where-it-should-be-closed"),
        pytest.param(PortState.FILTERED, [OK, TIMEOUT], False, id="open-where-it-should-be-filtered"),
    ],
)
def test_a_port_counts_when_it_should_be_open_or_was(state: PortState, outcomes: list[Outcome], counts: bool) -> None:
    known = reach(*((float(at), outcome) for at, outcome in enumerate(outcomes)), state=state)

    assert known.counts is counts


@pytest.mark.parametrize(
    ("other", "well"),
    [
        pytest.param(reach((90, OK), (110, OK)), True, id="before-and-between"),
        pytest.param(reach((110, OK)), True, id="between"),
        pytest.param(reach((90, OK), (100, OK)), True, id="with-its-first-loss"),
        pytest.param(reach((200, OK), (210, OK)), True, id="with-its-newest-loss"),
        pytest.param(reach((90, OK), (150, OK), (210, OK), (300, OK)), True, id="in-a-rhythm-quick-enough"),
        pytest.param(reach((90, OK), (210, OK)), False, id="before-and-after-and-not-asked-between"),
        pytest.param(reach((110, OK), (150, REFUSED)), True, id="between-and-lost-later"),
        pytest.param(reach((90, OK)), False, id="before-only"),
        pytest.param(reach((90, OK), (110, TIMEOUT), (210, OK)), False, id="lost-as-well-and-back-sooner"),
        pytest.param(reach((210, OK)), False, id="after-only"),
        pytest.param(reach((110, TIMEOUT)), False, id="lost-as-well"),
        pytest.param(Reach(), False, id="never-probed"),
    ],
)
def test_one_was_well_while_the_other_was_lost_if_it_came_through_between_its_losses(other: Reach, well: bool) -> None:
    assert other.well_while(reach((80, OK), (100, TIMEOUT), (200, TIMEOUT))) is well


RUN = reach((0, OK), (500, OK), (600, TIMEOUT), (700, OK), (750, OK), (790, OK), (800, TIMEOUT))


@pytest.mark.parametrize(
    ("instant", "moment"),
    [(900, 790), (790, 790), (780, 730), (740, 700), (700, 700), (699, None)],
    ids=["after-the-run", "at-its-end", "within-it", "near-its-begin", "at-its-begin", "before-it"],
)
def test_within_a_run_a_success_is_certain_up_to_its_longest_gap(instant: float, moment: float | None) -> None:
    # The gap of the run before does not matter.
    assert RUN.open_by(instant) == moment


@given(
    st.lists(st.tuples(st.integers(0, 300), st.sampled_from([OK, OK, OK, REFUSED])), max_size=12), st.integers(0, 300)
)
def test_a_success_that_is_called_certain_was_one(probes: list[tuple[int, Outcome]], instant: int) -> None:
    probes.sort(key=lambda probe: probe[0])
    came_through = reach(*probes).open_by(instant)

    successes = [at for at, outcome in probes if outcome is OK and at <= instant]
    assert came_through is None or any(at >= came_through for at in successes)
    if successes == [at for at, outcome in probes if outcome is OK]:
        assert came_through == max(successes, default=None)


@pytest.mark.parametrize("lost", [reach((100, OK)), Reach(), reach((90, TIMEOUT), (100, OK))])
def test_nothing_was_well_while_what_is_not_lost_was_lost(lost: Reach) -> None:
    assert not reach((90, OK), (95, OK), (110, OK)).well_while(lost)


@given(
    st.lists(st.sampled_from(PortState), min_size=1, max_size=4),
    st.lists(st.tuples(st.integers(0, 3), st.sampled_from([OK, REFUSED, TIMEOUT, Outcome.DNS_ERROR])), max_size=12),
)
def test_it_sees_the_same_total_losses_as_the_schedule(
    states: list[PortState], later: list[tuple[int, Outcome]]
) -> None:
    # The schedule slows a host down by the same definition; were there two, a suspicion would contradict the pace.
    targets = [seen(0, OK, state=state, port=port).target for port, state in enumerate(states)]
    outage, reaches = Outage(), [Reach() for _ in targets]
    for target_ in targets:
        outage.join(target_)
    for number, outcome in [*((number, REFUSED) for number in range(len(targets))), *later]:
        one = number % len(targets)
        result = ended(targets[one], outcome)
        outage.note(result)
        reaches[one] = reaches[one].after(result)

    counting = [known for known in reaches if known.counts]
    assert outage.total is (len(counting) >= LEAST_PORTS and not any(known.answers for known in reaches))
