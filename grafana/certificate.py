"""Panels about the certificates of all hosts: which end, which do not hold, and which are not the same everywhere."""

from grafana.expression import TARGET, certificate_days, host, target, urgency, with_certificate
from grafana.link import this_host
from grafana.panel import (
    FILLED,
    GREEN,
    ORANGE,
    RED,
    YELLOW,
    Json,
    Object,
    Panel,
    by_name,
    instant,
    organize,
    table,
    words,
)

URGENCIES = words((0, "good", GREEN), (1, "ending", YELLOW), (2, "critical", ORANGE), (3, "expired", RED))
HOLDS = words((0, "no", RED), (1, "yes", GREEN))
STALE = words((0, "no", GREEN), (1, "stale", ORANGE))

# Words in their colour, without a coloured cell.
COLOURED: Json = {"type": "color-text"}


def certificates() -> Panel:
    """Every certificate once, the most urgent first."""
    labels = ("fingerprint_sha256", "subject", "issuer")
    grouped = f"by (host, port, variant, {', '.join(labels)})"
    days = certificate_days()
    queries = (
        f"min {grouped} ({with_certificate(days, *labels)})",
        f"max {grouped} ({with_certificate(urgency(days), *labels)})",
        f"min {grouped} ({with_certificate(target('mailprobe_certificate_valid'), *labels)})",
    )
    return table(
        "Certificates by expiry",
        "The certificates last seen, the first to end on top. The state follows the warning and critical days chosen "
        "above; valid says whether chain, name and dates hold. Two lines of one host are two certificates of it; "
        "clients other than default are shown it instead of the ordinary one.",
        tuple(instant(query, ref=ref, table=True) for ref, query in zip("ABC", queries, strict=True)),
        width=16,
        height=10,
        empty="No certificate has been seen",
        transformations=(
            {"id": "merge", "options": {}},
            {"id": "groupBy", "options": {"fields": _grouped_certificates()}},
            organize(tuple(_COLUMNS), rename=_COLUMNS),
        ),
        overrides=_looks(),
        sort_by="Days left",
    )


def _looks() -> tuple[Object, ...]:
    """How each column looks."""
    return (
        by_name("Host", custom__minWidth=150, links=(this_host(),)),
        by_name("Days left", unit="suffix: d", decimals=0, custom__width=85),
        by_name(
            "State",
            custom__width=85,
            custom__align="center",
            custom__cellOptions=FILLED,
            mappings=URGENCIES,
        ),
        by_name(
            "Valid",
            custom__width=65,
            custom__align="center",
            custom__cellOptions=COLOURED,
            mappings=HOLDS,
        ),
        by_name("Ports", custom__minWidth=110),
        by_name("Clients", custom__width=95),
        by_name("SHA-256", custom__width=110),
    )


def _grouped_certificates() -> Object:
    """One line for each certificate of a host, with its ports in a list."""
    keys = {name: {"operation": "groupby", "aggregations": ()} for name in _CERTIFICATE_KEYS}
    values = {
        name: {"operation": "aggregate", "aggregations": (reducer,)}
        for name, reducer in (
            ("Value #A", "min"),
            ("Value #B", "max"),
            ("Value #C", "min"),
            ("port", "uniqueValues"),
            ("variant", "uniqueValues"),
        )
    }
    return {**keys, **values}


_CERTIFICATE_KEYS = ("host", "subject", "issuer", "fingerprint_sha256")

# What the grouping calls its columns, and what people read, in their order.
_COLUMNS = {
    "host": "Host",
    "Value #A (min)": "Days left",
    "Value #B (max)": "State",
    "Value #C (min)": "Valid",
    "port (uniqueValues)": "Ports",
    "variant (uniqueValues)": "Clients",
    "subject": "Subject",
    "issuer": "Issuer",
    "fingerprint_sha256": "SHA-256",
}


def certificate_faults() -> Panel:
    """Why a certificate does not hold."""
    on_any_variant = f"max without (variant) ({target('mailprobe_certificate_error_info')})"
    return table(
        "Why certificates do not hold",
        "The reasons for which a client that verifies would refuse the certificate, by host, and on how many ports.",
        (instant(f"count by (host, reason) ({on_any_variant})", table=True),),
        width=8,
        height=10,
        empty="All certificates hold",
        transformations=(
            organize(
                ("host", "reason", "Value"),
                rename={"host": "Host", "reason": "Reason", "Value": "Ports"},
                hide=("Time",),
            ),
        ),
        overrides=(by_name("Host", links=(this_host(),)), by_name("Ports", custom__width=60)),
        sort_by="Host",
    )


