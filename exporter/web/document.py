"""What is known of targets, hosts and this network as plain data, in the words of `mailprobe check --json`.

What is not known is null, instants are Unix seconds, durations seconds. A key stays what it is; new ones may be added.
Every key is described in `deploy/api.md`.
"""

from collections.abc import Iterable
from urllib.parse import quote

from exporter.judgement.security import SEVERITY
from exporter.judgement.sighting import Sighting
from exporter.judgement.vantage import Vantage
from exporter.judgement.variant import VariantSeen
from exporter.metrics.history import Attempt, Change, Failure, History, KeptDialog
from exporter.metrics.state import HostState, TargetState
from exporter.results import (
    Capability,
    CertificateFacts,
    CertificateVerdict,
    Findings,
    Phase,
    ProbeResult,
    TranscriptLine,
)
from exporter.targets import Expectation, PortState
from exporter.web.standing import Standing

Document = dict[str, object]

_NOTHING_FOUND = Findings()


def summary(state: TargetState, which: Standing) -> Document:
    """What a list shows of a target that stands as `which`."""
    target, result, judgement = state.target, state.result, state.judgement
    service, expected = target.service, target.expectation.state
    return {
        "host": target.host,
        "port": service.port,
        "protocol": service.protocol,
        "tls": service.tls,
        "ip_family": target.ip_family,
        "address": (result.address if result else None) or target.address or None,
        "labels": dict(target.labels),
        # Relative to the list, so that it holds behind a proxy as well.
        "details": f"targets/{quote(target.host, safe='')}/{service.port}",
        "state": which,
        "since": state.since,
        "success": judgement.success if judgement else None,
        "outcome": judgement.outcome if judgement else None,
        "phase": judgement.phase if judgement else None,
        "detail": judgement.detail if judgement else None,
        "remarks": list(state.remarks),
        "port_open": result.port_open if result else None,
        "port_expected_open": None if expected is PortState.ANY else expected is PortState.OPEN,
        "last_probe": result.started if result else None,
        "last_success": state.last_success,
        "interval": state.interval,
        "duration": result.duration if result else None,
        "greeting_latency": dict(result.durations).get(Phase.GREETING) if result else None,
        "certificate_not_after": state.certificate.leaf.not_after if state.certificate else None,
        "findings": [{"finding": finding, "severity": SEVERITY[finding]} for finding in state.tls_findings],
    }


def details(state: TargetState, which: Standing) -> Document:
    """Everything that is known of a target."""
    result, judgement, seen = state.result, state.judgement, state.certificate
    return {
        **summary(state, which),
        "expectation": _expectation(state.target.expectation),
        "expectations": {name.value: met for name, met in judgement.expectations} if judgement else {},
        "probes": {outcome.value: count for outcome, count in state.outcomes},
        "last_open": state.reach.last_open,
        "lost_since": state.reach.lost_since,
        "starttls_last_offered": state.starttls.last_offered,
        "starttls_lost_since": state.starttls.lost_since,
        **_session(result),
        "certificates": chain_document(seen.chain if seen else ()),
        "certificate_verdict": verdict_document(seen.verdict if seen else None),
        "certificates_observed": seen.observed if seen else None,
        "certificates_retained": state.certificate_retained,
        "sightings": [_sighting(one) for one in state.sightings.seen],
        "stale": state.stale,
        "variants": [_variant(one) for one in state.variants],
        "transcript": _lines(result.transcript if result else ()),
        "history": _history(state.history),
        "dialogs": [_dialog(dialog) for dialog in state.history.dialogs()],
    }


def host_document(state: HostState) -> Document:
    """What is known of a host as a whole."""
    resolution = state.resolution
    return {
        "labels": dict(state.labels),
        "resolution": {
            "outcome": resolution.outcome,
            "detail": resolution.detail,
            "duration": resolution.duration,
            "ipv4": _listed(resolution.ipv4),
            "ipv6": _listed(resolution.ipv6),
            "failed": list(resolution.failed),
        }
        if resolution
        else None,
        "missed_rounds": state.missed,
        "family_lost": {family.value: lost for family, lost in state.family_lost},
        "suspected_ban": {family.value: suspected for family, suspected in state.suspected_ban},
    }


def vantage_document(vantage: Vantage) -> Document:
    """What is known of the way out of this network to one port."""
    return {
        "port": vantage.port,
        "ip_family": vantage.ip_family,
        "ok": vantage.ok,
        "basis": vantage.basis,
        "remark": vantage.remark,
    }


