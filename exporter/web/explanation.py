"""A probe on demand in words, for the person who asks why: verdict, reasons, the dialog, and then the samples.

Plain text for a terminal; whatever a server sent is shown with its control characters visible. Credentials are never
in a dialog, since none are ever sent.
"""

from collections.abc import Iterator, Sequence

from exporter.metrics.single import Single
from exporter.results import CertificateFacts, ProbeResult
from exporter.web.wording import FAMILY, OUTCOME, PROTOCOL, TLS, instant, latency, visible


def explained(singles: Sequence[Single], age: float, samples: str) -> str:
    """Everything about these probes, which ended `age` seconds ago; `samples` as Prometheus would have got them."""
    blocks = ["\n".join(_lines(single)) for single in singles]
    when = "now" if age <= 0 else f"{age:.1f} s ago, and reused: max_age=0s asks for a new session"
    return "\n\n".join((f"probed {when}", *blocks, f"samples\n{samples}"))


def _lines(single: Single) -> Iterator[str]:
    result, judgement, service = single.result, single.judgement, single.result.target.service
    where = f"{result.target.host} port {service.port} over {FAMILY[result.target.ip_family]}"
    yield f"{where}: {PROTOCOL[service.protocol]}, TLS {TLS[service.tls]}"
    success = {True: "yes", False: "no", None: "nothing can be said"}[judgement.success]
    yield f"  success       {success}"
    yield f"  outcome       {judgement.outcome}: {OUTCOME[judgement.outcome]} (in phase {judgement.phase})"
    if judgement.detail:
        yield f"  reason        {visible(judgement.detail)}"
    for name, met in judgement.expectations:
        yield f"  expected      {name}: {'met' if met else 'not met'}"
    yield from _seen(result)
    for phase, seconds in result.durations:
        yield f"  took          {phase}: {latency(seconds)}"
    yield "  dialog" if result.transcript else "  dialog        none"
    for line in result.transcript:
        side = "we    " if line.sent else "server"
        lock = "in TLS" if line.secured else "      "
        yield f"    {side} {lock}  {visible(line.text)}"


def _seen(result: ProbeResult) -> Iterator[str]:
    if result.address is not None:
        yield f"  address       {result.address}"
    if result.tls is not None:
        facts = (result.tls.version, result.tls.cipher, result.tls.group)
        yield f"  TLS           {' '.join(fact for fact in facts if fact)}"
    for certificate in result.certificates[:1]:
        yield f"  certificate   {visible(_certificate(certificate))}"
    if result.verdict is not None:
        valid = "valid" if result.verdict.valid else f"not valid: {', '.join(result.verdict.faults)}"
        yield f"                {valid}, for {result.target.reference_name}"


def _certificate(certificate: CertificateFacts) -> str:
    names = ", ".join((*certificate.dns_names, *certificate.ip_addresses)) or "no names"
    return names if certificate.not_after is None else f"ends {instant(certificate.not_after)}; {names}"
