"""Panels about ports: how many are not as they should be, which, why, and since when."""

from grafana import expression as state
from grafana.expression import TARGET, both, certificate_days, count_of, port_state, target, with_certificate
from grafana.link import this_host
from grafana.panel import (
    BLUE,
    FILLED,
    GREEN,
    ORANGE,
    PURPLE,
    RED,
    YELLOW,
    Panel,
    by_name,
    by_pattern,
    instant,
    organize,
    over_time,
    stat,
    state_timeline,
    table,
    thresholds,
    words,
)

# As an administrator thinks of them: mail between servers, submission, retrieval, filters. Others follow after these.
PORTS = ("25", "465", "587", "2525", "993", "995", "143", "110", "4190")

STATES = words(
    (state.CLOSED, "closed", RED),
    (state.NO_ADDRESS, "no DNS", RED),
    (state.FAILING, "failing", ORANGE),
    (state.UNEXPECTED, "open!", PURPLE),
    (state.NO_STARTTLS, "no TLS", YELLOW),
    (state.GOOD, "ok", GREEN),
    (state.CLOSED_AS_EXPECTED, "shut", BLUE),
    (state.NOTHING_THERE, "-", "transparent"),
)

BAD_ABOVE_ZERO = thresholds(GREEN, (1, RED))
ODD_ABOVE_ZERO = thresholds(GREEN, (1, ORANGE))


def counts() -> tuple[Panel, ...]:
    """The line of numbers on top: green zeros are a good day."""
    return (*port_counts(), *certificate_counts())


def port_counts() -> tuple[Panel, ...]:
    """How many hosts there are, and how many ports are not as they should be."""
    is_open, expected = target("mailprobe_port_open"), target("mailprobe_port_expected_open")
    return (
        stat(
            "Hosts",
            "Hosts that are probed, of those chosen above.",
            instant(count_of(f"count by (host) ({target('mailprobe_last_probe_timestamp_seconds')})")),
            steps=thresholds(BLUE),
        ),
        stat(
            "Closed",
            "Ports that should be open and are not, counted for each address family.",
            instant(count_of(both(f"{is_open} == 0", f"{expected} == 1"))),
            steps=BAD_ABOVE_ZERO,
        ),
        stat(
            "Failing",
            "Ports that are open, but whose service does not do what the configuration declares: it refuses the "
            "session, lacks STARTTLS, shows a bad certificate or stays silent.",
            instant(count_of(both(f"{target('mailprobe_success')} == 0", f"{is_open} == 1"))),
            steps=BAD_ABOVE_ZERO,
        ),
        stat(
            "Unexpected",
            "Ports that the configuration declares closed and that accept connections.",
            instant(count_of(both(f"{is_open} == 1", f"{expected} == 0"))),
            steps=ODD_ABOVE_ZERO,
        ),
        stat(
            "No STARTTLS",
            "Ports that were asked for STARTTLS and do not offer it. A port that cannot be asked is not counted.",
            instant(count_of(f"{target('mailprobe_starttls_advertised')} == 0")),
            steps=ODD_ABOVE_ZERO,
        ),
    )


def certificate_counts() -> tuple[Panel, ...]:
    """How many certificates need somebody's attention, and when the next one will."""
    days = certificate_days()
    every_certificate = "count by (host, fingerprint_sha256)"
    joined = with_certificate
    invalid = f"{target('mailprobe_certificate_valid')} == bool 0"
    return (
        stat(
            "Certs ending",
            "Certificates that end within the warning days chosen above, or have ended. One on several ports of a host "
            "counts once.",
            instant(count_of(f"{every_certificate} ({joined(f'{days} < $warning_days', 'fingerprint_sha256')})")),
            steps=ODD_ABOVE_ZERO,
        ),
        stat(
            "Certs invalid",
            "Certificates whose chain, name or dates do not hold for a client that verifies, also where the "
            "configuration does not ask for a valid one, as on port 25.",
            instant(count_of(f"{every_certificate} ({joined(invalid, 'fingerprint_sha256')} == 1)")),
            steps=ODD_ABOVE_ZERO,
        ),
        stat(
            "Next expiry",
            "Days until the next certificate ends; below zero, it has.",
            instant(f"min({days})"),
            steps=thresholds(RED, (7, ORANGE), (21, GREEN)),
            unit="suffix: d",
            noValue="-",
        ),
    )


def port_matrix() -> Panel:
    """Host by port."""
    return table(
        "Hosts and ports",
        "The state of each port at its last probe; with two address families, the worse one. closed: should be open. "
        "no DNS: the name yields no address. failing: open, but not as declared. open!: should be closed. no TLS: no "
        "STARTTLS. shut: closed, as it should be. -: closed, and nothing is expected. Click a host to see it alone.",
        (instant(f"min by (host, port) (\n  {port_state()}\n)", table=True),),
        width=13,
        height=13,
        empty="Nothing has been probed yet",
        transformations=(
            {
                "id": "groupingToMatrix",
                "options": {"columnField": "port", "rowField": "host", "valueField": "Value", "emptyValue": "null"},
            },
            organize(("host\\port", *PORTS), rename={"host\\port": "Host"}),
        ),
        overrides=(
            by_pattern(r"\d+", mappings=STATES, custom__cellOptions=FILLED, custom__align="center", custom__width=72),
            by_name("Host", custom__minWidth=150, links=(this_host(),)),
        ),
        sort_by="Host",
    )


def failures_now() -> Panel:
    """What is wrong, and since when."""
    failing = f"{target('mailprobe_success')} == 0"
    outcome = both(target("mailprobe_outcome_info"), failing)
    last_success = both(f"{target('mailprobe_last_success_timestamp_seconds')} * 1000", failing)
    return table(
        "What is wrong now",
        "Every target that is not as declared: how its last probe ended, in which phase, and when it was last well "
        "(empty: not since the exporter started).",
        (
            instant(f"max by (host, port, ip_family, outcome, phase) ({outcome})", ref="A", table=True),
            instant(f"max by (host, port, ip_family) ({last_success})", ref="B", table=True),
        ),
        width=11,
        height=13,
        empty="Everything is as declared",
        transformations=(
            {"id": "merge", "options": {}},
            organize(
                ("host", "port", "ip_family", "outcome", "phase", "Value #B"),
                rename={
                    "host": "Host",
                    "port": "Port",
                    "ip_family": "Family",
                    "outcome": "Outcome",
                    "phase": "Phase",
                    "Value #B": "Last well",
                },
                hide=("Time", "Value #A"),
            ),
        ),
        overrides=(
            by_name("Host", custom__minWidth=160, links=(this_host(),)),
            by_name("Port", custom__width=52),
            by_name("Family", custom__width=60),
            by_name("Outcome", custom__width=215),
            by_name("Phase", custom__width=95),
            by_name("Last well", unit="dateTimeFromNow", noValue="", custom__align="left", custom__width=110),
        ),
        sort_by="Host",
    )


def state_history() -> Panel:
    """Only what changed or is wrong; a hundred green lines would hide it."""
    # `@ end()` asks once for the shown range instead of anew at each point of it.
    troubled = f"min_over_time({target('mailprobe_success')}[$__range] @ end()) == 0"
    return state_timeline(
        "Targets with trouble in this range",
        "Every port and address family that was not as declared at some time of the shown range. A gap means that "
        "nothing was known.",
        over_time(
            f"min by (host, port, ip_family) (\n  ({port_state()})\n  and on ({TARGET}) {troubled}\n)",
            legend="{{host}} {{port}} {{ip_family}}",
        ),
        width=24,
        height=9,
        mappings=STATES,
        empty="Everything was as declared",
    )
