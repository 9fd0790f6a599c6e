"""Places in the interval: the same after every restart, and evenly spread."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.schedule.spread import jittered, joining_instant, phase, regular_instant
from exporter.targets import IpFamily, TargetKey

KEY = TargetKey("mail.example.org", 25, IpFamily.IPV4)


def test_the_place_of_a_target_is_the_same_in_every_process() -> None:
    assert phase(KEY) == 0.24261602236927615


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(TargetKey("mail.example.net", 25, IpFamily.IPV4), id="host"),
        pytest.param(TargetKey("mail.example.org", 26, IpFamily.IPV4), id="port"),
        pytest.param(TargetKey("mail.example.org", 25, IpFamily.IPV6), id="family"),
        pytest.param(TargetKey("mail.example.org", 25, IpFamily.IPV4, "192.0.2.1"), id="address"),
    ],
)
def test_targets_that_differ_in_one_thing_have_different_places(other: TargetKey) -> None:
    assert phase(other) != phase(KEY)


def test_places_fill_the_interval_evenly() -> None:
    keys = [TargetKey(f"mx{n}.example.org", port, IpFamily.IPV4) for n in range(500) for port in (25, 587)]
    tenths = Counter(int(phase(key) * 10) for key in keys)
    assert sorted(tenths) == list(range(10))
    # Four standard deviations of a fair draw around 100.
    assert all(60 <= count <= 140 for count in tenths.values())


def test_jitter_is_a_tenth_at_most_and_differs_from_turn_to_turn() -> None:
    waits = [jittered(100.0, KEY, turn) for turn in range(200)]
    assert 90.0 <= min(waits) < 92.0
    assert 108.0 < max(waits) <= 110.0
    assert len(set(waits)) == 200


def test_jitter_takes_two_targets_apart() -> None:
    assert jittered(100.0, KEY, 1) != jittered(100.0, TargetKey("mail.example.net", 25, IpFamily.IPV4), 1)


@pytest.mark.parametrize(
    ("interval", "latest"),
    [pytest.param(300.0, 60.0, id="within-the-first-round"), pytest.param(20.0, 20.0, id="within-a-short-interval")],
)
def test_the_first_probe_comes_within_the_first_round_or_the_interval(interval: float, latest: float) -> None:
    assert joining_instant(1000.0, 0.0, interval, 60.0) == 1000.0
    assert joining_instant(1000.0, 0.5, interval, 60.0) == 1000.0 + latest / 2
    assert joining_instant(1000.0, 0.999, interval, 60.0) < 1000.0 + latest


@pytest.mark.parametrize(
    ("not_before", "instant"),
    [
        pytest.param(1000.0, 1030.0, id="from-the-start"),
        pytest.param(1030.0, 1030.0, id="the-instant-itself"),
        pytest.param(1030.1, 1150.0, id="just-missed"),
        pytest.param(1090.0, 1150.0, id="half-an-interval-later"),
        pytest.param(87429.0, 87430.0, id="a-day-later"),
    ],
)
def test_regular_instants_lie_an_interval_apart(not_before: float, instant: float) -> None:
    assert regular_instant(1000.0, 0.25, 120.0, not_before) == instant


@given(
    origin=st.floats(0, 1e6),
    share=st.floats(0, 1, exclude_max=True),
    interval=st.floats(1, 86400),
    wait=st.floats(0, 1e7),
)
def test_a_regular_instant_is_never_early_and_never_an_interval_late(
    origin: float, share: float, interval: float, wait: float
) -> None:
    instant = regular_instant(origin, share, interval, origin + wait)
    assert -1e-6 <= instant - (origin + wait) < interval + 1e-6
