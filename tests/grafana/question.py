"""Queries of the dashboards as Grafana puts them to Prometheus: with every variable replaced."""

import re
import time
from collections.abc import Mapping
from typing import Any

from tests.real.prometheus import RealPrometheus, Series

# Everything is chosen, as when a dashboard is opened for the first time.
EVERYTHING: Mapping[str, str] = {"job": ".+", "host": ".+", "port": ".+"}

_BUILT_IN = {
    "__rate_interval": "1m",
    "__interval": "15s",
    "__range": "5m",
    "warning_days": "21",
    "critical_days": "7",
}


def filled(expression: str, chosen: Mapping[str, str] = EVERYTHING) -> str:
    """The expression with all variables replaced."""
    for name, value in {**_BUILT_IN, **chosen}.items():
        # The value is no pattern: its backslashes are doubled, so that `sub` leaves them as they are.
        expression = re.sub(rf"\$\{{{name}\}}|\${name}\b", value.replace("\\", r"\\"), expression)
    assert "$" not in expression
    return expression


def answer(
    prometheus: RealPrometheus, target: Mapping[str, Any], chosen: Mapping[str, str] = EVERYTHING
) -> list[Series]:
    """What a panel would show, of the last five minutes."""
    expression = filled(target["expr"], chosen)
    if target["instant"]:
        return prometheus.query(expression)
    now = time.time()
    return prometheus.query_range(expression, now - 300, now, 1)
