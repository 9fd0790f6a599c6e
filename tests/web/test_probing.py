"""Probes on demand: shared, reused, paced and bounded, on a clock that is moved by hand."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

import pytest

from exporter.config.load import parse
from exporter.config.model import Config
from exporter.probe.seams import Hold, ProbeFunction, Resolver
from exporter.results import Outcome, Phase, ProbeResult, Resolution
from exporter.schedule.limits import Limits
from exporter.schedule.pacing import Pacing
from exporter.targets import IpFamily, Target
from exporter.web.inquiry import Directory, NotAllowed, Question, parse_inquiry
from exporter.web.probing import Answer, Bounds, NoResult, Probes, Surroundings, probing
from tests.manual_loop import run

HOSTS = """
probe_allow: [.example.com, 192.0.2.0/24]
hosts:
  - {host: mail.example.org, ip_families: [ipv4], ports: [25, 587]}
  - {host: both.example.org, ports: [25]}
  - {host: many.example.org, ip_families: [ipv4], addresses: all, ports: [25]}
"""
ADDRESSES = {
    "mail.example.org": ("192.0.2.25",),
    "both.example.org": ("192.0.2.26", "2001:db8::26"),
    "many.example.org": ("192.0.2.1", "192.0.2.2", "192.0.2.3"),
    "mx.example.com": ("8.8.8.8",),
    "inside.example.com": ("10.0.0.1",),
    "half.example.com": ("8.8.8.8", "fd00::1"),
}


@dataclass
class Net:
    """Names, servers, and what was asked of them. Each session takes `takes` seconds, or as long as it may."""

    addresses: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: ADDRESSES)
    takes: float = 1.0
    lookup: float = 0.0
    lookups: list[str] = field(default_factory=list)
    sessions: list[tuple[str, float]] = field(default_factory=list)
    totals: list[float] = field(default_factory=list)
    ended: int = 0
    cut_off: int = 0

    async def resolve(self, host: str, families: frozenset[IpFamily]) -> Resolution:
        self.lookups.append(host)
        await asyncio.sleep(self.lookup)
        found = self.addresses.get(host, ())
        outcome = Outcome.OK if found else Outcome.DNS_NXDOMAIN
        ipv4 = tuple(address for address in found if ":" not in address)
        ipv6 = tuple(address for address in found if ":" in address)
        return Resolution(outcome, ipv4, ipv6 if IpFamily.IPV6 in families else None, self.lookup)

    def prober(self, resolver: Resolver) -> ProbeFunction:
        async def probe(target: Target, hold: Hold) -> ProbeResult:
            resolution = await resolver.resolve(target.host, frozenset(target.ip_families))
            addresses = resolution.addresses(target.ip_family)
            if not addresses:
                return ProbeResult(target, 0.0, 0.0, resolution.outcome, Phase.RESOLVE, resolution=resolution)
            address = target.address or addresses[0]
            loop = asyncio.get_running_loop()
            async with hold(target.host, address):
                self.sessions.append((address, loop.time()))
                self.totals.append(target.timeouts.total)
                try:
                    await asyncio.sleep(min(self.takes, target.timeouts.total))
                except asyncio.CancelledError:
                    self.cut_off += 1
                    raise
                self.ended += 1
            outcome = Outcome.OK if self.takes <= target.timeouts.total else Outcome.TOTAL_TIMEOUT
            return ProbeResult(target, 0.0, self.takes, outcome, Phase.GOODBYE, resolution=resolution)

        return probe


@dataclass
class World:
    """Everything that a request meets."""

    net: Net
    probes: Probes
    config: Config
    pacing: Pacing

    def question(self, target: str) -> Question:
        return Directory(self.config).question(parse_inquiry([("target", target)]))

    async def ask(self, target: str, seconds: float = 9.5, patience: float = 0.25) -> Answer:
        return await self.probes.ask(self.question(target), seconds, patience)

    def reuse(self, target: str, max_age: float) -> Answer | None:
        return self.probes.reuse(self.question(target), max_age)


Story = Callable[[World], Awaitable[None]]


def play(story: Story, net: Net | None = None, bounds: Bounds | None = None, limits: Limits | None = None) -> Net:
    """Let `story` happen in a world of its own; returns what the servers saw."""
    met = net or Net()
    config = parse(HOSTS, "conf.yml")

    async def everything() -> None:
        pacing = Pacing(limits or Limits())
        surroundings = Surroundings(lambda: config, met, pacing.hold, met.prober)
        async with probing(surroundings, bounds) as probes:
            await story(World(met, probes, config, pacing))

    run(everything())
    return met


def now() -> float:
    return asyncio.get_running_loop().time()


def test_a_probe_is_fresh_and_about_the_target_as_it_is_configured() -> None:
    async def story(world: World) -> None:
        answer = await world.ask("mail.example.org:25")
        (result,) = answer.results
        assert (result.outcome, answer.age) == (Outcome.OK, 0)
        assert result.target == world.config.targets[0]

    assert [address for address, _ in play(story).sessions] == ["192.0.2.25"]


def test_identical_requests_at_the_same_time_share_one_session() -> None:
    async def story(world: World) -> None:
        answers = await asyncio.gather(*(world.ask("mail.example.org:25") for _ in range(20)))
        assert len({id(answer.results[0]) for answer in answers}) == 1

    net = play(story)
    assert (len(net.sessions), len(net.lookups)) == (1, 1)


def test_different_requests_do_not() -> None:
    async def story(world: World) -> None:
        await asyncio.gather(world.ask("mail.example.org:25"), world.ask("mail.example.org:587"))

    assert len(play(story).sessions) == 2


def test_whoever_goes_away_takes_nobody_along() -> None:
    async def story(world: World) -> None:
        first = asyncio.create_task(world.ask("mail.example.org:25"))
        await asyncio.sleep(0.5)
        second = asyncio.create_task(world.ask("mail.example.org:25"))
        await asyncio.sleep(0)
        first.cancel()
        assert (await second).results

    net = play(story)
    assert (net.ended, net.cut_off) == (1, 0)


def test_a_session_nobody_waits_for_any_more_comes_to_its_goodbye_and_its_result_is_kept() -> None:
    async def story(world: World) -> None:
        only = asyncio.create_task(world.ask("mail.example.org:25"))
        await asyncio.sleep(0.5)
        only.cancel()
        await asyncio.sleep(5)
        assert world.reuse("mail.example.org:25", 10) is not None

    assert play(story).ended == 1


def test_a_result_is_reused_while_it_is_younger_than_asked_for_and_no_longer() -> None:
    async def story(world: World) -> None:
        assert world.reuse("mail.example.org:25", 10) is None
        await world.ask("mail.example.org:25")
        await asyncio.sleep(4)
        kept = world.reuse("mail.example.org:25", 10)
        assert kept is not None
        assert kept.age == 4
        assert world.reuse("mail.example.org:25", 4) is None
        assert world.reuse("mail.example.org:25", 0) is None
        assert world.reuse("mail.example.org:587", 10) is None

    play(story)


def test_with_a_new_configuration_of_a_port_nothing_old_is_reused() -> None:
    async def story(world: World) -> None:
        await world.ask("mail.example.org:25")
        world.config = parse(HOSTS.replace("ports: [25, 587]", "interval: 60s, ports: [25, 587]"), "conf.yml")
        assert world.reuse("mail.example.org:25", 10) is None

    play(story)


def test_both_families_are_probed_one_after_the_other_with_the_pause_of_the_schedule() -> None:
    async def story(world: World) -> None:
        answer = await world.ask("both.example.org:25")
        assert [result.target.ip_family for result in answer.results] == [IpFamily.IPV4, IpFamily.IPV6]

    (_, first), (_, second) = play(story).sessions
    assert second - first == 1 + Limits().min_gap


def test_a_probe_waits_until_a_scheduled_session_and_its_pause_are_over() -> None:
    async def story(world: World) -> None:
        async with world.pacing.hold("mail.example.org", "192.0.2.25"):
            waiting = asyncio.create_task(world.ask("mail.example.org:25"))
            await asyncio.sleep(3)
            assert world.net.sessions == []
            over = now()
        await waiting
        assert world.net.sessions == [("192.0.2.25", over + Limits().min_gap)]

    play(story)


def test_what_is_left_of_the_time_after_waiting_is_the_limit_of_the_session() -> None:
    async def story(world: World) -> None:
        async with world.pacing.hold("mail.example.org", "192.0.2.25"):
            waiting = asyncio.create_task(world.ask("mail.example.org:25", seconds=9.5))
            await asyncio.sleep(3)
        await waiting

    (total,) = play(story, Net(takes=100)).totals
    assert total == pytest.approx(9.5 - 3 - Limits().min_gap)


def test_a_configured_limit_that_is_shorter_than_the_scrape_holds() -> None:
    async def story(world: World) -> None:
        await world.ask("mail.example.org:25", seconds=100)

    assert play(story).totals == [60]


def test_whose_turn_does_not_come_in_time_learns_nothing_and_costs_nobody_a_session() -> None:
    async def story(world: World) -> None:
        began = now()
        async with world.pacing.hold("mail.example.org", "192.0.2.25"):
            with pytest.raises(NoResult, match=r"no turn came in time for a session with mail\.example\.org"):
                await world.ask("mail.example.org:25", seconds=9.5)
            assert now() - began == 8.5
        assert world.reuse("mail.example.org:25", 10) is None
        await asyncio.sleep(Limits().min_gap)
        assert (world.pacing.waiting, world.pacing.sessions) == (0, 0)

    assert play(story).sessions == []


def test_a_family_whose_turn_does_not_come_in_time_is_left_out() -> None:
    async def story(world: World) -> None:
        answer = await world.ask("both.example.org:25", seconds=9.5)
        assert [result.target.ip_family for result in answer.results] == [IpFamily.IPV4]

    assert len(play(story, Net(takes=8)).sessions) == 1


def test_who_has_less_time_than_the_probe_is_answered_in_time_and_the_session_goes_on() -> None:
    async def story(world: World) -> None:
        patient = asyncio.create_task(world.ask("mail.example.org:25", seconds=30))
        await asyncio.sleep(0)
        began = now()
        with pytest.raises(NoResult, match=r"no result within 5\.25 s"):
            await world.ask("mail.example.org:25", seconds=5, patience=0.25)
        assert now() - began == 5.25
        assert (await patient).results

    assert play(story, Net(takes=10)).ended == 1


def test_every_address_is_probed_where_the_configuration_says_so() -> None:
    async def story(world: World) -> None:
        answer = await world.ask("many.example.org:25")
        assert [result.target.address for result in answer.results] == ["192.0.2.1", "192.0.2.2", "192.0.2.3"]

    # Each address is a guest of its own.
    assert len({began for _, began in play(story).sessions}) == 1


def test_of_many_addresses_only_so_many_are_probed() -> None:
    async def story(world: World) -> None:
        assert len((await world.ask("many.example.org:25")).results) == 2

    play(story, bounds=Bounds(addresses=2))


@pytest.mark.parametrize("host", ["mail.example.org", "many.example.org"])
def test_a_name_that_does_not_exist_is_a_result(host: str) -> None:
    async def story(world: World) -> None:
        (result,) = (await world.ask(f"{host}:25")).results
        assert result.outcome is Outcome.DNS_NXDOMAIN

    assert play(story, Net(addresses={})).sessions == []


@pytest.mark.parametrize("host", ["inside.example.com", "half.example.com"])
def test_a_name_that_leads_into_our_own_network_is_not_connected_to(host: str) -> None:
    async def story(world: World) -> None:
        with pytest.raises(NotAllowed, match=f"{host} leads to an address that probe_allow does not name"):
            await world.ask(f"{host}:25")
        assert world.reuse(f"{host}:25", 10) is None

    assert play(story).sessions == []


def test_a_configured_host_may_be_wherever_it_is() -> None:
    async def story(world: World) -> None:
        assert (await world.ask("mail.example.org:25")).results

    net = play(story, Net(addresses={"mail.example.org": ("127.0.0.1",)}))
    assert [address for address, _ in net.sessions] == ["127.0.0.1"]


def test_a_name_that_leads_elsewhere_at_every_lookup_is_connected_to_where_it_was_judged() -> None:
    class Rebinding(Net):
        async def resolve(self, host: str, families: frozenset[IpFamily]) -> Resolution:
            self.lookups.append(host)
            address = "8.8.8.8" if len(self.lookups) == 1 else "127.0.0.1"
            return Resolution(Outcome.OK, (address,), (), 0.0)

    async def story(world: World) -> None:
        await world.ask("mx.example.com:25")
        with pytest.raises(NotAllowed):
            await world.ask("mx.example.com:25")

    net = play(story, Rebinding())
    assert [address for address, _ in net.sessions] == ["8.8.8.8"]
    assert len(net.lookups) == 2


def test_a_second_session_of_one_probe_waits_for_its_turn_as_well() -> None:
    class Twice(Net):
        def prober(self, resolver: Resolver) -> ProbeFunction:
            once = super().prober(resolver)

            async def probe(target: Target, hold: Hold) -> ProbeResult:
                await once(target, hold)
                return await once(target, hold)

            return probe

    async def story(world: World) -> None:
        await world.ask("mail.example.org:25")
        await asyncio.sleep(Limits().min_gap)
        assert (world.pacing.waiting, world.pacing.sessions) == (0, 0)

    (_, first), (_, second) = play(story, Twice()).sessions
    assert second - first == 1 + Limits().min_gap


def test_so_many_probes_are_under_way_and_no_more() -> None:
    async def story(world: World) -> None:
        first = asyncio.create_task(world.ask("mail.example.org:25"))
        await asyncio.sleep(0)
        assert world.probes.in_flight == 1
        with pytest.raises(NoResult, match="1 probes are under way"):
            await world.ask("mail.example.org:587")
        # Who joins takes no place.
        assert (await world.ask("mail.example.org:25")).results
        await first
        assert world.probes.in_flight == 0
        assert (await world.ask("mail.example.org:587")).results

    play(story, bounds=Bounds(flights=1))


def test_so_many_requests_wait_and_no_more() -> None:
    async def story(world: World) -> None:
        first = asyncio.create_task(world.ask("mail.example.org:25"))
        await asyncio.sleep(0)
        with pytest.raises(NoResult, match="1 requests wait for a probe"):
            await world.ask("mail.example.org:25")
        await first
        assert (await world.ask("mail.example.org:25")).results

    play(story, bounds=Bounds(requests=1))


def test_so_many_results_are_kept_and_the_latest_asked_for_stay() -> None:
    async def story(world: World) -> None:
        for target in ("mail.example.org:25", "mail.example.org:587", "many.example.org:25"):
            await world.ask(target)
        await world.ask("mail.example.org:587")
        await world.ask("both.example.org:25")
        assert world.reuse("mail.example.org:587", 1000) is not None
        assert world.reuse("mail.example.org:25", 1000) is None

    play(story, bounds=Bounds(kept=2), limits=Limits(min_gap=0))


def test_results_too_old_for_everybody_are_let_go() -> None:
    async def story(world: World) -> None:
        await world.ask("mail.example.org:25")
        await asyncio.sleep(world.config.probe_max_age)
        await world.ask("mail.example.org:587")
        assert world.reuse("mail.example.org:25", 1000) is None

    play(story)


def test_a_stop_lets_sessions_say_goodbye_and_everybody_else_go_at_once() -> None:
    async def story(world: World) -> None:
        async with world.pacing.hold("both.example.org", "192.0.2.26"):
            waits = asyncio.create_task(world.ask("both.example.org:25"))
            talks = asyncio.create_task(world.ask("mail.example.org:25"))
            await asyncio.sleep(1)
            began = now()
            await world.probes.stop(4)
            assert now() - began == 2
        assert (await talks).results
        with pytest.raises(NoResult):
            await waits
        with pytest.raises(NoResult, match="mailprobe is stopping"):
            await world.ask("mail.example.org:587")

    net = play(story, Net(takes=3))
    assert (net.ended, net.cut_off) == (1, 0)


def test_a_stop_waits_no_longer_than_it_may() -> None:
    async def story(world: World) -> None:
        talks = asyncio.create_task(world.ask("mail.example.org:25"))
        await asyncio.sleep(1)
        began = now()
        await world.probes.stop(4)
        assert now() - began == 4
        with pytest.raises(NoResult, match="mailprobe is stopping"):
            await talks

    assert play(story, Net(takes=100)).cut_off == 1


def test_a_stop_does_not_wait_for_name_servers() -> None:
    async def story(world: World) -> None:
        asks = asyncio.create_task(world.ask("mail.example.org:25"))
        await asyncio.sleep(1)
        began = now()
        await world.probes.stop(4)
        assert now() == began
        with pytest.raises(NoResult, match="mailprobe is stopping"):
            await asks

    assert play(story, Net(lookup=3)).sessions == []


def test_a_stop_begins_no_session_after_the_one_under_way() -> None:
    async def story(world: World) -> None:
        asks = asyncio.create_task(world.ask("both.example.org:25"))
        await asyncio.sleep(1)
        await world.probes.stop(30)
        assert [result.target.ip_family for result in (await asks).results] == [IpFamily.IPV4]

    assert len(play(story, Net(takes=3)).sessions) == 1


def test_what_had_hardly_begun_at_a_stop_makes_no_session() -> None:
    async def story(world: World) -> None:
        asks = asyncio.create_task(world.ask("mail.example.org:25"))
        # The request has been read, and nothing was done about it.
        await asyncio.sleep(0)
        await world.probes.stop(4)
        with pytest.raises(NoResult):
            await asks

    assert play(story).sessions == []


def test_the_end_breaks_off_what_is_under_way_and_leaves_nothing_behind() -> None:
    async def story(world: World) -> None:
        asyncio.create_task(world.ask("mail.example.org:25")).add_done_callback(lambda task: task.exception())
        await asyncio.sleep(1)

    net = play(story, Net(takes=100))
    assert (len(net.sessions), net.cut_off) == (1, 1)


def test_what_goes_wrong_while_they_are_lent_is_told_as_it_is() -> None:
    class Other(Exception):
        pass

    async def story(world: World) -> None:
        raise Other

    with pytest.raises(Other):
        play(story)


def test_a_fault_of_ours_is_that_of_the_request_and_not_of_all_others() -> None:
    class Faulty(Net):
        async def resolve(self, host: str, families: frozenset[IpFamily]) -> Resolution:
            if host == "both.example.org":
                raise ZeroDivisionError
            return await super().resolve(host, families)

    async def story(world: World) -> None:
        with pytest.raises(ZeroDivisionError):
            await world.ask("both.example.org:25")
        assert (await world.ask("mail.example.org:25")).results

    play(story, Faulty())


def test_a_stop_without_anything_under_way_is_over_at_once() -> None:
    async def story(world: World) -> None:
        began = now()
        await world.probes.stop(4)
        assert now() == began

    play(story)


def test_what_somebody_in_a_hurry_did_not_wait_for_is_no_answer_for_somebody_with_time() -> None:
    async def story(world: World) -> None:
        hasty = await world.ask("mail.example.org:25", seconds=1)
        assert [result.outcome for result in hasty.results] == [Outcome.TOTAL_TIMEOUT]
        question = world.question("mail.example.org:25")
        assert world.probes.reuse(question, 10, 1) is not None, "a pair that is equally in a hurry makes one session"
        assert world.probes.reuse(question, 10, 9.5) is None
        patient = await world.ask("mail.example.org:25", seconds=9.5)
        assert [result.outcome for result in patient.results] == [Outcome.OK]

    assert len(play(story, Net(takes=3)).sessions) == 2


def test_whoever_joins_somebody_in_a_hurry_asks_again_where_that_was_too_short() -> None:
    async def story(world: World) -> None:
        hasty = asyncio.create_task(world.ask("mail.example.org:25", seconds=1))
        await asyncio.sleep(0)
        patient = await world.ask("mail.example.org:25", seconds=9.5)
        assert [result.outcome for result in patient.results] == [Outcome.OK]
        assert [result.outcome for result in (await hasty).results] == [Outcome.TOTAL_TIMEOUT]

    assert len(play(story, Net(takes=3)).sessions) == 2


def test_whoever_joins_somebody_in_a_hurry_takes_a_result_that_was_in_time() -> None:
    async def story(world: World) -> None:
        hasty = asyncio.create_task(world.ask("mail.example.org:25", seconds=4))
        await asyncio.sleep(0)
        patient = await world.ask("mail.example.org:25", seconds=9.5)
        assert patient.results == (await hasty).results

    assert len(play(story, Net(takes=3)).sessions) == 1


def test_questions_that_are_turned_away_leave_nothing_behind() -> None:
    async def story(world: World) -> None:
        first = asyncio.create_task(world.ask("mail.example.org:25", seconds=50))
        await asyncio.sleep(0)
        for number in range(20):
            with pytest.raises(NoResult, match="1 probes are under way"):
                await world.ask(f"mx{number}.example.com:25")
        assert len(world.probes._memories) == 1
        await first

    play(story, Net(takes=40), Bounds(flights=1, kept=5))
