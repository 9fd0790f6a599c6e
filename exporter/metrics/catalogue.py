"""The catalogue: every metric of mailprobe, one row each, and nowhere else.

The names follow Prometheus' rules: base units, `_total` for counters, `_info` for labels with the value 1, instants
instead of countdowns. The series that the client library adds about the process and the interpreter (`process_…`,
`python_…`) are its own and not listed.
"""

from typing import Final, Never

from exporter.judgement.vantage import Vantage
from exporter.metrics import reading as read
from exporter.metrics.certificate import CERTIFICATE_METRICS
from exporter.metrics.metric import Kind, Metric, Scope
from exporter.metrics.own import EXPORTER_METRICS
from exporter.metrics.state import FamilyState, HostState, TargetState

TARGET_LABELS: Final = ("host", "port", "protocol", "tls", "ip_family", "address")
HOST_LABELS: Final = ("host",)

# Those of a target but its address: what is said of all addresses of a port together.
_ADDRESS_LABELS: Final = ("port", "protocol", "tls", "ip_family")

TARGET_METRICS: Final[tuple[Metric[TargetState], ...]] = (
    Metric(
        "mailprobe_success",
        Kind.GAUGE,
        Scope.TARGET,
        help="1 if the last scheduled probe found everything that the configuration declares, else 0; absent where it "
        "declares nothing and the port is not open.",
        samples=read.of_judgement(lambda judgement: judgement.success),
        reads=read.session,
    ),
    Metric(
        "mailprobe_port_open",
        Kind.GAUGE,
        Scope.TARGET,
        help="1 if the last scheduled probe established a TCP connection, 0 if it could not; absent if there was "
        "no address to connect to.",
        samples=read.of_result(lambda result: result.port_open),
        reads=read.session,
    ),
    Metric(
        "mailprobe_port_expected_open",
        Kind.GAUGE,
        Scope.TARGET,
        help="1 if the configuration expects the port to be open, 0 if closed or filtered; absent where it expects "
        "nothing.",
        samples=read.port_expected_open,
        reads=read.session,
    ),
    Metric(
        "mailprobe_outcome_info",
        Kind.INFO,
        Scope.TARGET,
        labels=("outcome", "phase"),
        help="How the last scheduled probe ended, and the phase in which it did.",
        samples=read.outcome,
        reads=read.session,
    ),
    Metric(
        "mailprobe_probes_total",
        Kind.COUNTER,
        Scope.TARGET,
        labels=("outcome",),
        help="Scheduled probes since the target was configured or the exporter started, by outcome.",
        samples=read.probes,
    ),
    Metric(
        "mailprobe_duration_seconds",
        Kind.GAUGE,
        Scope.TARGET,
        unit="seconds",
        help="Time that the last scheduled probe took, without waiting for its turn.",
        samples=read.of_result(lambda result: result.duration),
    ),
    Metric(
        "mailprobe_phase_duration_seconds",
        Kind.GAUGE,
        Scope.TARGET,
        unit="seconds",
        labels=("phase",),
        help="Time of each phase that the last scheduled probe completed, as far as the server and the network took "
        "it: what mailprobe itself does in between is left out. greeting_first_byte and greeting both begin when the "
        "connection (with implicit TLS: the handshake) is complete, so the first is part of the second.",
        samples=read.phase_durations,
    ),
    Metric(
        "mailprobe_greeting_latency_seconds",
        Kind.HISTOGRAM,
        Scope.TARGET,
        unit="seconds",
        help="Time from the complete connection (with implicit TLS: the complete handshake) to the last line of the "
        "greeting, of all scheduled probes that received one; absent before the first.",
        samples=read.greeting_latency,
    ),
    Metric(
        "mailprobe_greeting_code",
        Kind.GAUGE,
        Scope.TARGET,
        help="Reply code of the SMTP greeting in the last scheduled probe: 220, 421, 554 and the like.",
        samples=read.of_result(lambda result: result.findings.greeting_code),
        reads=read.session,
    ),
    Metric(
        "mailprobe_capability_info",
        Kind.INFO,
        Scope.TARGET,
        labels=("capability", "secured"),
        help="Capabilities that the server offered in the last scheduled probe, before and inside TLS; only names that "
        "mailprobe knows, and only where the configuration asks for this metric.",
        samples=read.capabilities,
        reads=read.session,
        optional=True,
    ),
    Metric(
        "mailprobe_message_size_limit_bytes",
        Kind.GAUGE,
        Scope.TARGET,
        unit="bytes",
        help="Largest message that the SMTP server says it takes (SIZE), in the last scheduled probe; absent where it "
        "names no fixed limit.",
        samples=read.of_result(lambda result: result.findings.message_size_limit),
        reads=read.session,
    ),
    Metric(
        "mailprobe_starttls_advertised",
        Kind.GAUGE,
        Scope.TARGET,
        help="1 if the server offered STARTTLS (or STLS) in the last scheduled probe, 0 if it answered and did not; "
        "absent where it could not be asked.",
        samples=read.of_result(lambda result: result.findings.starttls_advertised),
        reads=read.session,
    ),
    Metric(
        "mailprobe_tls_established",
        Kind.GAUGE,
        Scope.TARGET,
        help="1 if the last scheduled probe came into TLS, 0 if TLS was not offered, refused or failed; absent where "
        "the session ended before. It does not say that the certificate is valid.",
        samples=read.of_result(read.tls_established),
        reads=read.session,
    ),
    Metric(
        "mailprobe_tls_info",
        Kind.INFO,
        Scope.TARGET,
        labels=("version", "cipher", "group"),
        help="What the last scheduled probe negotiated with the server.",
        samples=read.tls,
        reads=read.session,
    ),
    Metric(
        "mailprobe_cleartext_auth_advertised",
        Kind.GAUGE,
        Scope.TARGET,
        help="1 if the server accepted passwords before TLS in the last scheduled probe, 0 if it did not; absent where "
        "it could not be asked.",
        samples=read.of_result(lambda result: result.findings.cleartext_auth),
        reads=read.session,
    ),
    Metric(
        "mailprobe_expectation_met",
        Kind.GAUGE,
        Scope.TARGET,
        labels=("expectation",),
        help="1 or 0 for everything that the configuration declares about the port and the last scheduled probe could "
        "judge.",
        samples=read.expectations,
        reads=read.session,
    ),
    Metric(
        "mailprobe_last_probe_timestamp_seconds",
        Kind.GAUGE,
        Scope.TARGET,
        unit="seconds",
        help="Unix time at which the last scheduled probe began.",
        samples=read.of_result(lambda result: result.started),
    ),
    Metric(
        "mailprobe_last_success_timestamp_seconds",
        Kind.GAUGE,
        Scope.TARGET,
        unit="seconds",
        help="Unix time at which the last successful scheduled probe began; absent before the first.",
        samples=read.of_state(lambda state: state.last_success),
    ),
    Metric(
        "mailprobe_interval_seconds",
        Kind.GAUGE,
        Scope.TARGET,
        unit="seconds",
        help="Time between two scheduled probes as it is now, with back-off.",
        samples=read.of_state(lambda state: state.interval),
        reads=read.session,
    ),
    Metric(
        "mailprobe_tls_finding_info",
        Kind.INFO,
        Scope.TARGET,
        labels=("finding",),
        help="What the last scheduled probe showed of an attack on the way into TLS, or of a fault there, one series "
        "for each finding; absent where it found nothing, did not come so far, or the configuration switches it off.",
        samples=read.tls_findings,
        reads=read.session,
    ),
    Metric(
        "mailprobe_starttls_lost_timestamp_seconds",
        Kind.GAUGE,
        Scope.TARGET,
        unit="seconds",
        help="Unix time at which the first scheduled probe began that missed STARTTLS after it had been offered; "
        "absent unless the last one missed it too, and where the configuration switches it off.",
        samples=read.starttls_lost,
        reads=read.session,
    ),
    *CERTIFICATE_METRICS,
)

