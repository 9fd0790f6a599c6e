"""What one mail host sees of the monitor in a day: eight ports, both address families, nothing configured but its name.

The schedule has no chance in it, so the numbers are exact. They stand in the documentation; a change of the spread, of
the default intervals or of the gaps shows here first.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import dataclass

import pytest

from exporter.config.load import parse
from exporter.judgement.variant import variant_target
from exporter.results import Outcome
from exporter.schedule.limits import Limits
from exporter.targets import IpFamily, Target, Variant
from tests.manual_loop import START, run
from tests.schedule.world import Session, World, run_for, smallest_gaps

HOUR = 3600.0
DAY = 24 * HOUR

# Eight ports of which nothing is expected, and the same eight as an administrator would name them.
BY_NAME = "hosts: [mail.example.org]"
BY_PORT = "hosts: [{host: mail.example.org, ports: [25, 110, 143, 465, 587, 993, 995, 2525]}]"


@dataclass(frozen=True, slots=True)
class Day:
    """The sessions of a day in the order of their begin, and the rounds that were lost."""

    sessions: list[Session]
    missed: int
    most_at_once: int

    def of(self, family: IpFamily) -> "Day":
        """Only what came to the host's one address of a family."""
        return Day([one for one in self.sessions if one.key.ip_family is family], self.missed, self.most_at_once)

    def after(self, seconds: float) -> "Day":
        """Only what began so long after the start."""
        return Day([one for one in self.sessions if one.begin >= START + seconds], self.missed, self.most_at_once)

    def per_hour(self) -> list[int]:
        """Sessions that began in each hour, from the first to the last."""
        hours = Counter(int((one.begin - START) // HOUR) for one in self.sessions)
        return [hours[hour] for hour in range(24)]

    def busiest(self, seconds: float) -> int:
        """The most sessions that began within any stretch of `seconds`."""
        begins = [one.begin for one in self.sessions]
        return max(bisect_left(begins, begin + seconds) - first for first, begin in enumerate(begins))

    def shortest_gap(self, place: Callable[[Session], str]) -> dict[str, float]:
        """Seconds between the end of a session and the begin of the next one at each place."""
        return smallest_gaps(self.sessions, place)


def day(
    config: str = BY_NAME,
    *,
    seconds: Callable[[Target], float] = lambda _: 1.0,
    outcome: Callable[[Target], Outcome] = lambda _: Outcome.OK,
    lasts: float = DAY,
    variants: Collection[Variant] = (),
) -> Day:
    """A day (or what `lasts` says) of the targets of `config` within its limits; their sessions last `seconds`.

    `variants`: those that turn out to be worth their session at every port that is configured for them.
    """
    read = parse(config, "mailprobe.yml")
    limits = Limits(read.max_sessions, read.sessions_per_address, read.min_gap, read.first_round, read.variant_gap)
    world = World(seconds=seconds, outcome=outcome)
    others = [
        variant_target(target, variant, read.variant_interval)
        for target in read.targets
        for variant in target.variants
        if variant in variants
    ]
    run(run_for(world.scheduler(*read.targets, *others, limits=limits), lasts))
    return Day(sorted(world.sessions, key=lambda one: one.begin), len(world.missed), world.most_sessions)


@pytest.fixture(scope="module")
def ordinary() -> Day:
    """A day on which every session goes well and lasts a second."""
    return day()


def test_a_host_with_eight_ports_and_two_families_has_444_sessions_an_hour(ordinary: Day) -> None:
    # Port 25 every 300 s and the seven others every 120 s, on both families. One of them is due at the very end of its
    # interval and waits for its turn, so that its last session of an hour belongs to the next.
    assert ordinary.per_hour() == [443] + 23 * [444]
    assert ordinary.of(IpFamily.IPV4).per_hour() == 24 * [222]
    assert ordinary.of(IpFamily.IPV6).per_hour() == [221] + 23 * [222]
    assert len(ordinary.sessions) == 10_655
    assert ordinary.missed == 0


def test_each_port_is_visited_by_its_interval_and_no_more(ordinary: Day) -> None:
    visits = Counter((one.key.port, one.key.ip_family) for one in ordinary.sessions)

    every_300_s = {(25, family): 288 for family in IpFamily}
    every_120_s = {(port, family): 720 for port in (110, 143, 465, 587, 993, 995, 2525) for family in IpFamily}
    # The one whose last turn comes after midnight.
    assert visits == every_300_s | every_120_s | {(587, IpFamily.IPV6): 719}


def test_the_busiest_minute_is_the_first_one_with_sixteen_sessions(ordinary: Day) -> None:
    assert ordinary.busiest(60.0) == 16
    assert {family: ordinary.of(family).busiest(60.0) for family in IpFamily} == {IpFamily.IPV4: 8, IpFamily.IPV6: 8}


def test_after_the_first_two_minutes_no_minute_has_more_than_ten_sessions(ordinary: Day) -> None:
    rest = ordinary.after(120.0)

    assert rest.busiest(60.0) == 10
    assert {family: rest.of(family).busiest(60.0) for family in IpFamily} == {IpFamily.IPV4: 7, IpFamily.IPV6: 7}


def test_whatever_the_name_of_the_host_no_minute_has_more_than_sixteen_sessions() -> None:
    hosts = [day(f"hosts: [mail.customer{number}.example]", lasts=2 * HOUR) for number in range(30)]

    # Two for each port: the first round of all sixteen, and from then on fewer.
    assert max(host.busiest(60.0) for host in hosts) == 16
    assert max(host.of(family).busiest(60.0) for host in hosts for family in IpFamily) == 8
    assert {host.per_hour()[1] for host in hosts} == {444}
    assert {host.missed for host in hosts} == {0}


def test_one_session_at_a_time_and_two_seconds_without_any_after_it(ordinary: Day) -> None:
    assert ordinary.most_at_once == 1
    assert ordinary.shortest_gap(lambda one: one.host) == pytest.approx({"mail.example.org": 2.0})
    assert ordinary.shortest_gap(lambda one: one.address) == pytest.approx(
        {"ipv4 of mail.example.org": 2.0, "ipv6 of mail.example.org": 2.0}
    )


def test_the_greeting_wait_of_postscreen_adds_no_session_and_loses_none(ordinary: Day) -> None:
    # postscreen's six seconds, and one for the rest of the session.
    screened = day(seconds=lambda target: 7.0 if target.service.port == 25 else 1.0)

    assert screened.per_hour() == ordinary.per_hour()
    assert screened.missed == 0
    assert screened.shortest_gap(lambda one: one.host) == pytest.approx({"mail.example.org": 2.0})


@pytest.mark.parametrize(
    ("variants", "more"),
    [
        ([Variant.NO_SNI], 2),
        ([Variant.NO_SNI, Variant.ECDSA], 2 + 16),
        ([Variant.NO_SNI, Variant.RSA, Variant.ECDSA], 2 + 16 + 16),
    ],
    ids=["no server name", "and one key type", "and both"],
)
def test_variants_add_at_most_34_sessions_a_day_and_one_to_the_busiest_minute(
    variants: list[Variant], more: int, ordinary: Day
) -> None:
    varied = day(variants=variants)

    assert len(varied.sessions) - len(ordinary.sessions) == more
    assert varied.busiest(60.0) == 16
    assert varied.after(120.0).busiest(60.0) <= 11
    # Six of an hour at each address, which is all there is room for.
    assert (
        max(
            with_variants - without
            for with_variants, without in zip(varied.per_hour(), ordinary.per_hour(), strict=True)
        )
        <= 12
    )
    assert varied.most_at_once == 1
    assert varied.missed == 0
    assert varied.shortest_gap(lambda one: one.host) == pytest.approx({"mail.example.org": 2.0})


@pytest.mark.parametrize(
    ("refused", "sessions"),
    # An interval of 300 s grows to half an hour and one of 120 s to 16 minutes, both with a tenth of jitter.
    [((25,), {25: 99}), ((25, 587), {25: 99, 587: 183})],
    ids=["port 25", "ports 25 and 587"],
)
def test_a_port_that_turns_us_away_is_visited_at_an_eighth_of_the_pace_but_every_half_hour(
    refused: tuple[int, ...], sessions: dict[int, int]
) -> None:
    unwelcome = day(outcome=lambda target: Outcome.GREETING_REJECTED if target.service.port in refused else Outcome.OK)

    visits = Counter(one.key.port for one in unwelcome.sessions)
    assert {port: visits[port] for port in refused} == sessions
    assert visits[993] == 2 * 720


@pytest.mark.parametrize(
    ("outcome", "seconds", "sessions"),
    # Every 540 s with a tenth of jitter; a connect without an answer lasts its whole limit.
    [(Outcome.CONNECT_REFUSED, 0.1, 2587), (Outcome.CONNECT_TIMEOUT, 5.0, 2552)],
    ids=["refused", "silent"],
)
def test_a_host_of_which_every_port_is_gone_is_tried_a_quarter_as_often(
    outcome: Outcome, seconds: float, sessions: int
) -> None:
    banned = day(BY_PORT, outcome=lambda _: outcome, seconds=lambda _: seconds)

    assert len(banned.sessions) == sessions
    assert banned.missed == 0


def test_a_host_of_which_nothing_is_expected_is_visited_as_ever_when_its_ports_are_gone(ordinary: Day) -> None:
    closed = day(BY_NAME, outcome=lambda _: Outcome.CONNECT_REFUSED)

    assert closed.per_hour() == ordinary.per_hour()
