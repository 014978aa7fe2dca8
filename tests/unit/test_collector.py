"""A collector handles what comes in one iteration of the event loop together, in order, and nothing twice."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from tekana_litestar.protocol.collector import Collector


async def test_items_of_one_iteration_are_handled_together() -> None:
    handled: list[list[int]] = []
    collector = Collector[int](lambda items: handled.append(list(items)))
    for number in range(3):
        collector.add(number)
    assert handled == []
    await asyncio.sleep(0)
    assert handled == [[0, 1, 2]]
    await asyncio.sleep(0)
    assert handled == [[0, 1, 2]]
    collector.add(3)
    await asyncio.sleep(0)
    assert handled == [[0, 1, 2], [3]]


async def test_items_that_are_added_while_others_are_handled_come_next() -> None:
    handled: list[list[int]] = []

    def handle(items: Sequence[int]) -> None:
        handled.append(list(items))
        if items[0] < 2:
            collector.add(items[0] + 1)

    collector = Collector[int](handle)
    collector.add(0)
    for _ in range(4):
        await asyncio.sleep(0)
    assert handled == [[0], [1], [2]]
