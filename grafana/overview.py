"""Mail / Overview: every host and port at a glance, and the reason of whatever is not as it should be.

From top to bottom: how many things are wrong, where, since when, how fast servers greet, which certificates end, what
TLS looks like, why probes fail, and whether the exporter itself is well.
"""

from grafana.certificate import (
    certificate_faults,
    certificates,
    different_certificates,
    other_clients,
    other_handshakes,
)
from grafana.count import counts
from grafana.dashboard import Dashboard, data_source_variable, label_variable, threshold_variables
from grafana.greeting import greeting_by_host, greeting_spread, slowest_greetings
from grafana.link import OVERVIEW
from grafana.network import dead_addresses, lost_hosts, ways_out
from grafana.panel import Row
from grafana.ports import failures_now, port_matrix, state_history
from grafana.reason import failures_by_outcome, time_by_phase
from grafana.tls import findings, findings_history, starttls_history, starttls_share, tls_versions, unmet_expectations
from grafana.watch import exporter_panels


def overview() -> Dashboard:
    """The dashboard."""
    return Dashboard(
        uid=OVERVIEW,
        title="Mail / Overview",
        description="State, latency, certificates and TLS of mail servers as mailprobe sees them.",
        tags=("mail", "mailprobe"),
        variables=(
            data_source_variable(),
            label_variable("job", "Job", "label_values(mailprobe_last_probe_timestamp_seconds, job)"),
            label_variable("host", "Host", 'label_values(mailprobe_last_probe_timestamp_seconds{job=~"$job"}, host)'),
            label_variable(
                "port",
                "Port",
                'label_values(mailprobe_last_probe_timestamp_seconds{job=~"$job", host=~"$host"}, port)',
                numeric=True,
            ),
            *threshold_variables(),
        ),
        rows=(
            Row("Now", (*counts(), port_matrix(), failures_now())),
            Row("Over time", (state_history(),)),
            Row("Greeting", (greeting_by_host(), greeting_spread(), slowest_greetings())),
            Row(
                "Certificates",
                (certificates(), certificate_faults(), different_certificates(), other_clients(), other_handshakes()),
            ),
            Row(
                "STARTTLS and TLS",
                (
                    starttls_share(),
                    starttls_history(),
                    tls_versions(),
                    unmet_expectations(),
                    findings(),
                    findings_history(),
                ),
            ),
            Row("Reasons", (failures_by_outcome(), time_by_phase())),
            Row("This network", (ways_out(), lost_hosts(), dead_addresses())),
            Row("Exporter", exporter_panels(), collapsed=True),
        ),
    )
