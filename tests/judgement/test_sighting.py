"""What a port is remembered to have shown, and when that is older than what its group shows."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.judgement.sighting import STALE_BY, WINDOW, Sighting, Sightings, ends, newest, stale
from exporter.results import CertificateFacts
from tests.judgement.sessions import LEAF, STARTED

INTERVAL = 120.0
DAY = 86_400.0
OLD_END = STARTED + 5 * DAY
NEW_END = STARTED + 90 * DAY


def certificate(name: str, end: float | None = NEW_END, key_type: str | None = "ecdsa") -> CertificateFacts:
    return replace(LEAF, fingerprint_sha256=name, not_after=end, key_type=key_type)


OLD = certificate("old", OLD_END)
NEW = certificate("new", NEW_END)
OTHERS = {"ecdsa": NEW_END}


def after_row(*shown: CertificateFacts | None, interval: float = INTERVAL) -> Sightings:
    """After a row of probes, one at each interval, the first at `STARTED`."""
    sightings = Sightings()
    for position, leaf in enumerate(shown):
        sightings = sightings.after(leaf, STARTED + position * interval, interval)
    return sightings


def names(sightings: Sightings) -> list[str]:
    return [one.fingerprint_sha256 for one in sightings.seen]


def test_before_the_first_probe_nothing_is_known() -> None:
    nothing = Sightings()
    assert (nothing.different, nothing.earliest) == (0, None)
    assert ends(nothing) == {}
    assert stale(ends(nothing), OTHERS) is None


def test_a_certificate_is_remembered_with_what_is_compared() -> None:
    seen = after_row(None, OLD).seen
    assert seen == (Sighting("old", "ecdsa", OLD_END, STARTED + INTERVAL),)


def test_one_that_is_seen_again_is_one_and_becomes_the_last() -> None:
    sightings = after_row(OLD, NEW, OLD)
    assert names(sightings) == ["new", "old"]
    assert sightings.different == 2


def test_the_earliest_end_is_kept_while_the_new_one_is_served() -> None:
    assert after_row(OLD, NEW, NEW).earliest == OLD_END


def test_an_end_that_could_not_be_read_is_not_the_earliest() -> None:
    assert after_row(certificate("odd", None), NEW).earliest == NEW_END
    assert after_row(certificate("odd", None)).earliest is None


def test_a_probe_that_saw_nothing_forgets_nothing_too_early() -> None:
    assert names(after_row(OLD, None, None)) == ["old"]


@pytest.mark.parametrize("leaf", [None, NEW], ids=["nothing-seen", "another-seen"])
@pytest.mark.parametrize(
    ("interval", "window"),
    [
        pytest.param(120.0, WINDOW, id="usual"),
        pytest.param(1800.0, 3600.0, id="twice-an-hour"),
        pytest.param(7200.0, 14_400.0, id="every-two-hours"),
    ],
)
def test_what_was_not_seen_for_the_window_is_forgotten(
    interval: float, window: float, leaf: CertificateFacts | None
) -> None:
    sightings = Sightings().after(OLD, STARTED, interval)
    assert "old" in names(sightings.after(leaf, STARTED + window, interval))
    assert "old" not in names(sightings.after(leaf, STARTED + window + 1, interval))


def test_a_clock_that_was_set_back_does_not_keep_a_certificate_for_longer() -> None:
    ahead = Sightings().after(OLD, STARTED + 300 * DAY, INTERVAL)
    corrected = ahead.after(NEW, STARTED, INTERVAL)
    assert names(corrected) == ["old", "new"]
    assert names(corrected.after(NEW, STARTED + WINDOW + 1, INTERVAL)) == ["new"]


PROBES = st.lists(
    st.tuples(
        st.integers(1, 2 * int(WINDOW)),
        st.sampled_from([None, *(certificate(name, STARTED + DAY * end) for end, name in enumerate("abcd"))]),
    ),
    max_size=40,
)


@given(probes=PROBES, interval=st.sampled_from([10.0, 120.0, 1800.0, 5000.0]))
def test_what_is_remembered_is_what_the_window_shows_in_the_order_last_seen(
    probes: list[tuple[int, CertificateFacts | None]], interval: float
) -> None:
    sightings, now, last_seen = Sightings(), STARTED, dict[str, float]()
    for wait, leaf in probes:
        now += wait
        sightings = sightings.after(leaf, now, interval)
        if leaf is not None:
            last_seen[leaf.fingerprint_sha256] = now
    recent = {name: seen for name, seen in last_seen.items() if now - seen <= max(3600, 2 * interval)}
    assert [(one.fingerprint_sha256, one.seen) for one in sightings.seen] == sorted(
        recent.items(), key=lambda one: one[1]
    )


# Turns in which neither certificate stays away for an hour.
TURNS = st.lists(st.tuples(st.booleans(), st.integers(10, int(WINDOW / 8))), min_size=1, max_size=60).filter(
    lambda turns: all(any(turn for turn, _ in turns[start : start + 7]) for start in range(len(turns) - 6))
)


@given(turns=TURNS)
def test_old_and_new_by_turns_stay_stale_until_the_old_one_was_not_seen_for_the_window(
    turns: list[tuple[bool, int]],
) -> None:
    now = STARTED
    sightings = Sightings().after(OLD, now, INTERVAL)
    for is_old, wait in turns:
        now += wait
        sightings = sightings.after(OLD if is_old else NEW, now, INTERVAL)
        assert stale(ends(sightings), OTHERS) is True
    last = next(one.seen for one in sightings.seen if one.fingerprint_sha256 == "old")
    assert stale(ends(sightings.after(NEW, last + WINDOW, INTERVAL)), OTHERS) is True
    assert stale(ends(sightings.after(NEW, last + WINDOW + 1, INTERVAL)), OTHERS) is False


def test_a_port_that_is_lost_is_no_longer_stale_but_unknown() -> None:
    lost = Sightings().after(OLD, STARTED, INTERVAL).after(None, STARTED + WINDOW + 1, INTERVAL)
    assert stale(ends(lost), OTHERS) is None


def test_the_ends_of_each_key_type_are_apart() -> None:
    rsa = certificate("rsa", STARTED + DAY, "rsa")
    assert ends(after_row(OLD, rsa, NEW)) == {
        "ecdsa": (OLD_END, NEW_END),
        "rsa": (STARTED + DAY, STARTED + DAY),
    }


def test_what_other_clients_are_shown_counts_as_well() -> None:
    rsa = certificate("rsa", STARTED + DAY, "rsa")
    assert ends(after_row(NEW), also=[rsa, OLD]) == {
        "ecdsa": (OLD_END, NEW_END),
        "rsa": (STARTED + DAY, STARTED + DAY),
    }


@pytest.mark.parametrize(
    "odd", [certificate("odd", None), certificate("odd", OLD_END, None)], ids=["without-an-end", "without-a-key-type"]
)
def test_a_malformed_certificate_is_counted_and_never_compared(odd: CertificateFacts) -> None:
    sightings = after_row(odd)
    assert sightings.different == 1
    assert ends(sightings) == {}
    assert ends(sightings, also=[odd]) == {}


def test_the_newest_of_a_group_is_that_of_each_key_type() -> None:
    first = {"ecdsa": (OLD_END, OLD_END), "rsa": (OLD_END, NEW_END)}
    second = {"ecdsa": (OLD_END, NEW_END), "rsa": (OLD_END, OLD_END), "ed25519": (OLD_END, OLD_END)}
    assert newest([first, {}, second]) == {"ecdsa": NEW_END, "rsa": NEW_END, "ed25519": OLD_END}
    assert newest([]) == {}


@pytest.mark.parametrize(
    ("own", "group", "verdict"),
    [
        pytest.param({"ecdsa": (OLD_END, OLD_END)}, {"ecdsa": NEW_END}, True, id="ends-earlier"),
        pytest.param({"ecdsa": (NEW_END, NEW_END)}, {"ecdsa": NEW_END}, False, id="as-new-as-any"),
        pytest.param({"ecdsa": (OLD_END, NEW_END)}, {"ecdsa": NEW_END}, True, id="old-and-new-by-turns"),
        pytest.param({"ecdsa": (NEW_END - STALE_BY, NEW_END)}, {"ecdsa": NEW_END}, True, id="a-day-earlier"),
        pytest.param({"ecdsa": (NEW_END - STALE_BY + 1, NEW_END)}, {"ecdsa": NEW_END}, False, id="less-than-a-day"),
        pytest.param({"rsa": (OLD_END, OLD_END)}, {"ecdsa": NEW_END, "rsa": OLD_END}, False, id="other-types-apart"),
        pytest.param(
            {"ecdsa": (NEW_END, NEW_END), "rsa": (OLD_END, OLD_END)},
            {"ecdsa": NEW_END, "rsa": NEW_END},
            True,
            id="one-type-of-two",
        ),
        pytest.param(
            {"ecdsa": (NEW_END, NEW_END), "rsa": (OLD_END, OLD_END)}, {"ecdsa": NEW_END}, False, id="nothing-beside-one"
        ),
        pytest.param({"rsa": (OLD_END, OLD_END)}, {"ecdsa": NEW_END}, None, id="nothing-to-compare-with"),
        pytest.param({"rsa": (OLD_END, OLD_END)}, {}, None, id="nobody-else-known"),
        pytest.param({}, {"ecdsa": NEW_END}, None, id="nothing-shown"),
    ],
)
def test_a_port_is_stale_when_one_of_its_certificates_ends_a_day_before_the_newest_of_its_type(
    own: dict[str, tuple[float, float]], group: dict[str, float], verdict: bool | None
) -> None:
    assert stale(own, group) is verdict


SHOWN = st.builds(
    certificate,
    st.sampled_from("abcdef"),
    st.none() | st.integers(0, 90).map(lambda days: STARTED + days * DAY),
    st.sampled_from([None, "rsa", "ecdsa"]),
)
PORTS = st.lists(st.lists(SHOWN, max_size=5), max_size=5)


@given(ports=PORTS)
def test_in_a_group_somebody_is_never_older_than_the_newest(ports: list[list[CertificateFacts]]) -> None:
    members = [ends(after_row(*shown)) for shown in ports]
    ahead = newest(members)
    for key_type, end in ahead.items():
        assert any(key_type in own and own[key_type][1] == end for own in members)
    for own in members:
        assert (stale(own, ahead) is None) == (not own)


@given(ports=PORTS)
def test_the_order_of_ports_and_of_what_they_showed_does_not_matter(ports: list[list[CertificateFacts]]) -> None:
    forwards = [ends(Sightings(), also=shown) for shown in ports]
    backwards = [ends(Sightings(), also=reversed(shown)) for shown in reversed(ports)]
    assert forwards == backwards[::-1]
    assert newest(forwards) == newest(backwards)
