"""Money commands that learn of wallets or limits only from locked items: possible without a change to any file.

A slip names its wallet and its amount. A wallet leads to the usage of its customer, which leads to that of a pool.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import asyncpg
import pytest
from uuid_utils.compat import uuid7

import tekana
from tekana import Batch, LimitExceeded, NotFound, Transaction, WalletId
from tekana.application import PostingEngine, Tekana
from tekana.application.commands.command import Struct, parties
from tekana.application.commands.money.wallet_fields import BetweenWallets
from tekana.domain.book import Book
from tekana.domain.caller import LOCAL_OPERATOR, Scope
from tekana.domain.errors import Refused
from tekana.domain.events import FundsTransferred
from tekana.domain.lock_set import HouseWalletRef, LockedState, LockKind, LockSet
from tekana.domain.money import Currency, Money
from tekana.domain.transaction import TRANSACTION_TYPES, Leg, Rejection, TransactionRequest, TransactionTypeRules
from tekana.domain.wallet import Wallet
from tekana.ports.store import Store
from tekana.testing import builders
from tekana.testing.clock import FrozenClock
from tekana.testing.contracts.fixtures import at_work
from tekana.testing.contracts.helpers import a_wallet, all_outcomes
from tekana.testing.contracts.ledger_checks import assert_whole
from tekana_memory import MemoryStore
from tekana_postgres.aggregates import KINDS
from tekana_postgres.row_locks import RowLock
from tests.integration.postgres_support import superuser
from tests.postgres_stores import postgres_store

RWF = Currency("RWF")


@dataclass(slots=True)
class Slip:
    id: str
    wallet_id: WalletId
    minor: int
    is_open: bool = True


@dataclass(slots=True)
class Usage:
    id: str
    left_minor: int
    pool: str | None = None


SLIPS = LockKind[str, Slip]("slip", wallets_of=lambda slip: (slip.wallet_id,))
USAGES = LockKind[str, Usage]("usage")


class Place(Struct, frozen=True, kw_only=True):
    """Place a slip or a usage, for the tests."""

    NAME: ClassVar[str] = "tests.Place"
    SCOPE: ClassVar[Scope] = "wallets:write"
    REFUSALS: ClassVar[tuple[type[Refused], ...]] = ()
    EXAMPLE: ClassVar[Mapping[str, Any]] = {}

    wallet_id: WalletId
    slip: str | None = None
    usage: str | None = None
    minor: int
    pool: str | None = None

    def locks(self) -> LockSet:
        return LockSet((self.wallet_id,), others=(USAGES.ref(self.usage),) if self.usage else ())

    def decide(self, book: Book) -> Wallet:
        if self.slip is not None:
            book.add(SLIPS, self.slip, Slip(self.slip, self.wallet_id, self.minor))
        if self.usage is not None:
            book.add(USAGES, self.usage, Usage(self.usage, self.minor, self.pool))
        return book.customer_wallet(self.wallet_id)


class Capture(Struct, frozen=True, kw_only=True):
    """Withdraw what a slip says."""

    NAME: ClassVar[str] = "tests.Capture"
    SCOPE: ClassVar[Scope] = "transactions:write"
    REFUSALS: ClassVar[tuple[type[Refused], ...]] = (NotFound, LimitExceeded)
    EXAMPLE: ClassVar[Mapping[str, Any]] = {}

    slip: str

    def locks(self) -> LockSet:
        return LockSet(others=(SLIPS.ref(self.slip),))

    def further_locks(self, locked: LockedState) -> LockSet:
        return LockSet((), (HouseWalletRef("settlement", RWF),)) if locked.of(SLIPS) else LockSet()

    def _slip(self, book: Book) -> Slip:
        slip = book.locked.of(SLIPS).get(self.slip)
        if slip is None:
            raise NotFound("no such slip")
        return slip

    def to_request(self, book: Book) -> TransactionRequest:
        slip = self._slip(book)
        house = TRANSACTION_TYPES["slip_capture"].parties((slip.wallet_id,), RWF)[1]
        return TransactionRequest(
            type="slip_capture", amount=Money(slip.minor, RWF), from_wallet_id=slip.wallet_id, to_wallet_id=house
        )

    def decide(self, book: Book) -> Transaction:
        slip, request = self._slip(book), self.to_request(book)
        if not slip.is_open:
            raise LimitExceeded("the slip is not open")
        payer, payee = parties(book, request)
        posted = book.post(request, [Leg(payer, -slip.minor, RWF), Leg(payee, slip.minor, RWF)])
        slip.is_open = False
        book.change(SLIPS, slip.id, slip)
        return posted


class LimitedTransfer(BetweenWallets, frozen=True, kw_only=True, tag_field="type", tag="transfer"):
    """Transfer no more than the usages of the payer's customer and of their pool leave."""

    NAME: ClassVar[str] = "tests.LimitedTransfer"
    EXAMPLE: ClassVar[Mapping[str, Any]] = {}

    def _usages(self, locked: LockedState) -> list[str]:
        payer = locked.wallets.get(self.from_wallet_id)
        mine = str(payer.customer_id) if payer is not None else ""
        found = locked.of(USAGES).get(mine)
        return [mine, found.pool] if found is not None and found.pool is not None else [mine]

    def further_locks(self, locked: LockedState) -> LockSet:
        return LockSet(others=tuple(map(USAGES.ref, self._usages(locked))))

    def decide(self, book: Book) -> Transaction:
        usages = [book.locked.of(USAGES)[one] for one in self._usages(book.locked)]
        if any(one.left_minor < self.money.minor for one in usages):
            raise LimitExceeded("too much for today")
        posted = super().decide(book)
        for one in usages:
            one.left_minor -= self.money.minor
            book.change(USAGES, one.id, one)
        return posted


