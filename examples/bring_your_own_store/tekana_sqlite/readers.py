"""The readers: each method runs a query or two. Lists use keyset pagination: the rows after the cursor."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from itertools import islice
from typing import TypeVar
from uuid import UUID

from msgspec import json

from tekana import (
    BalanceAt,
    Caller,
    CommandOutcome,
    Customer,
    CustomerFilter,
    CustomerId,
    CustomerNotFound,
    CustomerWithWallets,
    EventFilter,
    Money,
    Page,
    PageRequest,
    PostedEntry,
    Transaction,
    TransactionFilter,
    TransactionId,
    TransactionNotFound,
    Wallet,
    WalletFilter,
    WalletId,
    WalletNotFound,
)
from tekana.application.journal.from_snapshot import trial_balance_of
from tekana.domain.answers import BatchRecord
from tekana.domain.errors import InvalidRequest, invalid
from tekana.domain.events import EVENT_TYPES, Event
from tekana.domain.metadata import metadata_matches
from tekana.domain.policy import (
    can_access,
    can_access_wallet,
    can_see_event,
    has_all_tenants,
    require_scope,
    visible_transaction,
)
from tekana.domain.transaction import TransactionRequest, events_of
from tekana.ports.clock import Clock
from tekana.ports.events import ALL_EVENTS, FeedEvent
from tekana.ports.outcomes import outcome_of
from tekana.ports.reports import TrialBalance
from tekana.ports.unit_of_work import IdempotencyKey, batch_keys
from tekana.ports.wallets import StatementSummary

from .database import Database
from .holds import shown
from .transactions import transaction_of
from .unit_of_work import find_record

Item = TypeVar("Item")

_customer_of = json.Decoder(Customer).decode
_wallet_of = json.Decoder(Wallet).decode

_HISTORY = "SELECT version, body FROM entries JOIN transactions ON id = transaction_id WHERE wallet_id = ?"


class SqliteCustomers:
    """Implements tekana.ports.customers.Customers."""

    def __init__(self, database: Database, caller: Caller) -> None:
        self._database = database
        self._caller = caller

    async def get(self, customer_id: CustomerId) -> CustomerWithWallets:
        with self._database.snapshot():
            for [body] in self._database.rows("SELECT body FROM customers WHERE id = ?", customer_id):
                customer = _customer_of(body)
                if self._can_access(customer):
                    return self._with_wallets(customer)
        raise CustomerNotFound(f"no customer has the id {customer_id}")

    async def list(
        self, which: CustomerFilter, page: PageRequest, newest_first: bool = False
    ) -> Page[CustomerWithWallets]:
        conditions = {f"{name} = ?": value for name, value in which._asdict().items()}
        with self._database.snapshot():
            found = _page(
                *(self._database, _customer_of, "customers", conditions, page),
                closed_last=which.by_contact,
                newest_first=newest_first,
                matches=lambda one: self._can_access(one) and not (which.by_contact and one.erased_at),
            )
            return Page(tuple(map(self._with_wallets, found.items)), found.next_cursor)

    def _can_access(self, customer: Customer) -> bool:
        return can_access(self._caller, customer.tenant, customer.id)

    def _with_wallets(self, customer: Customer) -> CustomerWithWallets:
        rows = self._database.rows("SELECT body FROM wallets WHERE customer_id = ? ORDER BY id", customer.id)
        return CustomerWithWallets(customer, tuple(_wallet_of(body) for [body] in rows))


class SqliteWallets:
    """Implements tekana.ports.wallets.Wallets."""

    def __init__(self, database: Database, clock: Clock, caller: Caller) -> None:
        self._database = database
        self._clock = clock
        self._caller = caller

    async def get(self, wallet_id: WalletId) -> Wallet:
        return self._wallet(wallet_id)

    async def list(self, which: WalletFilter, page: PageRequest, newest_first: bool = False) -> Page[Wallet]:
        conditions = {"customer_id = ?": which.customer_id, "currency = ?": which.currency}

        def matches(one: Wallet) -> bool:
            is_wanted = which.status in (None, one.status) and metadata_matches(one.metadata, which.metadata or {})
            return is_wanted and can_access_wallet(self._caller, one)

        with self._database.snapshot():
            return _page(
                *(self._database, _wallet_of, "wallets", conditions, page), newest_first=newest_first, matches=matches
            )

    async def entries(
        self,
        wallet_id: WalletId,
        page: PageRequest,
        start: datetime | None = None,
        end: datetime | None = None,
        newest_first: bool = False,
    ) -> Page[PostedEntry]:
        version = None if page.cursor is None else _number(page.cursor)
        conditions = {
            f"version {'<' if newest_first else '>'} ?": version,
            "created_at >= ?": start,
            "created_at < ?": end,
        }
        given = {condition: value for condition, value in conditions.items() if value is not None}
        with self._database.snapshot():
            wallet = self._wallet(wallet_id)
            if version is not None and not 1 <= version <= wallet.version:
                raise _bad_cursor()
            where, direction = " AND ".join([_HISTORY, *given]), "DESC" if newest_first else "ASC"
            statement = f"{where} ORDER BY version {direction} LIMIT ?"
            rows = self._database.rows(statement, wallet_id, *given.values(), page.limit + 1)
        lines = tuple(_line(wallet_id, *row) for row in rows[: page.limit])
        return Page(lines, str(lines[-1].entry.version) if len(rows) > page.limit else None)

    async def balance_at(self, wallet_id: WalletId, at: datetime | None) -> BalanceAt:
        with self._database.snapshot():
            wallet = self._wallet(wallet_id)
            if at is None:
                balance = Money(wallet.ledger_balance, wallet.currency)
                return BalanceAt(wallet_id, self._clock(), balance, wallet.version)
            statement = f"{_HISTORY} AND created_at <= ? ORDER BY version DESC LIMIT 1"
            for row in self._database.rows(statement, wallet_id, at):
                entry = _line(wallet_id, *row).entry
                return BalanceAt(wallet_id, at, Money(entry.ledger_balance_after, wallet.currency), entry.version)
        return BalanceAt(wallet_id, at, Money(0, wallet.currency), 0)

    async def statement(
        self, wallet_id: WalletId, start: datetime | None = None, end: datetime | None = None
    ) -> StatementSummary:
        with self._database.snapshot():
            wallet = self._wallet(wallet_id)
            rows = self._database.rows(f"{_HISTORY} ORDER BY version", wallet_id)
        history = [_line(wallet_id, *row) for row in rows]
        return StatementSummary.of(wallet, history, start, end, self._clock())

    def _wallet(self, wallet_id: WalletId) -> Wallet:
        for [body] in self._database.rows("SELECT body FROM wallets WHERE id = ?", wallet_id):
            wallet = _wallet_of(body)
            if can_access_wallet(self._caller, wallet):
                return wallet
        raise WalletNotFound(f"no wallet has the id {wallet_id}")


class SqliteTransactions:
    """Implements tekana.ports.transactions.Transactions."""

    def __init__(self, database: Database, caller: Caller) -> None:
        self._database = database
        self._caller = caller

    async def get(self, transaction_id: TransactionId) -> Transaction:
        for [body] in self._database.rows("SELECT body FROM transactions WHERE id = ?", transaction_id):
            visible = self._visible(transaction_of(body))
            if visible is not None:
                return visible
        raise TransactionNotFound(f"no transaction has the id {transaction_id}")

    async def list(self, which: TransactionFilter, page: PageRequest, newest_first: bool = True) -> Page[Transaction]:
        own_id = self._caller.customer_id
        if own_id is not None:
            if which.customer_id not in (None, own_id):
                return Page((), None)
            which = which._replace(customer_id=own_id)
        of_customer = "EXISTS (SELECT 1 FROM wallets WHERE customer_id = ? AND id IN (from_wallet_id, to_wallet_id))"
        conditions = {
            "? IN (from_wallet_id, to_wallet_id)": which.wallet_id,
            of_customer: which.customer_id,
            "type = ?": which.type,
            "reference = ?": which.reference,
            "created_at >= ?": which.start,
            "created_at < ?": which.end,
        }
        with self._database.snapshot():
            under_key = self._under(which.idempotency_key)
            return _page(
                *(self._database, lambda body: self._visible(transaction_of(body)), "transactions", conditions, page),
                newest_first=newest_first,
                matches=lambda one: (
                    (under_key is None or one.id in under_key)
                    and which.status in (None, one.status)
                    and _matches(one.request, which)
                ),
            )

    def _visible(self, transaction: Transaction) -> Transaction | None:
        rows = self._database.rows("SELECT id FROM wallets WHERE customer_id = ?", self._caller.customer_id)
        own = [WalletId(UUID(one)) for [one] in rows]
        return visible_transaction(self._caller, shown(self._database, transaction), own)

    def _under(self, key: str | None) -> set[TransactionId] | None:
        """Return the ids of the transactions that were decided under a key of the caller's."""
        if key is None:
            return None
        whole = IdempotencyKey(self._caller.tenant, self._caller.subject, key)
        record = find_record(self._database, whole)
        keys = batch_keys(whole, record.answer.size) if record and isinstance(record.answer, BatchRecord) else (whole,)
        records = [find_record(self._database, one) for one in keys]
        return {one.answer.id for one in records if one and isinstance(one.answer, Transaction)}


