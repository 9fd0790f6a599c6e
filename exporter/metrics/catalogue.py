"""The catalogue: every metric of mailprobe, one row each, and nowhere else.

The names follow Prometheus' rules: base units, `_total` for counters, `_info` for labels with the value 1, instants
instead of countdowns. The series that the client library adds about the process and the interpreter (`process_…`,
`python_…`) are its own and not listed.
"""

from typing import Final, Never

from exporter.metrics import reading as read
from exporter.metrics.metric import Kind, Metric, Scope
from exporter.metrics.state import ExporterState, FamilyState, HostState, TargetState

TARGET_LABELS: Final = ("host", "port", "protocol", "tls", "ip_family", "address")
HOST_LABELS: Final = ("host",)

TARGET_METRICS: Final[tuple[Metric[TargetState], ...]] = (
    Metric(
        "mailprobe_success",
        Kind.GAUGE,
        Scope.TARGET,
        help="1 if the last scheduled probe found everything that the configuration declares, else 0; absent where it "
        "declares nothing and the port is not open.",
        samples=read.of_judgement(lambda judgement: judgement.success),
    ),
    Metric(
        "mailprobe_port_open",
        Kind.GAUGE,
        Scope.TARGET,
        help="1 if the last scheduled probe established a TCP connection, 0 if it could not; absent if there was "
        "no address to connect to.",
        samples=read.of_result(lambda result: result.port_open),
    ),
    Metric(
        "mailprobe_port_expected_open",
        Kind.GAUGE,
        Scope.TARGET,
        help="1 if the configuration expects the port to be open, 0 if closed or filtered; absent where it expects "
        "nothing.",
        samples=read.port_expected_open,
    ),
    Metric(
        "mailprobe_outcome_info",
        Kind.INFO,
        Scope.TARGET,
        labels=("outcome", "phase"),
        help="How the last scheduled probe ended, and the phase in which it did.",
        samples=read.outcome,
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
        help="Time of each phase that the last scheduled probe completed. greeting_first_byte and greeting both begin "
        "when the connection (with implicit TLS: the handshake) is complete, so the first is part of the second.",
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
    ),
    Metric(
        "mailprobe_capability_info",
        Kind.INFO,
        Scope.TARGET,
        labels=("capability", "secured"),
        help="Capabilities that the server offered in the last scheduled probe, before and inside TLS; only names that "
        "mailprobe knows, and only where the configuration asks for this metric.",
        samples=read.capabilities,
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
    ),
    Metric(
        "mailprobe_starttls_advertised",
        Kind.GAUGE,
        Scope.TARGET,
        help="1 if the server offered STARTTLS (or STLS) in the last scheduled probe, 0 if it answered and did not; "
        "absent where it could not be asked.",
        samples=read.of_result(lambda result: result.findings.starttls_advertised),
    ),
    Metric(
        "mailprobe_tls_established",
        Kind.GAUGE,
        Scope.TARGET,
        help="1 if the last scheduled probe came into TLS, 0 if TLS was not offered, refused or failed; absent where "
        "the session ended before. It does not say that the certificate is valid.",
        samples=read.of_result(read.tls_established),
    ),
    Metric(
        "mailprobe_tls_info",
        Kind.INFO,
        Scope.TARGET,
        labels=("version", "cipher", "group"),
        help="What the last scheduled probe negotiated with the server.",
        samples=read.tls,
    ),
    Metric(
        "mailprobe_cleartext_auth_advertised",
        Kind.GAUGE,
        Scope.TARGET,
        help="1 if the server accepted passwords before TLS in the last scheduled probe, 0 if it did not; absent where "
        "it could not be asked.",
        samples=read.of_result(lambda result: result.findings.cleartext_auth),
    ),
    Metric(
        "mailprobe_expectation_met",
        Kind.GAUGE,
        Scope.TARGET,
        labels=("expectation",),
        help="1 or 0 for everything that the configuration declares about the port and the last scheduled probe could "
        "judge.",
        samples=read.expectations,
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
    ),
    Metric(
        "mailprobe_certificate_not_after_timestamp_seconds",
        Kind.GAUGE,
        Scope.TARGET,
        unit="seconds",
        help="Unix time at which the server's own certificate ends; like all certificate metrics, of the last one that "
        "a scheduled probe received, which stays for a while when later probes fail.",
        samples=read.of_certificate(lambda seen: seen.leaf.not_after),
    ),
    Metric(
        "mailprobe_certificate_not_before_timestamp_seconds",
        Kind.GAUGE,
        Scope.TARGET,
        unit="seconds",
        help="Unix time at which the server's own certificate begins, as last received by a scheduled probe.",
        samples=read.of_certificate(lambda seen: seen.leaf.not_before),
    ),
    Metric(
        "mailprobe_certificate_chain_not_after_timestamp_seconds",
        Kind.GAUGE,
        Scope.TARGET,
        unit="seconds",
        help="Unix time at which the first certificate of the verified path ends, as last received by a scheduled "
        "probe; absent where no path leads to a trusted root.",
        samples=read.of_certificate(lambda seen: None if seen.verdict is None else seen.verdict.chain_not_after),
    ),
    Metric(
        "mailprobe_certificate_valid",
        Kind.GAUGE,
        Scope.TARGET,
        labels=("check",),
        help="1 or 0 for each of three checks of the certificate last received by a scheduled probe: chain (leads to a "
        "trusted root), name (issued to the expected name), dates (not expired, not too early).",
        samples=read.certificate_valid,
    ),
    Metric(
        "mailprobe_certificate_error_info",
        Kind.INFO,
        Scope.TARGET,
        labels=("reason",),
        help="Why the certificate last received by a scheduled probe is not valid, one series for each reason.",
        samples=read.certificate_errors,
    ),
    Metric(
        "mailprobe_certificate_info",
        Kind.INFO,
        Scope.TARGET,
        labels=("fingerprint_sha256", "subject", "issuer", "serial", "key_type", "key_bits", "signature"),
        help="The server's own certificate, as last received by a scheduled probe; values are cut at 128 bytes.",
        samples=read.certificate,
    ),
    Metric(
        "mailprobe_certificate_observed_timestamp_seconds",
        Kind.GAUGE,
        Scope.TARGET,
        unit="seconds",
        help="Unix time at which the scheduled probe began that received the certificate.",
        samples=read.of_certificate(lambda seen: seen.observed),
    ),
)