class Rows:
    """Implements tekana_postgres.aggregates.KindRows for a dataclass, whose first field is the key of its table."""

    def __init__(self, kind: type[Any], table: str) -> None:
        self.kind, self.table = kind, table
        self.columns: tuple[str, ...] = tuple(kind.__dataclass_fields__)

    async def lock(self, connection: asyncpg.Connection, ids: Sequence[str], row_lock: RowLock) -> dict[str, Any]:
        statement = f"SELECT * FROM {self.table} WHERE id = ANY($1) ORDER BY id {row_lock}"
        return {row["id"]: self.kind(**row) for row in await connection.fetch(statement, ids)}

    async def wallets_of(self, connection: asyncpg.Connection, items: Mapping[str, Any]) -> Collection[WalletId]:
        return [one.wallet_id for one in items.values() if isinstance(one, Slip)]

    async def save(self, connection: asyncpg.Connection, added: Mapping[str, Any], changed: Mapping[str, Any]) -> None:
        if changed:
            await connection.execute(f"DELETE FROM {self.table} WHERE id = ANY($1)", list(changed))
        rows = [tuple(getattr(one, name) for name in self.columns) for one in (*changed.values(), *added.values())]
        await connection.copy_records_to_table(self.table, records=rows, columns=self.columns)


@pytest.fixture(params=["memory", "postgres"])
async def store(
    request: pytest.FixtureRequest, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Store]:
    rules = TransactionTypeRules(event=FundsTransferred, payee="settlement")
    monkeypatch.setitem(TRANSACTION_TYPES, "slip_capture", rules)
    if request.param == "memory":
        yield MemoryStore(clock=FrozenClock())
        return
    async with superuser(postgres_url) as connection:
        await connection.execute("CREATE TABLE slips (id text PRIMARY KEY, wallet_id uuid, minor bigint, is_open bool)")
        await connection.execute("CREATE TABLE usages (id text PRIMARY KEY, left_minor bigint, pool text)")
        await connection.execute("GRANT SELECT, INSERT, UPDATE, DELETE ON slips, usages TO PUBLIC")
    monkeypatch.setitem(KINDS, SLIPS.name, Rows(Slip, "slips"))
    monkeypatch.setitem(KINDS, USAGES.name, Rows(Usage, "usages"))
    store = postgres_store(postgres_url, clock=FrozenClock())
    yield store
    await store.stop()


async def balance(store: Store, wallet: Wallet) -> int:
    return (await store.wallets(LOCAL_OPERATOR).get(wallet.id)).ledger_balance


async def test_a_command_takes_its_wallets_and_its_amount_from_a_locked_item(store: Store) -> None:
    async with at_work(store) as app:
        wallet = await a_wallet(app, "100")
        await app.execute(Place(wallet_id=wallet.id, slip="h", minor=60))
        captured = await app.execute(Capture(slip="h"), key="a capture")
        assert (captured.request.from_wallet_id, captured.request.amount) == (wallet.id, Money(60, RWF))
        assert await balance(store, wallet) == 40
        with pytest.raises(LimitExceeded) as refused:
            await app.execute(Capture(slip="h"), key="again")
        assert refused.value.transaction is not None
        kept = await store.transactions(LOCAL_OPERATOR).get(refused.value.transaction.id)
        assert (kept.status, kept.request.amount) == ("rejected", Money(60, RWF))
        for replayed in (False, True):
            with pytest.raises(NotFound) as unknown:
                await app.execute(Capture(slip="none"), key="unknown")
            assert (unknown.value.transaction, unknown.value.replayed) == (None, replayed)
        with pytest.raises(NotFound):
            await app.preview(Capture(slip="none"))
    await assert_whole(store)


