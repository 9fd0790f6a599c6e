"""Panels about STARTTLS and TLS: who offers it, who stopped to, what is negotiated, and what is declared in vain."""

from grafana.expression import both, target
from grafana.link import this_host
from grafana.panel import (
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
        over_time(f"min by (host, port) ({both(advertised, missing)})", legend="{{host}} {{port}}"),
        width=9,
        height=8,
        mappings=words((0, "missing", RED), (1, "offered", GREEN)),
        empty="STARTTLS was offered wherever it was asked for",
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


def unmet_expectations() -> Panel:
    """Declared and not found."""
    unmet = target("mailprobe_expectation_met", 'expectation!="open"') + " == 0"
    return table(
        "Unmet expectations",
        "What the configuration declares about open ports and the last probe did not find.",
        (instant(f"count by (host, port, expectation) ({unmet})", table=True),),
        width=6,
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
