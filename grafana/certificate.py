"""Panels about certificates: which end, which do not hold, and why."""

from grafana.expression import certificate_days, target, with_certificate
from grafana.link import this_host
from grafana.panel import FILLED, GREEN, ORANGE, RED, YELLOW, Object, Panel, by_name, instant, organize, table, words


def certificates() -> Panel:
    """Every certificate once, the most urgent first."""
    labels = ("fingerprint_sha256", "subject", "issuer")
    grouped = f"by (host, port, {', '.join(labels)})"
    days = certificate_days()
    urgency = f"({days} < bool 0) + ({days} < bool $critical_days) + ({days} < bool $warning_days)"
    queries = (
        f"min {grouped} ({with_certificate(days, *labels)})",
        f"max {grouped} ({with_certificate(urgency, *labels)})",
        f"min {grouped} ({with_certificate(target('mailprobe_certificate_valid'), *labels)})",
    )
    return table(
        "Certificates by expiry",
        "The certificates last seen, the first to end on top. The state follows the warning and critical days chosen "
        "above; valid says whether chain, name and dates hold. Two lines of one host are two certificates of it.",
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
            mappings=words((0, "good", GREEN), (1, "ending", YELLOW), (2, "critical", ORANGE), (3, "expired", RED)),
        ),
        by_name(
            "Valid",
            custom__width=65,
            custom__align="center",
            custom__cellOptions={"type": "color-text"},
            mappings=words((0, "no", RED), (1, "yes", GREEN)),
        ),
        by_name("Ports", custom__minWidth=110),
        by_name("SHA-256", custom__width=110),
    )


def _grouped_certificates() -> Object:
    """One line for each certificate of a host, with its ports in a list."""
    keys = {name: {"operation": "groupby", "aggregations": ()} for name in _CERTIFICATE_KEYS}
    values = {
        name: {"operation": "aggregate", "aggregations": (reducer,)}
        for name, reducer in (("Value #A", "min"), ("Value #B", "max"), ("Value #C", "min"), ("port", "uniqueValues"))
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
