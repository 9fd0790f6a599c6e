"""Places at hosts and addresses: never too many, never too soon, everybody's turn comes."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.schedule.limits import Limits
from exporter.schedule.pacing import PATIENCE, SILENT_GAP, Pacing, Visit
from tests.manual_loop import ManualLoop, run
from tests.schedule.world import now


@dataclass(slots=True)
class Guest:
    """One session: where, from when on it wants to begin, how long it stays; and when it did begin."""

    host: str
    address: str
    arrival: float = 0.0
    stay: float = 1.0
    begun: float = -1.0
    ended: float = -1.0

    async def visit(self, pacing: Pacing, start: float) -> None:
        await asyncio.sleep(start + self.arrival - now())
        async with pacing.hold(self.host, self.address):
            self.begun = now() - start
            await asyncio.sleep(self.stay)
            self.ended = now() - start


def visits(limits: Limits, *guests: Guest, pacing: Callable[[Limits], Pacing] = Pacing) -> list[Guest]:
    """Let all guests come, and return them in the order in which they began."""

    async def story() -> None:
        places = pacing(limits)
        start = now()
        async with asyncio.TaskGroup() as group:
            for guest in guests:
                group.create_task(guest.visit(places, start))
        assert (places.sessions, places.waiting) == (0, 0)

    run(story())
    return sorted(guests, key=lambda guest: guest.begun)


@pytest.mark.parametrize(
    ("limits", "guests", "begins"),
    [
        pytest.param(Limits(), [("a", "1"), ("a", "1")], [0, 3], id="one-at-a-time-and-a-gap"),
        pytest.param(Limits(), [("a", "1"), ("b", "1")], [0, 3], id="two-names-on-one-address-are-one-guest"),
        pytest.param(Limits(), [("a", "1"), ("a", "2")], [0, 3], id="two-addresses-of-one-host-are-one-guest"),
        pytest.param(Limits(), [("a", "1"), ("b", "2")], [0, 0], id="strangers-do-not-wait-for-each-other"),
        pytest.param(Limits(min_gap=0.5), [("a", "1")] * 3, [0, 1.5, 3], id="another-gap"),
        pytest.param(Limits(min_gap=0.0), [("a", "1")] * 3, [0, 1, 2], id="no-gap"),
        pytest.param(Limits(sessions_per_address=2), [("a", "1")] * 4, [0, 0, 3, 3], id="two-places-each-with-its-gap"),
        pytest.param(
            Limits(max_sessions=2), [("a", "1"), ("b", "2"), ("c", "3"), ("d", "4")], [0, 0, 1, 1], id="two-in-all"
        ),
        pytest.param(
            Limits(max_sessions=1), [("a", "1"), ("a", "1"), ("b", "2")], [0, 1, 3], id="no-session-in-all-is-kept-idle"
        ),
    ],
)
def test_sessions_begin_as_soon_as_they_may(limits: Limits, guests: list[tuple[str, str]], begins: list[float]) -> None:
    assert [guest.begun for guest in visits(limits, *(Guest(*where) for where in guests))] == pytest.approx(begins)


def test_the_ports_of_a_host_begin_in_the_order_in_which_they_came() -> None:
    guests = [Guest("a", "1", arrival=n / 100) for n in range(20)]
    assert visits(Limits(), *guests) == guests


def test_a_session_whose_address_is_free_does_not_wait_behind_one_whose_address_is_not() -> None:
    long, blocked, free = Guest("b", "6", stay=60.0), Guest("a", "6", 0.1), Guest("a", "4", 0.2)
    visits(Limits(), long, blocked, free)
    assert free.begun == pytest.approx(0.2)
    assert blocked.begun == pytest.approx(62.0)


def test_a_session_that_needs_two_busy_places_is_not_passed_for_ever() -> None:
    """Two streams take turns so that at every moment either the host or the address of the third is taken."""
    at_the_address = [Guest(f"other{n}", "1", max(0.0, 3.0 * n - 1.0)) for n in range(100)]
    at_the_host = [Guest("a", f"other{n}", 1.5 + max(0.0, 3.0 * n - 1.0)) for n in range(100)]
    patient = Guest("a", "1", 0.1)
    order = visits(Limits(), *at_the_address, *at_the_host, patient)
    # The first to come was there before; then as many pass as patience allows, and one more is in its session.
    assert order.index(patient) == 1 + PATIENCE
    assert patient.begun == pytest.approx(1.5 * (1 + PATIENCE) + 1.5)


def test_who_waits_in_a_long_line_at_its_address_does_not_hold_up_its_host_meanwhile() -> None:
    line = [Guest(f"other{n}", "1") for n in range(30)]
    last = Guest("a", "1", 0.1)
    passing = [Guest("a", f"other{n}", 0.2) for n in range(PATIENCE + 10)]
    visits(Limits(), *line, last, *passing)
    assert sorted(guest.begun for guest in passing) == pytest.approx([0.2 + 3.0 * n for n in range(PATIENCE + 10)])
    assert last.begun == pytest.approx(90.0)


def test_the_places_of_the_one_that_was_passed_too_often_are_not_lost() -> None:
    """With two places each, what was kept for it serves the next ones as soon as it has begun."""
    limits = Limits(sessions_per_address=2, min_gap=0.0)
    blockers = [Guest("b", "1", stay=50.0), Guest("c", "1", stay=50.0)]
    blocked = Guest("a", "1", 0.1)
    passing = [Guest("a", f"other{n}", 0.2) for n in range(PATIENCE + 3)]
    order = visits(limits, *blockers, blocked, *passing)
    assert [guest.begun for guest in order[-4:]] == pytest.approx([50.0, 50.0, 51.0, 51.0])
    assert order[-4] is blocked


@settings(max_examples=150)
@given(
    limits=st.builds(
        Limits,
        max_sessions=st.integers(1, 4),
        sessions_per_address=st.integers(1, 3),
        min_gap=st.sampled_from([0, 0.5, 2]),
    ),
    guests=st.lists(
        st.builds(
            Guest,
            host=st.sampled_from("abcd"),
            address=st.sampled_from("1234"),
            arrival=st.integers(0, 20).map(float),
            stay=st.integers(0, 8).map(float),
        ),
        max_size=40,
    ),
)
def test_no_place_is_ever_given_twice_and_everybody_begins(limits: Limits, guests: list[Guest]) -> None:
    visits(limits, *guests)
    for guest in guests:
        at_once = [other for other in guests if other.begun <= guest.begun < other.ended]
        assert len(at_once) <= limits.max_sessions
        for place in ("host", "address"):
            name = getattr(guest, place)
            taken = [
                other
                for other in guests
                if getattr(other, place) == name and other.begun <= guest.begun < other.ended + limits.min_gap - 1e-6
            ]
            assert len(taken) <= limits.sessions_per_address
        # There is always somebody who may begin, so the last one ends when all have had their time, one by one.
        assert guest.begun >= guest.arrival
        assert guest.ended <= 20 + sum(other.stay + limits.min_gap for other in guests) + 1e-6


class Punctual(Pacing):
    """As plain as can be: every gap ends by a timer of its own."""

    def end(self, visit: Visit) -> None:
        super().end(visit)
        self._set_alarm(visit)


@settings(max_examples=50)
@given(
    limits=st.builds(
        Limits,
        max_sessions=st.integers(1, 4),
        sessions_per_address=st.integers(1, 3),
        min_gap=st.sampled_from([0.0, 0.5, 2.0]),
    ),
    # No two of these instants, whatever is added up, are the same: then there is one order.
    plans=st.lists(
        st.tuples(st.sampled_from("abcd"), st.sampled_from("1234"), st.integers(0, 20), st.integers(1, 8)),
        min_size=15,
        max_size=40,
    ),
)
def test_gaps_that_end_only_when_somebody_looks_let_everybody_begin_as_timers_would(
    limits: Limits, plans: list[tuple[str, str, int, int]]
) -> None:
    lazy, punctual = (
        [
            Guest(host, address, arrival + 0.001 * number, stay + 0.0001 * 1.01**number)
            for number, (host, address, arrival, stay) in enumerate(plans)
        ]
        for _ in range(2)
    )
    visits(limits, *lazy)
    visits(limits, *punctual, pacing=Punctual)
    assert [guest.begun for guest in lazy] == pytest.approx([guest.begun for guest in punctual])


@pytest.mark.parametrize("arrival", [1.5, 2.5], ids=["during-the-session", "during-the-gap"])
def test_a_gap_that_ends_while_others_run_elsewhere_ends_on_time_for_who_waits(arrival: float) -> None:
    elsewhere = [Guest("b", "2", 0.0, stay=1.0), Guest("c", "3", 0.0, stay=2.9)]
    first, waits = Guest("a", "1", 0.0, stay=2.0), Guest("a", "1", arrival)
    visits(Limits(), *elsewhere, first, waits)
    assert waits.begun == pytest.approx(4.0)


def test_a_gap_that_is_over_keeps_nobody_waiting_even_before_it_was_looked_at() -> None:
    elsewhere = [Guest("z", "9", 0.0, stay=0.5), Guest("y", "8", 0.0, stay=2.4)]
    # In one turn of the loop, one after the other.
    before, returns, rival = Guest("a", "1", 0.0), Guest("a", "2", 3.5), Guest("b", "2", 3.5 + 5e-10)
    visits(Limits(), *elsewhere, before, returns, rival)
    assert returns.begun == pytest.approx(3.5)
    assert rival.begun == pytest.approx(6.5)


class CountingLoop(ManualLoop):
    """Counts the timers that are set."""

    timers = 0

    def call_at(self, *args: Any, **named: Any) -> asyncio.TimerHandle:  # type: ignore[override]  # whatever they are
        self.timers += 1
        return super().call_at(*args, **named)


def test_a_gap_for_whose_end_nobody_waits_has_no_timer_of_its_own() -> None:
    async def story() -> None:
        pacing, loop = Pacing(Limits()), asyncio.get_running_loop()
        assert isinstance(loop, CountingLoop)
        for n in range(100):
            async with pacing.hold(f"mx{n}.example.org", f"192.0.2.{n}"):
                pass
        assert loop.timers == 1
        async with pacing.hold("mx7.example.org", "192.0.2.207"):
            assert loop.timers == 2

    with asyncio.Runner(loop_factory=CountingLoop) as runner:
        runner.run(story())


async def holding(pacing: Pacing, host: str, address: str, seconds: float = 1.0) -> float:
    """Hold a place and tell when it began."""
    async with pacing.hold(host, address):
        begun = now()
        await asyncio.sleep(seconds)
    return begun


def begin_after(silences: int, *, wait: float = 0.0, remember: float = 120.0, answer: bool = False) -> float:
    """Seconds until a session begins at an address that did not answer, and what happened then."""

    async def story() -> float:
        pacing = Pacing(Limits())
        for _ in range(silences):
            pacing.unanswered("1", remember)
        asked = now()
        async with asyncio.TaskGroup() as group:
            session = group.create_task(holding(pacing, "a", "1"))
            await asyncio.sleep(wait)
            if answer:
                pacing.answered("1")
        return session.result() - asked

    return run(story())


def test_one_connect_without_an_answer_changes_nothing() -> None:
    assert begin_after(1) == 0.0


def test_after_two_connects_without_an_answer_the_address_rests_longer() -> None:
    assert begin_after(2) == pytest.approx(SILENT_GAP)
    assert begin_after(3) == pytest.approx(SILENT_GAP)


def test_an_answer_ends_the_longer_rest() -> None:
    assert begin_after(2, wait=4.0, answer=True) == pytest.approx(4.0)


def test_an_answer_of_an_address_that_was_never_silent_changes_nothing() -> None:
    Pacing(Limits()).answered("1")
    assert begin_after(0, answer=True) == 0.0


@pytest.mark.parametrize(
    ("events", "begin"),
    [
        pytest.param([(0, "silent"), (50, "silent")], SILENT_GAP, id="twice-within-a-round"),
        pytest.param([(0, "silent"), (130, "silent")], 0.0, id="once-in-each-of-two-rounds"),
        pytest.param([(0, "silent"), (10, "answer"), (20, "silent")], 0.0, id="an-answer-between"),
        pytest.param([(0, "silent"), (100, "silent"), (130, "silent")], SILENT_GAP, id="each-silence-is-a-new-round"),
        pytest.param(
            [(0, "silent"), (10, "answer"), (100, "silent"), (130, "silent")], SILENT_GAP, id="an-answer-starts-anew"
        ),
        pytest.param([(0, "silent"), (0, "silent"), (5, "silent")], SILENT_GAP, id="each-silence-is-a-new-rest"),
        pytest.param(
            [(0, "silent"), (0, "silent"), (5, "answer"), (6, "silent"), (6, "silent")], SILENT_GAP, id="a-rest-anew"
        ),
        pytest.param([(0, "silent"), (0, "silent"), (4, "answer")], 0.0, id="an-answer-ends-the-rest"),
        pytest.param([(0, "silent"), (0, "silent"), (200, "answer")], 0.0, id="an-answer-long-after"),
    ],
)
def test_two_silences_in_one_round_without_an_answer_between_make_an_address_rest(
    events: list[tuple[float, str]], begin: float
) -> None:
    async def story() -> float:
        pacing = Pacing(Limits())
        start = now()
        for at, event in events:
            await asyncio.sleep(start + at - now())
            if event == "silent":
                pacing.unanswered("1", 120.0)
            else:
                pacing.answered("1")
        asked = now()
        return await holding(pacing, "a", "1") - asked

    assert run(story()) == pytest.approx(begin)


def test_a_rest_that_an_answer_ended_does_not_end_the_next_one() -> None:
    async def story() -> float:
        pacing = Pacing(Limits(sessions_per_address=2))
        async with asyncio.TaskGroup() as group:
            group.create_task(holding(pacing, "b", "1", 60.0))
            await asyncio.sleep(1.0)
            for _ in range(2):
                pacing.unanswered("1", 120.0)
            await asyncio.sleep(5.0)
            pacing.answered("1")
            for _ in range(2):
                pacing.unanswered("1", 120.0)
            asked = now()
            return await holding(pacing, "a", "1") - asked

    assert run(story()) == pytest.approx(SILENT_GAP)


def test_a_silent_address_does_not_slow_down_the_others_of_its_host() -> None:
    async def story() -> float:
        pacing = Pacing(Limits())
        for _ in range(2):
            pacing.unanswered("6", 120.0)
        asked = now()
        async with asyncio.TaskGroup() as group:
            group.create_task(holding(pacing, "a", "6"))
            other = group.create_task(holding(pacing, "a", "4"))
        return other.result() - asked

    assert run(story()) == 0.0


@pytest.mark.parametrize(
    ("limits", "cancel_at"),
    [
        pytest.param(Limits(), 0.5, id="while-its-address-is-busy"),
        pytest.param(Limits(), 2.0, id="in-the-gap"),
        pytest.param(Limits(max_sessions=1, min_gap=0.0), 0.5, id="while-all-sessions-are-taken"),
    ],
)
def test_who_waits_no_longer_leaves_its_turn_to_the_next_one(limits: Limits, cancel_at: float) -> None:
    async def story() -> float:
        pacing = Pacing(limits)
        start = now()
        async with asyncio.TaskGroup() as group:
            group.create_task(holding(pacing, "a", "1"))
            await asyncio.sleep(0)
            quitter = group.create_task(holding(pacing, "a", "1"))
            await asyncio.sleep(0)
            heir = group.create_task(holding(pacing, "a", "1"))
            await asyncio.sleep(cancel_at)
            assert pacing.waiting == 2
            quitter.cancel()
            await asyncio.sleep(0)
            assert pacing.waiting == 1
        assert (pacing.sessions, pacing.waiting) == (0, 0)
        return heir.result() - start

    assert run(story()) == pytest.approx(1.0 + limits.min_gap)


def test_who_has_its_places_and_waits_for_a_session_in_all_gives_them_back() -> None:
    async def story() -> float:
        pacing = Pacing(Limits(max_sessions=1))
        start = now()
        async with asyncio.TaskGroup() as group:
            group.create_task(holding(pacing, "a", "1", 5.0))
            await asyncio.sleep(0)
            quitter = group.create_task(holding(pacing, "b", "2"))
            await asyncio.sleep(0)
            heir = group.create_task(holding(pacing, "b", "2"))
            await asyncio.sleep(1.0)
            quitter.cancel()
        assert (pacing.sessions, pacing.waiting) == (0, 0)
        return heir.result() - start

    assert run(story()) == pytest.approx(5.0)


@pytest.mark.parametrize("order", ["begun-then-cancelled", "cancelled-then-begun"])
def test_who_is_cancelled_in_the_moment_its_turn_comes_keeps_nothing(order: str) -> None:
    async def story() -> float:
        pacing = Pacing(Limits(min_gap=0.0, max_sessions=1))
        async with asyncio.TaskGroup() as group:
            async with pacing.hold("a", "1"):
                quitter = group.create_task(holding(pacing, "b", "2"))
                await asyncio.sleep(0)
                heir = group.create_task(holding(pacing, "c", "3"))
                await asyncio.sleep(1.0)
                if order == "cancelled-then-begun":
                    quitter.cancel()
            if order == "begun-then-cancelled":
                quitter.cancel()
            asked = now()
        assert (pacing.sessions, pacing.waiting) == (0, 0)
        return heir.result() - asked

    assert run(story()) == 0.0


def test_who_kept_others_from_passing_lets_them_by_when_it_leaves() -> None:
    async def story() -> list[float]:
        pacing = Pacing(Limits(min_gap=0.0))
        start = now()
        async with asyncio.TaskGroup() as group:
            group.create_task(holding(pacing, "b", "1", 100.0))
            await asyncio.sleep(0)
            quitter = group.create_task(holding(pacing, "a", "1"))
            await asyncio.sleep(0)
            others = [group.create_task(holding(pacing, "a", f"other{n}")) for n in range(PATIENCE + 1)]
            await asyncio.sleep(50.0)
            quitter.cancel()
        return [other.result() - start for other in others]

    assert run(story()) == pytest.approx([*range(PATIENCE), 50.0])


def test_more_room_is_used_at_once_and_less_room_ends_no_session() -> None:
    async def story() -> list[float]:
        pacing = Pacing(Limits(max_sessions=1))
        start = now()
        async with asyncio.TaskGroup() as group:
            sessions = [group.create_task(holding(pacing, "a", "1", 10.0)) for _ in range(3)]
            sessions += [group.create_task(holding(pacing, "b", "2", 10.0))]
            await asyncio.sleep(1.0)
            pacing.configure(Limits(max_sessions=3, sessions_per_address=2))
            await asyncio.sleep(1.0)
            assert (pacing.sessions, pacing.waiting) == (3, 1)
            pacing.configure(Limits(max_sessions=1, sessions_per_address=1))
            assert pacing.sessions == 3
        return [session.result() - start for session in sessions]

    assert run(story()) == pytest.approx([0.0, 1.0, 13.0, 1.0])


@pytest.mark.parametrize(
    ("told_after", "begin"),
    [
        pytest.param(0.0, 0.0, id="at-once"),
        pytest.param(1.0, 1.0, id="in-the-gap"),
        pytest.param(5.0, 2.0, id="too-late"),
    ],
)
def test_a_visit_that_was_not_made_needs_no_gap_and_frees_its_place_once(told_after: float, begin: float) -> None:
    async def story() -> list[float]:
        pacing = Pacing(Limits())
        async with pacing.hold("a", "1") as visit:
            pass
        ended = now()
        async with asyncio.TaskGroup() as group:
            later = [group.create_task(holding(pacing, "a", "1", 10.0)) for _ in range(2)]
            await asyncio.sleep(told_after)
            pacing.not_made(visit)
            pacing.not_made(visit)
        return [session.result() - ended for session in later]

    assert run(story()) == pytest.approx([begin, begin + 12.0])


def test_nothing_is_remembered_of_hosts_that_nobody_asks_for() -> None:
    async def story() -> None:
        pacing = Pacing(Limits())
        for n in range(100):
            await holding(pacing, f"mx{n}.example.org", f"192.0.2.{n}")
            for _ in range(n % 4):
                pacing.unanswered(f"192.0.2.{n}", 5.0)
            if n % 3 == 0:
                pacing.answered(f"192.0.2.{n}")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1.0), pacing.hold("a", "1"):
                await holding(pacing, "b", "1")
        await asyncio.sleep(60.0)
        # Nothing that anybody can see tells it, except the memory of a daemon after a year.
        assert not pacing._lanes

    run(story())
