"""Ending tasks."""

from __future__ import annotations

import asyncio
from typing import Any, Final

_CANCEL_AGAIN_SECONDS: Final = 3.0


async def end_tasks(*tasks: asyncio.Task[Any]) -> None:
    """Cancel the tasks and wait until they have ended. A cancellation that a library suppressed is repeated.

    A cancellation of the current task is forwarded to them, and raised once they have ended.
    """
    pending = {task for task in tasks if not task.done()}
    cancelled: asyncio.CancelledError | None = None
    while pending:
        for task in pending:
            task.cancel()
        try:
            await asyncio.wait(pending, timeout=_CANCEL_AGAIN_SECONDS)
        except asyncio.CancelledError as error:
            cancelled = error
        pending = {task for task in pending if not task.done()}
    if cancelled is not None:
        raise cancelled
