"""Stores in memory, each with one bug that the contract suite has to catch."""

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime
from typing import Any

from tekana.domain.book import BatchRecord, Book, CustomerWithWallets
from tekana.domain.customer import CONTACTS
from tekana.domain.lock_set import LockedState, LockSet
from tekana.domain.transaction import Transaction
from tekana.ports.audit import Finding
from tekana.ports.events import FeedEvent
from tekana.ports.page import Page, PageRequest
from tekana.ports.transactions import TransactionFilter
from tekana.ports.unit_of_work import IdempotencyKey, IdempotencyRecord
from tekana.ports.wallets import BalanceAt
from tekana_memory import MemoryStore
from tekana_memory.readers import MemoryCustomers, MemoryEvents, MemoryTransactions, MemoryWallets
from tekana_memory.unit_of_work import MemoryUnitOfWork


class Broken(MemoryStore):
    """A store whose unit of work, or whose reader, has a bug."""

    unit: type[MemoryUnitOfWork] = MemoryUnitOfWork

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[MemoryUnitOfWork]:
        async with self._lock:
            yield self.unit(self._state, self._clock())


class NoLock(Broken):
    """Units of work run at the same time, on the same wallets."""

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[MemoryUnitOfWork]:
        yield self.unit(self._state, self._clock())


class HandsOutOriginals(Broken):
    """What a unit decides shows at once, saved or not."""

    class unit(MemoryUnitOfWork):  # noqa: N801
        async def lock(self, locks: LockSet, *, wait: bool = True) -> LockedState:
            locked = await super().lock(locks, wait=wait)
            kept = self._state
            return replace(locked, wallets={one: kept.wallets[one] for one in locked.wallets})


class SavesByHalves(Broken):
    """Wallets are saved, and then, if nothing goes wrong, the rest."""

    class unit(MemoryUnitOfWork):  # noqa: N801
        async def lock(self, locks: LockSet, *, wait: bool = True) -> LockedState:
            self.locked = await super().lock(locks, wait=wait)
            return self.locked

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[MemoryUnitOfWork]:
        async with self._lock:
            unit = self.unit(self._state, self._clock())
            try:
                yield unit
            finally:
                if hasattr(unit, "locked"):
                    self._state.wallets.update(unit.locked.wallets)


class SavesAtTheEnd(Broken):
    """What was saved is gone if anything goes wrong afterwards."""

    class unit(MemoryUnitOfWork):  # noqa: N801
        saved: tuple[Book, Mapping[IdempotencyKey, IdempotencyRecord]] | None = None

        async def save(self, book: Book, claims: Mapping[IdempotencyKey, IdempotencyRecord]) -> None:
            self.saved = book, claims

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[MemoryUnitOfWork]:
        async with self._lock:
            unit = self.unit(self._state, self._clock())
            yield unit
            if unit.saved:
                await MemoryUnitOfWork.save(unit, *unit.saved)


class KeysElsewhere(Broken):
    """Keys are kept when they are claimed, before the work they stand for is saved."""

    class unit(MemoryUnitOfWork):  # noqa: N801
        async def save(self, book: Book, claims: Mapping[IdempotencyKey, IdempotencyRecord]) -> None:
            self._state.keys.update(claims)
            await asyncio.sleep(0)
            if book.transactions and book.transactions[0].status == "rejected":
                return  # "nothing happened, so there is nothing to keep"
            await super().save(book, claims)


class ForgetsRefusals(Broken):
    """A refused request is no request: its key is free again."""

    class unit(MemoryUnitOfWork):  # noqa: N801
        async def save(self, book: Book, claims: Mapping[IdempotencyKey, IdempotencyRecord]) -> None:
            await super().save(book, claims)
            for key, claimed in claims.items():
                if isinstance(claimed.answer, Transaction) and claimed.answer.rejection:
                    del self._state.keys[key]


class KeepsOnlyTransactionsKeys(Broken):
    """A key that leads to no transaction is not worth keeping: so it says, and forgets what was a batch's."""

    class unit(MemoryUnitOfWork):  # noqa: N801
        async def save(self, book: Book, claims: Mapping[IdempotencyKey, IdempotencyRecord]) -> None:
            await super().save(
                book, {key: one for key, one in claims.items() if not isinstance(one.answer, BatchRecord)}
            )


class DecidesAgain(Broken):
    """A replay is answered with how things are now."""

    class unit(MemoryUnitOfWork):  # noqa: N801
        async def find_keys(self, keys: Collection[IdempotencyKey]) -> Mapping[IdempotencyKey, IdempotencyRecord]:
            known = await super().find_keys(keys)
            return {key: claimed._replace(answer=self._now_is(claimed.answer)) for key, claimed in known.items()}

        def _now_is(self, answer: Any) -> Any:
            if isinstance(answer, CustomerWithWallets):
                wallets = tuple(replace(self._state.wallets[wallet.id]) for wallet in answer.wallets)
                return CustomerWithWallets(replace(self._state.customers[answer.customer.id]), wallets)
            return replace(self._state.wallets[answer.id]) if hasattr(answer, "ledger_balance") else answer


class SharesKeys(Broken):
    """A key is a key, whoever uses it."""

    class unit(MemoryUnitOfWork):  # noqa: N801
        async def find_keys(self, keys: Collection[IdempotencyKey]) -> Mapping[IdempotencyKey, IdempotencyRecord]:
            used = {key.key: claimed for key, claimed in self._state.keys.items()}
            return {key: used[key.key] for key in keys if key.key in used}


