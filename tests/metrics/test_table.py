"""The table: lines that stand because nothing was read that is another are those that would be written anew."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from exporter.config.model import Watch
from exporter.judgement.expectation import judge
from exporter.judgement.sighting import Sightings
from exporter.judgement.variant import VariantSeen, VariantStanding
from exporter.metrics.catalogue import TARGET_METRICS
from exporter.metrics.state import TargetState
from exporter.metrics.table import Table
from exporter.results import Capability, Outcome, Phase, ProbeResult
from exporter.targets import CertificateChecks, PortState, StarttlsRule, TlsMode, Variant
from tests.judgement.sessions import EXPIRED, GOOD, LEAF, STARTED, ended, expectation, healthy, target

TARGET = target()
SOUND = healthy(TARGET)
LATER = STARTED + 600


def after(*results: ProbeResult, interval: float = 120.0, watch: Watch | None = None) -> TargetState:
    """The state of a target that had these results."""
    state = TargetState(results[0].target)
    for result in results:
        judgement = judge(result, state.known, host_known=state.known)
        state = state.after(result, judgement, interval, watch or Watch())
    return state


def _states() -> Iterator[tuple[str, TargetState]]:
    found = SOUND.findings
    sound = after(SOUND)
    yield "sound", sound
    yield "a minute later", after(SOUND, replace(SOUND, started=LATER, duration=9.0))
    yield "before the first probe", TargetState(TARGET)
    yield "slowed down", after(SOUND, interval=600.0)
    yield "other phases", after(replace(SOUND, durations=((Phase.CONNECT, 0.25), (Phase.GREETING, 3.0))))
    yield "other TLS", after(replace(SOUND, tls=replace(SOUND.tls, version="TLSv1")))  # type: ignore[type-var] # has TLS
    yield "no TLS", after(replace(SOUND, tls=None, certificates=(), verdict=None))
    yield "ended in TLS", after(replace(ended(TARGET, Outcome.TLS_HANDSHAKE_FAILED), phase=Phase.TLS))
    yield "refused", after(ended(TARGET, Outcome.CONNECT_REFUSED))
    yield "refused after all was well", after(SOUND, ended(TARGET, Outcome.CONNECT_REFUSED))
    for name, other in (
        ("greeting code", replace(found, greeting_code=221)),
        ("size limit", replace(found, message_size_limit=77)),
        ("offer of STARTTLS", replace(found, starttls_advertised=False)),
        ("passwords before TLS", replace(found, cleartext_auth=True)),
        ("capabilities", replace(found, capabilities=(Capability("PIPELINING"),))),
        ("capabilities inside TLS", replace(found, capabilities_tls=(Capability("AUTH"),))),
    ):
        yield f"other {name}", after(replace(SOUND, findings=other))
    yield "STARTTLS lost", after(SOUND, replace(SOUND, findings=replace(found, starttls_advertised=False), tls=None))
    yield "other certificate", after(replace(SOUND, certificates=(replace(LEAF, fingerprint_sha256="ff" * 32),)))
    yield (
        "renewed certificate",
        after(SOUND, replace(SOUND, certificates=(replace(LEAF, fingerprint_sha256="f" * 64),))),
    )
    yield "expired certificate", after(replace(SOUND, verdict=EXPIRED))
    yield "other end of the chain", after(replace(SOUND, verdict=replace(GOOD, chain_not_after=1.0)))
    yield "nothing of sightings", after(SOUND, watch=Watch(stale_certificates=False))
    yield "no sighting", replace(sound, sightings=Sightings())
    yield "stale", replace(sound, stale=True)
    yield "not stale", replace(sound, stale=False)
    yield (
        "a certificate for others",
        replace(sound, variants=(VariantSeen(Variant.RSA, VariantStanding.DIFFERENT, STARTED, (LEAF,), GOOD),)),
    )
    for name, of in (
        ("closed as expected", replace(TARGET, expectation=expectation(PortState.CLOSED))),
        ("nothing expected", replace(TARGET, expectation=expectation(PortState.ANY))),
        ("STARTTLS optional", replace(TARGET, expectation=replace(expectation(), starttls=StarttlsRule.OPTIONAL))),
        (
            "dates waived",
            replace(TARGET, expectation=replace(expectation(), certificate_checks=CertificateChecks(dates=False))),
        ),
        ("never TLS", replace(TARGET, service=replace(TARGET.service, tls=TlsMode.NONE))),
    ):
        yield name, after(replace(SOUND, target=of))
        yield f"{name}, refused", after(ended(of, Outcome.CONNECT_REFUSED))


STATES = dict(_states())


def written(*states: TargetState) -> list[tuple[str, bytes]]:
    """What a table says of one owner of which these states were written, one after the other."""
    table = Table(TARGET_METRICS)
    row = table.add('host="a"')
    for state in states:
        table.write(row, state)
    return [(metric.name, lines) for metric, lines in table.families()]


@pytest.mark.parametrize("name", STATES)
def test_what_was_written_before_leaves_nothing_behind(name: str) -> None:
    anew = written(STATES[name])
    for before, state in STATES.items():
        assert written(state, STATES[name]) == anew, f"after {before}"


@pytest.mark.parametrize("metric", TARGET_METRICS, ids=lambda metric: metric.name)
def test_every_metric_of_a_target_changes_between_two_of_the_states(metric: object) -> None:
    """Or the test above would say nothing about it."""
    lines = {tuple(metric.samples(state)) for state in STATES.values()}  # type: ignore[attr-defined] # a row
    assert len(lines) > 1


def test_an_owner_with_other_labels_is_written_anew() -> None:
    table = Table(TARGET_METRICS)
    row = table.add('host="a"')
    table.write(row, STATES["sound"])
    table.rename(row, 'host="b"')
    table.write(row, STATES["sound"])
    assert b'host="a"' not in b"".join(lines for _, lines in table.families())


def test_a_row_that_was_left_is_written_anew_for_the_next_owner() -> None:
    table = Table(TARGET_METRICS)
    row = table.add('host="a"')
    table.write(row, STATES["sound"])
    table.remove(row)
    assert list(table.families()) == []
    assert table.add('host="b"') == row
    table.write(row, STATES["sound"])
    assert [name for name, _ in written(STATES["sound"])] == [metric.name for metric, _ in table.families()]
