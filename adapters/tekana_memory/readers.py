"""The readers: loops over the state."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Container, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import islice
from typing import Any, TypeVar
from uuid import UUID

from tekana.domain.answers import BatchRecord, CustomerWithWallets
from tekana.domain.caller import Caller
from tekana.domain.customer import Customer
from tekana.domain.errors import (
    CustomerNotFound,
    EventsDropped,
    InvalidRequest,
    TransactionNotFound,
    WalletNotFound,
    invalid,
)
from tekana.domain.events import Event
from tekana.domain.holds import HOLDS, Hold
from tekana.domain.identifiers import CustomerId, TransactionId, WalletId
from tekana.domain.metadata import metadata_matches
from tekana.domain.money import Money
from tekana.domain.policy import can_access, can_access_wallet, can_see_event, visible_transaction
from tekana.domain.transaction import PostedEntry, Transaction, events_of
from tekana.domain.wallet import Wallet
from tekana.ports.clock import Clock
from tekana.ports.customers import CustomerFilter
from tekana.ports.events import ALL_EVENTS, EventFilter, FeedEvent
from tekana.ports.outcomes import CommandOutcome, outcome_of
from tekana.ports.page import Page, PageRequest
from tekana.ports.transactions import TransactionFilter
from tekana.ports.unit_of_work import IdempotencyKey, batch_keys
from tekana.ports.wallets import BalanceAt, StatementSummary, WalletFilter
from tekana_memory.state import MemoryState

Item = TypeVar("Item")


class MemoryCustomers:
    """Implements tekana.ports.customers.Customers."""

    def __init__(self, state: MemoryState, caller: Caller) -> None:
        self._state = state
        self._caller = caller

    async def get(self, customer_id: CustomerId) -> CustomerWithWallets:
        customer = self._state.customers.get(customer_id)
        if customer is None or not self._can_access(customer):
            raise CustomerNotFound(f"no customer has the id {customer_id}")
        return self._with_wallets(customer)

    async def list(
        self, which: CustomerFilter, page: PageRequest, newest_first: bool = False
    ) -> Page[CustomerWithWallets]:
        wanted = {name: value for name, value in which._asdict().items() if value is not None}
        found = [
            self._with_wallets(customer)
            for customer in self._accessible.values()
            if all(getattr(customer, name) == value for name, value in wanted.items())
            and not (which.by_contact and customer.erased_at)
        ]

        def order(customer_id: UUID) -> tuple[bool, int]:
            closed = self._state.customers[CustomerId(customer_id)].status == "closed"
            return (which.by_contact and closed, -customer_id.int if newest_first else customer_id.int)

        found.sort(key=lambda one: order(one.customer.id))
        return page_of(found, page, lambda one: one.customer.id, self._accessible, order=order)

    def _can_access(self, customer: Customer) -> bool:
        return can_access(self._caller, customer.tenant, customer.id)

    @property
    def _accessible(self) -> dict[CustomerId, Customer]:
        return {one.id: one for one in self._state.customers.values() if self._can_access(one)}

    def _with_wallets(self, customer: Customer) -> CustomerWithWallets:
        wallets = (replace(self._state.wallets[wallet_id]) for wallet_id in self._state.wallets_of[customer.id])
        return CustomerWithWallets(replace(customer), tuple(wallets))


class MemoryWallets:
    """Implements tekana.ports.wallets.Wallets."""

    def __init__(self, state: MemoryState, clock: Clock, caller: Caller) -> None:
        self._state = state
        self._clock = clock
        self._caller = caller

    async def get(self, wallet_id: WalletId) -> Wallet:
        wallet = self._state.wallets.get(wallet_id)
        if wallet is None or not can_access_wallet(self._caller, wallet):
            raise WalletNotFound(f"no wallet has the id {wallet_id}")
        return replace(wallet)

    async def list(self, which: WalletFilter, page: PageRequest, newest_first: bool = False) -> Page[Wallet]:
        accessible = {one.id: one for one in self._state.wallets.values() if can_access_wallet(self._caller, one)}
        found = [
            replace(wallet)
            for _, wallet in sorted(accessible.items(), reverse=newest_first)
            if which.customer_id in (None, wallet.customer_id)
            and which.currency in (None, wallet.currency)
            and which.status in (None, wallet.status)
            and metadata_matches(wallet.metadata, which.metadata or {})
        ]
        return page_of(found, page, lambda wallet: wallet.id, accessible, newest_first=newest_first)

    async def entries(
        self,
        wallet_id: WalletId,
        page: PageRequest,
        start: datetime | None = None,
        end: datetime | None = None,
        newest_first: bool = False,
    ) -> Page[PostedEntry]:
        await self.get(wallet_id)
        history = self._state.entries[wallet_id]  # a version is also the number of entries up to it
        low = 0 if start is None else bisect_left(history, start, key=_posted_at)
        high = len(history) if end is None else bisect_left(history, end, key=_posted_at)
        if page.cursor is not None:
            version = _number(page.cursor)
            if not 1 <= version <= len(history):
                raise _bad_cursor()
            low, high = (low, min(high, version - 1)) if newest_first else (max(low, version), high)
        if newest_first:
            lines, is_last = history[max(high - page.limit, low) : high][::-1], high - page.limit <= low
        else:
            lines, is_last = history[low : min(low + page.limit, high)], low + page.limit >= high
        return Page(tuple(lines), None if is_last else str(lines[-1].entry.version))

    async def balance_at(self, wallet_id: WalletId, at: datetime | None) -> BalanceAt:
        wallet = await self.get(wallet_id)
        moment = self._clock() if at is None else at
        history = self._state.entries[wallet_id]
        version = len(history) if at is None else bisect_right(history, moment, key=_posted_at)
        balance = history[version - 1].entry.ledger_balance_after if version else 0
        return BalanceAt(wallet_id, moment, Money(balance, wallet.currency), version)

    async def statement(
        self, wallet_id: WalletId, start: datetime | None = None, end: datetime | None = None
    ) -> StatementSummary:
        wallet = await self.get(wallet_id)
        return StatementSummary.of(wallet, self._state.entries[wallet_id], start, end, self._clock())


class MemoryTransactions:
    """Implements tekana.ports.transactions.Transactions."""

    def __init__(self, state: MemoryState, caller: Caller) -> None:
        self._state = state
        self._caller = caller

    async def get(self, transaction_id: TransactionId) -> Transaction:
        transaction = self._state.transactions.get(transaction_id)
        visible = transaction and self._visible(transaction)
        if visible is None:
            raise TransactionNotFound(f"no transaction has the id {transaction_id}")
        return visible

    async def list(self, which: TransactionFilter, page: PageRequest, newest_first: bool = True) -> Page[Transaction]:
        own_id = self._caller.customer_id
        if own_id is not None:
            if which.customer_id not in (None, own_id):
                return Page((), None)
            which = which._replace(customer_id=own_id)
        visible = {one.id: seen for one in self._state.transactions.values() if (seen := self._visible(one))}
        under_key = None if which.idempotency_key is None else self._under(which.idempotency_key)
        found = [
            transaction
            for _, transaction in sorted(visible.items(), reverse=newest_first)
            if (under_key is None or transaction.id in under_key) and self._matches(transaction, which)
        ]
        return page_of(found, page, lambda transaction: transaction.id, visible, newest_first=newest_first)

    def _visible(self, transaction: Transaction) -> Transaction | None:
        own = () if self._caller.customer_id is None else self._state.wallets_of.get(self._caller.customer_id, ())
        hold: Hold | None = self._state.items[HOLDS.name].get(transaction.id)
        return visible_transaction(self._caller, transaction if hold is None else hold.shown(), own)

    def _under(self, key: str) -> set[TransactionId]:
        """Return the ids of the transactions that were decided under a key of the caller's."""
        whole = IdempotencyKey(self._caller.tenant, self._caller.subject, key)
        record = self._state.keys.get(whole)
        keys = batch_keys(whole, record.answer.size) if record and isinstance(record.answer, BatchRecord) else (whole,)
        records = [self._state.keys[one] for one in keys if one in self._state.keys]
        return {one.answer.id for one in records if isinstance(one.answer, Transaction)}

    def _matches(self, transaction: Transaction, which: TransactionFilter) -> bool:
        movement = transaction.request
        wallets = {movement.from_wallet_id, movement.to_wallet_id}
        return (
            (which.wallet_id is None or which.wallet_id in wallets)
            and (which.customer_id is None or not wallets.isdisjoint(self._state.wallets_of[which.customer_id]))
            and which.type in (None, movement.type)
            and which.status in (None, transaction.status)
            and which.reference in (None, movement.reference)
            and (which.start is None or which.start <= transaction.created_at)
            and (which.end is None or transaction.created_at < which.end)
            and which.currency in (None, movement.amount.currency)
            and _is_within(movement.amount, which.amount_min, which.amount_max)
            and metadata_matches(movement.metadata, which.metadata or {})
        )