HOST_METRICS: Final[tuple[Metric[HostState], ...]] = (
    Metric(
        "mailprobe_dns_addresses",
        Kind.GAUGE,
        Scope.HOST,
        labels=("ip_family",),
        help="Addresses of the host as looked up for the last scheduled probe; absent where the lookup failed.",
        samples=read.dns_addresses,
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

EXPORTER_METRICS: Final[tuple[Metric[ExporterState], ...]] = (
    Metric(
        "mailprobe_build_info",
        Kind.INFO,
        Scope.EXPORTER,
        labels=("version",),
        help="The version of mailprobe that runs.",
        samples=read.build,
    ),
    Metric(
        "mailprobe_config_last_reload_successful",
        Kind.GAUGE,
        Scope.EXPORTER,
        help="1 if the configuration was read without a fault the last time, else 0.",
        samples=read.of_exporter(lambda state: state.reload_successful),
    ),
    Metric(
        "mailprobe_config_last_reload_success_timestamp_seconds",
        Kind.GAUGE,
        Scope.EXPORTER,
        unit="seconds",
        help="Unix time at which the configuration was last read without a fault.",
        samples=read.of_exporter(lambda state: state.reload_timestamp),
    ),
    Metric(
        "mailprobe_targets",
        Kind.GAUGE,
        Scope.EXPORTER,
        help="Targets that are configured, probed or not.",
        samples=read.of_exporter(lambda state: state.targets),
    ),
    Metric(
        "mailprobe_probes_in_flight",
        Kind.GAUGE,
        Scope.EXPORTER,
        help="Probes that are running.",
        samples=read.of_exporter(lambda state: state.in_flight),
    ),
    Metric(
        "mailprobe_schedule_lag_seconds",
        Kind.GAUGE,
        Scope.EXPORTER,
        unit="seconds",
        help="Time by which the last probes started later than they were due.",
        samples=read.of_exporter(lambda state: state.lag),
    ),
    Metric(
        "mailprobe_event_loop_lag_seconds",
        Kind.GAUGE,
        Scope.EXPORTER,
        unit="seconds",
        help="Longest time by which the event loop ran late in the last minute.",
        samples=read.of_exporter(lambda state: state.loop_lag),
    ),
    Metric(
        "mailprobe_first_round_progress_ratio",
        Kind.GAUGE,
        Scope.EXPORTER,
        unit="ratio",
        help="Share of the configured targets that were probed at least once since the start, from 0 to 1.",
        samples=read.of_exporter(lambda state: state.first_round),
    ),
)

CATALOGUE: Final[tuple[Metric[Never], ...]] = (
    *TARGET_METRICS,
    *HOST_METRICS,
    *MACHINE_METRICS,
    *EXPORTER_METRICS,
)
