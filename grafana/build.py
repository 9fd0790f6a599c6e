"""Writes the dashboards: `python -m grafana.build` in the root of the repository.

The files are committed, since Grafana reads them and not this package; a test compares both.
"""

import json
from pathlib import Path

from grafana.host import host
from grafana.overview import overview

FOLDER = Path(__file__).parent


def rendered() -> dict[str, str]:
    """The text of every dashboard, by file name."""
    dashboards = {"mail-overview.json": overview(), "mail-host.json": host()}
    return {
        name: json.dumps(dashboard.json(), indent=2, ensure_ascii=False) + "\n"
        for name, dashboard in dashboards.items()
    }


if __name__ == "__main__":
    for name, text in rendered().items():
        (FOLDER / name).write_text(text, encoding="utf-8")
