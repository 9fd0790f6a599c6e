"""What a result has in common with the one before is kept, and nobody can tell: whatever comes, it is as if all of it
had been judged, concluded and written anew."""

from collections.abc import Callable
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from exporter.judgement.expectation import holds, judge
from exporter.results import Capability, Durations, Findings, Outcome, Phase, ProbeResult, Resolution
from exporter.targets import IpFamily, PortState, Target, TlsMode
from tests.judgement.sessions import EXPIRED, LEAF, ONLY_IPV6, ended, expectation, healthy, target
from tests.metrics.world import World

PORTS = (
    replace(target(), certificate_group="mail.example.org"),
    replace(target(port=25, expects=expectation(PortState.ANY)), certificate_group="mail.example.org"),
    target(port=993, tls=TlsMode.IMPLICIT, family=IpFamily.IPV6),
    target(host="mx2.example.org", port=110, expects=expectation(PortState.CLOSED)),
)
Session = Callable[[Target], ProbeResult]


def found(**other: object) -> Session:
    """A session in which these findings are others."""
    return lambda of: replace(healthy(of), findings=replace(healthy(of).findings, **other))  # type: ignore[arg-type] # a field


SESSIONS: tuple[Session, ...] = (
    healthy,
    *(lambda of, outcome=outcome: ended(of, outcome) for outcome in Outcome),
    found(greeting="mail.example.org ESMTP, it is noon"),
    found(greeting="2***0 ****"),
    found(starttls_advertised=False),
    found(cleartext_auth=True),
    found(capabilities=(Capability("XXXXXXXA"),), starttls_advertised=False),
    lambda of: replace(healthy(of), certificates=(replace(LEAF, fingerprint_sha256="ff" * 32, not_after=1.9e9),)),
    lambda of: replace(healthy(of), verdict=EXPIRED),
    lambda of: replace(healthy(of), detail="the server said more"),
    lambda of: replace(healthy(of), resolution=ONLY_IPV6),
    lambda of: replace(healthy(of), tls=None),
    lambda of: replace(healthy(of), durations=Durations.of([(Phase.CONNECT, 0.5)])),
)


def copied(result: ProbeResult) -> ProbeResult:
    """The same as the next probe would make it: equal, and no object the one that it was."""
    findings, resolution = result.findings, result.resolution
    offered = tuple(Capability(one.name) for one in findings.capabilities) if findings.capabilities else ()
    anew = replace(findings) if findings.capabilities is None else replace(findings, capabilities=offered)
    return replace(
        result,
        findings=anew,
        resolution=None if resolution is None else replace(resolution),
        certificates=tuple(replace(one) for one in result.certificates),
        verdict=None if result.verdict is None else replace(result.verdict),
        tls=None if result.tls is None else replace(result.tls),
    )


def deliver_beside(world: World, result: ProbeResult, interval: float) -> None:
    """As the daemon does it."""
    before = world.store.state(result.target.key)
    assert before is not None
    result = result.beside(before.result)
    last, judgement = before.result, before.judgement
    if last is not None and judgement is not None and holds(judgement, last, result):
        world.store.record(result, judgement, interval)
    else:
        world.deliver(result, interval=interval)


@given(
    st.lists(
        st.tuples(st.sampled_from(PORTS), st.sampled_from(SESSIONS), st.integers(0, 4000), st.sampled_from([120, 300])),
        min_size=1,
        max_size=12,
    )
)
def test_what_was_kept_is_what_would_have_been_made_anew(rounds: list[tuple[Target, Session, int, int]]) -> None:
    plain, kept = World(*PORTS), World(*PORTS)
    now = plain.clock.now
    for of, session, passed, interval in rounds:
        now += passed
        result = replace(session(of), started=now, duration=passed / 1024)
        plain.deliver(copied(result), interval=interval)
        deliver_beside(kept, copied(result), interval)
        assert kept.text() == plain.text()
        assert kept.store.states() == plain.store.states()
        assert kept.store.hosts() == plain.store.hosts()
        assert kept.store.vantages() == plain.store.vantages()


def test_a_repeated_result_is_equal_and_holds_the_objects_of_the_one_before() -> None:
    first = healthy(target())
    again = copied(replace(first, started=first.started + 120))
    beside = again.beside(first)
    assert beside == again
    assert beside.repeats(first)
    assert beside.findings is first.findings
    assert beside.certificates is first.certificates
    assert beside.verdict is first.verdict


def test_another_greeting_is_kept_and_repeats_nevertheless() -> None:
    first = healthy(target())
    later = replace(first, findings=replace(first.findings, greeting="later"))
    beside = later.beside(first)
    assert beside.findings == later.findings
    assert beside.repeats(first)


def bare(result: ProbeResult) -> ProbeResult:
    """Without what a repetition may have of its own."""
    return replace(result, durations=Durations(), duration=0.0, findings=replace(result.findings, greeting=None))


def test_what_two_servers_offer_alike_is_held_once() -> None:
    offered = replace(healthy(target()), findings=Findings(capabilities=(Capability("STARTTLS"),)))
    one, other = (copied(offered).beside(None) for _ in range(2))
    assert one == offered
    assert one.findings.capabilities is other.findings.capabilities
    assert one.tls is other.tls


def test_whatever_else_is_another_is_no_repetition() -> None:
    first = healthy(target())
    others: list[ProbeResult] = [session(target()) for session in SESSIONS[1:]]
    others += [
        replace(first, target=target(port=25)),
        replace(first, address="192.0.2.26"),
        replace(first, port_open=None),
        replace(first, tls_alert=40),
        replace(first, resolution=None),
        *(
            replace(first, resolution=resolution)
            for resolution in (
                Resolution(Outcome.OK, ("192.0.2.25",), (), 0.004),
                Resolution(Outcome.OK, ("192.0.2.25",), ("2001:db8::25",), 0.004, failed=(IpFamily.IPV6,)),
                Resolution(Outcome.OK, ("192.0.2.25",), ("2001:db8::25",), 0.004, detail="one of them is old"),
            )
        ),
        *(
            replace(first, findings=findings)
            for findings in (
                Findings(),
                replace(first.findings, greeting_code=221),
                replace(first.findings, message_size_limit=1),
                replace(first.findings, preauthenticated=True),
                replace(first.findings, starttls_offered_again=True),
                replace(first.findings, capabilities_tls=(Capability("AUTH"),)),
            )
        ),
    ]
    same = {first.findings.greeting, *(one.findings.greeting for one in others)}
    for other in others:
        only_times = replace(
            other, durations=first.durations, findings=replace(other.findings, greeting=None)
        ) == replace(first, findings=replace(first.findings, greeting=None))
        assert other.beside(first).repeats(first) is only_times, other
    assert len(same) > 1


def test_a_judgement_holds_for_a_result_that_repeats_and_for_no_failing_name() -> None:
    first = healthy(target())
    assert holds(judge(first, known_before=True), first, replace(first, started=first.started + 1))
    failing = ended(target(), Outcome.DNS_NXDOMAIN)
    assert not holds(judge(failing, known_before=True), failing, failing)
