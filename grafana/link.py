"""Where a click leads: to the dashboard of one host, for the same data source, jobs and time."""

from grafana.panel import Object

OVERVIEW = "mailprobe-overview"
HOST = "mailprobe-host"

_KEPT = "${datasource:queryparam}&${job:queryparam}&${__url_time_range}"


def this_host() -> Object:
    """A link on the name of a host in a table."""
    return _to_host("${__value.raw}")


def host_of_series() -> Object:
    """A link on a series that has the label `host`."""
    return _to_host("${__field.labels.host}")


def _to_host(name: str) -> Object:
    return {"title": f"Look at {name}", "url": f"/d/{HOST}?{_KEPT}&var-host={name}", "targetBlank": False}
