"""Checkpoints: note the newest links of history outside the database, from time to time."""

from __future__ import annotations

from typing import Final

from tekana.application.workers.leased_worker import LeasedWorker
from tekana.domain.errors import TekanaError
from tekana.ports.history import CheckpointLog, History, LinkedStore

PERIOD_SECONDS: Final = 60.0
"""The time between checkpoints, in seconds: rows that are cut off within it leave no trace, if no unit follows."""


class HistoryChanged(TekanaError):
    """Links that a checkpoint names are not there any more. `tekana audit --chain` finds what was changed."""

    code = "history_changed"


def checkpoint_worker(
    store: LinkedStore, log: CheckpointLog, *, holder: str, period_seconds: float = PERIOD_SECONDS
) -> LeasedWorker:
    """Create the worker that takes a checkpoint every minute, in one process of all."""

    async def run_once(_: int) -> float:
        await take_checkpoint(store.history, log)
        return period_seconds

    return LeasedWorker("checkpoints", store.lease("checkpoints"), run_once, holder=holder)


async def take_checkpoint(history: History, log: CheckpointLog) -> int:
    """Append the newest links to the log, if all that it names are still there.

    Returns:
        The number of the last checkpoint.

    Raises:
        HistoryChanged: a link that a checkpoint names is missing, or is another one.
        Unavailable: the store, the log or a key cannot be reached, or the log was changed.
    """
    missing = await history.find_missing(await log.last_heads())
    if missing:
        chain, number, _ = missing[0]
        raise HistoryChanged(
            f"history was changed: link {number} of chain {chain} is not the one that a checkpoint names"
            f"{f', nor are {len(missing) - 1} others' if len(missing) > 1 else ''}; run tekana audit --chain"
        )
    return await log.append(await history.heads())
