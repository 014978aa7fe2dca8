"""The expiry of holds: what is left of those whose time is over is released.

Each one is a command under an idempotency key of the hold, so it is done once, however many processes do it, and after
any interruption. Between the pages, other commands are decided.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from tekana.application.commands.money.expire_hold import ExpireHold
from tekana.application.session import Session
from tekana.application.workers.leased_worker import LeasedWorker
from tekana.application.workers.worker import PeriodicWorker, Worker
from tekana.domain.caller import HOLD_EXPIRY, Caller
from tekana.ports.due_holds import DueHold, DueHolds
from tekana.ports.lease import LeasingStore
from tekana.ports.store import Store

_log = logging.getLogger("tekana.holds")

NAME: Final = "hold expiry"
_PAGE_SIZE: Final = 100
_PERIOD_SECONDS: Final = 1.0


def expiry_worker(store: Store, as_caller: Callable[[Caller], Session], *, holder: str) -> Worker:
    """Create the worker that expires holds, in one process at a time if the store grants leases."""

    async def run_once(_: int = 0) -> float:
        count = await expire_holds(store.due_holds, as_caller(HOLD_EXPIRY))
        if count:
            _log.info("%d holds expired", count)
        return _PERIOD_SECONDS

    async def is_needed() -> bool:
        return bool(await store.due_holds.list(1))

    if not isinstance(store, LeasingStore):
        return PeriodicWorker(NAME, run_once)
    return LeasedWorker(NAME, store.lease("hold-expiry"), run_once, holder=holder, is_needed=is_needed)


async def expire_holds(due: DueHolds, session: Session, report: Callable[[int], object] = lambda _: None) -> int:
    """Expire the holds whose time is over, page by page. It can be interrupted anywhere, and run again.

    Args:
        due: the due holds of a store.
        session: a session of HOLD_EXPIRY on that store.
        report: called after each page with how many were dealt with so far.

    Returns:
        How many this call has expired: others may have expired some of them.

    Raises:
        Unavailable: the store cannot be reached, or too many commands wait. Call it again.
    """
    expired = dealt_with = 0
    after: DueHold | None = None
    while page := await due.list(_PAGE_SIZE, after):
        expired += sum(await asyncio.gather(*(_expire(session, one) for one in page)))
        dealt_with += len(page)
        report(dealt_with)
        after = page[-1]
    return expired


async def _expire(session: Session, one: DueHold) -> bool:
    """Expire a hold, and return whether this has done it. One that was extended expires later, under another key."""
    key = f"{one.id} {one.expires_at.isoformat()}"
    done = await session.submit(ExpireHold(transaction_id=one.id), key=key)
    return not done.replayed and done.answer.state.status == "expired"
