"""The committed dashboards, read as Grafana reads them."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parents[2] / "grafana"

# JSON of Grafana's making, read key by key.
Dashboard = Mapping[str, Any]
Panel = Mapping[str, Any]


def dashboards() -> list[Dashboard]:
    """Every committed dashboard."""
    return [json.loads(path.read_text(encoding="utf-8")) for path in sorted(FOLDER.glob("*.json"))]


def panels(dashboard: Dashboard) -> Iterator[Panel]:
    """Every panel that shows something, also those of collapsed rows."""
    for panel in dashboard["panels"]:
        if panel["type"] == "row":
            yield from panel["panels"]
        else:
            yield panel


def variables(dashboard: Dashboard, kind: str) -> list[Mapping[str, Any]]:
    """The variables of one type."""
    return [variable for variable in dashboard["templating"]["list"] if variable["type"] == kind]


def targets(dashboard: Dashboard) -> Iterator[tuple[Panel, Mapping[str, Any]]]:
    """Every query with its panel."""
    for panel in panels(dashboard):
        for target in panel["targets"]:
            yield panel, target


def annotations(dashboard: Dashboard) -> list[Mapping[str, Any]]:
    """The annotations that are queries, so without the one that every Grafana has."""
    return [each for each in dashboard["annotations"]["list"] if not each.get("builtIn")]


def legend_labels(legend: str) -> Sequence[str]:
    """The labels that a legend names as `{{label}}`."""
    return [part.split("}}")[0].strip() for part in legend.split("{{")[1:]]
