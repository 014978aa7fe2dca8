"""Deadlines: only tasks that exceed theirs are cancelled."""

from __future__ import annotations

import asyncio

from tekana_litestar.deadlines import Deadlines

LONGEST = 0.05


async def test_a_task_over_its_deadline_is_cancelled() -> None:
    deadlines = Deadlines()
    ends: dict[str, bool] = {}

    async def take(name: str, seconds: float) -> None:
        task = asyncio.current_task()
        assert task is not None
        deadlines.begin(task, LONGEST)
        try:
            await asyncio.sleep(seconds)
        except asyncio.CancelledError:
            ends[name] = deadlines.was_missed(task)
        else:
            ends[name] = False
        finally:
            deadlines.end(task)

    await asyncio.gather(take("first", 60), take("quick", 0), take("second", 60))
    assert ends == {"first": True, "quick": False, "second": True}
    ends.clear()
    await asyncio.gather(take("after all had ended", 60))
    assert ends == {"after all had ended": True}


async def test_a_cancellation_from_outside_is_not_a_timeout() -> None:
    deadlines = Deadlines()
    late: list[bool] = []

    async def wait() -> None:
        task = asyncio.current_task()
        assert task is not None
        deadlines.begin(task, 60)
        try:
            await asyncio.sleep(60)
        finally:
            late.append(deadlines.was_missed(task))
            deadlines.end(task)

    waiting = asyncio.create_task(wait())
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    assert late == [False]