async def test_house_wallets_that_an_item_leads_to_are_of_the_engines_stripe(store: Store) -> None:
    async with at_work(store) as app:
        wallet = await a_wallet(app, "100")
        await app.execute(Place(wallet_id=wallet.id, slip="h", minor=60))
    engine = PostingEngine(store.begin, uuid7, default_currency=RWF, new_secret=builders.readable_secret, stripe=3)
    engine.start()
    captured = await Tekana(store, engine).as_caller(LOCAL_OPERATOR).execute(Capture(slip="h"))
    await engine.stop()
    assert captured.entries[1].wallet_id == tekana.house_wallet_id("settlement", RWF, 3)
    await assert_whole(store)


async def test_captures_in_batches(store: Store) -> None:
    async with at_work(store) as app:
        wallet, payee = await a_wallet(app, "100"), await a_wallet(app)
        for number, minor in enumerate((30, 80, 20)):
            await app.execute(Place(wallet_id=wallet.id, slip=f"h{number}", minor=minor))

        def batch(mode: Any, *names: str) -> Batch:
            return Batch(mode=mode, transactions=tuple(Capture(slip=one) for one in names))  # type: ignore[misc]

        none, _ = await asyncio.gather(
            app.submit_batch(batch("atomic", "h0", "h1", "h2"), key="none"),
            app.submit_batch(builders.atomic(builders.transfer(wallet.id, payee.id, "100"))),  # in the same group
        )
        await app.execute(builders.deposit(wallet.id, "100"))
        assert [one.rejection.code for one in none.transactions] == [  # type: ignore[union-attr]
            "rolled_back",
            "insufficient_funds",
            "rolled_back",
        ]
        unknown = await app.submit_batch(batch("atomic", "h0", "none"), key="unknown")
        assert unknown.failed_index == 1
        assert isinstance(unknown.transactions[1], Rejection)
        assert (await app.submit_batch(batch("atomic", "h0", "none"), key="unknown")) == unknown._replace(replayed=True)
        assert await balance(store, wallet) == 100
        mixed = await app.submit_batch(batch("independent", "h0", "none", "h2", "h1"), key="mixed")
        assert [getattr(one, "status", None) for one in mixed.transactions] == ["posted", None, "posted", "rejected"]
        assert await balance(store, wallet) == 50
    await assert_whole(store)


async def test_limits_of_what_a_wallet_leads_to_hold_under_concurrency(store: Store) -> None:
    async with at_work(store) as app, at_work(store) as other:
        wallets = [await a_wallet(app, "1000") for _ in range(4)]
        await app.execute(Place(wallet_id=wallets[0].id, usage="pool", minor=25))
        for one in wallets:
            await app.execute(Place(wallet_id=one.id, usage=str(one.customer_id), minor=10, pool="pool"))
        commands = [
            LimitedTransfer(
                from_wallet_id=wallets[n % 4].id, to_wallet_id=wallets[(n + 1) % 4].id, amount="1", currency="RWF"
            )
            for n in range(48)
        ]
        outcomes = await all_outcomes((app, other)[n % 2].execute(one) for n, one in enumerate(commands))
        assert sum(isinstance(one, Transaction) for one in outcomes) == 25
        assert sum(isinstance(one, LimitExceeded) for one in outcomes) == 23
        preview = LimitedTransfer(from_wallet_id=wallets[0].id, to_wallet_id=wallets[1].id, amount="1", currency="RWF")
        with pytest.raises(LimitExceeded):
            await app.preview(preview)
    await assert_whole(store)


@pytest.mark.parametrize("store", ["postgres"], indirect=True)
async def test_a_stuck_item_delays_only_the_commands_that_lead_to_it(postgres_url: str, store: Store) -> None:
    async with at_work(store) as app:
        payer, payee, third = [await a_wallet(app, "100") for _ in range(3)]
        for one in (payer, third):
            await app.execute(Place(wallet_id=one.id, usage=str(one.customer_id), minor=10))
        limited = LimitedTransfer(from_wallet_id=payer.id, to_wallet_id=payee.id, amount="10", currency="RWF")
        async with superuser(postgres_url) as connection, connection.transaction():
            await connection.execute("SELECT FROM usages WHERE id = $1 FOR UPDATE", str(payer.customer_id))
            stuck = asyncio.create_task(app.execute(limited))
            await asyncio.sleep(0.05)
            free = await app.execute(builders.transfer(third.id, payee.id, "1"))
            assert free.status == "posted"
            await asyncio.sleep(1)
            assert not stuck.done()
        assert (await stuck).status == "posted"
        with pytest.raises(LimitExceeded):
            await app.execute(limited)
    await assert_whole(store)
