"""Writes the alert rules as objects of a cluster: `python -m deploy.kubernetes.generate` in the repository's root.

The Prometheus Operator reads rules only from objects of its own, so every file of deploy/prometheus/rules becomes one.
The file is committed, since kustomize reads it and not this module; a test compares both. Dashboards need no copy:
kustomize reads them where they are.
"""

from pathlib import Path
from textwrap import indent

FILE = Path(__file__).parent / "base" / "prometheusrule.yaml"
_RULES = Path(__file__).parents[1] / "prometheus" / "rules"

_HEAD = """\
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: {name}
  labels:
    app.kubernetes.io/name: mailprobe
spec:
"""


def rendered() -> str:
    """One PrometheusRule for each file of rules, with the file's own text and comments."""
    objects = (
        _HEAD.format(name=path.stem) + indent(path.read_text(encoding="utf-8"), "  ")
        for path in sorted(_RULES.glob("*.yml"))
    )
    return "# Made by python -m deploy.kubernetes.generate, not by hand.\n" + "---\n".join(objects)


if __name__ == "__main__":
    FILE.write_text(rendered(), encoding="utf-8")