class MemoryOutcomes:
    """Implements tekana.ports.outcomes.Outcomes."""

    def __init__(self, state: MemoryState, caller: Caller) -> None:
        self._state = state
        self._caller = caller

    async def get(self, key: str) -> CommandOutcome:
        return outcome_of(key, self._state.keys.get(IdempotencyKey(self._caller.tenant, self._caller.subject, key)))


class MemoryEvents:
    """Implements tekana.ports.events.Events."""

    def __init__(self, state: MemoryState, caller: Caller) -> None:
        self._state = state
        self._caller = caller

    async def list(self, page: PageRequest, which: EventFilter = ALL_EVENTS) -> Page[FeedEvent]:
        begin, read_already = self._start(page.cursor)
        outbox = self._state.outbox
        following = (
            FeedEvent(event, f"{position}.{index}")
            for position in range(begin, len(outbox))
            for index, event in enumerate(_events_at(outbox[position]))
        )
        matching = (
            one
            for one in islice(following, read_already, None)
            if can_see_event(self._caller, one.event) and which.matches(one.event)
        )
        items = tuple(islice(matching, page.limit))
        more = next(matching, None) is not None
        return Page(items, items[-1].cursor if more else None)

    def _start(self, cursor: str | None) -> tuple[int, int]:
        """Return the position in the outbox to begin at, and the number of its events to skip."""
        if cursor is None:
            return self._state.dropped, 0
        first, _, second = cursor.partition(".")
        position, index = _number(first), _number(second)
        outbox = self._state.outbox
        if position >= len(outbox) or index >= sum(1 for _ in _events_at(outbox[position])):
            raise _bad_cursor()
        if position < self._state.dropped - 1:
            raise EventsDropped
        return position, index + 1