HOST_METRICS: Final[tuple[Metric[HostState], ...]] = (
    Metric(
        "mailprobe_dns_addresses",
        Kind.GAUGE,
        Scope.HOST,
        labels=("ip_family",),
        help="Addresses of the host as looked up for the last scheduled probe; absent where the lookup failed.",
        samples=read.dns_addresses,
        reads=read.host,
    ),
    Metric(
        "mailprobe_dns_lookup_duration_seconds",
        Kind.GAUGE,
        Scope.HOST,
        unit="seconds",
        help="Time of the lookup for the last scheduled probe; almost nothing where the answer was still known.",
        samples=read.dns_duration,
    ),
    Metric(
        "mailprobe_missed_rounds_total",
        Kind.COUNTER,
        Scope.HOST,
        help="Rounds of the host's targets that could not be kept, because sessions take too long or the gaps between "
        "them leave no room.",
        samples=read.missed_rounds,
        reads=read.host,
    ),
    Metric(
        "mailprobe_variant_ports",
        Kind.GAUGE,
        Scope.HOST,
        labels=("variant", "standing"),
        help="Ports of the host by what the last handshake of another kind than the ordinary one has shown there: the "
        "same certificate, a different one, that none is installed for it, or nothing because it failed; only what "
        "occurs.",
        samples=read.variant_ports,
        reads=read.host,
    ),
    Metric(
        "mailprobe_family_lost",
        Kind.GAUGE,
        Scope.HOST,
        labels=("ip_family",),
        help="1 if every port of the host that should be open is lost over this address family while one answers over "
        "the other, 0 if one answers over this one; absent where neither is so, not every port was tried, or the "
        "configuration switches it off.",
        samples=read.family_lost,
        reads=read.host,
    ),
    Metric(
        "mailprobe_suspected_ban",
        Kind.GAUGE,
        Scope.HOST,
        labels=("ip_family",),
        help="1 if all ports of the host were lost together over this address family while other hosts go on "
        "answering, so that the host may have banned this machine, else 0; absent where fewer than two ports count, "
        "none was ever open, or the configuration switches it off.",
        samples=read.suspected_ban,
        reads=read.host,
    ),
    Metric(
        "mailprobe_addresses_probed",
        Kind.GAUGE,
        Scope.HOST,
        labels=_ADDRESS_LABELS,
        help="Addresses on which the port was probed; only where the configuration asks for all addresses, and absent "
        "while none is known.",
        samples=read.addresses_probed,
        reads=read.host,
    ),
    Metric(
        "mailprobe_addresses_open",
        Kind.GAUGE,
        Scope.HOST,
        labels=_ADDRESS_LABELS,
        help="Addresses on which the last scheduled probe established a TCP connection to the port; only where the "
        "configuration asks for all addresses, and absent while none is known.",
        samples=read.addresses_open,
        reads=read.host,
    ),
)

MACHINE_METRICS: Final[tuple[Metric[FamilyState], ...]] = (
    Metric(
        "mailprobe_ip_family_routed",
        Kind.GAUGE,
        Scope.MACHINE,
        labels=("ip_family",),
        help="1 if this machine has a route to a target of the address family, 0 if to none, as of the last scheduled "
        "probes; absent where no target of the family was tried.",
        samples=read.family_routed,
    ),
)

VANTAGE_METRICS: Final[tuple[Metric[Vantage], ...]] = (
    Metric(
        "mailprobe_vantage_ok",
        Kind.GAUGE,
        Scope.MACHINE,
        labels=("port", "ip_family", "basis"),
        help="1 if somebody is reached on the port over the address family, 0 if the network of this machine lets "
        "nobody out to it: by the references where one of them tells, unless a configured host answers there "
        "meanwhile; else inferred from all hosts failing alike; absent where neither tells.",
        samples=read.vantage_ok,
    ),
)

CATALOGUE: Final[tuple[Metric[Never], ...]] = (
    *TARGET_METRICS,
    *HOST_METRICS,
    *MACHINE_METRICS,
    *VANTAGE_METRICS,
    *EXPORTER_METRICS,
)
