"""The notebook of a probe: times as they are shown for as long as nothing newer is known."""

from exporter.probe.record import Record
from exporter.results import Phase
from tests.judgement.sessions import target


def test_durations_are_whole_microseconds_and_the_instant_whole_milliseconds() -> None:
    record = Record(target(), started=1_750_000_000.123456)
    record.took(Phase.CONNECT, 0.0500000471)
    record.took(Phase.GREETING, 0.1 + 0.2)
    record.duration = 1 / 3
    result = record.result()
    assert tuple(result.durations) == ((Phase.CONNECT, 0.05), (Phase.GREETING, 0.3))
    assert result.duration == 0.333333
    assert result.started == 1_750_000_000.123


def test_a_stamp_that_is_older_than_the_start_makes_no_negative_duration() -> None:
    record = Record(target(), started=0.0)
    record.took(Phase.CONNECT, -1e-5)
    assert tuple(record.result().durations) == ((Phase.CONNECT, 0.0),)


def test_sessions_that_went_the_same_way_share_what_they_went_through() -> None:
    first, second = Record(target(), 0.0), Record(target(), 60.0)
    for record, seconds in ((first, 0.25), (second, 0.5)):
        record.took(Phase.CONNECT, seconds)
        record.took(Phase.GREETING, seconds)

    ways = (first.result().durations, second.result().durations)
    assert ways[0].phases is ways[1].phases
    assert [list(way) for way in ways] == [
        [(Phase.CONNECT, 0.25), (Phase.GREETING, 0.25)],
        [(Phase.CONNECT, 0.5), (Phase.GREETING, 0.5)],
    ]
