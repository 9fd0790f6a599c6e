"""Panels about the ports of all hosts: which are not as they should be, why, and since when."""

from grafana import expression as state
from grafana.expression import TARGET, both, not_blocked, port_state, target
from grafana.link import host_of_series, this_host
from grafana.panel import (
    BLUE,
    FILLED,
    GREEN,
    ORANGE,
    PURPLE,
    RED,
    SLATE,
    YELLOW,
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

# As an administrator thinks of them: mail between servers, submission, retrieval, filters. Others follow after these.
PORTS = ("25", "465", "587", "2525", "993", "995", "143", "110", "4190")

# The demo has them where nobody needs privileges for them.
DEMO_PORTS = tuple(str(10_000 + int(port)) for port in PORTS)

STATES = words(
    (state.CLOSED, "closed", RED),
    (state.NO_ADDRESS, "no DNS", RED),
    (state.FAILING, "failing", ORANGE),
    (state.UNEXPECTED, "open!", PURPLE),
    (state.NO_STARTTLS, "no TLS", YELLOW),
    (state.BLOCKED, "blocked", SLATE),
    (state.GOOD, "ok", GREEN),
    (state.CLOSED_AS_EXPECTED, "shut", BLUE),
    (state.NOTHING_THERE, "-", "transparent"),
)


def port_matrix() -> Panel:
    """Host by port."""
    return table(
        "Hosts and ports",
        "The state of each port at its last probe; with two address families, the worse one. closed: should be open. "
        "no DNS: the name yields no address. failing: open, but not as declared. open!: should be closed. no TLS: no "
        "STARTTLS. blocked: the network of this machine lets nobody out to it, so nothing is known about the server. "
        "shut: closed, as it should be. -: closed, and nothing is expected. Click a host to see it alone.",
        (instant(f"min by (host, port) (\n  {port_state()}\n)", table=True),),
        width=12,
        height=13,
        empty="Nothing has been probed yet",
        transformations=(
            {
                "id": "groupingToMatrix",
                "options": {"columnField": "port", "rowField": "host", "valueField": "Value", "emptyValue": "null"},
            },
            organize(("host\\port", *PORTS, *DEMO_PORTS), rename={"host\\port": "Host"}),
        ),
        overrides=(
            by_pattern(r"\d+", mappings=STATES, custom__cellOptions=FILLED, custom__align="center", custom__width=60),
            by_name("Host", custom__minWidth=150, links=(this_host(),)),
        ),
        sort_by="Host",
    )


def failures_now() -> Panel:
    """What is wrong, and since when."""
    failing = not_blocked(f"{target('mailprobe_success')} == 0")
    outcome = both(target("mailprobe_outcome_info"), failing)
    # Of several one is named; the others stand in the panel of their own.
    unmet = f"{target('mailprobe_expectation_met')} == 0"
    named = f"({outcome}) * on ({TARGET}) group_left (expectation) topk by ({TARGET}) (1, {unmet})"
    unnamed = f"{outcome} unless on ({TARGET}) {unmet}"
    last_success = both(f"{target('mailprobe_last_success_timestamp_seconds')} * 1000", failing)
    return table(
        "What is wrong now",
        "Every target that is not as declared: how its last probe ended, what of the configuration it does not "
        "meet (one, if there are several), and when it was last well (empty: not since the exporter started). Without "
        "those to which the network of this machine lets nobody out.",
        (
            instant(
                f"max by (host, port, ip_family, outcome, expectation) (\n  {named}\n  or {unnamed}\n)",
                ref="A",
                table=True,
            ),
            instant(f"max by (host, port, ip_family) ({last_success})", ref="B", table=True),
        ),
        width=12,
        height=13,
        empty="Everything is as declared",
        transformations=(
            {"id": "merge", "options": {}},
            organize(
                ("host", "port", "ip_family", "outcome", "expectation", "Value #B"),
                rename={
                    "host": "Host",
                    "port": "Port",
                    "ip_family": "Family",
                    "outcome": "Outcome",
                    "expectation": "Unmet",
                    "Value #B": "Last well",
                },
                hide=("Time", "Value #A"),
            ),
        ),
        overrides=(
            by_name("Host", custom__minWidth=160, links=(this_host(),)),
            by_name("Port", custom__width=60),
            by_name("Family", custom__width=60),
            by_name("Outcome", custom__width=170),
            by_name("Unmet", custom__width=125),
            by_name("Last well", unit="dateTimeFromNow", custom__align="left", custom__width=125),
        ),
        sort_by="Host",
    )


def state_history() -> Panel:
    """Only what changed or is wrong; a hundred green lines would hide it."""
    # `@ end()` asks once for the shown range instead of anew at each point of it.
    troubled = f"min_over_time({target('mailprobe_success')}[$__range] @ end()) == 0"
    changed = f"changes({target('mailprobe_port_open')}[$__range] @ end()) > 0"
    return state_timeline(
        "Ports that changed or are in trouble",
        "Every port that opened, closed or was not as declared at some time of the shown range; of two address "
        "families the worse one. A gap means that nothing was known.",
        (
            over_time(
                f"min by (host, port) (\n  ({port_state()})\n  and on ({TARGET}) ({troubled} or {changed})\n)",
                legend="{{host}} {{port}}",
            ),
        ),
        width=24,
        height=14,
        mappings=STATES,
        empty="Nothing changed, and everything was as declared",
        links=(host_of_series(),),
    )
