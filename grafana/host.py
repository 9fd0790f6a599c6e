"""Mail / Host: everything about one host, for whoever wants to know why the overview is not green.

From top to bottom: its ports now, their past and the reasons, where the time goes, its certificates, TLS and what it
offers, its names and addresses. Changes of certificates are marked in all panels over time.
"""

from grafana.dashboard import (
    Dashboard,
    data_source_variable,
    label_variable,
    one_label_variable,
    threshold_variables,
)
from grafana.greeting import greeting_by_port, session_by_port
from grafana.hostcertificates import certificate_changes, certificate_details, life_left, reasons
from grafana.hostfacts import capabilities, offers
from grafana.hostports import availability, port_details, port_history, port_tiles
from grafana.link import HOST
from grafana.network import host_history
from grafana.panel import Row
from grafana.reason import failures_by_outcome, time_by_phase
from grafana.tls import findings, unmet_expectations
from grafana.watch import lookups


def host() -> Dashboard:
    """The dashboard."""
    return Dashboard(
        uid=HOST,
        title="Mail / Host",
        description="One mail host as mailprobe sees it: ports, phases, certificates, TLS, capabilities, addresses.",
        tags=("mail", "mailprobe"),
        variables=(
            data_source_variable(),
            label_variable("job", "Job", "label_values(mailprobe_last_probe_timestamp_seconds, job)"),
            one_label_variable(
                "host", "Host", 'label_values(mailprobe_last_probe_timestamp_seconds{job=~"$job"}, host)'
            ),
            label_variable(
                "port",
                "Port",
                'label_values(mailprobe_last_probe_timestamp_seconds{job=~"$job", host=~"$host"}, port)',
                numeric=True,
            ),
            *threshold_variables(),
        ),
        annotations=(certificate_changes(),),
        rows=(
            Row("Now", (port_tiles(), port_details())),
            Row("Over time", (port_history(), failures_by_outcome(width=10, height=9))),
            Row("Where the time goes", (time_by_phase(width=8, height=9), greeting_by_port(), session_by_port())),
            Row("Certificates", (certificate_details(), life_left(), reasons())),
            Row("TLS and expectations", (availability(), findings(width=12), unmet_expectations())),
            Row("What it offers", (capabilities(), offers())),
            Row("Names and addresses", (*lookups(), host_history())),
        ),
    )
