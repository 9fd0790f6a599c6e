"""Panels about the greeting: how long a client waits before a server says its first word."""

from grafana.expression import last_greeting, target
from grafana.link import host_of_series
from grafana.panel import GREEN, ORANGE, RED, Panel, bar_gauge, heatmap, instant, over_time, thresholds, time_series

# Where the exporter's histogram has its upper bounds: most people notice two seconds, and give up after ten.
SLOW_GREETING = thresholds(GREEN, (2, ORANGE), (10, RED))


def greeting_by_host() -> Panel:
    """How long people wait."""
    return time_series(
        "Slowest greeting of each host",
        "Seconds from the connection (with implicit TLS, from the handshake) to the last line of the greeting, on the "
        "slowest port of each host. Six seconds on port 25 are postscreen's deliberate wait.",
        (over_time(f"max by (host) ({last_greeting()})", legend="{{host}}"),),
        width=9,
        height=9,
        unit="s",
        steps=SLOW_GREETING,
        logarithmic=True,
        links=(host_of_series(),),
    )


def greeting_spread() -> Panel:
    """All greetings together."""
    buckets = target("mailprobe_greeting_latency_seconds_bucket")
    return heatmap(
        "All greetings",
        "How many greetings took how long, over all chosen ports.",
        over_time(f"sum by (le) (increase({buckets}[$__rate_interval]))", legend="{{le}}", heatmap=True),
        width=8,
        height=9,
        unit="s",
    )


def slowest_greetings() -> Panel:
    """Where to look first."""
    slowest = f"max by (host, port) ({last_greeting()})"
    return bar_gauge(
        "Slowest ports",
        "The eight ports whose last greeting took longest.",
        instant(f"sort_desc(topk(8, {slowest}))", legend="{{host}}:{{port}}"),
        width=7,
        height=9,
        unit="s",
        steps=SLOW_GREETING,
        decimals=2,
        links=(host_of_series(),),
    )


def greeting_by_port() -> Panel:
    """Of one host."""
    return time_series(
        "Greeting by port",
        "Seconds from the connection (with implicit TLS, from the handshake) to the last line of the greeting.",
        (over_time(f"max by (port) ({last_greeting()})", legend="{{port}}"),),
        width=8,
        height=9,
        unit="s",
        steps=SLOW_GREETING,
        logarithmic=True,
    )


def session_by_port() -> Panel:
    """The whole of a probe."""
    return time_series(
        "Session by port",
        "Seconds of a whole probe, from the name lookup to the goodbye.",
        (over_time(f"max by (port) ({target('mailprobe_duration_seconds')})", legend="{{port}}"),),
        width=8,
        height=9,
        unit="s",
    )
