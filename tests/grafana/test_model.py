"""What Grafana's dashboard linter asks for, and some rules of our own, on the committed dashboards.

The linter wants a variable for `instance`. Here a reader chooses hosts and ports, which hide behind one instance.
"""

import json
import re
from collections import Counter
from string import ascii_uppercase
from typing import Any

import pytest

from grafana.link import HOST
from tests.grafana.model import Dashboard, Panel, dashboards, panels, targets, variables
from tests.grafana.promql import selectors

DASHBOARDS = [pytest.param(dashboard, id=dashboard["uid"]) for dashboard in dashboards()]
PANELS = [
    pytest.param(panel, id=f"{dashboard['uid']}-{panel['title']}".replace(" ", "_"))
    for dashboard in dashboards()
    for panel in panels(dashboard)
]
TABLES = [
    pytest.param(panel, id=panel["title"].replace(" ", "_"))
    for dashboard in dashboards()
    for panel in panels(dashboard)
    if panel["type"] == "table"
]
QUERIES = [
    pytest.param(panel, target, id=f"{panel['title']}-{target['refId']}".replace(" ", "_"))
    for dashboard in dashboards()
    for panel, target in targets(dashboard)
]

DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}
KINDS = {"stat", "table", "timeseries", "state-timeline", "bargauge", "heatmap"}

# Units of Grafana's own list, or a text of our own behind the number.
UNITS = re.compile(r"none|short|s|bytes|percentunit|dateTimeFromNow|suffix: \w+")


@pytest.mark.parametrize("dashboard", DASHBOARDS)
def test_it_is_a_classic_dashboard_that_grafana_10_and_later_read(dashboard: Dashboard) -> None:
    assert dashboard["schemaVersion"] == 39
    assert re.fullmatch(r"[a-z0-9-]{1,40}", dashboard["uid"])
    assert "id" not in dashboard
    assert "__inputs" not in dashboard
    assert dashboard["editable"] is False
    assert {"mail", "mailprobe"} <= set(dashboard["tags"])
    assert dashboard["title"]
    assert dashboard["description"]


@pytest.mark.parametrize("dashboard", DASHBOARDS)
def test_one_variable_chooses_the_data_source(dashboard: Dashboard) -> None:
    (variable,) = variables(dashboard, "datasource")
    assert (variable["name"], variable["label"], variable["query"]) == ("datasource", "Data Source", "prometheus")


@pytest.mark.parametrize("dashboard", DASHBOARDS)
def test_job_host_and_port_can_be_chosen_in_any_number_but_for_the_host_of_its_own_dashboard(
    dashboard: Dashboard,
) -> None:
    chosen = variables(dashboard, "query")
    assert [variable["name"] for variable in chosen] == ["job", "host", "port"]
    for variable in chosen:
        assert variable["label"].lower() == variable["name"]
        several = (dashboard["uid"], variable["name"]) != (HOST, "host")
        assert variable["multi"] is several
        assert variable["includeAll"] is several
        assert variable.get("allValue") == (".+" if several else None)
        assert variable["refresh"] == 2, "reloads when the time range changes"
        assert variable["datasource"] == DATASOURCE
        assert variable["definition"] == variable["query"]["query"]


@pytest.mark.parametrize("dashboard", DASHBOARDS)
def test_every_variable_is_used(dashboard: Dashboard) -> None:
    queries = " ".join(target["expr"] for _, target in targets(dashboard))
    for variable in dashboard["templating"]["list"]:
        name = variable["name"]
        assert name == "datasource" or f"${name}" in queries, name


@pytest.mark.parametrize("dashboard", DASHBOARDS)
def test_the_days_of_warning_are_more_than_those_of_alarm(dashboard: Dashboard) -> None:
    warning, critical = variables(dashboard, "custom")
    assert (warning["name"], critical["name"]) == ("warning_days", "critical_days")
    assert int(warning["current"]["value"]) > int(critical["current"]["value"]) > 0
    for variable in (warning, critical):
        assert variable["query"] == ",".join(option["value"] for option in variable["options"])
        assert [option for option in variable["options"] if option["selected"]] == [variable["current"]]


def every_item(dashboard: Dashboard) -> list[Panel]:
    """Rows and panels."""
    return [item for head in dashboard["panels"] for item in (head, *head.get("panels", ()))]


@pytest.mark.parametrize("dashboard", DASHBOARDS)
def test_ids_are_unique(dashboard: Dashboard) -> None:
    counted = Counter(item["id"] for item in every_item(dashboard))
    assert set(counted.values()) == {1}
    assert min(counted) > 0


@pytest.mark.parametrize("dashboard", DASHBOARDS)
def test_panels_fill_the_grid_without_overlapping(dashboard: Dashboard) -> None:
    cells: Counter[tuple[int, int]] = Counter()
    for item in every_item(dashboard):
        place = item["gridPos"]
        cells.update(
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        )
    assert set(cells.values()) == {1}
    rows = {y for _, y in cells}
    assert rows == set(range(len(rows)))
    assert set(cells) == {(x, y) for x in range(24) for y in rows}


