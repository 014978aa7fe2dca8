"""In-memory stores, each with one bug that the contract suite has to detect."""

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any

from tekana.application.journal.from_snapshot import SnapshotJournal
from tekana.domain.answers import BatchRecord, CustomerWithWallets
from tekana.domain.book import Book
from tekana.domain.caller import LOCAL_OPERATOR
from tekana.domain.customer import CONTACTS
from tekana.domain.lock_set import LockedState, LockSet
from tekana.domain.transaction import Transaction
from tekana.domain.wallet import Wallet
from tekana.ports.audit import Finding
from tekana.ports.events import ALL_EVENTS, EventFilter, FeedEvent
from tekana.ports.outcomes import CommandOutcome, outcome_of
from tekana.ports.page import Page, PageRequest
from tekana.ports.reports import TrialBalance
from tekana.ports.transactions import TransactionFilter
from tekana.ports.unit_of_work import IdempotencyKey, IdempotencyRecord
from tekana.ports.wallets import BalanceAt, StatementSummary, WalletFilter
from tekana_memory import MemoryStore
from tekana_memory.readers import MemoryCustomers, MemoryEvents, MemoryOutcomes, MemoryTransactions, MemoryWallets
from tekana_memory.reports import MemoryReports
from tekana_memory.unit_of_work import MemoryUnitOfWork


class BrokenStore(MemoryStore):
    """A store with a bug in its unit of work or in a reader."""

    unit: type[MemoryUnitOfWork] = MemoryUnitOfWork

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[MemoryUnitOfWork]:
        async with self._lock:
            yield self.unit(self._state, self._clock())


class NoLock(BrokenStore):
    """Units of work run concurrently on the same wallets."""

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[MemoryUnitOfWork]:
        yield self.unit(self._state, self._clock())


class ReturnsSharedObjects(BrokenStore):
    """Changes of a unit of work are visible before they are saved."""

    class unit(MemoryUnitOfWork):  # noqa: N801
        async def lock(self, locks: LockSet, *, wait: bool = True) -> LockedState:
            locked = await super().lock(locks, wait=wait)
            kept = self._state
            return replace(locked, wallets={one: kept.wallets[one] for one in locked.wallets})


class SavesInTwoParts(BrokenStore):
    """Wallets are saved before everything else, so a failure saves only a part."""

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


class SavesAtExit(BrokenStore):
    """A failure after `save` discards what was saved."""

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


class StoresKeysEarly(BrokenStore):
    """Idempotency keys are stored before the changes that they belong to."""

    class unit(MemoryUnitOfWork):  # noqa: N801
        async def save(self, book: Book, claims: Mapping[IdempotencyKey, IdempotencyRecord]) -> None:
            self._state.keys.update(claims)
            await asyncio.sleep(0)
            if book.transactions and book.transactions[0].status == "rejected":
                return  # the bug: no entries and no changes, so no key is stored
            await super().save(book, claims)


class DropsKeysOfRefusals(BrokenStore):
    """The key of a refused request is not stored."""

    class unit(MemoryUnitOfWork):  # noqa: N801
        async def save(self, book: Book, claims: Mapping[IdempotencyKey, IdempotencyRecord]) -> None:
            await super().save(book, claims)
            for key, claimed in claims.items():
                if isinstance(claimed.answer, Transaction) and claimed.answer.rejection:
                    del self._state.keys[key]


class DropsKeysOfBatches(BrokenStore):
    """Only keys of transactions are stored; keys of batches are not."""

    class unit(MemoryUnitOfWork):  # noqa: N801
        async def save(self, book: Book, claims: Mapping[IdempotencyKey, IdempotencyRecord]) -> None:
            await super().save(
                book, {key: one for key, one in claims.items() if not isinstance(one.answer, BatchRecord)}
            )


class ReplaysPresentState(BrokenStore):
    """A replay returns the present state instead of the stored answer."""

    class unit(MemoryUnitOfWork):  # noqa: N801
        async def find_keys(self, keys: Collection[IdempotencyKey]) -> Mapping[IdempotencyKey, IdempotencyRecord]:
            known = await super().find_keys(keys)
            return {key: claimed._replace(answer=self._present_state(claimed.answer)) for key, claimed in known.items()}

        def _present_state(self, answer: Any) -> Any:
            if isinstance(answer, CustomerWithWallets):
                wallets = tuple(replace(self._state.wallets[wallet.id]) for wallet in answer.wallets)
                return CustomerWithWallets(replace(self._state.customers[answer.customer.id]), wallets)
            return replace(self._state.wallets[answer.id]) if hasattr(answer, "ledger_balance") else answer


class SharesKeysAmongCallers(BrokenStore):
    """All callers share one set of keys."""

    class unit(MemoryUnitOfWork):  # noqa: N801
        async def find_keys(self, keys: Collection[IdempotencyKey]) -> Mapping[IdempotencyKey, IdempotencyRecord]:
            used = {key.key: claimed for key, claimed in self._state.keys.items()}
            return {key: used[key.key] for key in keys if key.key in used}


