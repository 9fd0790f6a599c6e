"""The PromQL of the dashboards: selectors by the chosen values, joins of a target's series, the state of a port.

Metric names are looked up in the exporter's catalogue: one that it does not have raises `KeyError` and is written into
no dashboard. Every selector names the job, so that one Prometheus can hold several installations.
"""

from exporter.metrics.catalogue import CATALOGUE
from exporter.metrics.metric import Kind

# Of Prometheus itself, of the exporter's client library, and of the recording rules that are shipped.
FOREIGN = {"scrape_duration_seconds", "process_resident_memory_bytes", "port:mailprobe_success:avg30d"}

_SERIES = {
    *FOREIGN,
    *(f"{metric.name}_bucket" if metric.kind is Kind.HISTOGRAM else metric.name for metric in CATALOGUE),
}

# The labels of a target beside those of the scrape: what two of its series have in common.
TARGET = "job, instance, host, port, ip_family, address"

# What a target and the way out to it have in common, as in the alert rules.
_WAY_OUT = "job, instance, port, ip_family"


def target(metric: str, *more: str) -> str:
    """A metric of a target, by the chosen jobs, hosts and ports; `more` are further matchers."""
    return _selected(metric, 'job=~"$job"', 'host=~"$host"', 'port=~"$port"', *more)


def host(metric: str) -> str:
    """A metric of a host, which has no port."""
    return _selected(metric, 'job=~"$job"', 'host=~"$host"')


def way_out(metric: str) -> str:
    """A metric of this machine's network, which has a port and no host."""
    return _selected(metric, 'job=~"$job"', 'port=~"$port"')


def exporter(metric: str, *more: str) -> str:
    """A metric of the exporter itself, of its machine, or of its scrape."""
    return _selected(metric, 'job=~"$job"', *more)


def both(left: str, right: str) -> str:
    """`left` where the same target has `right` as well."""
    return f"{left} and on ({TARGET}) {right}"


def count_of(expression: str) -> str:
    """How many series there are; none is 0, since a healthy system must not read 'No data'."""
    return f"count({expression}) or vector(0)"


def with_certificate(expression: str, *labels: str) -> str:
    """`expression` about certificates, with labels of theirs; a port may show different clients different ones."""
    info = target("mailprobe_certificate_info")
    return f"({expression}) * on ({TARGET}, variant) group_left ({', '.join(labels)}) {info}"


def certificate_days(*more: str) -> str:
    """Days until the server's certificate ends; negative afterwards."""
    return f"({target('mailprobe_certificate_not_after_timestamp_seconds', *more)} - time()) / 86400"


def urgency(days: str) -> str:
    """How urgent an end is that is so many days away: 0 good, 1 ending, 2 critical, 3 expired."""
    return f"({days} < bool 0) + ({days} < bool $critical_days) + ({days} < bool $warning_days)"


def last_greeting() -> str:
    """Seconds that the last complete greeting of each target took."""
    return target("mailprobe_phase_duration_seconds", 'phase="greeting"')


def not_blocked(expression: str) -> str:
    """`expression` without the targets that are closed because the network of this machine lets nobody out to them."""
    return f"{expression} unless on ({_WAY_OUT}) {_no_way_out()}"


# The numbers of `port_state`, the worst first, so that the minimum over address families is the one to look at.
CLOSED, NO_ADDRESS, FAILING, UNEXPECTED, NO_STARTTLS, BLOCKED, GOOD, CLOSED_AS_EXPECTED, NOTHING_THERE = range(9)


def port_state() -> str:
    """The state of each target as one of the numbers above; a line counts only where those before had no answer."""
    success, is_open = target("mailprobe_success"), target("mailprobe_port_open")
    expected, starttls = target("mailprobe_port_expected_open"), target("mailprobe_starttls_advertised")
    # A comparison leaves the compared value, 0 or 1: what is added makes it the number of the state.
    cases = (
        f"({is_open} == 0 and on ({_WAY_OUT}) {_no_way_out()}) + {BLOCKED}",
        f"({both(f'{is_open} == 1', f'{expected} == 0')}) + {UNEXPECTED - 1}",
        f"({both(f'{starttls} == 0', f'{success} == 0')}) + {NO_STARTTLS}",
        f"({both(f'{success} == 0', f'{is_open} == 1')}) + {FAILING}",
        f"({success} == 0 unless on ({TARGET}) {is_open}) + {NO_ADDRESS}",
        f"({success} == 0) + {CLOSED}",
        f"({both(f'{success} == 1', f'{is_open} == 1')}) + {GOOD - 1}",
        f"({success} == 1) + {CLOSED_AS_EXPECTED - 1}",
        f"({is_open} == 0) + {NOTHING_THERE}",
    )
    return "\n  or ".join(cases)


def _no_way_out() -> str:
    return f"{way_out('mailprobe_vantage_ok')} == 0"


def _selected(metric: str, *matchers: str) -> str:
    if metric not in _SERIES:
        raise KeyError(metric)
    return f"{metric}{{{', '.join(matchers)}}}"
