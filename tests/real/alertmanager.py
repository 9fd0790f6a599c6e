"""An Alertmanager of one's own, and the webhook at which its messages arrive: Debian's program on a free port.

It routes, groups and inhibits as its configuration says. `shipped` is the one that users get, with times that a test
can wait for. Silences and clusters are not its business.
"""

import json
import re
import subprocess
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from types import TracebackType
from typing import Any, Self
from urllib.error import HTTPError

import yaml

from tests.real.require import require
from tests.real.waiting import wait_until

SHIPPED = Path(__file__).parents[2] / "deploy" / "alertmanager" / "alertmanager.yml"

_LISTENING = re.compile(r'"Listening on" address=(\S+)')

# More than it needs for a handful of alerts on a busy machine.
_ANSWER_SECONDS = 20.0

Labels = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Notice:
    """One alert in a message; `status` is "firing" or "resolved"."""

    status: str
    labels: Labels
    annotations: Labels


@dataclass(frozen=True, slots=True)
class Message:
    """What one request brought: the receiver's name, the labels that its alerts were grouped by, and these alerts."""

    receiver: str
    group: Labels
    notices: Sequence[Notice]


class Webhook:
    """Takes every message while the context is open: `with Webhook() as webhook`. They are `webhook.messages`."""

    def __init__(self) -> None:
        self.messages: list[Message] = []
        taken = self.messages

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:  # the name that http.server calls
                body = self.rfile.read(int(self.headers["Content-Length"]))
                taken.append(_message(json.loads(body)))
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002  (the base class names it so)
                """Messages are looked at by the test."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def told(self, status: str) -> list[tuple[Message, Notice]]:
        """Every alert that was told with this `status`, once for each time."""
        messages = tuple(self.messages)
        return [(message, notice) for message in messages for notice in message.notices if notice.status == status]


class RealAlertmanager:
    """Runs while the context is open: `with RealAlertmanager(folder, config) as alertmanager`.

    `folder` is for its configuration, data and log; `config` is the text of the configuration.
    """

    def __init__(self, folder: Path, config: str) -> None:
        self._program = require("prometheus-alertmanager", "prometheus-alertmanager")
        self._folder = folder
        self._config = config
        self._log = folder / "alertmanager.log"
        self.address = ""

    def __enter__(self) -> Self:
        file = self._folder / "alertmanager.yml"
        file.write_text(self._config)
        command = (
            self._program,
            f"--config.file={file}",
            f"--storage.path={self._folder / 'alertmanager'}",
            # The system chooses a free port, and the log tells which.
            "--web.listen-address=127.0.0.1:0",
            # No other instance to gossip with.
            "--cluster.listen-address=",
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

    def raise_alerts(self, alerts: Sequence[Labels]) -> None:
        """Hand over alerts that fire from now on, all in one request as Prometheus does."""
        body = json.dumps([{"labels": dict(labels)} for labels in alerts]).encode()
        request = urllib.request.Request(
            f"http://{self.address}/api/v2/alerts", data=body, headers={"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=_ANSWER_SECONDS):
            pass

    def suppressed(self) -> list[Labels]:
        """The labels of the alerts that another one hides at present."""
        with urllib.request.urlopen(f"http://{self.address}/api/v2/alerts", timeout=_ANSWER_SECONDS) as answer:
            return [alert["labels"] for alert in json.load(answer) if alert["status"]["inhibitedBy"]]

    def _is_ready(self) -> bool:
        assert self._process.poll() is None, self._log.read_text()
        found = _LISTENING.search(self._log.read_text())
        if found is None:
            return False
        self.address = found[1]
        try:
            with urllib.request.urlopen(f"http://{self.address}/-/ready", timeout=_ANSWER_SECONDS):
                return True
        except HTTPError as error:
            error.close()
            return False

    def _end(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(_ANSWER_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def shipped(webhook: Webhook) -> str:
    """The shipped configuration, whose messages come to `webhook` and soon."""
    document: dict[str, Any] = yaml.safe_load(SHIPPED.read_text(encoding="utf-8"))
    document["route"] |= {"group_wait": "1s", "group_interval": "1s"}
    for receiver in document["receivers"]:
        for hook in receiver.get("webhook_configs", ()):
            hook["url"] = webhook.url
    return yaml.safe_dump(document)


def _message(document: Mapping[str, Any]) -> Message:
    notices = [Notice(alert["status"], alert["labels"], alert["annotations"]) for alert in document["alerts"]]
    return Message(document["receiver"], document["groupLabels"], notices)