class NormalizesKeys(BrokenStore):
    """Keys are compared without regard to case and trailing blanks, as some databases compare text."""

    class unit(MemoryUnitOfWork):  # noqa: N801
        async def find_keys(self, keys: Collection[IdempotencyKey]) -> Mapping[IdempotencyKey, IdempotencyRecord]:
            used = {self._normalized(key): claimed for key, claimed in self._state.keys.items()}
            found = {key: used.get(self._normalized(key)) for key in keys}
            return {key: claimed for key, claimed in found.items() if claimed}

        def _normalized(self, key: IdempotencyKey) -> IdempotencyKey:
            return key._replace(key=key.key.strip().lower())


class NeverReleasesContacts(BrokenStore):
    """The contacts of a closed customer stay taken."""

    class unit(MemoryUnitOfWork):  # noqa: N801
        def _release_contacts(self, customer: Any) -> None:
            pass


class AllowsDuplicateContacts(BrokenStore):
    """The uniqueness of contacts is not checked."""

    class unit(MemoryUnitOfWork):  # noqa: N801
        async def lock(self, locks: LockSet, *, wait: bool = True) -> LockedState:
            locked = await super().lock(locks, wait=wait)
            locked.of(CONTACTS).clear()
            return locked


class RecreatesHouseWallets(BrokenStore):
    """House wallets are created again with each first wallet of a currency, and lose their balance."""

    class unit(MemoryUnitOfWork):  # noqa: N801
        def _keep_owner(self, wallet: Any) -> None:
            super()._keep_owner(wallet)
            for one in [one for one in self._state.wallets.values() if one.house and one.currency == wallet.currency]:
                self._state.wallets[one.id] = replace(one, ledger_balance=0)


class IgnoresClock(BrokenStore):
    """The store ignores the clock that it was given."""

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[MemoryUnitOfWork]:
        async with self._lock:
            yield self.unit(self._state, datetime.now().astimezone())


class SkipsOutboxEvents(BrokenStore):
    """The events of every tenth transaction are missing in the outbox."""

    class unit(MemoryUnitOfWork):  # noqa: N801
        async def save(self, book: Book, claims: Mapping[IdempotencyKey, IdempotencyRecord]) -> None:
            before = len(self._state.outbox)
            await super().save(book, claims)
            if len(self._state.transactions) % 10 == 0:
                del self._state.outbox[before:]


class ReversesEvents(BrokenStore):
    """The events of one unit of work are stored in reverse order."""

    class unit(MemoryUnitOfWork):  # noqa: N801
        async def save(self, book: Book, claims: Mapping[IdempotencyKey, IdempotencyRecord]) -> None:
            before = len(self._state.outbox)
            await super().save(book, claims)
            self._state.outbox[before:] = reversed(self._state.outbox[before:])


class InsertsEventsLate(BrokenStore):
    """Late events are inserted before positions that were already read."""

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
            clock = (self._clock,) if part in ("wallets", "personal_data", "reports") else ()
            setattr(self, part, partial(reader, self._state, *clock))

    BrokenReader.__name__ = reader.__name__
    return BrokenReader


class DropsLastEntry(MemoryWallets):
    async def entries(self, wallet_id: Any, page: PageRequest, *more: Any, **named: Any) -> Page[Any]:
        items, cursor = await super().entries(wallet_id, page, *more, **named)
        return Page(items if cursor else items[:-1], cursor)


class PagesByOffset(MemoryTransactions):
    """Pages by offset, which new rows shift."""

    async def list(self, which: TransactionFilter, page: PageRequest, newest_first: bool = True) -> Page[Transaction]:
        begin = int(page.cursor or 0)
        whole, _ = await super().list(which, PageRequest(limit=10**6), newest_first)
        end = begin + page.limit
        return Page(whole[begin:end], str(end) if end < len(whole) else None)


class SortsOldestFirst(MemoryTransactions):
    async def list(self, which: TransactionFilter, page: PageRequest, newest_first: bool = True) -> Page[Transaction]:
        items, cursor = await super().list(which, page, newest_first)
        return Page(items[::-1], cursor)


class IgnoresTheOrder(MemoryTransactions):
    async def list(self, which: TransactionFilter, page: PageRequest, newest_first: bool = True) -> Page[Transaction]:
        return await super().list(which, page)


class IgnoresContent(MemoryTransactions):
    """Filters by metadata, amount and currency are ignored."""

    def _matches(self, transaction: Transaction, which: TransactionFilter) -> bool:
        blank = which._replace(metadata=None, amount_min=None, amount_max=None, currency=None)
        return super()._matches(transaction, blank)


