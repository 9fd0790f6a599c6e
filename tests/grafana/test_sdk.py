"""The dashboards, read and written again by Grafana's own library of their model, are the same.

It knows the keys of dashboards, panels and options, and drops those that it does not know: a misspelt one is lost on
the way. It checks neither enumerations nor types; `test_model` does what is needed of that.
"""

import json
import warnings
from typing import Any

import pytest
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins

from tests.grafana.model import dashboards

with warnings.catch_warnings():
    # The classic model is deprecated there, in favour of one that Grafana 10 and 11 cannot read.
    warnings.simplefilter("ignore", DeprecationWarning)
    from grafana_foundation_sdk.models.dashboard import Dashboard


def differences(ours: Any, theirs: Any, path: str = "") -> list[str]:
    """The places in `ours` that `theirs` lacks or has otherwise; what it adds are defaults."""
    if isinstance(ours, dict):
        assert isinstance(theirs, dict), path
        return [
            found
            for key, value in ours.items()
            for found in (
                differences(value, theirs[key], f"{path}.{key}") if key in theirs else [f"{path}.{key} is unknown"]
            )
            if value is not None or key in theirs
        ]
    if isinstance(ours, list):
        if len(ours) != len(theirs):
            return [f"{path} has another length"]
        return [
            found
            for place, (mine, its) in enumerate(zip(ours, theirs, strict=True))
            for found in differences(mine, its, f"{path}[{place}]")
        ]
    return [] if ours == theirs else [f"{path}: {ours!r} became {theirs!r}"]


def through_the_library(dashboard: Any) -> Any:
    """Read and written again."""
    register_default_plugins()
    return json.loads(JSONEncoder().encode(Dashboard.from_json(dashboard)))


@pytest.mark.parametrize("dashboard", [pytest.param(each, id=each["uid"]) for each in dashboards()])
def test_grafanas_own_library_knows_every_key(dashboard: dict[str, Any]) -> None:
    assert differences(dashboard, through_the_library(dashboard)) == []


def test_a_misspelt_key_would_be_found() -> None:
    dashboard: dict[str, Any] = json.loads(json.dumps(dashboards()[0]))
    panel = next(panel for panel in dashboard["panels"] if panel["type"] == "stat")
    panel["options"]["colourMode"] = panel["options"].pop("colorMode")
    assert [found for found in differences(dashboard, through_the_library(dashboard)) if "colourMode" in found]
