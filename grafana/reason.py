"""Panels about reasons: how probes ended that did not end well, and where the time of a probe goes."""

from grafana.expression import TARGET, target
from grafana.panel import Panel, over_time, time_series


def failures_by_outcome(*, width: int = 12, height: int = 8) -> Panel:
    """The failures over time, one colour for each reason."""
    failed = target("mailprobe_probes_total", 'outcome!~"ok|closed_as_expected"')
    # A closed port of which nothing is expected is refused at each probe, and that is no failure.
    nothing_expected = f"{target('mailprobe_port_open')} == 0 unless on ({TARGET}) "
    nothing_expected += target("mailprobe_port_expected_open")
    return time_series(
        "Failed probes per minute",
        "How many probes in a minute ended otherwise than declared, by outcome.",
        (
            over_time(
                f"60 * sum by (outcome) (\n  rate({failed}[$__rate_interval])\n"
                f"  unless on ({TARGET}) ({nothing_expected})\n) > 0",
                legend="{{outcome}}",
            ),
        ),
        width=width,
        height=height,
        unit="short",
        empty="No probe failed",
        stacked=True,
        coarse=True,
    )


def time_by_phase(*, width: int = 12, height: int = 8) -> Panel:
    """What a session is made of."""
    phases = target("mailprobe_phase_duration_seconds", 'phase!="greeting_first_byte"')
    return time_series(
        "Where the time goes",
        "Average seconds of each phase of a probe, over all chosen ports. The first byte of the greeting is part of "
        "the greeting and left out.",
        (over_time(f"avg by (phase) ({phases})", legend="{{phase}}"),),
        width=width,
        height=height,
        unit="s",
        stacked=True,
    )
