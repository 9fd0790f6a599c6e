"""Panels about what one host says of itself: its capabilities, and what it takes before TLS and at most."""

from grafana.expression import target
from grafana.panel import GREEN, ORANGE, Panel, by_name, instant, organize, table, words


def capabilities() -> Panel:
    """Which, before and inside TLS, and where."""
    found = target("mailprobe_capability_info")
    return table(
        "Capabilities",
        "What the ports offer before and inside TLS. Exported on demand only: `metrics: {capabilities: true}`.",
        (instant(f"max by (capability, secured, port) ({found})", table=True),),
        width=14,
        height=9,
        empty="Not exported, or none offered",
        transformations=(
            {
                "id": "groupBy",
                "options": {
                    "fields": {
                        "capability": {"operation": "groupby", "aggregations": ()},
                        "secured": {"operation": "groupby", "aggregations": ()},
                        "port": {"operation": "aggregate", "aggregations": ("uniqueValues",)},
                    }
                },
            },
            organize(
                ("capability", "secured", "port (uniqueValues)"),
                rename={"capability": "Capability", "secured": "Inside TLS", "port (uniqueValues)": "Ports"},
            ),
        ),
        overrides=(by_name("Inside TLS", custom__width=90),),
        sort_by="Capability",
    )


def offers() -> Panel:
    """The little that is a number."""
    queries = (
        f"min by (port) ({target('mailprobe_starttls_advertised')})",
        f"max by (port) ({target('mailprobe_cleartext_auth_advertised')})",
        f"min by (port) ({target('mailprobe_message_size_limit_bytes')})",
    )
    return table(
        "Offers",
        "Whether the port offers STARTTLS, takes passwords before TLS, and how large a message it takes; empty: it "
        "could not be asked, or does not say.",
        tuple(instant(query, ref=ref, table=True) for ref, query in zip("ABC", queries, strict=True)),
        width=10,
        height=9,
        empty="Nothing is known",
        transformations=(
            {"id": "merge", "options": {}},
            organize(
                ("port", "Value #A", "Value #B", "Value #C"),
                rename={
                    "port": "Port",
                    "Value #A": "STARTTLS",
                    "Value #B": "Password in clear",
                    "Value #C": "Largest message",
                },
                hide=("Time",),
            ),
        ),
        overrides=(
            by_name("Port", custom__width=65),
            by_name("STARTTLS", mappings=words((0, "no", ORANGE), (1, "yes", GREEN))),
            by_name("Password in clear", mappings=words((0, "no", GREEN), (1, "taken", ORANGE))),
            by_name("Largest message", unit="bytes"),
        ),
        sort_by="Port",
    )
