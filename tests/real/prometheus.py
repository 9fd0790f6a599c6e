"""A Prometheus server of one's own: Debian's program on a free port, with its data in a temporary folder.

Scrapes and evaluates as its configuration says. Questions go through its HTTP API, as Grafana's do. What it learns it
learns in its own time, so `wait_for` asks again until it knows.
"""

import json
import re
import subprocess
import urllib.parse
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.error import HTTPError

from tests.real.require import require
from tests.real.waiting import wait_until

_LISTENING = re.compile(r'"Listening on".* address=(\S+)')

# More than a query on some hundred series takes on a busy machine.
_ANSWER_SECONDS = 20.0


class QueryError(Exception):
    """Prometheus did not accept a query; its own words."""


@dataclass(frozen=True, slots=True)
class Series:
    """One series of an answer: its labels, and instants with values (one for an instant query)."""

    labels: Mapping[str, str]
    points: Sequence[tuple[float, float]]

    @property
    def value(self) -> float:
        """The last value."""
        return self.points[-1][1]


class RealPrometheus:
    """Runs while the context is open: `with RealPrometheus(folder, config) as prometheus`.

    `folder` is for its configuration, data and log; `config` is the text of the configuration, `flags` are further ones
    of its command line. One that is started in the folder of another remembers what that one has seen.
    """

    def __init__(self, folder: Path, config: str, *flags: str) -> None:
        self._program = require("prometheus", "prometheus")
        self._flags = flags
        self._folder = folder
        self._config = config
        self._log = folder / "prometheus.log"
        self.url = ""

    def __enter__(self) -> Self:
        file = self._folder / "prometheus.yml"
        file.write_text(self._config)
        command = (
            self._program,
            f"--config.file={file}",
            f"--storage.tsdb.path={self._folder / 'data'}",
            # The system chooses a free port, and the log tells which.
            "--web.listen-address=127.0.0.1:0",
            *self._flags,
        )
        with self._log.open("w") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
        try:
            wait_until(self._is_ready, self._log.read_text)
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._end()

    def query(self, expression: str, at: float | None = None) -> list[Series]:
        """The answer at the Unix time `at`, or now. Raises `QueryError`."""
        moment = {} if at is None else {"time": repr(at)}
        data = self._ask("query", {"query": expression, **moment})
        assert isinstance(data, dict)
        if data["resultType"] == "scalar":
            return [Series({}, (_point(data["result"]),))]
        return [Series(row["metric"], (_point(row["value"]),)) for row in data["result"]]

    def query_range(self, expression: str, start: float, end: float, step: float) -> list[Series]:
        """The answer from `start` to `end` (Unix time), every `step` seconds. Raises `QueryError`."""
        asked = {"query": expression, "start": repr(start), "end": repr(end), "step": repr(step)}
        data = self._ask("query_range", asked)
        assert isinstance(data, dict)
        return [Series(row["metric"], tuple(map(_point, row["values"]))) for row in data["result"]]

    def label_values(self, label: str, selector: str) -> list[str]:
        """The values that `label` has in the series of `selector`. Raises `QueryError`."""
        data = self._ask(f"label/{label}/values", {"match[]": selector})
        assert isinstance(data, list)
        return [str(value) for value in data]

    def rules(self) -> list[Mapping[str, object]]:
        """All rules that were loaded, with the health of their last evaluation."""
        data = self._ask("rules", {})
        assert isinstance(data, dict)
        return [rule for group in data["groups"] for rule in group["rules"]]

    def wait_for(self, expression: str) -> None:
        """Return as soon as `expression` yields a series now."""
        wait_until(lambda: bool(self.query(expression)), lambda: f"{expression}\n{self._log.read_text()}")

    def _is_ready(self) -> bool:
        assert self._process.poll() is None, self._log.read_text()
        found = _LISTENING.search(self._log.read_text())
        if found is None:
            return False
        self.url = f"http://{found[1]}"
        try:
            with urllib.request.urlopen(f"{self.url}/-/ready", timeout=_ANSWER_SECONDS):
                return True
        except HTTPError as error:
            error.close()
            return False

    def _ask(self, what: str, parameters: Mapping[str, str]) -> object:
        url = f"{self.url}/api/v1/{what}?{urllib.parse.urlencode(parameters)}"
        try:
            with urllib.request.urlopen(url, timeout=_ANSWER_SECONDS) as answer:
                body = json.load(answer)
        except HTTPError as error:
            with error:
                raise QueryError(json.load(error)["error"]) from error
        return body["data"]

    def _end(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(_ANSWER_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def _point(pair: Sequence[float | str]) -> tuple[float, float]:
    return float(pair[0]), float(pair[1])