class SqliteReports:
    """Implements tekana.ports.reports.Reports."""

    def __init__(self, database: Database, clock: Clock, caller: Caller) -> None:
        self._database = database
        self._clock = clock
        self._caller = caller

    async def trial_balance(self, at: datetime | None = None) -> TrialBalance:
        require_scope(self._caller, "tenants:all")
        return trial_balance_of(*read_ledger(self._database), at, self._clock())


def read_ledger(database: Database) -> tuple[list[Wallet], list[Transaction]]:
    """Return all wallets and all transactions, of one snapshot."""
    with database.snapshot():
        wallets = [_wallet_of(body) for [body] in database.rows("SELECT body FROM wallets")]
        return wallets, [transaction_of(body) for [body] in database.rows("SELECT body FROM transactions")]


class SqliteOutcomes:
    """Implements tekana.ports.outcomes.Outcomes."""

    def __init__(self, database: Database, caller: Caller) -> None:
        self._database = database
        self._caller = caller

    async def get(self, key: str) -> CommandOutcome:
        record = find_record(self._database, IdempotencyKey(self._caller.tenant, self._caller.subject, key))
        return outcome_of(key, record)


class SqliteEvents:
    """Implements tekana.ports.events.Events.

    Units of work commit one after the other, so positions become readable in order.
    """

    def __init__(self, database: Database, caller: Caller) -> None:
        self._database = database
        self._caller = caller

    async def list(self, page: PageRequest, which: EventFilter = ALL_EVENTS) -> Page[FeedEvent]:
        first, _, second = ("1", "", "") if page.cursor is None else page.cursor.partition(".")
        is_limited = which == ALL_EVENTS and has_all_tenants(self._caller)
        following = [
            FeedEvent(event, f"{position}.{index}")
            for position, one in read_outbox(self._database, _number(first), page.limit + 2 if is_limited else -1)
            for index, event in enumerate(events_of(one) if isinstance(one, Transaction) else (one,))
        ]
        if page.cursor is not None:  # it is among the events at its position, which are the first ones here
            seen = _number(second) + 1
            if page.cursor not in [fed.cursor for fed in following[:seen]]:
                raise _bad_cursor()
            del following[:seen]
        matching = [fed for fed in following if can_see_event(self._caller, fed.event) and which.matches(fed.event)]
        items = tuple(matching[: page.limit])
        return Page(items, items[-1].cursor if len(matching) > page.limit else None)


