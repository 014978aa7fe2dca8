"""Helpers of the suites."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterable, Sequence
from itertools import count
from typing import Final, TypeVar

from uuid_utils.compat import uuid7

from tekana.application import BatchOutcome, Command, Session
from tekana.application.engine.decide import decide, fingerprint, with_further_locks
from tekana.application.engine.envelope import Envelope
from tekana.domain.answers import Answer, CustomerWithWallets
from tekana.domain.book import Book
from tekana.domain.caller import Caller
from tekana.domain.errors import Conflict
from tekana.domain.lock_set import LockedState, merge
from tekana.domain.money import Currency
from tekana.domain.transaction import Transaction
from tekana.domain.wallet import Wallet
from tekana.ports.store import Store
from tekana.ports.unit_of_work import IdempotencyKey, IdempotencyRecord, UnitOfWork
from tekana.testing import builders

T = TypeVar("T")

_numbers = count()  # shared by all Books, as in a process

PATIENCE = 60.0
"""The timeout of waits, in seconds."""

MOST_TRIES = 100


async def a_customer(app: Session, amount: str | None = None, **changes: object) -> CustomerWithWallets:
    """Register a customer, and deposit the amount into their first wallet."""
    registered = await app.execute(builders.person(**changes))
    if amount is not None:
        wallet = registered.wallets[0]
        await app.execute(builders.deposit(wallet.id, amount, wallet.currency))
    return await app.customers.get(registered.customer.id)


async def a_wallet(app: Session, amount: str | None = None, **changes: object) -> Wallet:
    """Register a customer, and return their first wallet, with the amount in it."""
    return (await a_customer(app, amount, **changes)).wallets[0]


CALLER: Final = builders.caller()
"""The caller of commands that are executed by hand."""


def book_on(found: LockedState, caller: Caller = CALLER) -> Book:
    """Return a Book for a locked state."""
    return Book(
        found,
        uuid7,
        Currency("RWF"),
        caller,
        new_secret=builders.readable_secret,
        hash_secret=builders.hash_secret,
        numbers=_numbers,
    )


async def by_hand(
    store: Store, command: Command[Answer], key: str | None = None, caller: Caller = CALLER
) -> tuple[Answer, bool]:
    """Execute a command in a unit of work of its own, as the engine does.

    Other tasks may run between any two steps. After a lost race, it begins a new unit.

    Returns:
        The answer, and whether it was replayed.
    """
    full_key = IdempotencyKey(caller.tenant, caller.subject, key or str(uuid7()))
    for _ in range(MOST_TRIES):
        try:
            async with store.begin() as unit:
                await asyncio.sleep(0)
                known = await unit.find_keys({full_key})
                if full_key in known:
                    return known[full_key].answer, True
                await asyncio.sleep(0)
                answer = await _decide_and_save(unit, command, caller, full_key)
                return answer, False
        except Conflict:
            await asyncio.sleep(0)
    raise AssertionError(f"lost {MOST_TRIES} races in a row")


async def _decide_and_save(unit: UnitOfWork, command: Command[Answer], caller: Caller, key: IdempotencyKey) -> Answer:
    locks = merge([command.locks()], 0)
    locked = await unit.lock(locks)
    while more := with_further_locks([command], locks, locked, 0):
        locks = more
        locked = await unit.lock(locks)
    book = book_on(locked, caller)
    await asyncio.sleep(0)
    answer = decide(Envelope(command, caller), book)
    await unit.save(book, {key: IdempotencyRecord(fingerprint(command.NAME, command), answer)})
    await asyncio.sleep(0)
    return answer


async def all_at_once(work: Iterable[Awaitable[T]]) -> list[T]:
    """Await concurrently; raise the first error."""
    async with asyncio.timeout(PATIENCE):
        return await asyncio.gather(*work)


async def all_outcomes(work: Iterable[Awaitable[T]]) -> list[T | BaseException]:
    """Await concurrently; return results and errors."""
    async with asyncio.timeout(PATIENCE):
        return await asyncio.gather(*work, return_exceptions=True)


def transactions_of(done: BatchOutcome) -> list[Transaction]:
    """Return the transactions of a batch all of whose commands led to one, if only to a rejected one."""
    found = [one for one in done.transactions if isinstance(one, Transaction)]
    assert len(found) == len(done.transactions)
    return found


def kinds(outcomes: Sequence[object]) -> list[str]:
    """Return the class names of the outcomes, sorted."""
    return sorted(type(one).__name__ for one in outcomes)
