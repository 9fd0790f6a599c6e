"""What fail2ban would count in a server's log, by the filters it ships."""

import re
from dataclasses import dataclass

from tests.real.command import run
from tests.real.require import require, require_file
from tests.real.serverlog import ServerLog

_SUMMARY = re.compile(r"^Lines: (?P<lines>\d+) lines, (?P<ignored>\d+) ignored, (?P<matched>\d+) matched", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Count:
    """How many lines were looked at, and how many of them count against an address."""

    lines: int
    matched: int


def moments(log: ServerLog, name: str, mode: str) -> list[float]:
    """When the lines were written (Unix seconds) that the shipped filter `name` in `mode` counts, in their order.

    The log is dated in UTC and within the last year, since its lines name no year.
    """
    program = require("fail2ban-regex", "fail2ban")
    require_file(f"/etc/fail2ban/filter.d/{name}.conf", "fail2ban")
    report = run(program, "--usedns=no", "--timezone=UTC", "--out=<time>", str(log.path), f"{name}[mode={mode}]")
    return [float(moment) for moment in report.split()]


def count(log: ServerLog, name: str, mode: str) -> Count:
    """Run the shipped filter `name` in `mode` over `log`, as a jail would."""
    program = require("fail2ban-regex", "fail2ban")
    require_file(f"/etc/fail2ban/filter.d/{name}.conf", "fail2ban")
    # No names are looked up, so that the result does not depend on the machine's resolver.
    report = run(program, "--raw", "--usedns=no", str(log.path), f"{name}[mode={mode}]")
    summary = _SUMMARY.search(report)
    assert summary is not None, report
    assert summary["ignored"] == "0", report
    return Count(int(summary["lines"]), int(summary["matched"]))