@pytest.mark.parametrize("panel", PANELS)
def test_every_panel_says_what_it_is_and_asks_something(panel: Panel) -> None:
    assert panel["type"] in KINDS
    assert panel["title"]
    assert panel["description"].endswith(".")
    assert panel["datasource"] == DATASOURCE
    assert panel["pluginVersion"]
    assert panel["targets"]
    references = [target["refId"] for target in panel["targets"]]
    assert references == list(ascii_uppercase[: len(references)])


@pytest.mark.parametrize("panel", PANELS)
def test_every_number_has_a_unit_and_a_colour_mode(panel: Panel) -> None:
    defaults = panel["fieldConfig"]["defaults"]
    assert UNITS.fullmatch(defaults["unit"])
    # Left out, it depends on the kind of panel and on the version of Grafana.
    assert panel["type"] == "heatmap" or defaults["color"]["mode"] in {"thresholds", "palette-classic"}
    for override in panel["fieldConfig"]["overrides"]:
        for setting in override["properties"]:
            assert setting["id"] != "unit" or UNITS.fullmatch(setting["value"])


@pytest.mark.parametrize("panel", PANELS)
def test_thresholds_begin_without_a_bound_and_rise(panel: Panel) -> None:
    thresholds = panel["fieldConfig"]["defaults"].get("thresholds")
    if thresholds is None:
        assert panel["type"] == "heatmap"
        return
    assert thresholds["mode"] == "absolute"
    first, *rest = (step["value"] for step in thresholds["steps"])
    assert first is None
    assert rest == sorted(rest)


@pytest.mark.parametrize("panel", TABLES)
def test_columns_that_are_named_in_overrides_exist(panel: Panel) -> None:
    """A renamed column with an override for its old name would only be seen by a person."""
    renamed: set[str] = set()
    for transformation in panel["transformations"]:
        if transformation["id"] == "organize":
            renamed |= set(transformation["options"]["renameByName"].values())
    (sort,) = (step["options"]["sort"] for step in panel["transformations"] if step["id"] == "sortBy")
    named = {
        override["matcher"]["options"]
        for override in panel["fieldConfig"]["overrides"]
        if override["matcher"]["id"] == "byName"
    }
    assert named <= renamed
    assert {column["field"] for column in sort} <= renamed


KEPT = ("${datasource:queryparam}", "${job:queryparam}", "${__url_time_range}")


@pytest.mark.parametrize("panel", PANELS)
def test_every_host_that_is_named_leads_to_its_dashboard_with_the_time_kept(panel: Panel) -> None:
    fields = panel["fieldConfig"]
    links = list(fields["defaults"].get("links", ()))
    if any("{{host}}" in target["legendFormat"] for target in panel["targets"]):
        assert links
    for override in fields["overrides"]:
        found = [link for each in override["properties"] if each["id"] == "links" for link in each["value"]]
        assert bool(found) is (override["matcher"] == {"id": "byName", "options": "Host"})
        links += found
    if panel["type"] == "table" and "Host" in json.dumps(panel["transformations"]):
        assert links
    for link in links:
        assert re.fullmatch(rf"/d/{HOST}\?.*&var-host=\$\{{__(value\.raw|field\.labels\.host)\}}", link["url"])
        assert all(part in link["url"] for part in KEPT)


@pytest.mark.parametrize(("panel", "target"), QUERIES)
def test_every_query_keeps_to_the_chosen_jobs(panel: Panel, target: dict[str, Any]) -> None:
    assert target["datasource"] == DATASOURCE
    assert target["instant"] is not target["range"]
    for selector in selectors(target["expr"]):
        assert ("job", "=~", "$job") in [(m.label, m.operator, m.value) for m in selector.matchers], panel["title"]


@pytest.mark.parametrize(("panel", "target"), QUERIES)
def test_counters_are_read_as_rates_over_grafanas_own_interval(panel: Panel, target: dict[str, Any]) -> None:
    expression = target["expr"]
    for selector in selectors(expression):
        if selector.metric.endswith(("_total", "_bucket", "_count", "_sum")):
            found = rf"(rate|increase)\({re.escape(selector.metric)}\{{[^}}]*\}}\[\$__rate_interval\]\)"
            assert re.search(found, expression), panel["title"]
    for ranged in re.findall(r"\b(?:rate|increase)\([^\[]*\[([^\]]*)\]", expression):
        assert ranged == "$__rate_interval"


@pytest.mark.parametrize(("panel", "target"), QUERIES)
def test_a_count_is_never_without_a_value(panel: Panel, target: dict[str, Any]) -> None:
    if panel["type"] == "stat" and re.match(r"count\(", target["expr"]):
        assert target["expr"].endswith(" or vector(0)")
