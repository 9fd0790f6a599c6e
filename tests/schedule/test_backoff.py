"""How far a target is slowed down, from nothing but the sequence of its results."""

import pytest

from exporter.results import Outcome
from exporter.schedule.backoff import Backoff
from tests.schedule.world import WITHOUT_SESSION, result, target

OK = Outcome.OK
COME_BACK_LATER = Outcome.GREETING_REJECTED_TEMPORARILY
GO_AWAY = Outcome.GREETING_REJECTED
TIMEOUT = Outcome.CONNECT_TIMEOUT
REFUSED = Outcome.CONNECT_REFUSED


def intervals(regular: float, outcomes: list[Outcome], host_lost: bool = False) -> list[float]:
    """The interval after each of a sequence of results."""
    backoff = Backoff()
    seen = []
    for outcome in outcomes:
        backoff = backoff.after(result(target(interval=regular), outcome), host_lost)
        seen.append(backoff.interval(regular))
    return seen


@pytest.mark.parametrize(
    ("regular", "outcomes", "expected"),
    [
        pytest.param(120.0, [OK, OK], [120, 120], id="all-is-well"),
        pytest.param(120.0, [COME_BACK_LATER] * 5, [240, 480, 960, 960, 960], id="421-up-to-eight-intervals"),
        pytest.param(120.0, [GO_AWAY] * 4, [240, 480, 960, 960], id="554-likewise"),
        pytest.param(120.0, [COME_BACK_LATER, GO_AWAY], [240, 480], id="421-and-554-add-up"),
        pytest.param(300.0, [GO_AWAY] * 4, [600, 1200, 1800, 1800], id="up-to-half-an-hour"),
        pytest.param(1500.0, [GO_AWAY], [1800], id="half-an-hour-holds-from-the-first"),
        pytest.param(3600.0, [GO_AWAY] * 2, [3600, 3600], id="never-faster-than-configured"),
        pytest.param(120.0, [GO_AWAY, GO_AWAY, OK], [240, 480, 120], id="a-success-ends-it"),
        pytest.param(120.0, [GO_AWAY, GO_AWAY, OK, GO_AWAY], [240, 480, 120, 240], id="and-counting-begins-anew"),
        pytest.param(120.0, [GO_AWAY, Outcome.STARTTLS_REJECTED], [240, 120], id="let-in-and-failed-later"),
        pytest.param(120.0, [GO_AWAY, TIMEOUT, GO_AWAY], [240, 240, 480], id="a-timeout-between-changes-nothing"),
        pytest.param(120.0, [GO_AWAY, Outcome.GREETING_TIMEOUT], [240, 240], id="nor-does-silence"),
        pytest.param(120.0, [GO_AWAY, Outcome.DNS_ERROR], [240, 240], id="nor-a-failing-name"),
        pytest.param(120.0, [GO_AWAY] * 5000, [240, 480] + [960] * 4998, id="a-week-of-refusals"),
    ],
)
def test_refusals_double_the_interval_up_to_a_cap(
    regular: float, outcomes: list[Outcome], expected: list[float]
) -> None:
    assert intervals(regular, outcomes) == expected


@pytest.mark.parametrize("outcome", [o for o in Outcome if o not in (COME_BACK_LATER, GO_AWAY)])
def test_nothing_but_a_refusal_slows_down_while_the_host_is_there(outcome: Outcome) -> None:
    assert intervals(120.0, [outcome] * 10) == [120.0] * 10


@pytest.mark.parametrize(
    ("regular", "expected"),
    [
        pytest.param(60.0, [120, 240, 480, 540, 540], id="60s"),
        pytest.param(120.0, [240, 480, 540, 540, 540], id="120s"),
        pytest.param(300.0, [540, 540, 540, 540, 540], id="300s"),
        pytest.param(900.0, [900, 900, 900, 900, 900], id="slower-than-the-cap-by-configuration"),
    ],
)
@pytest.mark.parametrize(
    "outcome", [REFUSED, TIMEOUT, Outcome.NETWORK_UNREACHABLE, Outcome.CONNECTION_RESET], ids=lambda o: o.value
)
def test_a_lost_host_is_slowed_down_so_little_that_ten_minutes_show_its_recovery(
    regular: float, expected: list[float], outcome: Outcome
) -> None:
    seen = intervals(regular, [outcome] * 5, host_lost=True)
    assert seen == expected
    assert max(seen) * 1.1 <= max(600.0, regular * 1.1)


@pytest.mark.parametrize("outcome", sorted(WITHOUT_SESSION), ids=lambda o: o.value)
def test_a_name_that_fails_neither_adds_to_the_loss_of_a_host_nor_ends_it(outcome: Outcome) -> None:
    assert intervals(60.0, [TIMEOUT, TIMEOUT, outcome, TIMEOUT], host_lost=True) == [120, 240, 240, 480]


def test_a_host_that_is_back_ends_the_loss_at_once() -> None:
    slowed = Backoff(losses=5)
    assert slowed.after(result(target(), REFUSED), host_lost=False) == Backoff()


def test_of_two_reasons_the_slower_one_holds() -> None:
    assert Backoff(refusals=3, losses=1).interval(120.0) == 960.0
    assert Backoff(refusals=1, losses=3).interval(120.0) == 540.0
