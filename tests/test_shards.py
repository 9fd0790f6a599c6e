"""Shards as they run: exporters with one configuration, each on its part, and the faults of the command line."""

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from exporter.cli import EXIT_FAULT, main
from exporter.demo.scripted import ScriptedServer
from tests.running import FREE_PORT, Pages, Running, pages_at, started
from tests.served import WELL, ConfigFile, entry

TOTAL = 3


@contextlib.asynccontextmanager
async def all_shards(config_file: Path) -> AsyncIterator[list[tuple[Running, Pages]]]:
    """`mailprobe run` once for each index."""
    async with contextlib.AsyncExitStack() as stack:
        found: list[tuple[Running, Pages]] = []
        for index in range(TOTAL):
            running = await stack.enter_async_context(
                started(
                    "run",
                    f"--config.file={config_file}",
                    f"--web.listen-address={FREE_PORT}",
                    "--log.format=json",
                    f"--shard.index={index}",
                    f"--shard.total={TOTAL}",
                )
            )
            found.append((running, await stack.enter_async_context(pages_at(await running.url()))))
        yield found


async def test_every_host_is_probed_by_one_shard_and_a_reload_keeps_the_shard(tmp_path: Path) -> None:
    config = ConfigFile(tmp_path / "config.yml")
    async with contextlib.AsyncExitStack() as stack:
        servers = [await stack.enter_async_context(ScriptedServer(WELL, host=f"127.0.0.{n}")) for n in range(2, 12)]
        config.name(*(entry(server) for server in servers[:2]))
        shards = await stack.enter_async_context(all_shards(config.path))
        before = [await hosts(pages) for _, pages in shards]
        config.name(*(entry(server) for server in servers))
        for _, pages in shards:
            assert (await pages.reload()).status == 200
        after = [await hosts(pages) for _, pages in shards]
        logged = [
            running.events("no host falls to this shard: there is nothing to watch here") for running, _ in shards
        ]

    assert sorted(host for own in before for host in own) == sorted(server.host for server in servers[:2])
    assert sorted(host for own in after for host in own) == sorted(server.host for server in servers)
    assert all(was <= now for was, now in zip(before, after, strict=True))
    # With two hosts at least one of three shards had none, and said so.
    assert [bool(events) for events in logged] == [not own for own in before]
    assert all(len(server.sessions) == 1 for server in servers)


async def hosts(pages: Pages) -> set[str]:
    """The hosts of one shard, once all of them were probed."""
    await pages.ready()
    scrape = await pages.scrape_with(
        lambda scrape: (
            scrape.values("mailprobe_first_round_progress_ratio") == [1.0]
            and len(scrape.values("mailprobe_success")) == sum(scrape.values("mailprobe_targets"))
        )
    )
    return scrape.hosts


def test_one_flag_without_the_other_is_a_fault(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "--shard.index=0"]) == EXIT_FAULT
    assert capsys.readouterr().err == (
        "the command line: --shard.index: needs to know of how many: --shard.total or MAILPROBE_SHARD_TOTAL\n"
    )


def test_the_environment_is_read(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("MAILPROBE_SHARD_INDEX", "4")
    assert main(["run", "--shard.total=4"]) == EXIT_FAULT
    assert capsys.readouterr().err == (
        "the environment: MAILPROBE_SHARD_INDEX: shards are counted from 0, so the last of 4 is 3, not 4\n"
    )
