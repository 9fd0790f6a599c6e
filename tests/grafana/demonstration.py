"""The demo as `mailprobe demo` runs it, scraped by a real Prometheus until everything that it promises is there.

On addresses of its own, so that it runs beside another one; and with the metrics of capabilities, which are off else.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

from exporter.config.load import parse
from exporter.config.model import Config
from exporter.demo.hosts import Demo, demo_servers
from exporter.demo.resolver import DemoResolver
from tests.real.prometheus import RealPrometheus
from tests.running import inside

_NETWORK = "127.0.17"
_CAPABILITIES = "metrics: {capabilities: true}\n"


@asynccontextmanager
async def scraped_demo(folder: Path) -> AsyncIterator[tuple[Demo, RealPrometheus]]:
    """The demo and a Prometheus that goes on scraping it; every state of the demo is there.

    Both run while the test's loop does, so whoever asks Prometheus, which blocks, does it in a thread.
    """
    async with demo_servers(datetime.now(UTC), network=_NETWORK) as demo:

        def read() -> Config:
            return parse(_CAPABILITIES + demo.config_text, "the demo's configuration")

        async with inside(read, DemoResolver(demo.addresses)) as (_, pages):
            config = (
                "global: {scrape_interval: 500ms, scrape_timeout: 500ms}\n"
                "scrape_configs: [{job_name: mailprobe, static_configs: "
                f"[{{targets: ['{pages.url.removeprefix('http://')}']}}]}}]\n"
            )
            prometheus = RealPrometheus(folder, config)
            await asyncio.to_thread(prometheus.__enter__)
            try:
                for state in demo.states:
                    await asyncio.to_thread(prometheus.wait_for, state.query)
                # A rate needs a second round of what failed in the first, at the host whose failures are asked for.
                failed = 'mailprobe_probes_total{host="limping.mail.example",outcome="connect_refused"}'
                await asyncio.to_thread(prometheus.wait_for, f"increase({failed}[1m]) > 0")
                yield demo, prometheus
            finally:
                await asyncio.to_thread(prometheus.__exit__, None, None, None)