def different_certificates() -> Panel:
    """Ports of one host that do not show the same, and ports that do not show the same twice."""
    info = target("mailprobe_certificate_info", 'variant="default"')
    seen = target("mailprobe_certificates_seen")
    several = f"count by (job, instance, host) (count by (job, instance, host, fingerprint_sha256) ({info})) > 1"
    shown = f"({info} and on (job, instance, host) {several}) or ({info} and on ({TARGET}) {seen} > 1)"
    # While a port shows several by turns, the one that ends first is what some of its clients get.
    earliest = target("mailprobe_certificate_earliest_not_after_timestamp_seconds")
    last = target("mailprobe_certificate_not_after_timestamp_seconds", 'variant="default"')
    ends = f"(max by ({TARGET}) ({earliest}) or max by ({TARGET}) ({last}))"
    grouped = "by (host, port, fingerprint_sha256)"
    queries = (
        f"min {grouped} (({shown}) * on ({TARGET}) group_left () ({ends} - time()) / 86400)",
        f"max {grouped} (({shown}) * on ({TARGET}) group_left () {target('mailprobe_certificate_stale')})",
        f"max {grouped} (({shown}) * on ({TARGET}) group_left () {seen})",
    )
    return table(
        "Certificates that differ between ports",
        "Hosts whose ports do not all show the same certificate, which may be intended. stale: older than the newest "
        "of its kind on the host, so a daemon was not reloaded after a renewal. In 1 h: how many different ones the "
        "port showed within an hour; the days are those of the first to end.",
        tuple(instant(query, ref=ref, table=True) for ref, query in zip("ABC", queries, strict=True)),
        width=8,
        height=8,
        empty="Every host shows one certificate on all its ports",
        transformations=(
            {"id": "merge", "options": {}},
            organize(
                ("host", "port", "Value #A", "Value #B", "Value #C", "fingerprint_sha256"),
                rename={
                    "host": "Host",
                    "port": "Port",
                    "Value #A": "Days left",
                    "Value #B": "Stale",
                    "Value #C": "In 1 h",
                    "fingerprint_sha256": "SHA-256",
                },
                hide=("Time",),
            ),
        ),
        overrides=(
            by_name("Host", custom__minWidth=150, links=(this_host(),)),
            by_name("Port", custom__width=60),
            by_name("Days left", unit="suffix: d", decimals=0, custom__width=80),
            by_name("Stale", custom__width=60, custom__cellOptions=COLOURED, custom__align="center", mappings=STALE),
            by_name("In 1 h", decimals=0, custom__width=60),
        ),
        sort_by="Host",
    )


def other_clients() -> Panel:
    """What is hidden from the ordinary probe, and from whoever looks with a client of today."""
    other = 'variant!="default"'
    grouped = "by (host, port, variant)"
    queries = (
        f"min {grouped} ({certificate_days(other)})",
        f"min {grouped} ({target('mailprobe_certificate_valid', other)})",
    )
    return table(
        "Other certificates for other clients",
        "Ports that show a different certificate to clients that take RSA only (rsa), ECDSA only (ecdsa), or name no "
        "server (no_sni), as other mail servers do on port 25.",
        tuple(instant(query, ref=ref, table=True) for ref, query in zip("AB", queries, strict=True)),
        width=8,
        height=8,
        empty="All clients are shown the same",
        transformations=(
            {"id": "merge", "options": {}},
            organize(
                ("host", "port", "variant", "Value #A", "Value #B"),
                rename={
                    "host": "Host",
                    "port": "Port",
                    "variant": "Client",
                    "Value #A": "Days left",
                    "Value #B": "Valid",
                },
                hide=("Time",),
            ),
        ),
        overrides=(
            by_name("Host", custom__minWidth=150, links=(this_host(),)),
            by_name("Port", custom__width=60),
            by_name("Client", custom__width=70),
            by_name("Days left", unit="suffix: d", decimals=0, custom__width=80),
            by_name("Valid", custom__width=60, custom__cellOptions=COLOURED, custom__align="center", mappings=HOLDS),
        ),
        sort_by="Host",
    )


def other_handshakes() -> Panel:
    """Whether the other handshakes say anything at all."""
    return table(
        "Handshakes of other clients",
        "Ports by what the last handshake of each kind has shown: the same certificate, a different one, that none is "
        "installed for such clients (no fault), or nothing because it failed.",
        (instant(f"sum by (host, variant, standing) ({host('mailprobe_variant_ports')})", table=True),),
        width=8,
        height=8,
        empty="None has been made yet",
        transformations=(
            organize(
                ("host", "variant", "standing", "Value"),
                rename={"host": "Host", "variant": "Client", "standing": "Certificate", "Value": "Ports"},
                hide=("Time",),
            ),
        ),
        overrides=(
            by_name("Host", custom__minWidth=130, links=(this_host(),)),
            by_name("Client", custom__width=70),
            by_name("Certificate", custom__width=110),
            by_name("Ports", decimals=0, custom__width=55),
        ),
        sort_by="Host",
    )
