"""A server's log file: what it says so far, and waiting until it says enough."""

import re
from dataclasses import dataclass
from pathlib import Path

from tests.real.waiting import wait_until


@dataclass(frozen=True, slots=True)
class ServerLog:
    """The log at `path`, which need not exist yet."""

    path: Path

    def text(self) -> str:
        """Everything so far."""
        return self.path.read_text() if self.path.exists() else ""

    def lines(self, pattern: str) -> list[str]:
        """The lines in which the regular expression `pattern` is found."""
        return [line for line in self.text().splitlines() if re.search(pattern, line)]

    def wait_for(self, pattern: str, count: int = 1) -> list[str]:
        """The lines with `pattern`, as soon as there are `count` of them."""
        wait_until(
            lambda: len(self.lines(pattern)) >= count,
            lambda: f"{count} lines with {pattern!r} in {self.path.name}:\n{self.text()}",
        )
        return self.lines(pattern)
