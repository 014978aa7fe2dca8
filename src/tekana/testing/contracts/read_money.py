"""Readers of money: a wallet's entries, its balance at a time, and transactions by every filter."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from itertools import product
from uuid import uuid4

import pytest

from tekana.application import Session
from tekana.domain.caller import LOCAL_OPERATOR
from tekana.domain.errors import CurrencyMismatch, Refused, TransactionNotFound, WalletNotFound
from tekana.domain.identifiers import CustomerId, TransactionId, WalletId, house_wallet_id
from tekana.domain.money import Money
from tekana.domain.transaction import PostedEntry, Transaction
from tekana.ports.page import PageRequest
from tekana.ports.store import Store
from tekana.ports.transactions import TransactionFilter
from tekana.ports.wallets import BalanceAt
from tekana.testing import builders
from tekana.testing.builders import RWF
from tekana.testing.clock import FrozenClock
from tekana.testing.contracts.fixtures import Contract
from tekana.testing.contracts.helpers import a_customer, a_wallet, all_at_once
from tekana.testing.contracts.ledger_checks import every, transactions

MICROSECOND = timedelta(microseconds=1)


class ReadMoneyContract(Contract):
    """The contract of entries and balances in `tekana.ports.wallets`, and of `tekana.ports.transactions`."""

    async def test_a_wallets_history(self, store: Store, app: Session, clock: FrozenClock) -> None:
        one, two = await a_wallet(app), await a_wallet(app)
        settlement = house_wallet_id("settlement", RWF)
        first = await app.execute(builders.deposit(one.id, "700", description="cash", reference="r-1"))
        clock.advance()
        second = await app.execute(builders.transfer(one.id, two.id, "200", reference="r-2"))
        clock.advance()
        third = await app.execute(builders.withdrawal(one.id, "50"))
        histories = {
            one.id: [(first, 1, 700, 700), (second, 2, -200, 500), (third, 3, -50, 450)],
            two.id: [(second, 1, 200, 200)],
            settlement: [(first, 1, -700, -700), (third, 2, 50, -650)],
        }
        for wallet_id, expected in histories.items():
            lines = await every(lambda page, of=wallet_id: store.wallets(LOCAL_OPERATOR).entries(of, page))  # type: ignore[misc]
            assert lines == [_line(transaction, wallet_id) for transaction, *_ in expected]
            shown = [(line.entry.version, line.entry.amount_minor, line.entry.ledger_balance_after) for line in lines]
            assert shown == [tuple(numbers) for _, *numbers in expected]

    async def test_history_in_pages_of_every_size(self, store: Store, app: Session) -> None:
        wallet = await a_wallet(app)
        await all_at_once(app.execute(builders.deposit(wallet.id, str(n + 1))) for n in range(12))
        for limit in range(1, 14):
            lines = await every(lambda page: store.wallets(LOCAL_OPERATOR).entries(wallet.id, page), limit)
            assert [line.entry.version for line in lines] == list(range(1, 13))

    async def test_history_of_a_period_in_both_orders(self, store: Store, app: Session, clock: FrozenClock) -> None:
        wallet = await a_wallet(app)
        posted = []
        for pause_seconds in (0, 0, 60, 60, 0, 0, 60, 60):
            clock.advance(timedelta(seconds=pause_seconds))
            posted.append(await app.execute(builders.deposit(wallet.id, "1")))
        moments = [one.posted_at for one in posted if one.posted_at is not None]
        times = [None, *moments, *(one + MICROSECOND for one in moments), moments[0] - timedelta(days=1)]
        for start, end in product(times, times):
            expected = [
                version
                for version, at in enumerate(moments, 1)
                if (start is None or at >= start) and (end is None or at < end)
            ]
            for newest_first, limit in ((False, 50), (True, 50), (False, 2), (True, 3)):
                lines = await every(
                    lambda page, of=(start, end, newest_first): store.wallets(LOCAL_OPERATOR).entries(  # type: ignore[misc]
                        wallet.id, page, *of
                    ),
                    limit,
                )
                versions = [line.entry.version for line in lines]
                assert versions == (expected[::-1] if newest_first else expected), (start, end, newest_first, limit)

    async def test_history_while_it_grows(self, store: Store, app: Session) -> None:
        wallet = await a_wallet(app, "10")
        await app.execute(builders.deposit(wallet.id, "10"))
        versions: list[int] = []
        cursor = None
        for _ in range(10):
            page = await store.wallets(LOCAL_OPERATOR).entries(wallet.id, PageRequest(1, cursor))
            versions += [line.entry.version for line in page.items]
            cursor = page.next_cursor
            await app.execute(builders.deposit(wallet.id, "10"))
        assert versions == list(range(1, 11))

    async def test_history_of_what_is_not_there(self, store: Store, app: Session) -> None:
        wallet = await a_wallet(app)
        assert await store.wallets(LOCAL_OPERATOR).entries(wallet.id, PageRequest()) == ((), None)
        with pytest.raises(WalletNotFound):
            await store.wallets(LOCAL_OPERATOR).entries(WalletId(uuid4()), PageRequest())
        with pytest.raises(WalletNotFound):
            await store.wallets(LOCAL_OPERATOR).balance_at(WalletId(uuid4()), None)
        with pytest.raises(TransactionNotFound):
            await store.transactions(LOCAL_OPERATOR).get(TransactionId(uuid4()))

    async def test_the_balance_at_exact_times(self, store: Store, app: Session, clock: FrozenClock) -> None:
        wallet = await a_wallet(app)
        opened = clock()
        times = [clock.advance(timedelta(minutes=1, microseconds=7))]
        await app.execute(builders.deposit(wallet.id, "700"))
        times.append(clock.advance(MICROSECOND))
        await app.execute(builders.withdrawal(wallet.id, "50"))
        await app.execute(builders.withdrawal(wallet.id, "30"))  # at the same moment: both count
        times.append(clock.advance(timedelta(days=400)))
        await app.execute(builders.deposit(wallet.id, "1"))
        later = clock.advance()
        cases = {
            datetime(1970, 1, 1, tzinfo=UTC): (0, 0),
            opened: (0, 0),
            times[0] - MICROSECOND: (0, 0),
            times[0]: (700, 1),
            times[1]: (620, 3),
            times[1] + MICROSECOND: (620, 3),
            times[2] - MICROSECOND: (620, 3),
            times[2]: (621, 4),
            times[2].astimezone(timezone(timedelta(hours=2))): (621, 4),
            later + timedelta(days=10_000): (621, 4),
        }
        for at, (balance, version) in cases.items():
            shown = await store.wallets(LOCAL_OPERATOR).balance_at(wallet.id, at)
            assert shown == BalanceAt(wallet.id, at, Money(balance, RWF), version)
        assert await store.wallets(LOCAL_OPERATOR).balance_at(wallet.id, None) == BalanceAt(
            wallet.id, later, Money(621, RWF), 4
        )

    async def test_history_never_runs_backwards(self, store: Store, app: Session, clock: FrozenClock) -> None:
        wallet = await a_wallet(app, "700")
        noon = clock()
        clock.set(noon - timedelta(hours=1))  # a clock that was set back
        posted = await app.execute(builders.deposit(wallet.id, "1"))
        assert posted.created_at == posted.posted_at == noon + MICROSECOND
        for at, version in ((noon - MICROSECOND, 0), (noon, 1), (noon + MICROSECOND, 2)):
            assert (await store.wallets(LOCAL_OPERATOR).balance_at(wallet.id, at)).version == version
        assert (await store.wallets(LOCAL_OPERATOR).balance_at(wallet.id, None)).ledger_balance == Money(701, RWF)

    async def test_transactions_by_every_filter(self, store: Store, app: Session, clock: FrozenClock) -> None:
        aline, bosco = await a_customer(app), await a_customer(app)
        mine, his = aline.wallets[0].id, bosco.wallets[0].id
        nowhere = WalletId(uuid4())
        at = [clock.advance(timedelta(hours=1))]
        deposit = await app.execute(builders.deposit(mine, "700", reference="rent"))
        at.append(clock.advance(timedelta(hours=1)))
        transfer = await app.execute(builders.transfer(mine, his, "200", reference="rent"))
        withdrawal = await app.execute(builders.withdrawal(his, "50", reference="Rent"))
        at.append(clock.advance(timedelta(hours=1)))
        poor = await _refused(app, builders.withdrawal(mine, "9999"))
        lost = await _refused(app, builders.transfer(his, nowhere, "1", reference="lost"))
        cases = {
            TransactionFilter(): [lost, poor, withdrawal, transfer, deposit],
            TransactionFilter(wallet_id=mine): [poor, transfer, deposit],
            TransactionFilter(wallet_id=his): [lost, withdrawal, transfer],
            TransactionFilter(wallet_id=nowhere): [lost],
            TransactionFilter(wallet_id=house_wallet_id("settlement", RWF)): [poor, withdrawal, deposit],
            TransactionFilter(customer_id=aline.customer.id): [poor, transfer, deposit],
            TransactionFilter(customer_id=bosco.customer.id): [lost, withdrawal, transfer],
            TransactionFilter(customer_id=CustomerId(uuid4())): [],
            TransactionFilter(type="deposit"): [deposit],
            TransactionFilter(type="withdrawal"): [poor, withdrawal],
            TransactionFilter(type="transfer"): [lost, transfer],
            TransactionFilter(status="posted"): [withdrawal, transfer, deposit],
            TransactionFilter(status="rejected"): [lost, poor],
            TransactionFilter(reference="rent"): [transfer, deposit],
            TransactionFilter(reference="ren"): [],
            TransactionFilter(start=at[1]): [lost, poor, withdrawal, transfer],
            TransactionFilter(start=at[1] + MICROSECOND): [lost, poor],
            TransactionFilter(end=at[1]): [deposit],
            TransactionFilter(end=at[1] + MICROSECOND): [withdrawal, transfer, deposit],
            TransactionFilter(start=at[1], end=at[2]): [withdrawal, transfer],
            TransactionFilter(start=at[2], end=at[1]): [],
            TransactionFilter(mine, bosco.customer.id): [transfer],
            TransactionFilter(nowhere, bosco.customer.id): [lost],
            TransactionFilter(house_wallet_id("settlement", RWF), aline.customer.id): [poor, deposit],
            TransactionFilter(his, bosco.customer.id, "transfer", "posted", "rent", at[1], at[2]): [transfer],
            TransactionFilter(his, bosco.customer.id, "transfer", "posted", "rent", at[0], at[1]): [],
        }
        for which, expected in cases.items():
            for limit in (1, 2, 200):
                found = await every(lambda page, of=which: store.transactions(LOCAL_OPERATOR).list(of, page), limit)  # type: ignore[misc]
                assert found == expected, which
        for one in (deposit, transfer, withdrawal, poor, lost):
            assert await store.transactions(LOCAL_OPERATOR).get(one.id) == one

    async def test_a_transfer_to_oneself_shows_once(self, store: Store, app: Session) -> None:
        aline = await a_customer(app, "700")
        savings = await app.execute(builders.open_wallet(aline.customer.id))
        moved = await app.execute(builders.transfer(aline.wallets[0].id, savings.id, "200"))
        which = TransactionFilter(customer_id=aline.customer.id, type="transfer")
        assert await every(lambda page: store.transactions(LOCAL_OPERATOR).list(which, page)) == [moved]

    async def test_refused_currency_and_wallet_are_findable(self, store: Store, app: Session) -> None:
        wallet = await a_wallet(app, "700")
        refused = await _refused(app, builders.withdrawal(wallet.id, "7.00", "USD"), CurrencyMismatch)
        house = house_wallet_id("fees", RWF)
        taken = await _refused(app, builders.transfer(house, wallet.id, "1"), WalletNotFound)
        which = TransactionFilter(wallet_id=wallet.id, status="rejected")
        assert await every(lambda page: store.transactions(LOCAL_OPERATOR).list(which, page)) == [taken, refused]

    async def test_transaction_pages_while_more_come(self, store: Store, app: Session) -> None:
        wallet = await a_wallet(app)
        before = [await app.execute(builders.deposit(wallet.id, "1")) for _ in range(10)]
        for limit in range(1, 12):
            seen: list[Transaction] = []
            cursor = None
            which = TransactionFilter(wallet_id=wallet.id)
            while True:
                page = await store.transactions(LOCAL_OPERATOR).list(which, PageRequest(limit, cursor))
                seen += page.items
                assert len(seen) < 1000, "the pages never end"
                if page.next_cursor is None:
                    break
                cursor = page.next_cursor
                await app.execute(builders.deposit(wallet.id, "1"))
            ids = [one.id for one in seen]
            assert ids == sorted(set(ids), reverse=True)
            assert {one.id for one in before} <= set(ids)
        assert [one.id for one in await transactions(store)][-10:] == [one.id for one in reversed(before)]


def _line(transaction: Transaction, wallet_id: WalletId) -> PostedEntry:
    [entry] = [one for one in transaction.entries if one.wallet_id == wallet_id]
    assert transaction.posted_at is not None
    movement = transaction.request
    return PostedEntry(
        entry, transaction.id, movement.type, movement.description, movement.reference, transaction.posted_at
    )


async def _refused(app: Session, command: object, kind: type[Refused] = Refused) -> Transaction:
    with pytest.raises(kind) as refused:
        await app.execute(command)  # type: ignore[arg-type]
    assert isinstance(refused.value.transaction, Transaction)
    return refused.value.transaction
