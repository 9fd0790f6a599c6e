"""`--probe.workers` as users have it: the daemon with its probes in other processes."""

import asyncio
import os
import signal
from pathlib import Path

import pytest

from exporter.cli import EXIT_FAULT, main
from exporter.demo.scripted import Reached, ScriptedServer, Wait
from tests.running import FREE_PORT, Running, pages_at, started
from tests.served import WELL, ConfigFile, entry


def with_workers(config: Path, count: int) -> tuple[str, ...]:
    return (
        *("run", f"--config.file={config}", f"--web.listen-address={FREE_PORT}", "--log.format=json"),
        f"--probe.workers={count}",
    )


async def test_a_killed_worker_is_replaced_and_the_store_keeps_what_it_has(tmp_path: Path) -> None:
    config = ConfigFile(tmp_path / "config.yml")
    async with ScriptedServer(WELL) as server:
        config.name(entry(server))
        async with started(*with_workers(config.path, 2)) as running, pages_at(await running.url()) as pages:
            await pages.ready()
            before = await pages.scrape()
            for pid in children(running):
                os.kill(pid, signal.SIGKILL)
            after = await pages.scrape_with(
                lambda scrape: (
                    scrape.values("mailprobe_worker_restarts_total") == [2.0]
                    and scrape.values("mailprobe_workers") == [2.0]
                )
            )

            assert before.values("mailprobe_success") == after.values("mailprobe_success") == [1.0]
            assert len(running.events("a worker process ended and is replaced")) == 2
            running.send(signal.SIGTERM)
            assert await running.exit_code() == 0


async def test_a_signal_to_every_process_lets_the_session_in_flight_say_goodbye(tmp_path: Path) -> None:
    config = ConfigFile(tmp_path / "config.yml")
    connected, signalled = asyncio.Event(), asyncio.Event()
    async with ScriptedServer([Reached(connected), Wait(signalled), *WELL]) as server:
        config.name(entry(server))
        async with started(*with_workers(config.path, 1)) as running:
            await connected.wait()
            for pid in children(running):
                os.kill(pid, signal.SIGTERM)
            running.send(signal.SIGTERM)
            await running.logged("stopping: sessions in flight may say goodbye")
            signalled.set()
            await server.finished()

            assert await running.exit_code() == 0
            assert server.faults == []
            assert [event["to"] for event in running.events("target changed state")] == ["ok"]
            assert children(running) == []


async def test_without_workers_there_are_no_series_of_them(tmp_path: Path) -> None:
    config = ConfigFile(tmp_path / "config.yml")
    async with ScriptedServer(WELL) as server:
        config.name(entry(server))
        async with started(*with_workers(config.path, 0)) as running, pages_at(await running.url()) as pages:
            scrape = await pages.scrape()
            assert children(running) == []
            assert scrape.values("mailprobe_workers") == []


@pytest.mark.parametrize("text", ["-1", "65", "two", "1.5", "²", ""])
def test_a_number_of_workers_that_is_none_is_a_fault_of_the_command_line(
    text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", f"--probe.workers={text}"]) == EXIT_FAULT
    assert "from 0 to 64" in capsys.readouterr().err


def children(running: Running) -> list[int]:
    """The processes that it has started and that are still there."""
    found = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = status.read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(fields[1]) == running.pid:
            found.append(int(status.parent.name))
    return found
