"""Panels about STARTTLS and TLS: who offers it, who stopped to, what is negotiated, and what is declared in vain."""

from exporter.judgement.security import SEVERITY, Severity
from grafana.count import UNMET
from grafana.expression import both, target
from grafana.link import host_of_series, this_host
from grafana.panel import (
    BLUE,
    FILLED,
    GREEN,
    ORANGE,
    RED,
    Panel,
    bar_gauge,
    by_name,
    by_pattern,
    instant,
    organize,
    over_time,
    state_timeline,
    table,
    thresholds,
    words,
)


def starttls_share() -> Panel:
    """Of the ports that were asked."""
    return bar_gauge(
        "STARTTLS offered, by port",
        "Share of the ports that offer STARTTLS (POP3: STLS), of those that could be asked.",
        instant(f"sort(avg by (port) ({target('mailprobe_starttls_advertised')}))", legend="{{port}}"),
        width=5,
        height=8,
        unit="percentunit",
        steps=thresholds(RED, (0.5, ORANGE), (1, GREEN)),
        max=1,
    )


def starttls_history() -> Panel:
    """Only where it was missing at some time."""
    advertised = target("mailprobe_starttls_advertised")
    missing = f"min_over_time({advertised}[$__range] @ end()) == 0"
    return state_timeline(
        "STARTTLS missing in this range",
        "Every port that did not offer STARTTLS at some time of the shown range. A gap: it could not be asked.",
        (over_time(f"min by (host, port) ({both(advertised, missing)})", legend="{{host}} {{port}}"),),
        width=9,
        height=8,
        mappings=words((0, "missing", RED), (1, "offered", GREEN)),
        empty="STARTTLS was offered wherever it was asked for",
        links=(host_of_series(),),
    )


def tls_versions() -> Panel:
    """What was negotiated with a prober that can do everything."""
    return bar_gauge(
        "TLS versions",
        "Ports by the TLS version that was negotiated. TLS 1.0 and 1.1 are withdrawn (RFC 8996).",
        instant(f"count by (version) ({target('mailprobe_tls_info')})", legend="{{version}}"),
        width=4,
        height=8,
        unit="none",
        steps=thresholds(GREEN),
        decimals=0,
        overrides=(by_pattern(r"(TLSv1(\.1)?|SSL.*)", color={"mode": "fixed", "fixedColor": RED}),),
    )


def unmet_expectations(*, width: int = 6) -> Panel:
    """Declared and not found."""
    unmet = target("mailprobe_expectation_met", UNMET) + " == 0"
    return table(
        "Unmet expectations",
        "What the configuration declares about open ports and the last probe did not find.",
        (instant(f"count by (host, port, expectation) ({unmet})", table=True),),
        width=width,
        height=8,
        empty="All are met",
        transformations=(
            organize(
                ("host", "port", "expectation"),
                rename={"host": "Host", "port": "Port", "expectation": "Expectation"},
                hide=("Time", "Value"),
            ),
        ),
        overrides=(by_name("Host", links=(this_host(),)), by_name("Port", custom__width=60)),
        sort_by="Host",
    )


# Numbers for the severities, by which a table puts the worst on top.
_SEVERITIES = {Severity.CRITICAL: 0, Severity.WARNING: 1, Severity.INFO: 2}


def findings(*, width: int = 12) -> Panel:
    """What was found on the way into TLS, with how much it matters."""
    grouped = "by (host, port, ip_family, finding)"
    since = f"max by (host, port, ip_family) ({target('mailprobe_starttls_lost_timestamp_seconds')}) * 1000"
    return table(
        "Findings on the way into TLS",
        "Signs of an attack, of a device that rewrites sessions, or of a server that is set up badly. Since: the first "
        "probe that missed STARTTLS after it had been offered.",
        (
            instant(f"min {grouped} (\n  {_severities()}\n)", ref="A", table=True),
            instant(f'label_replace({since}, "finding", "starttls_lost", "", "")', ref="B", table=True),
        ),
        width=width,
        height=8,
        empty="Nothing was found",
        transformations=(
            {"id": "merge", "options": {}},
            organize(
                ("Value #A", "host", "port", "ip_family", "finding", "Value #B"),
                rename={
                    "Value #A": "Severity",
                    "host": "Host",
                    "port": "Port",
                    "ip_family": "Family",
                    "finding": "Finding",
                    "Value #B": "Since",
                },
                hide=("Time",),
            ),
        ),
        overrides=(
            by_name(
                "Severity",
                custom__width=80,
                custom__align="center",
                custom__cellOptions=FILLED,
                mappings=words((0, "critical", RED), (1, "warning", ORANGE), (2, "info", BLUE)),
            ),
            by_name("Host", custom__minWidth=150, links=(this_host(),)),
            by_name("Port", custom__width=60),
            by_name("Family", custom__width=60),
            by_name("Since", unit="dateTimeFromNow", custom__align="left", custom__width=120),
        ),
        sort_by="Severity",
    )


def findings_history() -> Panel:
    """Whether it comes and goes, as attacks do, or stays, as devices and mistakes do."""
    found = target("mailprobe_tls_finding_info")
    return state_timeline(
        "Findings over time",
        "When each finding was there. Attacks come and go; devices and mistakes stay.",
        (over_time(f"max by (host, port, finding) ({found})", legend="{{host}} {{port}} {{finding}}"),),
        width=12,
        height=8,
        mappings=words((1, "found", ORANGE)),
        empty="Nothing was found",
        links=(host_of_series(),),
    )


def _severities() -> str:
    """Every finding with the number of its severity."""

    def of(severity: Severity, number: int) -> str:
        names = "|".join(finding for finding in SEVERITY if SEVERITY[finding] is severity)
        found = target("mailprobe_tls_finding_info", f'finding=~"{names}"')
        return f"{found} - 1 + {number}"

    return "\n  or ".join(of(severity, number) for severity, number in _SEVERITIES.items())
