"""One round of probes as plain data, for scripts.

What is not known is null, instants are Unix seconds, durations seconds. A key stays what it is; new ones may be added.

status           the word for the exit code: OK, WARNING, CRITICAL or UNKNOWN
targets          what was found at every port, and by every address where each was probed:
                   status, success, outcome, phase, detail, expectations: how it stands, and why
                   findings: each `finding` on the way into TLS with its `severity`; empty where there is none
                   stale: the certificate is older than the newest one of its group; null: nothing to compare
                   variants: what other handshakes showed, with `--variants`; each with its `standing`, and null as
                   `certificate_verdict` where none was shown
                   the rest is what the session brought
vantages         the ports of which it is known whether this network lets anybody out to them: `ok`, and the `basis`
hosts            what a host has lost: `family_lost` over one `ip_family`, or `host_lost` over all (then it is null)
addresses        of a name of which each is a target: how many were `probed` on a port, and how many of them are `open`
client_settings  what to enter in a mail client
"""

from exporter.check.advice import advise
from exporter.check.together import Round
from exporter.check.verdict import Checked, overall, status
from exporter.judgement.security import SEVERITY
from exporter.judgement.variant import VariantSeen
from exporter.results import ProbeResult
from exporter.web.document import capabilities_document, chain_document, verdict_document


def as_json(found: Round, now: float) -> dict[str, object]:
    """Everything of the round; `now` in Unix seconds."""
    return {
        "status": overall(found.checked, now).name,
        "targets": [_target(checked, now) for checked in found.checked],
        "vantages": [
            {"port": one.port, "ip_family": one.ip_family, "ok": one.ok, "basis": one.basis} for one in found.vantages
        ],
        "hosts": [
            {"host": one.host, "finding": one.loss, "ip_family": one.ip_family, "detail": one.detail}
            for one in found.losses
        ],
        "addresses": [
            {
                "host": one.host,
                "port": one.port,
                "ip_family": one.ip_family,
                "probed": one.probed,
                "open": one.open,
            }
            for one in found.addresses
        ],
        "client_settings": _settings(found),
    }


def _settings(found: Round) -> list[dict[str, object]]:
    return [
        {
            "purpose": setting.purpose,
            "host": setting.host,
            "port": setting.port,
            "protocol": setting.protocol,
            "security": setting.security,
            "reason": setting.reason,
        }
        for host in found.hosts
        for setting in advise(host, found.checked)
    ]


def _target(checked: Checked, now: float) -> dict[str, object]:
    result, judgement = checked.result, checked.judgement
    target = result.target
    found = status(checked, now)
    return {
        "host": target.host,
        "port": target.service.port,
        "protocol": target.service.protocol,
        "tls": target.service.tls,
        "ip_family": target.ip_family,
        "address": result.address,
        "status": found.name if found is not None else None,
        "success": judgement.success,
        "outcome": judgement.outcome,
        "phase": judgement.phase,
        "detail": judgement.detail,
        "port_open": result.port_open,
        "expectations": {name.value: met for name, met in judgement.expectations},
        "durations": {phase.value: seconds for phase, seconds in result.durations},
        "greeting": result.findings.greeting,
        "greeting_code": result.findings.greeting_code,
        "starttls_advertised": result.findings.starttls_advertised,
        "cleartext_auth": result.findings.cleartext_auth,
        "message_size_limit": result.findings.message_size_limit,
        "capabilities": capabilities_document(result.findings.capabilities),
        "capabilities_tls": capabilities_document(result.findings.capabilities_tls),
        "tls_session": _tls(result),
        "certificates": chain_document(result.certificates),
        "certificate_verdict": verdict_document(result.verdict),
        "findings": [{"finding": finding, "severity": SEVERITY[finding]} for finding in checked.findings],
        "stale": checked.stale,
        "variants": [_variant(seen) for seen in checked.variants],
        "transcript": [{"sent": line.sent, "secured": line.secured, "text": line.text} for line in result.transcript],
    }


def _variant(seen: VariantSeen) -> dict[str, object]:
    return {
        "variant": seen.variant,
        "standing": seen.standing,
        "detail": seen.detail,
        "certificates": chain_document(seen.certificates),
        "certificate_verdict": verdict_document(seen.verdict),
    }


def _tls(result: ProbeResult) -> dict[str, object] | None:
    if result.tls is None:
        return None
    return {"version": result.tls.version, "cipher": result.tls.cipher, "group": result.tls.group}
