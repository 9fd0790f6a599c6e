"""One round of probes for people; `document` has the same for scripts.

Every text that came from a server is shown with its control characters visible, and never read as markup.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from exporter.check.advice import CLIENT_PORTS, Purpose, advise
from exporter.check.together import Round
from exporter.check.verdict import Checked, Status, life_left, overall, status
from exporter.judgement.security import SEVERITY
from exporter.judgement.variant import VariantSeen, VariantStanding
from exporter.results import Capability, CertificateFacts, CertificateVerdict, Outcome, ProbeResult
from exporter.targets import TlsMode, Variant
from exporter.web.wording import FAMILY, FINDING, STALE

_DAY = 86400.0

_SECURITY = {TlsMode.IMPLICIT: "TLS", TlsMode.STARTTLS: "STARTTLS", TlsMode.NONE: "plain"}

_NOTHING_TO_RECOMMEND = (
    "Of the ports for clients that were probed, none is open, encrypted and has a valid certificate."
)

_STYLES = {Status.OK: "green", Status.WARNING: "yellow", Status.CRITICAL: "bold red", Status.UNKNOWN: "magenta"}


_HANDSHAKE = {
    Variant.DEFAULT: "ordinary",
    Variant.NO_SNI: "without SNI",
    Variant.RSA: "RSA only",
    Variant.ECDSA: "ECDSA only",
}


def print_report(console: Console, found: Round, now: float, *, verbose: bool) -> None:
    """Print what was found at every port and what explains it, then what to enter in a mail client.

    `now` in Unix seconds.
    """
    everything = found.checked
    for vantage in found.vantages:
        if not vantage.ok:
            console.print(Text(f"\n{vantage.remark}", style="yellow"))
    for host in found.hosts:
        console.print(Text(f"\n{host}", style="bold"))
        for checked in everything:
            if checked.result.target.host == host:
                _print_target(console, checked, now, verbose=verbose)
        _print_host(console, host, found)
        _print_advice(console, host, everything)
    worst = overall(everything, now)
    console.print(Text(f"\n{worst.name}", style=_STYLES[worst]), Text(_summary(everything, now)))


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


def _print_host(console: Console, host: str, found: Round) -> None:
    """What its ports mean together."""
    for count in found.addresses:
        if count.host == host:
            over = f"{count.port} over {FAMILY[count.ip_family]}"
            console.print(Text(f"  port {over}: {count.open} of {count.probed} addresses answer"))
    for loss in found.losses:
        if loss.host == host:
            console.print(Padding(Text(loss.detail, style="yellow"), (0, 0, 0, 2), expand=False))


def _rows(checked: Checked, now: float) -> Iterator[tuple[str, str]]:
    result, findings = checked.result, checked.result.findings
    if checked.judgement.outcome is not Outcome.OK and checked.judgement.detail:
        yield "reason", f"{checked.judgement.detail} (in phase {checked.judgement.phase})"
    if checked.judgement.expectations:
        yield "expected", _expectations(checked)
    if checked.findings:
        yield "findings", ", ".join(f"{SEVERITY[finding]}: {FINDING[finding]}" for finding in checked.findings)
    if findings.greeting is not None:
        yield "greeting", f"{findings.greeting_code or ''} {findings.greeting}".strip()
    if result.tls is not None:
        yield "tls", " ".join(part for part in (result.tls.version, result.tls.cipher, result.tls.group) if part)
    if checked.leaf is not None:
        yield "certificate", _certificate(checked.leaf, now)
        yield "verdict", _verdict(result.verdict, result.target.reference_name)
    if checked.stale:
        yield "stale", f"{STALE}; perhaps the service was not reloaded after a renewal"
    for seen in checked.variants:
        yield _HANDSHAKE[seen.variant], _variant(seen, result.target.reference_name, now)
    if findings.capabilities is not None:
        yield "before TLS", _capabilities(findings.capabilities)
    if findings.capabilities_tls is not None:
        yield "inside TLS", _capabilities(findings.capabilities_tls)
    if result.durations.phases:
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


def _verdict(verdict: CertificateVerdict | None, name: str) -> str:
    if verdict is None:
        return "not judged"
    if verdict.valid:
        return f"valid for {name}"
    return f"not valid for {name}: " + ", ".join(verdict.faults)


def _variant(seen: VariantSeen, name: str, now: float) -> str:
    if seen.standing is VariantStanding.NOT_INSTALLED:
        return "not installed"
    if not seen.certificates:
        return f"failed: {seen.detail}"
    if seen.standing is VariantStanding.SAME:
        return f"the same certificate, {_verdict(seen.verdict, name)}"
    return f"another certificate: {_certificate(seen.certificates[0], now)}; {_verdict(seen.verdict, name)}"


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
