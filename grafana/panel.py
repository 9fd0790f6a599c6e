"""Builders for the parts of a Grafana dashboard: queries, panels, rows and variables as JSON values.

Grafana's classic model, as of schema version 39, which every Grafana from 10 on reads. Only what the dashboards
here use; no layout (`grafana.dashboard` places the panels) and no PromQL (`grafana.expression` writes it).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

Json = None | bool | int | float | str | Sequence["Json"] | Mapping[str, "Json"]
Object = Mapping[str, Json]

DATASOURCE: Object = {"type": "prometheus", "uid": "${datasource}"}

# The version whose option names are used. Without it, Grafana runs the migrations of panels from before version 7.
PLUGIN_VERSION = "11.1.0"

# Grafana's own palette: these names follow the light and the dark theme.
GREEN, YELLOW, ORANGE, RED, PURPLE, BLUE, GREY = "green", "yellow", "orange", "red", "purple", "blue", "text"

# To fill a cell with: "text" would be white on dark, and glare. Readable on both themes.
SLATE = "#6e7687"

# A table cell in the colour of its value.
FILLED: Json = {"type": "color-background", "mode": "basic"}


@dataclass(frozen=True, slots=True)
class Panel:
    """A panel without a place: what it shows, how wide and how high it is (24 columns; a row unit is 30 pixels).

    `coarse` keeps the points of a rate so far apart that each covers a round of every port.
    """

    title: str
    description: str
    kind: str
    width: int
    height: int
    targets: tuple[Object, ...]
    defaults: Object
    options: Object
    overrides: tuple[Object, ...] = ()
    transformations: tuple[Object, ...] = ()
    coarse: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """A heading with the panels below it, which flow from left to right. A collapsed row asks nothing until opened."""

    title: str
    panels: tuple[Panel, ...] = field(default_factory=tuple)
    collapsed: bool = False


def instant(expr: str, *, ref: str = "A", legend: str = "", table: bool = False) -> Object:
    """A query for the end of the shown range; a table has one column for each label."""
    kind = "table" if table else "time_series"
    shape: Object = {"format": kind, "instant": True, "range": False}
    return {"refId": ref, "datasource": DATASOURCE, "expr": expr, "legendFormat": legend or "__auto", **shape}


def over_time(expr: str, *, legend: str, ref: str = "A", heatmap: bool = False) -> Object:
    """A query over the shown range."""
    shape: Object = {"format": "heatmap" if heatmap else "time_series", "instant": False, "range": True}
    return {"refId": ref, "datasource": DATASOURCE, "expr": expr, "legendFormat": legend, **shape}


def thresholds(first: str, *steps: tuple[float, str]) -> Object:
    """Colours by value: `first` up to the first step, then each step's colour from its value on."""
    later: tuple[Json, ...] = tuple({"color": colour, "value": value} for value, colour in steps)
    return {"mode": "absolute", "steps": ({"color": first, "value": None}, *later)}


def words(*named: tuple[float, str, str]) -> Sequence[Json]:
    """Value mappings: number, word, colour. States are words as well as colours, for those who do not see colours."""
    options: Object = {
        str(number): {"text": word, "color": colour, "index": index}
        for index, (number, word, colour) in enumerate(named)
    }
    nothing: Object = {"match": "null+nan", "result": {"text": "", "color": "transparent", "index": len(named)}}
    return ({"type": "value", "options": options}, {"type": "special", "options": nothing})


def by_name(name: str, **properties: Json) -> Object:
    """An override for the column or series of that name; `__` in a property stands for a dot."""
    return _override("byName", name, properties)


def by_pattern(pattern: str, **properties: Json) -> Object:
    """An override for the columns or series whose names match a regular expression."""
    return _override("byRegexp", pattern, properties)


def _override(matcher: str, option: str, properties: Mapping[str, Json]) -> Object:
    listed = tuple({"id": name.replace("__", "."), "value": value} for name, value in properties.items())
    return {"matcher": {"id": matcher, "options": option}, "properties": listed}


def organize(order: Sequence[str], *, rename: Mapping[str, str] | None = None, hide: Sequence[str] = ()) -> Object:
    """The transformation that orders, renames and hides columns; those that are not named come last."""
    options: Object = {
        "indexByName": {name: index for index, name in enumerate(order)},
        "renameByName": dict(rename or {}),
        "excludeByName": dict.fromkeys(hide, True),
    }
    return {"id": "organize", "options": options}


_NUMBER: Object = {
    "colorMode": "background_solid",
    "graphMode": "none",
    "justifyMode": "center",
    "reduceOptions": {"calcs": ("lastNotNull",), "fields": "", "values": False},
    "showPercentChange": False,
}


def stat(title: str, description: str, target: Object, *, steps: Object, width: int = 3, **defaults: Json) -> Panel:
    """One number, coloured by its steps."""
    return Panel(
        title,
        description,
        "stat",
        width,
        4,
        (target,),
        {"unit": "none", "decimals": 0, "color": {"mode": "thresholds"}, "thresholds": steps, **defaults},
        {**_NUMBER, "orientation": "auto", "textMode": "value", "wideLayout": True},
    )


def tiles(title: str, description: str, target: Object, *, width: int, mappings: Sequence[Json], empty: str) -> Panel:
    """One tile for each series, with its name, in the colour of the word for its value."""
    return Panel(
        title,
        description,
        "stat",
        width,
        4,
        (target,),
        {
            "unit": "none",
            "mappings": mappings,
            "color": {"mode": "thresholds"},
            "thresholds": thresholds(GREY),
            "noValue": empty,
        },
        {**_NUMBER, "orientation": "vertical", "textMode": "value_and_name", "wideLayout": False},
    )