class ShowsKeysOfAll(MemoryOutcomes):
    """The outcome of anyone's key is found."""

    async def get(self, key: str) -> CommandOutcome:
        return outcome_of(key, next((record for one, record in self._state.keys.items() if one.key == key), None))


class ComparesMetadataAsText(MemoryWallets):
    """Booleans are compared as Python writes them."""

    async def list(self, which: WalletFilter, page: PageRequest, newest_first: bool = False) -> Page[Wallet]:
        found, _ = await super().list(which._replace(metadata=None), PageRequest(limit=10**6), newest_first)
        wanted = which.metadata or {}
        return Page(
            tuple([one for one in found if all(str((one.metadata or {}).get(k)) == v for k, v in wanted.items())]), None
        )


class IncludesUpperBound(MemoryTransactions):
    def _matches(self, transaction: Transaction, which: TransactionFilter) -> bool:
        if which.end == transaction.created_at:
            which = which._replace(end=None)
        return super()._matches(transaction, which)


class ListsPostedOnly(MemoryTransactions):
    def _matches(self, transaction: Transaction, which: TransactionFilter) -> bool:
        return transaction.status == "posted" and super()._matches(transaction, which)


class AcceptsAnyCursor(MemoryCustomers):
    async def list(self, which: Any, page: PageRequest, newest_first: bool = False) -> Page[CustomerWithWallets]:
        try:
            return await super().list(which, page, newest_first)
        except ValueError:
            return await super().list(which, page._replace(cursor=None), newest_first)


class ExcludesExactTime(MemoryWallets):
    async def balance_at(self, wallet_id: Any, at: datetime | None) -> BalanceAt:
        if at is None:
            return await super().balance_at(wallet_id, at)
        return (await super().balance_at(wallet_id, at - datetime.resolution))._replace(at=at)


class IncludesTheEndInStatements(MemoryWallets):
    async def statement(
        self, wallet_id: Any, start: datetime | None = None, end: datetime | None = None
    ) -> StatementSummary:
        if end is None:
            return await super().statement(wallet_id, start, end)
        return (await super().statement(wallet_id, start, end + datetime.resolution))._replace(end=end)


class ShowsTheBalanceOfNow(MemoryReports):
    async def trial_balance(self, at: datetime | None = None) -> TrialBalance:
        found = await super().trial_balance()
        return found if at is None else found._replace(at=at)


class LeavesOutTheHouse(MemoryReports):
    async def trial_balance(self, at: datetime | None = None) -> TrialBalance:
        found = await super().trial_balance(at)
        return found._replace(accounts=tuple(one for one in found.accounts if one.account == "customers"))


class ExportsTheEnd(MemoryStore):
    """The journal of a period has what was posted at its end."""

    @asynccontextmanager
    async def journal(self, start: datetime | None, end: datetime | None) -> AsyncIterator[SnapshotJournal]:
        async with super().journal(start, end and end + datetime.resolution) as journal:
            yield journal


class LosesEvent(MemoryEvents):
    async def list(self, page: PageRequest, which: EventFilter = ALL_EVENTS) -> Page[FeedEvent]:
        items, cursor = await super().list(page, which)
        return Page(items[1:] if page.cursor else items, cursor)


class AlwaysReturnsCursor(MemoryEvents):
    async def list(self, page: PageRequest, which: EventFilter = ALL_EVENTS) -> Page[FeedEvent]:
        items, cursor = await super().list(page, which)
        return Page(items, cursor or (items[-1].cursor if items else None))


class AuditsNothing(MemoryStore):
    """The audit checks nothing, and reports no breach."""

    async def audit(self) -> AsyncIterator[Finding]:
        async for finding in super().audit():
            if finding.invariant.number != 5:
                yield finding


def open_to_all(part: str) -> type[MemoryStore]:
    """Return a store whose reader of this name finds the objects of all tenants and customers for every caller."""

    class OpenToAll(MemoryStore):
        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, **options)
            reader = getattr(self, part)
            setattr(self, part, lambda _: reader(LOCAL_OPERATOR))

    OpenToAll.__name__ = f"ShowsAll{part.title()}"
    return OpenToAll


class ShowsAllEntries(MemoryTransactions):
    """Shows customers the entries of others."""

    async def get(self, transaction_id: Any) -> Transaction:
        await super().get(transaction_id)
        return self._state.transactions[transaction_id]


class SharesContactsAmongTenants(BrokenStore):
    """A contact is unique among the customers of all tenants."""

    class unit(MemoryUnitOfWork):  # noqa: N801
        async def lock(self, locks: LockSet, *, wait: bool = True) -> LockedState:
            locked = await super().lock(locks, wait=wait)
            for owners in locked.of(CONTACTS).values():
                for owner in [*owners.values()]:
                    owners.update(dict.fromkeys(("north", "south", "main"), owner))
            return locked
