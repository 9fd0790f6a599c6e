"""Panels about the ports of one host: their states now and before, how much of the time they were well."""

from grafana.expression import port_state, target
from grafana.panel import (
    FILLED,
    GREEN,
    ORANGE,
    RED,
    Panel,
    by_name,
    by_pattern,
    instant,
    organize,
    over_time,
    state_timeline,
    table,
    thresholds,
    tiles,
)
from grafana.ports import STATES

_ONE = "by (port, ip_family, address)"


def port_tiles() -> Panel:
    """What there is to see at once."""
    return tiles(
        "Ports",
        "The state of each port at its last probe, the worst first; with several families or addresses, the worst of "
        "them.",
        instant(f"sort(min by (port) (\n  {port_state()}\n))", legend="{{port}}"),
        width=24,
        mappings=STATES,
        empty="Nothing has been probed yet",
    )


def port_details() -> Panel:
    """Each target, how its last probe ended, and when."""
    service = "by (port, protocol, tls, ip_family, address, outcome, phase)"
    queries = (
        f"min {_ONE} (\n  {port_state()}\n)",
        f"max {service} ({target('mailprobe_outcome_info')})",
        f"max {_ONE} ({target('mailprobe_greeting_code')})",
        f"max {_ONE} ({target('mailprobe_last_probe_timestamp_seconds')}) * 1000",
        f"max {_ONE} ({target('mailprobe_last_success_timestamp_seconds')}) * 1000",
        f"max {_ONE} ({target('mailprobe_interval_seconds')})",
        f"max by (port, ip_family, address, version, cipher) ({target('mailprobe_tls_info')})",
    )
    return table(
        "What the last probe found",
        "Each port, address family and address: how its last probe ended and in which phase, and when it was last "
        "well. An interval that is longer than configured means that the host is spared for a while.",
        tuple(instant(query, ref=ref, table=True) for ref, query in zip("ABCDEFG", queries, strict=True)),
        width=24,
        height=9,
        empty="Nothing has been probed yet",
        transformations=(
            {"id": "merge", "options": {}},
            organize(tuple(_COLUMNS), rename=_COLUMNS, hide=("Time", "Value #B", "Value #G")),
        ),
        overrides=(
            by_name("Port", custom__width=65),
            by_name("State", mappings=STATES, custom__cellOptions=FILLED, custom__align="center", custom__width=75),
            by_pattern("Protocol|TLS|Family", custom__width=80),
            by_name("Outcome", custom__minWidth=200),
            by_name("Phase", custom__width=100),
            by_name("Greeting", decimals=0, custom__width=75),
            by_pattern("Last probe|Last well", unit="dateTimeFromNow", custom__align="left"),
            by_name("Interval", unit="s", custom__width=80),
        ),
        sort_by="Port",
    )


# What the queries call the columns, and what people read, in their order.
_COLUMNS = {
    "port": "Port",
    "Value #A": "State",
    "protocol": "Protocol",
    "tls": "TLS",
    "ip_family": "Family",
    "address": "Address",
    "outcome": "Outcome",
    "phase": "Phase",
    "Value #C": "Greeting",
    "Value #D": "Last probe",
    "Value #E": "Last well",
    "Value #F": "Interval",
    "version": "Version",
    "cipher": "Cipher",
}


def port_history() -> Panel:
    """Every target of the host, also those that were always well."""
    return state_timeline(
        "States over time",
        "The state of each port and address family; of several addresses the worst.",
        (over_time(f"min by (port, ip_family) (\n  {port_state()}\n)", legend="{{port}} {{ip_family}}"),),
        width=14,
        height=9,
        mappings=STATES,
        empty="Nothing has been probed yet",
    )


def availability() -> Panel:
    """Of the shown range, and of a month where the recording rules have counted it."""
    queries = (
        f"avg by (port) (avg_over_time({target('mailprobe_success')}[$__range]))",
        f"avg by (port) ({target('port:mailprobe_success:avg30d')})",
    )
    return table(
        "Availability",
        "Share of the time in which each port was as declared. 30 days: as the recording rules count it, without the "
        "time in which nothing was known; empty where they are not loaded.",
        tuple(instant(query, ref=ref, table=True) for ref, query in zip("AB", queries, strict=True)),
        width=6,
        height=8,
        empty="Nothing is declared",
        transformations=(
            {"id": "merge", "options": {}},
            organize(
                ("port", "Value #A", "Value #B"),
                rename={"port": "Port", "Value #A": "This range", "Value #B": "30 days"},
                hide=("Time",),
            ),
        ),
        overrides=(
            by_pattern(
                "This range|30 days",
                unit="percentunit",
                decimals=2,
                thresholds=thresholds(RED, (0.95, ORANGE), (0.999, GREEN)),
                custom__cellOptions={"type": "color-text"},
            ),
        ),
        sort_by="Port",
    )
