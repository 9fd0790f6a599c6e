"""A dashboard as one JSON value: its variables, and its panels put into their places.

Panels flow from left to right and wrap at 24 columns; the panels of one line must be equally high and fill it. No
dashboard-wide numeric id is written: Grafana gives its own, and the fixed `uid` is what links and provisioning use.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count

from grafana.panel import DATASOURCE, PLUGIN_VERSION, Json, Object, Panel, Row

COLUMNS = 24

# The default interval of port 25, longer than that of any other port.
LONGEST_ROUND = "5m"

# Grafana 11.1's version of the classic model; later ones convert it when they load it.
SCHEMA_VERSION = 39


@dataclass(frozen=True, slots=True)
class Dashboard:
    """A title, what the reader can choose, and rows of panels."""

    uid: str
    title: str
    description: str
    tags: tuple[str, ...]
    variables: tuple[Object, ...]
    rows: tuple[Row, ...]
    annotations: tuple[Object, ...] = ()

    def json(self) -> Object:
        """The classic model, ready to be written to a file."""
        return {
            "uid": self.uid,
            "title": self.title,
            "description": self.description,
            "tags": self.tags,
            "schemaVersion": SCHEMA_VERSION,
            "version": 1,
            "editable": False,
            "graphTooltip": 1,
            "fiscalYearStartMonth": 0,
            "liveNow": False,
            "refresh": "1m",
            "time": {"from": "now-6h", "to": "now"},
            "timepicker": {},
            "timezone": "browser",
            "weekStart": "",
            "links": (_links_to_siblings(self.tags),),
            "annotations": {"list": (_BUILT_IN_ANNOTATION, *self.annotations)},
            "templating": {"list": self.variables},
            "panels": tuple(_placed(self.rows)),
        }


def data_source_variable() -> Object:
    """The variable that every panel reads its data source from."""
    return {
        "type": "datasource",
        "name": "datasource",
        "label": "Data Source",
        "query": "prometheus",
        "regex": "",
        "refresh": 1,
        "multi": False,
        "includeAll": False,
        "options": (),
        "current": {},
        "hide": 0,
    }


def label_variable(name: str, label: str, query: str, *, numeric: bool = False) -> Object:
    """A choice of several label values. 'All' is `.+`, since a list of every value would be a query without end."""
    return {
        **one_label_variable(name, label, query),
        "sort": 3 if numeric else 1,
        "multi": True,
        "includeAll": True,
        "allValue": ".+",
        "current": {"selected": True, "text": ("All",), "value": ("$__all",)},
    }


def one_label_variable(name: str, label: str, query: str) -> Object:
    """A choice of one label value; until somebody chooses, Grafana takes the first."""
    return {
        "type": "query",
        "name": name,
        "label": label,
        "datasource": DATASOURCE,
        "query": {"query": query, "refId": "StandardVariableQuery"},
        "definition": query,
        "regex": "",
        "refresh": 2,
        "sort": 1,
        "multi": False,
        "includeAll": False,
        "options": (),
        "current": {},
        "hide": 0,
    }


def threshold_variables() -> tuple[Object, Object]:
    """The days before its end at which a certificate is worth a look, and at which it is urgent."""
    return (
        number_variable("warning_days", "Warning days", (45, 30, 21, 14, 7), 21),
        number_variable("critical_days", "Critical days", (14, 10, 7, 3, 1), 7),
    )


def number_variable(name: str, label: str, choices: Sequence[int], chosen: int) -> Object:
    """A choice among a few numbers."""

    def option(number: int) -> Mapping[str, Json]:
        return {"selected": number == chosen, "text": str(number), "value": str(number)}

    return {
        "type": "custom",
        "name": name,
        "label": label,
        "query": ",".join(str(number) for number in choices),
        "multi": False,
        "includeAll": False,
        "options": tuple(option(number) for number in choices),
        "current": option(chosen),
        "hide": 0,
    }


def annotation(name: str, expr: str, *, colour: str, title: str, text: str) -> Object:
    """Marks the instants at which a query has results, in all panels over time."""
    return {
        "name": name,
        "datasource": DATASOURCE,
        "enable": True,
        "hide": False,
        "iconColor": colour,
        "expr": expr,
        "step": "60s",
        "titleFormat": title,
        "textFormat": text,
        "tagKeys": "",
        "useValueForTime": False,
    }


_BUILT_IN_ANNOTATION: Object = {
    "builtIn": 1,
    "datasource": {"type": "grafana", "uid": "-- Grafana --"},
    "enable": True,
    "hide": True,
    "iconColor": "rgba(0, 211, 255, 1)",
    "name": "Annotations & Alerts",
    "type": "dashboard",
}


def _links_to_siblings(tags: Sequence[str]) -> Object:
    """A menu of all dashboards with the same tags, which keeps the chosen time and values."""
    return {
        "type": "dashboards",
        "title": "Mail dashboards",
        "tags": tags,
        "asDropdown": True,
        "includeVars": True,
        "keepTime": True,
        "targetBlank": False,
        "icon": "external link",
        "tooltip": "",
        "url": "",
    }


def _placed(rows: Sequence[Row]) -> Iterator[Object]:
    """Every row and panel with an id and a place. A collapsed row carries its panels, others stand before theirs."""
    ids = count(1)
    y = 0
    for row in rows:
        head, y = y, y + 1
        number = next(ids)
        panels, y = _line_up(row.panels, y, ids)
        yield {
            "type": "row",
            "id": number,
            "title": row.title,
            "collapsed": row.collapsed,
            "gridPos": {"x": 0, "y": head, "w": COLUMNS, "h": 1},
            "panels": panels if row.collapsed else (),
        }
        if row.collapsed:
            y = head + 1
        else:
            yield from panels


def _line_up(panels: Sequence[Panel], y: int, ids: Iterator[int]) -> tuple[tuple[Object, ...], int]:
    """The panels in lines from `y` on, and the first free `y` below them."""
    placed: list[Object] = []
    x = height = 0
    for panel in panels:
        if x + panel.width > COLUMNS:
            x, y = 0, y + height
        height = panel.height
        placed.append(_panel(panel, next(ids), x, y))
        x += panel.width
    return tuple(placed), y + height


def _panel(panel: Panel, number: int, x: int, y: int) -> Object:
    least: Object = {"interval": LONGEST_ROUND} if panel.coarse else {}
    return {
        "type": panel.kind,
        "id": number,
        "title": panel.title,
        "description": panel.description,
        "gridPos": {"x": x, "y": y, "w": panel.width, "h": panel.height},
        "datasource": DATASOURCE,
        "pluginVersion": PLUGIN_VERSION,
        "targets": panel.targets,
        "fieldConfig": {"defaults": panel.defaults, "overrides": panel.overrides},
        "options": panel.options,
        "transformations": panel.transformations,
        **least,
    }