def read_outbox(database: Database, start: int, limit: int) -> list[tuple[int, Transaction | Event]]:
    """Return the outbox from a position on: transactions, from which their events are derived, and other events."""
    statement = """
        SELECT position, event_type, coalesce(event, body) FROM outbox LEFT JOIN transactions ON id = transaction_id
        WHERE position >= ? ORDER BY position LIMIT ?
    """
    return [
        (position, json.decode(body, type=EVENT_TYPES[kind]) if kind else transaction_of(body))
        for position, kind, body in database.rows(statement, start, limit)
    ]


def _line(wallet_id: WalletId, version: int, body: str) -> PostedEntry:
    """Return the wallet's entry of this version, with its transaction."""
    one = transaction_of(body)
    [entry] = [entry for entry in one.entries if (entry.wallet_id, entry.version) == (wallet_id, version)]
    request = one.request
    return PostedEntry(entry, one.id, request.type, request.description, request.reference, one.created_at)


def _matches(request: TransactionRequest, which: TransactionFilter) -> bool:
    """Check the filters that no column serves."""
    amount, least, most = request.amount, which.amount_min, which.amount_max
    return (
        which.currency in (None, amount.currency)
        and (least is None or (least.currency == amount.currency and least.minor <= amount.minor))
        and (most is None or (most.currency == amount.currency and amount.minor <= most.minor))
        and metadata_matches(request.metadata, which.metadata or {})
    )


def _page(
    database: Database,
    read: Callable[[str], Item | None],
    table: str,
    conditions: Mapping[str, object],
    page: PageRequest,
    *,
    closed_last: bool = False,
    newest_first: bool = False,
    matches: Callable[[Item], bool] = lambda _: True,
) -> Page[Item]:
    """Return the rows that meet every condition with a value and match, after the row whose id is the cursor.

    Those that `read` returns None for are left out.
    """
    given = {condition: value for condition, value in conditions.items() if value is not None}
    comparison, direction = ("<", "DESC") if newest_first else (">", "ASC")
    columns = [f"status {'<>' if newest_first else '='} 'closed'", "id"] if closed_last else ["id"]
    if page.cursor is not None:
        known = f"SELECT 1 FROM {table} WHERE id = ?"  # noqa: S608 - a name from this file, not from input
        if not page.cursor.isascii() or not database.rows(known, page.cursor):
            raise _bad_cursor()
        last = f"(SELECT {', '.join(columns)} FROM {table} WHERE id = ?)"  # noqa: S608 - likewise
        given[f"({', '.join(columns)}) {comparison} {last}"] = page.cursor
    where = " AND ".join(given) or "TRUE"
    order = ", ".join(f"{column} {direction}" for column in columns)
    statement = f"SELECT id, body FROM {table} WHERE {where} ORDER BY {order}"  # noqa: S608
    found = ((id_, read(body)) for id_, body in database.rows(statement, *given.values()))
    rows = list(islice(((id_, item) for id_, item in found if item is not None and matches(item)), page.limit + 1))
    items = tuple(item for _, item in rows[: page.limit])
    return Page(items, rows[page.limit - 1][0] if len(rows) > page.limit else None)


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise _bad_cursor()
    return int(text)


def _bad_cursor() -> InvalidRequest:
    return invalid("cursor", "must be a cursor that this list returned, unchanged")
