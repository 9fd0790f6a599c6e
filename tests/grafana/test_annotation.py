"""The annotation of the host's dashboard marks a certificate that was replaced, and nothing else."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from grafana.hostcertificates import certificate_changes
from tests.grafana.question import filled
from tests.real.require import require

pytestmark = pytest.mark.real

# A renewal at minute 20, and a port that is not there before minute 20.
RENEWED = ("a", "1x19 _x40"), ("b", "_x20 1x40")
NEW = (("c", "_x20 1x40"),)


def series(port: str, fingerprint: str, values: str) -> dict[str, str]:
    labels = {
        "job": "mailprobe",
        "instance": "e",
        "host": "mx",
        "port": port,
        "ip_family": "ipv4",
        "variant": "default",
    }
    labels |= {"fingerprint_sha256": fingerprint, "subject": "CN=mx"}
    written = ",".join(f'{name}="{value}"' for name, value in labels.items())
    return {"series": f"mailprobe_certificate_info{{{written}}}", "values": values}


def marked(minute: int, *labels: str) -> dict[str, Any]:
    samples = [{"labels": found, "value": 1} for found in labels]
    expression = filled(str(certificate_changes()["expr"]))
    return {"expr": expression, "eval_time": f"{minute}m", "exp_samples": samples}


def test_a_renewal_is_marked_and_a_port_that_appears_is_not(tmp_path: Path) -> None:
    change = '{host="mx", port="465", fingerprint_sha256="b", subject="CN=mx"}'
    case = {
        "interval": "1m",
        "input_series": [
            *(series("465", *each) for each in RENEWED),
            *(series("993", *each) for each in NEW),
        ],
        "promql_expr_test": [marked(10), marked(21, change), marked(40)],
    }
    file = tmp_path / "annotation.yml"
    # JSON is YAML as well.
    file.write_text(json.dumps({"rule_files": [], "evaluation_interval": "1m", "tests": [case]}))
    program = require("promtool", "prometheus")
    run = subprocess.run([program, "test", "rules", str(file)], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