def table(
    title: str,
    description: str,
    targets: Sequence[Object],
    *,
    width: int,
    height: int,
    empty: str,
    overrides: Sequence[Object] = (),
    transformations: Sequence[Object] = (),
    sort_by: str,
) -> Panel:
    """A table, sorted by a column; `empty` is what it says instead of 'No data' where that is good news."""
    columns: Object = {"align": "auto", "cellOptions": {"type": "auto"}, "inspect": False, "filterable": False}
    order: Object = {"fields": {}, "sort": ({"field": sort_by, "desc": False},)}
    return Panel(
        title,
        description,
        "table",
        width,
        height,
        tuple(targets),
        {
            "unit": "none",
            "color": {"mode": "thresholds"},
            "thresholds": thresholds(GREY),
            "noValue": empty,
            "custom": columns,
        },
        {"showHeader": True, "cellHeight": "sm", "footer": {"show": False}, "sortBy": ()},
        # What the panel says when it is empty is nothing that a single empty cell should say.
        overrides=(by_pattern(".*", noValue=""), *overrides),
        transformations=(*transformations, {"id": "sortBy", "options": order}),
    )


def time_series(
    title: str,
    description: str,
    targets: Sequence[Object],
    *,
    width: int,
    height: int,
    unit: str,
    empty: str = "",
    stacked: bool = False,
    steps: Object | None = None,
    logarithmic: bool = False,
    coarse: bool = False,
    below_zero: bool = False,
    **defaults: Json,
) -> Panel:
    """Lines or stacked areas over time; `steps` are drawn as dashed lines."""
    drawn = _line(stacked=stacked, dashed=steps is not None, logarithmic=logarithmic)
    floor: Object = {} if logarithmic or below_zero else {"min": 0}
    return Panel(
        title,
        description,
        "timeseries",
        width,
        height,
        tuple(targets),
        {
            "unit": unit,
            "color": {"mode": "palette-classic"},
            "thresholds": steps or thresholds(GREEN),
            "noValue": empty or "No data",
            "custom": drawn,
            **floor,
            **defaults,
        },
        {
            "legend": {"showLegend": True, "displayMode": "list", "placement": "bottom", "calcs": ()},
            "tooltip": {"mode": "multi", "sort": "desc"},
        },
        coarse=coarse,
    )


def _line(*, stacked: bool, dashed: bool, logarithmic: bool) -> Object:
    """How a line or an area is drawn."""
    return {
        "drawStyle": "line",
        "lineInterpolation": "linear",
        "lineWidth": 1,
        "fillOpacity": 50 if stacked else 0,
        "gradientMode": "none",
        "showPoints": "never",
        "spanNulls": False,
        "stacking": {"mode": "normal" if stacked else "none", "group": "A"},
        "axisPlacement": "auto",
        "thresholdsStyle": {"mode": "dashed" if dashed else "off"},
        "scaleDistribution": {"type": "log", "log": 10} if logarithmic else {"type": "linear"},
    }


def state_timeline(
    title: str,
    description: str,
    targets: Sequence[Object],
    *,
    width: int,
    height: int,
    mappings: Sequence[Json],
    empty: str,
    **defaults: Json,
) -> Panel:
    """One row for each series, coloured by the word for its value; about two rows fit into a unit of height."""
    return Panel(
        title,
        description,
        "state-timeline",
        width,
        height,
        tuple(targets),
        {
            "unit": "none",
            "mappings": mappings,
            "color": {"mode": "thresholds"},
            "thresholds": thresholds(GREY),
            "noValue": empty,
            "custom": {"lineWidth": 0, "fillOpacity": 80, "spanNulls": False},
            **defaults,
        },
        {
            "mergeValues": True,
            "showValue": "auto",
            "alignValue": "left",
            "rowHeight": 0.85,
            "legend": {"showLegend": True, "displayMode": "list", "placement": "bottom"},
            "tooltip": {"mode": "single", "sort": "none"},
        },
    )


def bar_gauge(
    title: str,
    description: str,
    target: Object,
    *,
    width: int,
    height: int,
    unit: str,
    steps: Object,
    overrides: Sequence[Object] = (),
    **defaults: Json,
) -> Panel:
    """One horizontal bar for each series."""
    return Panel(
        title,
        description,
        "bargauge",
        width,
        height,
        (target,),
        {"unit": unit, "min": 0, "color": {"mode": "thresholds"}, "thresholds": steps, **defaults},
        {
            "displayMode": "basic",
            "orientation": "horizontal",
            "valueMode": "color",
            "namePlacement": "auto",
            "showUnfilled": True,
            "sizing": "auto",
            "minVizWidth": 8,
            "minVizHeight": 16,
            "reduceOptions": {"calcs": ("lastNotNull",), "fields": "", "values": False},
        },
        overrides=tuple(overrides),
    )


def heatmap(title: str, description: str, target: Object, *, width: int, height: int, unit: str) -> Panel:
    """The buckets of a histogram over time; the darker, the more observations."""
    return Panel(
        title,
        description,
        "heatmap",
        width,
        height,
        (target,),
        {"unit": "none", "custom": {"scaleDistribution": {"type": "linear"}}},
        {
            "calculate": False,
            "rowsFrame": {"layout": "auto"},
            "cellGap": 1,
            "cellValues": {"decimals": 0},
            "filterValues": {"le": 1e-9},
            "showValue": "never",
            "yAxis": {"axisPlacement": "left", "unit": unit},
            "color": {"mode": "scheme", "scheme": "Oranges", "steps": 64, "exponent": 0.5, "reverse": False},
            "legend": {"show": True},
            "tooltip": {"mode": "single", "yHistogram": False},
            "exemplars": {"color": "rgba(255,0,255,0.7)"},
        },
        coarse=True,
    )
