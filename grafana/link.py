"""Where a click leads."""

from grafana.panel import Object

OVERVIEW = "mailprobe-overview"


def this_host() -> Object:
    """A link on the name of a host: the overview of that host alone, for the same time."""
    kept = "${datasource:queryparam}&${job:queryparam}&${__url_time_range}"
    return {
        "title": "Only ${__value.raw}",
        "url": f"/d/{OVERVIEW}?{kept}&var-host=${{__value.raw}}",
        "targetBlank": False,
    }
