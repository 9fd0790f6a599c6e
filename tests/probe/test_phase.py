"""How long a phase lasted: the server's part of it, whatever happens on our side."""

import pytest

from exporter.probe.phase import PhaseClock

# What happens at which second, and what the phase has lasted then.
COURSES: dict[str, tuple[list[tuple[str, float]], float]] = {
    "one round trip": ([("begin", 10), ("sent", 10), ("arrived", 13)], 3),
    "an answer in pieces": ([("begin", 10), ("sent", 10), ("arrived", 11), ("arrived", 14)], 4),
    "nothing is sent, as before a greeting": ([("begin", 10), ("arrived", 16)], 6),
    "others speak before us": ([("begin", 10), ("sent", 15), ("arrived", 18)], 3),
    "two round trips": ([("begin", 10), ("sent", 10), ("arrived", 12), ("sent", 12), ("arrived", 15)], 5),
    "two, and others speak before us each time": (
        [("begin", 10), ("sent", 11), ("arrived", 13), ("sent", 23), ("arrived", 26)],
        5,
    ),
    "what arrived before it began is no part of it": (
        [("arrived", 7), ("begin", 10), ("sent", 12), ("arrived", 13)],
        1,
    ),
    "begun with what arrived last": ([("arrived", 7), ("begin_with_last", 0), ("arrived", 13)], 6),
    "begun with what arrived last, and only then asked": (
        [("arrived", 7), ("begin_with_last", 0), ("sent", 12), ("arrived", 13)],
        1,
    ),
}


@pytest.mark.parametrize("course", COURSES)
def test_a_phase_lasts_from_what_was_sent_to_what_arrived_and_our_turns_are_left_out(course: str) -> None:
    events, seconds = COURSES[course]
    clock = PhaseClock(0.0)
    for what, instant in events:
        match what:
            case "begin":
                clock.begin(instant)
            case "begin_with_last":
                clock.begin_with_last()
            case "sent":
                clock.sent(instant)
            case "arrived":
                clock.arrived(instant)

    assert clock.elapsed == pytest.approx(seconds)
