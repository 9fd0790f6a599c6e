"""A real Prometheus as the client of a scrape so large that passages of it are kept compressed for the next one."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from exporter.metrics.column import PASSAGE_ROWS
from exporter.metrics.compression import Passage
from exporter.metrics.negotiation import Format
from exporter.results import Outcome
from exporter.web.application import application
from exporter.web.server import Service, serve
from tests.judgement.sessions import STARTED, ended, healthy, target
from tests.metrics.world import World
from tests.real.prometheus import RealPrometheus
from tests.web.daemon import StandingDaemon

pytestmark = pytest.mark.real

# Two full passages, and one that is not.
TARGETS = [target(host=f"host{number}.example.org") for number in range(2 * PASSAGE_ROWS + 100)]


class Scraped(StandingDaemon):
    """With a world behind its metrics."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self.world = world

    def metrics(self, form: Format) -> Iterator[bytes | Passage]:  # type: ignore[override]  # the daemon's own type
        return self.world.exposition.parts(form)


async def test_what_was_kept_and_what_changed_beside_it_arrives_at_every_scrape(tmp_path: Path) -> None:
    world = World(*TARGETS)
    world.deliver(*(healthy(each) for each in TARGETS))
    async with serve(application(Scraped(world)), Service(["127.0.0.1:0"])) as (url,):
        job = {"job_name": "mailprobe", "static_configs": [{"targets": [url.removeprefix("http://")]}]}
        config = json.dumps({"global": {"scrape_interval": "1s"}, "scrape_configs": [job]})
        with RealPrometheus(tmp_path, config) as prometheus:
            # The first one compresses, and those that follow have it from there.
            await asyncio.to_thread(prometheus.wait_for, "count_over_time(up[1m]) >= 3")
            world.deliver(ended(TARGETS[0], Outcome.CONNECT_REFUSED, STARTED + 60))
            await asyncio.to_thread(prometheus.wait_for, 'mailprobe_success{host="host0.example.org"} == 0')
            [well] = prometheus.query("count(mailprobe_success == 1)")
            [up] = prometheus.query("min_over_time(up[1m])")
    assert (well.value, up.value) == (len(TARGETS) - 1, 1)