def _expectation(declared: Expectation) -> Document:
    checks = declared.certificate_checks
    return {
        "state": declared.state,
        "starttls": declared.starttls,
        "valid_certificate": declared.valid_certificate,
        "certificate_checks": {"chain": checks.chain, "name": checks.name, "dates": checks.dates},
        "auth_before_tls": declared.auth_before_tls,
        "greeting_codes": list(declared.greeting_codes),
        "capabilities_must": list(declared.capabilities_must),
        "capabilities_must_not": list(declared.capabilities_must_not),
        "min_tls": declared.min_tls,
    }


def _session(result: ProbeResult | None) -> Document:
    """What the last session showed; each key is there before the first one as well."""
    findings = result.findings if result else _NOTHING_FOUND
    tls = result.tls if result else None
    return {
        "durations": _durations(result.durations) if result else {},
        "clock": result.clock if result else None,
        "greeting": findings.greeting,
        "greeting_code": findings.greeting_code,
        "starttls_advertised": findings.starttls_advertised,
        "starttls_offered_again": findings.starttls_offered_again,
        "cleartext_auth": findings.cleartext_auth,
        "preauthenticated": findings.preauthenticated,
        "message_size_limit": findings.message_size_limit,
        "capabilities": capabilities_document(findings.capabilities),
        "capabilities_tls": capabilities_document(findings.capabilities_tls),
        "tls_session": {"version": tls.version, "cipher": tls.cipher, "group": tls.group} if tls else None,
    }


def _durations(durations: Iterable[tuple[Phase, float]]) -> dict[str, float]:
    return {phase.value: seconds for phase, seconds in durations}


def capabilities_document(capabilities: tuple[Capability, ...] | None) -> list[Document] | None:
    """What a server offers, as plain data; `None` where it was not asked."""
    if capabilities is None:
        return None
    return [{"name": one.name, "parameters": list(one.parameters)} for one in capabilities]


def chain_document(chain: Iterable[CertificateFacts]) -> list[Document]:
    """A chain as it was sent, as plain data."""
    return [
        {
            "position": facts.position,
            "fingerprint_sha256": facts.fingerprint_sha256,
            "not_before": facts.not_before,
            "not_after": facts.not_after,
            "subject": facts.subject,
            "issuer": facts.issuer,
            "serial": facts.serial,
            "key_type": facts.key_type,
            "key_bits": facts.key_bits,
            "signature": facts.signature,
            "dns_names": list(facts.dns_names),
            "ip_addresses": list(facts.ip_addresses),
        }
        for facts in chain
    ]


def verdict_document(verdict: CertificateVerdict | None) -> Document | None:
    """What a chain is worth, as plain data."""
    if verdict is None:
        return None
    return {
        "chain_valid": verdict.chain_valid,
        "name_valid": verdict.name_valid,
        "dates_valid": verdict.dates_valid,
        "faults": list(verdict.faults),
        "chain_not_after": verdict.chain_not_after,
    }


def _sighting(one: Sighting) -> Document:
    return {
        "fingerprint_sha256": one.fingerprint_sha256,
        "key_type": one.key_type,
        "not_after": one.not_after,
        "seen": one.seen,
    }


def _variant(one: VariantSeen) -> Document:
    return {
        "variant": one.variant,
        "standing": one.standing,
        "observed": one.observed,
        "detail": one.detail,
        "certificates": chain_document(one.certificates),
        "certificate_verdict": verdict_document(one.verdict),
    }


def _lines(lines: Iterable[TranscriptLine]) -> list[Document]:
    return [{"sent": line.sent, "secured": line.secured, "text": line.text} for line in lines]


def _history(history: History) -> Document:
    return {
        "attempts": [_attempt(attempt) for attempt in history.attempts()],
        "failures": [_failure(failure) for failure in history.failures],
        "changes": [_change(change) for change in history.changes],
    }


def _attempt(attempt: Attempt) -> Document:
    return {
        "started": attempt.started,
        "success": attempt.success,
        "outcome": attempt.outcome,
        "phase": attempt.phase,
        "detail": attempt.detail,
        "duration": attempt.duration,
        "durations": _durations(attempt.durations),
        "greeting_latency": attempt.greeting_latency,
    }


def _failure(failure: Failure) -> Document:
    return {
        "first": failure.first,
        "last": failure.last,
        "count": failure.count,
        "outcome": failure.outcome,
        "phase": failure.phase,
        "detail": failure.detail,
    }


def _change(change: Change) -> Document:
    return {
        "since": change.since,
        "success": change.success,
        "outcome": change.outcome,
        "phase": change.phase,
        "detail": change.detail,
    }


def _dialog(dialog: KeptDialog) -> Document:
    return {
        "started": dialog.started,
        "outcome": dialog.outcome,
        "phase": dialog.phase,
        "lines": _lines(dialog.lines),
        "left_out": dialog.left_out,
    }


def _listed(addresses: tuple[str, ...] | None) -> list[str] | None:
    return None if addresses is None else list(addresses)
