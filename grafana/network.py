"""Panels about what lies between the exporter and the servers: its own network, bans, families, single addresses."""

from grafana.expression import exporter, host, target, way_out
from grafana.link import this_host
from grafana.panel import (
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
    words,
)

OPEN = words((0, "no way", ORANGE), (1, "open", GREEN))
LOST = words((0, "no", GREEN), (1, "yes", RED))


def ways_out() -> Panel:
    """Whether what is said of servers is about servers."""
    return state_timeline(
        "Ways out of this network",
        "Whether anybody is reached on a port: by the references of the configuration, else as inferred from all hosts "
        "failing alike; and whether this machine has a route for the family at all. Where there is no way, nothing is "
        "known about the servers behind it.",
        (
            over_time(
                f"min by (instance, port, ip_family, basis) ({way_out('mailprobe_vantage_ok')})",
                legend="{{instance}} {{port}} {{ip_family}} {{basis}}",
                ref="A",
            ),
            over_time(
                f"min by (instance, ip_family) ({exporter('mailprobe_ip_family_routed')})",
                legend="{{instance}} {{ip_family}} route",
                ref="B",
            ),
        ),
        width=9,
        height=8,
        mappings=OPEN,
        empty="No references, and nothing to infer from",
    )


def lost_hosts() -> Panel:
    """Where it is the whole host, over one family."""
    queries = (
        f"max by (host, ip_family) ({host('mailprobe_suspected_ban')} == 1)",
        f"max by (host, ip_family) ({host('mailprobe_family_lost')} == 1)",
    )
    return table(
        "Hosts lost as a whole",
        "ban: all ports were lost at once while other hosts answer, so this machine may be banned there "
        "(deploy/welcome.md). family: nothing answers over this family, while the other one is well.",
        tuple(instant(query, ref=ref, table=True) for ref, query in zip("AB", queries, strict=True)),
        width=7,
        height=8,
        empty="None",
        transformations=(
            {"id": "merge", "options": {}},
            organize(
                ("host", "ip_family", "Value #A", "Value #B"),
                rename={"host": "Host", "ip_family": "Family", "Value #A": "Ban", "Value #B": "Family lost"},
                hide=("Time",),
            ),
        ),
        overrides=(
            by_name("Host", custom__minWidth=140, links=(this_host(),)),
            by_name("Family", custom__width=60),
            by_pattern(
                "Ban|Family lost",
                custom__width=85,
                custom__align="center",
                mappings=words((1, "yes", RED)),
                custom__cellOptions={"type": "color-text"},
            ),
        ),
        sort_by="Host",
    )


def dead_addresses() -> Panel:
    """Of names with several."""
    is_open, probed = target("mailprobe_addresses_open"), target("mailprobe_addresses_probed")
    grouped = "by (host, port, ip_family)"
    queries = (f"min {grouped} ({is_open} < {probed})", f"max {grouped} ({probed} > {is_open})")
    return table(
        "Addresses that do not answer",
        "Ports that answer at some of their addresses only, where the configuration asks for all addresses.",
        tuple(instant(query, ref=ref, table=True) for ref, query in zip("AB", queries, strict=True)),
        width=8,
        height=8,
        empty="All addresses answer",
        transformations=(
            {"id": "merge", "options": {}},
            organize(
                ("host", "port", "ip_family", "Value #A", "Value #B"),
                rename={
                    "host": "Host",
                    "port": "Port",
                    "ip_family": "Family",
                    "Value #A": "Open",
                    "Value #B": "Of",
                },
                hide=("Time",),
            ),
        ),
        overrides=(
            by_name("Host", custom__minWidth=140, links=(this_host(),)),
            by_name("Port", custom__width=60),
            by_name("Family", custom__width=60),
            by_pattern("Open|Of", decimals=0, custom__width=60),
        ),
        sort_by="Host",
    )


def host_history() -> Panel:
    """Bans and families of one host, and of its addresses."""
    return state_timeline(
        "Lost as a whole",
        "When the host was lost over a family while the other answered, and when all its ports were lost at once while "
        "other hosts answered, as by a ban.",
        (
            over_time(
                f"max by (ip_family) ({host('mailprobe_suspected_ban')})", legend="{{ip_family}} banned?", ref="A"
            ),
            over_time(f"max by (ip_family) ({host('mailprobe_family_lost')})", legend="{{ip_family}} lost", ref="B"),
        ),
        width=8,
        height=8,
        mappings=LOST,
        empty="Nothing can be said: too few ports, or one family",
    )
