"""A new kind of aggregate can be locked and stored without a change to any file; here vouchers that pay a wallet."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import asyncpg
import pytest

from tekana.application.commands.command import Struct
from tekana.application.commands.money import TransferFunds
from tekana.domain.book import Book
from tekana.domain.caller import Scope
from tekana.domain.errors import NotFound, Refused
from tekana.domain.identifiers import WalletId
from tekana.domain.lock_set import LockKind, LockSet
from tekana.domain.wallet import Wallet
from tekana.ports.store import Store
from tekana.testing import builders
from tekana.testing.clock import FrozenClock
from tekana.testing.contracts.fixtures import at_work
from tekana.testing.contracts.helpers import a_wallet
from tekana.testing.contracts.ledger_checks import assert_whole
from tekana_memory import MemoryStore
from tekana_postgres.aggregates import KINDS
from tekana_postgres.aggregates.kind_rows import KindRows
from tekana_postgres.row_locks import RowLock
from tests.integration.postgres_support import superuser
from tests.postgres_stores import postgres_store


@dataclass(slots=True)
class Voucher:
    id: str
    wallet_id: WalletId
    used: bool = False


VOUCHERS = LockKind[str, Voucher]("voucher", wallets_of=lambda voucher: (voucher.wallet_id,))


class IssueVoucher(Struct, frozen=True, kw_only=True):
    NAME: ClassVar[str] = "tests.IssueVoucher"
    SCOPE: ClassVar[Scope] = "wallets:write"
    IDS: ClassVar[tuple[str, ...]] = ("wallet_id",)
    REFUSALS: ClassVar[tuple[type[Refused], ...]] = (NotFound,)
    EXAMPLE: ClassVar[Mapping[str, Any]] = {}

    wallet_id: WalletId
    voucher_id: str

    def locks(self) -> LockSet:
        return LockSet((self.wallet_id,))

    def decide(self, book: Book) -> Wallet:
        wallet = book.customer_wallet(self.wallet_id)
        book.add(VOUCHERS, self.voucher_id, Voucher(self.voucher_id, wallet.id))
        return wallet


class UseVoucher(Struct, frozen=True, kw_only=True):
    NAME: ClassVar[str] = "tests.UseVoucher"
    SCOPE: ClassVar[Scope] = "wallets:write"
    REFUSALS: ClassVar[tuple[type[Refused], ...]] = (NotFound,)
    EXAMPLE: ClassVar[Mapping[str, Any]] = {}

    voucher_id: str

    def locks(self) -> LockSet:
        return LockSet(others=(VOUCHERS.ref(self.voucher_id),))

    def decide(self, book: Book) -> Wallet:
        voucher = book.locked.of(VOUCHERS).get(self.voucher_id)
        if voucher is None or voucher.used:
            raise NotFound("no such voucher")
        voucher.used = True
        book.change(VOUCHERS, voucher.id, voucher)
        return book.customer_wallet(voucher.wallet_id)  # locked through the voucher


class PayWithVoucher(TransferFunds, frozen=True, kw_only=True, tag_field="type", tag="transfer"):
    """A payment from the wallet of a voucher, which is locked through the voucher alone."""

    voucher_id: str

    def locks(self) -> LockSet:
        return LockSet((self.to_wallet_id,), others=(VOUCHERS.ref(self.voucher_id),))


class VoucherRows(KindRows):
    """Implements KindRows for vouchers."""

    async def lock(self, connection: asyncpg.Connection, ids: Sequence[str], row_lock: RowLock) -> dict[str, Voucher]:
        statement = f"SELECT id, wallet_id, used FROM vouchers WHERE id = ANY($1) ORDER BY id {row_lock}"
        return {row["id"]: Voucher(**row) for row in await connection.fetch(statement, ids)}

    async def save(
        self, connection: asyncpg.Connection, added: Mapping[str, Voucher], changed: Mapping[str, Voucher]
    ) -> None:
        for voucher in changed.values():
            await connection.execute("UPDATE vouchers SET used = $2 WHERE id = $1", voucher.id, voucher.used)
        rows = [(one.id, one.wallet_id, one.used) for one in added.values()]
        await connection.copy_records_to_table("vouchers", records=rows, columns=("id", "wallet_id", "used"))


@pytest.fixture(params=["memory", "postgres"])
async def store(
    request: pytest.FixtureRequest, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Store]:
    if request.param == "memory":
        yield MemoryStore(clock=FrozenClock())
        return
    async with superuser(postgres_url) as connection:
        await connection.execute("CREATE TABLE vouchers (id text PRIMARY KEY, wallet_id uuid NOT NULL, used bool)")
        await connection.execute("GRANT SELECT, INSERT, UPDATE ON vouchers TO PUBLIC")
    monkeypatch.setitem(KINDS, VOUCHERS.name, VoucherRows())
    store = postgres_store(postgres_url, clock=FrozenClock())
    yield store
    await store.stop()


async def test_locking_an_item_locks_its_wallets(store: Store) -> None:
    async with at_work(store) as app:
        wallet = await a_wallet(app, "100")
        await app.execute(IssueVoucher(wallet_id=wallet.id, voucher_id="v-1"))
        used = await app.execute(UseVoucher(voucher_id="v-1"))
        assert used.id == wallet.id
        with pytest.raises(NotFound):
            await app.execute(UseVoucher(voucher_id="v-1"))
        await app.execute(builders.withdrawal(wallet.id, "100"))
    await assert_whole(store)


async def test_of_concurrent_uses_of_a_voucher_one_succeeds(store: Store) -> None:
    async with at_work(store) as app, at_work(store) as other:
        wallet = await a_wallet(app)
        await app.execute(IssueVoucher(wallet_id=wallet.id, voucher_id="v-1"))
        commands = [UseVoucher(voucher_id="v-1")] * 16
        outcomes = await asyncio.gather(
            *((app, other)[number % 2].execute(one) for number, one in enumerate(commands)), return_exceptions=True
        )
        assert sum(isinstance(one, Wallet) for one in outcomes) == 1
        assert sum(isinstance(one, NotFound) for one in outcomes) == 15
    await assert_whole(store)


async def test_a_refused_atomic_batch_restores_wallets_that_are_locked_through_an_item(store: Store) -> None:
    async with at_work(store) as app:
        payer, payee = await a_wallet(app, "100"), await a_wallet(app)
        await app.execute(IssueVoucher(wallet_id=payer.id, voucher_id="v-1"))
        payment = PayWithVoucher(
            voucher_id="v-1", from_wallet_id=payer.id, to_wallet_id=payee.id, amount="40", currency="RWF"
        )
        undone, spent = await asyncio.gather(  # in one group
            app.submit_batch(builders.atomic(payment, builders.withdrawal(payee.id, "9999"))),
            app.submit_batch(builders.atomic(builders.withdrawal(payer.id, "100"))),
        )
        assert (undone.failed_index, spent.failed_index) == (1, None)
    await assert_whole(store)


def test_a_rollback_restores_items_of_every_kind() -> None:
    wallet = builders.wallet(ledger_balance=10)
    book = builders.book(wallet)
    book.locked.of(VOUCHERS)["v-1"] = voucher = Voucher("v-1", wallet.id)
    savepoint = book.savepoint([wallet.id])
    UseVoucher(voucher_id="v-1").decide(book)
    book.add(VOUCHERS, "v-2", Voucher("v-2", wallet.id))
    book.rollback_to(savepoint)
    assert book.locked.of(VOUCHERS) == {"v-1": Voucher("v-1", wallet.id)}
    assert book.locked.of(VOUCHERS)["v-1"] is voucher
    assert (book.changes.added_of(VOUCHERS), book.changes.changed_of(VOUCHERS)) == ({}, {})
