"""Panels about the watch itself: whether what the other panels show can be believed."""

from grafana.expression import exporter, host, target
from grafana.link import host_of_series
from grafana.panel import (
    BLUE,
    GREEN,
    ORANGE,
    RED,
    Panel,
    by_name,
    by_pattern,
    instant,
    organize,
    over_time,
    stat,
    table,
    thresholds,
    time_series,
    words,
)


def exporter_panels() -> tuple[Panel, ...]:
    """Whether what stands above can be believed."""
    return (*health(), exporters(), *lookups(), missed_rounds(), *burden())


def health() -> tuple[Panel, ...]:
    """The numbers on top of the row."""
    age = f"time() - {target('mailprobe_last_probe_timestamp_seconds')}"
    return (
        stat(
            "Targets",
            "Targets that are configured.",
            instant(f"sum({exporter('mailprobe_targets')})"),
            steps=thresholds(BLUE),
            noValue="-",
        ),
        stat(
            "First round",
            "Share of the targets that were probed since the exporter started.",
            instant(f"min({exporter('mailprobe_first_round_progress_ratio')})"),
            steps=thresholds(ORANGE, (1, GREEN)),
            unit="percentunit",
            noValue="-",
        ),
        stat(
            "Oldest result",
            "Age of the oldest result in intervals of its target: below 1 is on time, above 3 an alert.",
            instant(f"max(({age}) / {target('mailprobe_interval_seconds')})"),
            steps=thresholds(GREEN, (1.5, ORANGE), (3, RED)),
            unit="suffix: rounds",
            decimals=1,
            noValue="-",
        ),
        stat(
            "Configuration",
            "Whether the last attempt to read the configuration succeeded; after a fault the one before goes on.",
            instant(f"min({exporter('mailprobe_config_last_reload_successful')})"),
            steps=thresholds(RED, (1, GREEN)),
            mappings=words((0, "refused", RED), (1, "loaded", GREEN)),
            noValue="-",
        ),
    )


def exporters() -> Panel:
    """Which exporters there are, and what they can reach."""
    return table(
        "Exporters",
        "The exporters, when they read their configuration, which address families they can reach, and whether the "
        "file of TLS and users could be read (empty: there is none).",
        (
            instant(f"max by (instance, version) ({exporter('mailprobe_build_info')})", ref="A", table=True),
            instant(
                f"max by (instance) ({exporter('mailprobe_config_last_reload_success_timestamp_seconds')} * 1000)",
                ref="B",
                table=True,
            ),
            instant(_routed("ipv4"), ref="C", table=True),
            instant(_routed("ipv6"), ref="D", table=True),
            instant(
                f"min by (instance) ({exporter('mailprobe_web_config_last_reload_successful')})", ref="E", table=True
            ),
        ),
        width=12,
        height=4,
        empty="No exporter",
        transformations=(
            {"id": "merge", "options": {}},
            organize(
                ("instance", "version", "Value #B", "Value #C", "Value #D", "Value #E"),
                rename={
                    "instance": "Exporter",
                    "version": "Version",
                    "Value #B": "Configured",
                    "Value #C": "IPv4",
                    "Value #D": "IPv6",
                    "Value #E": "Web file",
                },
                hide=("Time", "Value #A"),
            ),
        ),
        overrides=(
            by_name("Configured", unit="dateTimeFromNow"),
            by_pattern("IPv[46]", custom__width=80, mappings=words((0, "no route", ORANGE), (1, "yes", GREEN))),
            by_name("Web file", custom__width=80, mappings=words((0, "refused", RED), (1, "read", GREEN))),
        ),
        sort_by="Exporter",
    )


def lookups() -> tuple[Panel, ...]:
    """What DNS answers, and how fast."""
    return (
        time_series(
            "Name lookups",
            "Seconds that the last lookups took: of all chosen hosts on average, and of the slowest.",
            (
                over_time(f"max({host('mailprobe_dns_lookup_duration_seconds')})", legend="slowest", ref="A"),
                over_time(f"avg({host('mailprobe_dns_lookup_duration_seconds')})", legend="average", ref="B"),
            ),
            width=8,
            height=8,
            unit="s",
        ),
        time_series(
            "Addresses",
            "Addresses that DNS gives for all chosen hosts, by family. A drop is a family that disappeared.",
            (over_time(f"sum by (ip_family) ({host('mailprobe_dns_addresses')})", legend="{{ip_family}}"),),
            width=8,
            height=8,
            unit="short",
            decimals=0,
        ),
    )


def missed_rounds() -> Panel:
    """Too much to do for the time there is."""
    return time_series(
        "Missed rounds",
        "Rounds of probing that could not be kept, because sessions take too long or gaps leave no room.",
        (
            over_time(
                f"sum by (host) (increase({host('mailprobe_missed_rounds_total')}[$__rate_interval]))",
                legend="{{host}}",
            ),
        ),
        links=(host_of_series(),),
        width=8,
        height=8,
        unit="short",
        stacked=True,
        coarse=True,
    )


def burden() -> tuple[Panel, ...]:
    """What the exporter costs, and whether it keeps up."""
    return (
        time_series(
            "Probes in flight",
            "Sessions that are open at the same time.",
            (over_time(exporter("mailprobe_probes_in_flight"), legend="{{instance}}"),),
            width=6,
            height=8,
            unit="short",
            decimals=0,
        ),
        time_series(
            "Lag",
            "Seconds by which probes start later than they are due, and by which the event loop runs late.",
            (
                over_time(exporter("mailprobe_schedule_lag_seconds"), legend="{{instance}} schedule", ref="A"),
                over_time(exporter("mailprobe_event_loop_lag_seconds"), legend="{{instance}} event loop", ref="B"),
            ),
            width=6,
            height=8,
            unit="s",
        ),
        time_series(
            "Scrape",
            "Seconds that Prometheus needs to scrape the exporter; a scrape only reads memory.",
            (over_time(exporter("scrape_duration_seconds"), legend="{{instance}}"),),
            width=6,
            height=8,
            unit="s",
        ),
        time_series(
            "Memory",
            "Resident memory of the exporter.",
            (over_time(exporter("process_resident_memory_bytes"), legend="{{instance}}"),),
            width=6,
            height=8,
            unit="bytes",
        ),
    )


def _routed(family: str) -> str:
    found = exporter("mailprobe_ip_family_routed", f'ip_family="{family}"')
    return f"max by (instance) ({found})"