def _events_at(one: Transaction | Event) -> Iterator[Event]:
    return events_of(one) if isinstance(one, Transaction) else iter((one,))


def page_of(
    found: Sequence[Item],
    page: PageRequest,
    id_of: Callable[[Item], UUID],
    known: Container[UUID],
    *,
    newest_first: bool = False,
    order: Callable[[UUID], Any] = lambda item_id: item_id,
) -> Page[Item]:
    """Return the items after the id in the cursor, which need not be one of those found.

    Args:
        found: all items, in order.
        page: the requested page.
        id_of: returns the id of an item.
        known: all ids that a cursor may have.
        newest_first: whether the items are in descending order.
        order: returns the sort key of an id.
    """
    if page.cursor is not None:
        last = order(_id(page.cursor, known))
        found = [item for item in found if (order(id_of(item)) < last if newest_first else order(id_of(item)) > last)]
    items = tuple(found[: page.limit])
    return Page(items, str(id_of(items[-1])) if len(found) > page.limit else None)


def _id(cursor: str, known: Container[UUID]) -> UUID:
    try:
        found = UUID(cursor)
    except ValueError:
        raise _bad_cursor() from None
    if found not in known:
        raise _bad_cursor()
    return found


def _is_within(amount: Money, least: Money | None, most: Money | None) -> bool:
    bounds = [one for one in (least, most) if one is not None]
    return (
        all(one.currency == amount.currency for one in bounds)
        and (least is None or least.minor <= amount.minor)
        and (most is None or amount.minor <= most.minor)
    )


def _posted_at(line: PostedEntry) -> datetime:
    return line.posted_at


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 20):
        raise _bad_cursor()
    return int(text)


def _bad_cursor() -> InvalidRequest:
    return invalid("cursor", "must be a cursor that this list returned, unchanged")
