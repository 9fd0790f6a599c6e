"""A result on its way through the socket, as plain tuples: to pickle its objects one by one costs a fifth of a probe.

What many results have in common is made once and then shared by them: certificates, capabilities, lines of a dialog.
The target stays at home; who unpacks knows what was asked for.

Measured on a STARTTLS session of 26 lines, packed and unpacked: 190 µs as pickled dataclasses, 30 µs like this.
"""

import pickle
from collections.abc import Callable
from dataclasses import fields
from functools import lru_cache
from itertools import starmap
from operator import attrgetter
from typing import Any, Final

from exporter.results import (
    Capability,
    CertificateFacts,
    CertificateVerdict,
    Durations,
    Findings,
    LatencyClock,
    Outcome,
    Phase,
    ProbeResult,
    Resolution,
    TlsFacts,
    TranscriptLine,
)
from exporter.targets import IpFamily, Target

Parcel = tuple[Any, ...]


def _plain(kind: type[Any]) -> Callable[[Any], tuple[Any, ...]]:
    """The fields of a dataclass as a tuple, in the order of its constructor."""
    return attrgetter(*(field.name for field in fields(kind)))


_result = _plain(ProbeResult)
_resolution = _plain(Resolution)
_findings = _plain(Findings)
_tls = _plain(TlsFacts)
_capability = _plain(Capability)

# Chains in use at a time: as many as the hosts of a large installation. An entry is about 2 KiB.
_CHAINS: Final = 4096

# Different lines and lists of capabilities. Most servers speak in a few hundred; greetings that carry a number of their
# own pass through. An entry is about 300 bytes.
_TEXTS: Final = 16384


def pack(result: ProbeResult) -> Parcel:
    """`result` without its target, as values that pickle fast."""
    (
        _,
        started,
        duration,
        outcome,
        phase,
        detail,
        resolution,
        address,
        port_open,
        durations,
        clock,
        findings,
        tls,
        *_,
    ) = _result(result)
    return (
        started,
        duration,
        _NAMES[outcome],
        _NAMES[phase],
        detail,
        None if resolution is None else _packed_resolution(resolution),
        address,
        port_open,
        [_NAMES[passed] for passed in durations.phases],
        durations.seconds,
        _NAMES[clock],
        _packed_findings(findings),
        None if tls is None else _tls(tls),
        _packed_certificates(result.certificates, result.verdict),
        [line.text for line in result.transcript],
        bytes([line.sent + 2 * line.secured for line in result.transcript]),
        result.tls_alert,
    )


def unpack(target: Target, parcel: Parcel) -> ProbeResult:
    """The result that was packed."""
    (started, duration, outcome, phase, detail, resolution, address, port_open, phases, seconds, clock, *rest) = parcel
    findings, tls, chain, texts, kinds, tls_alert = rest
    certificates, verdict = _certificates(chain)
    return ProbeResult(
        target=target,
        started=started,
        duration=duration,
        outcome=_OUTCOMES[outcome],
        phase=_PHASES[phase],
        detail=detail,
        resolution=None if resolution is None else _unpacked_resolution(*resolution),
        address=address,
        port_open=port_open,
        durations=Durations.of(zip(map(_PHASES.__getitem__, phases), seconds, strict=True)),
        clock=_CLOCKS[clock],
        findings=_unpacked_findings(*findings),
        tls=None if tls is None else _tls_facts(*tls),
        certificates=certificates,
        verdict=verdict,
        transcript=tuple(map(_transcript_line, texts, kinds)),
        tls_alert=tls_alert,
    )


_OUTCOMES: Final = {outcome.value: outcome for outcome in Outcome}
_PHASES: Final = {phase.value: phase for phase in Phase}
_CLOCKS: Final = {clock.value: clock for clock in LatencyClock}

# To ask a member for its value is a call; there are a dozen in a result.
_NAMES: Final[dict[Outcome | Phase | LatencyClock, str]] = {
    member: member.value for kind in (Outcome, Phase, LatencyClock) for member in kind
}

_tls_facts = lru_cache(_TEXTS)(TlsFacts)


@lru_cache(_TEXTS)
def _transcript_line(text: str, kind: int) -> TranscriptLine:
    return TranscriptLine(bool(kind & 1), text, bool(kind & 2))


def _packed_resolution(resolution: Resolution) -> tuple[Any, ...]:
    outcome, *between, failed = _resolution(resolution)
    return (_NAMES[outcome], *between, tuple(family.value for family in failed))


def _unpacked_resolution(outcome: str, *between: Any) -> Resolution:
    ipv4, ipv6, duration, detail, failed = between
    return Resolution(_OUTCOMES[outcome], ipv4, ipv6, duration, detail, tuple(IpFamily(family) for family in failed))


def _packed_findings(findings: Findings) -> tuple[Any, ...]:
    code, greeting, capabilities, capabilities_tls, *rest = _findings(findings)
    return (code, greeting, _packed_capabilities(capabilities), _packed_capabilities(capabilities_tls), *rest)


def _unpacked_findings(code: Any, greeting: Any, capabilities: Any, capabilities_tls: Any, *rest: Any) -> Findings:
    return Findings(code, greeting, _capabilities(capabilities), _capabilities(capabilities_tls), *rest)


def _packed_capabilities(capabilities: tuple[Capability, ...] | None) -> tuple[tuple[Any, ...], ...] | None:
    return None if capabilities is None else tuple([_capability(capability) for capability in capabilities])


@lru_cache(_TEXTS)
def _capabilities(packed: tuple[tuple[str, tuple[str, ...]], ...] | None) -> tuple[Capability, ...] | None:
    return None if packed is None else tuple(starmap(Capability, packed))


@lru_cache(_CHAINS)
def _packed_certificates(certificates: tuple[CertificateFacts, ...], verdict: CertificateVerdict | None) -> bytes:
    return pickle.dumps((certificates, verdict), pickle.HIGHEST_PROTOCOL)


@lru_cache(_CHAINS)
def _certificates(packed: bytes) -> tuple[tuple[CertificateFacts, ...], CertificateVerdict | None]:
    found: tuple[tuple[CertificateFacts, ...], CertificateVerdict | None] = pickle.loads(packed)
    return found