class SloppyKeys(Broken):
    """Keys are compared as some databases compare text."""

    class unit(MemoryUnitOfWork):  # noqa: N801
        async def find_keys(self, keys: Collection[IdempotencyKey]) -> Mapping[IdempotencyKey, IdempotencyRecord]:
            used = {self._sloppy(key): claimed for key, claimed in self._state.keys.items()}
            found = {key: used.get(self._sloppy(key)) for key in keys}
            return {key: claimed for key, claimed in found.items() if claimed}

        def _sloppy(self, key: IdempotencyKey) -> IdempotencyKey:
            return key._replace(key=key.key.strip().lower())


class ForgetsToFreeContacts(Broken):
    """Whoever closes takes their email with them."""

    class unit(MemoryUnitOfWork):  # noqa: N801
        def _release_contacts(self, customer: Any) -> None:
            pass


class SharesContacts(Broken):
    """Nobody looks whether an email is taken."""

    class unit(MemoryUnitOfWork):  # noqa: N801
        async def lock(self, locks: LockSet, *, wait: bool = True) -> LockedState:
            locked = await super().lock(locks, wait=wait)
            locked.of(CONTACTS).clear()
            return locked


class NoHouse(Broken):
    """The operator's wallets are made again with each first wallet, and lose what they held."""

    class unit(MemoryUnitOfWork):  # noqa: N801
        def _keep_owner(self, wallet: Any) -> None:
            super()._keep_owner(wallet)
            for one in [one for one in self._state.wallets.values() if one.house and one.currency == wallet.currency]:
                self._state.wallets[one.id] = replace(one, ledger_balance=0)


class WallClock(Broken):
    """The store does not look at the clock it was given."""

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[MemoryUnitOfWork]:
        async with self._lock:
            yield self.unit(self._state, datetime.now().astimezone())


class NoOutbox(Broken):
    """A transaction of every ten is not announced."""

    class unit(MemoryUnitOfWork):  # noqa: N801
        async def save(self, book: Book, claims: Mapping[IdempotencyKey, IdempotencyRecord]) -> None:
            before = len(self._state.outbox)
            await super().save(book, claims)
            if len(self._state.transactions) % 10 == 0:
                del self._state.outbox[before:]


class EventsOutOfOrder(Broken):
    """What happened in one unit of work is announced backwards."""

    class unit(MemoryUnitOfWork):  # noqa: N801
        async def save(self, book: Book, claims: Mapping[IdempotencyKey, IdempotencyRecord]) -> None:
            before = len(self._state.outbox)
            await super().save(book, claims)
            self._state.outbox[before:] = reversed(self._state.outbox[before:])


class LateEvents(Broken):
    """Events that come late are put where they belong, behind the back of those who have read on."""

    class unit(MemoryUnitOfWork):  # noqa: N801
        async def save(self, book: Book, claims: Mapping[IdempotencyKey, IdempotencyRecord]) -> None:
            before = len(self._state.outbox)
            await super().save(book, claims)
            registrations = [one for one in self._state.outbox[before:] if not isinstance(one, Transaction)]
            for one in registrations:
                self._state.outbox.remove(one)
            self._state.outbox[:0] = registrations


def broken_reader(part: str, reader: type) -> type[MemoryStore]:
    class BrokenReader(MemoryStore):
        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, **options)
            clock = (self._clock,) if part == "wallets" else ()
            setattr(self, f"_{part}", reader(self._state, *clock))

    BrokenReader.__name__ = reader.__name__
    return BrokenReader


class DropsTheLast(MemoryWallets):
    async def entries(self, wallet_id: Any, page: PageRequest) -> Page[Any]:
        items, cursor = await super().entries(wallet_id, page)
        return Page(items if cursor else items[:-1], cursor)


class CountsFromTheStart(MemoryTransactions):
    """Pages by offset: what comes meanwhile shifts them."""

    async def list(self, which: TransactionFilter, page: PageRequest) -> Page[Transaction]:
        begin = int(page.cursor or 0)
        whole, _ = await super().list(which, PageRequest(limit=10**6))
        end = begin + page.limit
        return Page(whole[begin:end], str(end) if end < len(whole) else None)


class OldestFirst(MemoryTransactions):
    async def list(self, which: TransactionFilter, page: PageRequest) -> Page[Transaction]:
        items, cursor = await super().list(which, page)
        return Page(items[::-1], cursor)


class IncludesTheEnd(MemoryTransactions):
    def _matches(self, transaction: Transaction, which: TransactionFilter) -> bool:
        if which.end == transaction.created_at:
            which = which._replace(end=None)
        return super()._matches(transaction, which)


class PostedOnly(MemoryTransactions):
    def _matches(self, transaction: Transaction, which: TransactionFilter) -> bool:
        return transaction.status == "posted" and super()._matches(transaction, which)


class TakesAnyCursor(MemoryCustomers):
    async def list(self, which: Any, page: PageRequest) -> Page[CustomerWithWallets]:
        try:
            return await super().list(which, page)
        except ValueError:
            return await super().list(which, page._replace(cursor=None))


class JustBefore(MemoryWallets):
    async def balance_at(self, wallet_id: Any, at: datetime | None) -> BalanceAt:
        if at is None:
            return await super().balance_at(wallet_id, at)
        return (await super().balance_at(wallet_id, at - datetime.resolution))._replace(at=at)


class LosesAnEvent(MemoryEvents):
    async def list(self, page: PageRequest) -> Page[FeedEvent]:
        items, cursor = await super().list(page)
        return Page(items[1:] if page.cursor else items, cursor)


class AlwaysLeadsOn(MemoryEvents):
    async def list(self, page: PageRequest) -> Page[FeedEvent]:
        items, cursor = await super().list(page)
        return Page(items, cursor or (items[-1].cursor if items else None))


class PleasedWithItself(MemoryStore):
    """The audit finds nothing, because it looks at nothing."""

    async def audit(self) -> AsyncIterator[Finding]:
        async for finding in super().audit():
            if finding.invariant.number != 5:
                yield finding
