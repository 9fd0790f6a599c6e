"""One round of probes for people and, as JSON, for scripts.

Every text that came from a server is shown with its control characters visible, and never read as markup.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from exporter.check.advice import CLIENT_PORTS, Purpose, advise
from exporter.check.verdict import Checked, Status, life_left, overall, status
from exporter.results import Capability, CertificateFacts, Outcome, ProbeResult
from exporter.targets import TlsMode

_DAY = 86400.0

_SECURITY = {TlsMode.IMPLICIT: "TLS", TlsMode.STARTTLS: "STARTTLS", TlsMode.NONE: "plain"}

_NOTHING_TO_RECOMMEND = (
    "Of the ports for clients that were probed, none is open, encrypted and has a valid certificate."
)

_STYLES = {Status.OK: "green", Status.WARNING: "yellow", Status.CRITICAL: "bold red", Status.UNKNOWN: "magenta"}


def print_report(console: Console, everything: Sequence[Checked], now: float, *, verbose: bool) -> None:
    """Print what was found at every port, then what to enter in a mail client; `now` in Unix seconds."""
    for host in _hosts(everything):
        console.print(Text(f"\n{host}", style="bold"))
        for checked in everything:
            if checked.result.target.host == host:
                _print_target(console, checked, now, verbose=verbose)
        _print_advice(console, host, everything)
    found = overall(everything, now)
    console.print(Text(f"\n{found.name}", style=_STYLES[found]), Text(_summary(everything, now)))


def as_json(everything: Sequence[Checked], now: float) -> dict[str, object]:
    """The same as plain data; what is not known is null, instants are Unix seconds, durations seconds."""
    return {
        "status": overall(everything, now).name,
        "targets": [_target_json(checked, now) for checked in everything],
        "client_settings": [
            {
                "purpose": setting.purpose,
                "host": setting.host,
                "port": setting.port,
                "protocol": setting.protocol,
                "security": setting.security,
                "reason": setting.reason,
            }
            for host in _hosts(everything)
            for setting in advise(host, everything)
        ],
    }


def _hosts(everything: Sequence[Checked]) -> list[str]:
    return list(dict.fromkeys(checked.result.target.host for checked in everything))


def _summary(everything: Sequence[Checked], now: float) -> str:
    counts = [status(checked, now) for checked in everything]
    parts = [f"{counts.count(one)} {one.name.lower()}" for one in Status if counts.count(one)]
    absent = counts.count(None)
    if absent:
        parts.append(f"{absent} closed, of which nothing was expected")
    return ", ".join(parts) or "nothing was probed"


def _print_target(console: Console, checked: Checked, now: float, *, verbose: bool) -> None:
    result, service = checked.result, checked.result.target.service
    found = status(checked, now)
    word, style = (found.name, _STYLES[found]) if found is not None else ("closed", "dim")
    heading = Text.assemble(
        (f"  {service.port:<5} ", "bold"),
        f"{service.protocol:<5} {_SECURITY[service.tls]:<9} {result.address or result.target.ip_family:<15}  ",
        (word, style),
        f"  {checked.judgement.outcome}",
    )
    console.print(heading)
    if found is None:
        return
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in _rows(checked, now):
        table.add_row(name, Text(printable(value)))
    console.print(Padding(table, (0, 0, 0, 8), expand=False))
    if verbose:
        _print_transcript(console, result)


def _rows(checked: Checked, now: float) -> Iterator[tuple[str, str]]:
    result, findings = checked.result, checked.result.findings
    if checked.judgement.outcome is not Outcome.OK and checked.judgement.detail:
        yield "reason", f"{checked.judgement.detail} (in phase {checked.judgement.phase})"
    if checked.judgement.expectations:
        yield "expected", _expectations(checked)
    if findings.greeting is not None:
        yield "greeting", f"{findings.greeting_code or ''} {findings.greeting}".strip()
    if result.tls is not None:
        yield "tls", " ".join(part for part in (result.tls.version, result.tls.cipher, result.tls.group) if part)
    if checked.leaf is not None:
        yield "certificate", _certificate(checked.leaf, now)
        yield "verdict", _verdict(result)
    if findings.capabilities is not None:
        yield "before TLS", _capabilities(findings.capabilities)
    if findings.capabilities_tls is not None:
        yield "inside TLS", _capabilities(findings.capabilities_tls)
    if result.durations:
        phases = "  ".join(f"{phase} {_milliseconds(seconds)}" for phase, seconds in result.durations)
        yield "phases", phases


def _expectations(checked: Checked) -> str:
    """Each that is declared and could be judged; one that the session did not come to is left out."""
    return ", ".join(f"{name} {'met' if met else 'not met'}" for name, met in checked.judgement.expectations)


def _certificate(leaf: CertificateFacts, now: float) -> str:
    names = ", ".join((*leaf.dns_names, *leaf.ip_addresses)) or "no names"
    parts = [names, f"{leaf.key_type or 'unknown key'} {leaf.key_bits or ''}".strip()]
    if leaf.issuer:
        parts.append(f"issued by {leaf.issuer}")
    if leaf.not_after is not None:
        end = datetime.fromtimestamp(leaf.not_after, UTC)
        days = (leaf.not_after - now) / _DAY
        left = life_left(leaf, now)
        share = f", {left:.0%} of its life left" if left is not None and left > 0 else ""
        when = f"in {days:.0f} days{share}" if days > 0 else f"{-days:.0f} days ago"
        parts.append(
            f"ends {end:%Y-%m-%d %H:%M} UTC, {when}" if days > 0 else f"ended {end:%Y-%m-%d %H:%M} UTC, {when}"
        )
    return "; ".join(parts)


def _verdict(result: ProbeResult) -> str:
    verdict = result.verdict
    if verdict is None:
        return "not judged"
    if verdict.valid:
        return f"valid for {result.target.reference_name}"
    return f"not valid for {result.target.reference_name}: " + ", ".join(verdict.faults)


def _capabilities(capabilities: tuple[Capability, ...]) -> str:
    return ", ".join(" ".join((one.name, *one.parameters)) for one in capabilities) or "none"


def _milliseconds(seconds: float) -> str:
    milliseconds = seconds * 1000
    return f"{milliseconds:.1f} ms" if milliseconds < 100 else f"{milliseconds:.0f} ms"


def _print_transcript(console: Console, result: ProbeResult) -> None:
    for line in result.transcript:
        side, style = ("we    ", "cyan") if line.sent else ("server", "")
        lock = " in TLS" if line.secured else "       "
        console.print(Text(f"        {side}{lock}  {printable(line.text)}", style=style), soft_wrap=True)


def _print_advice(console: Console, host: str, everything: Sequence[Checked]) -> None:
    probed = {checked.result.target.service.port for checked in everything if checked.result.target.host == host}
    if not probed & CLIENT_PORTS:
        return
    settings = advise(host, everything)
    console.print(Text("\n  For a mail client", style="bold"))
    if not settings:
        console.print(Text(f"    {_NOTHING_TO_RECOMMEND}"))
    for setting in settings:
        what = "send  " if setting.purpose is Purpose.SENDING else "read  "
        text = f"    {what}{setting.protocol} port {setting.port}, security {setting.security}: {setting.reason}"
        console.print(Text(text))
    console.print(Text("    Never port 25: it is for servers among themselves (RFC 6409 §3.1).", style="dim"))


def printable(text: str) -> str:
    """`text` on one line, with everything a terminal would obey made visible."""
    return "".join(character if character.isprintable() else repr(character)[1:-1] for character in text)


def _target_json(checked: Checked, now: float) -> dict[str, object]:
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
        "capabilities": _capabilities_json(result.findings.capabilities),
        "capabilities_tls": _capabilities_json(result.findings.capabilities_tls),
        "tls_session": _tls_json(result),
        "certificates": [_certificate_json(facts) for facts in result.certificates],
        "certificate_verdict": _verdict_json(result),
        "transcript": [{"sent": line.sent, "secured": line.secured, "text": line.text} for line in result.transcript],
    }


def _capabilities_json(capabilities: tuple[Capability, ...] | None) -> list[object] | None:
    if capabilities is None:
        return None
    return [{"name": one.name, "parameters": list(one.parameters)} for one in capabilities]


def _tls_json(result: ProbeResult) -> dict[str, object] | None:
    if result.tls is None:
        return None
    return {"version": result.tls.version, "cipher": result.tls.cipher, "group": result.tls.group}


def _certificate_json(facts: CertificateFacts) -> dict[str, object]:
    return {
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


def _verdict_json(result: ProbeResult) -> dict[str, object] | None:
    verdict = result.verdict
    if verdict is None:
        return None
    return {
        "chain_valid": verdict.chain_valid,
        "name_valid": verdict.name_valid,
        "dates_valid": verdict.dates_valid,
        "faults": list(verdict.faults),
        "chain_not_after": verdict.chain_not_after,
    }
