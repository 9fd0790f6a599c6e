"""What comes in one turn of the loop, or in a moment, and is dealt with together."""

import asyncio

from exporter.batch import Batch
from tests.manual_loop import run


def test_what_comes_in_one_turn_is_dealt_with_once_in_its_order_and_not_before_the_turn_is_over() -> None:
    dealt: list[list[int]] = []

    async def story() -> None:
        batch = Batch(dealt.append)
        loop = asyncio.get_running_loop()
        for number in range(3):
            loop.call_soon(batch.add, number)
        batch.add(9)
        assert dealt == []
        await asyncio.sleep(0)
        batch.add(10)
        await asyncio.sleep(0)

    run(story())
    assert dealt == [[9, 0, 1, 2], [10]]


def test_what_comes_while_others_are_dealt_with_is_dealt_with_after_them() -> None:
    dealt: list[list[str]] = []

    async def story() -> None:
        def deal(items: list[str]) -> None:
            dealt.append(items)
            if items == ["first"]:
                batch.add("second")

        batch = Batch(deal)
        batch.add("first")
        await asyncio.sleep(0)
        assert dealt == [["first"]]
        await asyncio.sleep(0)

    run(story())
    assert dealt == [["first"], ["second"]]


def test_closed_early_a_batch_is_dealt_with_once_and_an_empty_one_never() -> None:
    dealt: list[list[int]] = []

    async def story() -> None:
        batch = Batch(dealt.append)
        batch.close()
        batch.add(1)
        batch.close()
        await asyncio.sleep(0)

    run(story())
    assert dealt == [[1]]


def test_with_seconds_the_first_waits_so_long_for_others_and_so_does_the_first_after_them() -> None:
    dealt: list[tuple[float, list[str]]] = []

    async def story() -> None:
        loop = asyncio.get_running_loop()
        begun = loop.time()
        batch: Batch[str] = Batch(lambda items: dealt.append((loop.time() - begun, items)), 3.0)
        batch.add("first")
        await asyncio.sleep(1)
        batch.add("joins it")
        await asyncio.sleep(5)
        batch.add("alone")
        await asyncio.sleep(5)

    run(story())
    assert dealt == [(3.0, ["first", "joins it"]), (9.0, ["alone"])]
