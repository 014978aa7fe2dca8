"""Statements of wallets, for any period, equal to the entries."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import product
from uuid import uuid4

import pytest

from tekana.application import Session
from tekana.domain.caller import LOCAL_OPERATOR, customer_caller
from tekana.domain.errors import InvalidRequest, WalletNotFound
from tekana.domain.identifiers import WalletId, house_wallet_id
from tekana.domain.transaction import PostedEntry
from tekana.ports.store import Store
from tekana.testing import builders
from tekana.testing.builders import RWF
from tekana.testing.clock import FrozenClock
from tekana.testing.contracts.fixtures import Contract
from tekana.testing.contracts.helpers import a_customer, a_wallet, all_at_once
from tekana.testing.contracts.ledger_checks import every

MICROSECOND = timedelta(microseconds=1)


class StatementsContract(Contract):
    """The contract of statements in `tekana.ports.wallets`."""

    async def test_a_statement_of_any_period_equals_the_entries(
        self, store: Store, app: Session, clock: FrozenClock
    ) -> None:
        wallet, other = await a_wallet(app), await a_wallet(app)
        opened = clock()
        for pause_seconds, amount in ((0, 700), (0, -50), (60, 30), (60, -30), (0, 1), (60, -651)):
            clock.advance(timedelta(seconds=pause_seconds))
            of = (other.id, wallet.id) if amount > 0 else (wallet.id, other.id)
            if amount > 0:
                await app.execute(builders.deposit(other.id, str(amount)))
            await app.execute(builders.transfer(*of, str(abs(amount))))
        now = clock.advance()
        lines = await every(lambda page: store.wallets(LOCAL_OPERATOR).entries(wallet.id, page))
        moments = sorted({line.posted_at for line in lines})
        times = [None, opened - MICROSECOND, *moments, *(one + MICROSECOND for one in moments), now]
        for start, end in product(times, times):
            if start is None or end is None or start <= end:
                await _assert_statement(app, wallet.id, lines, start, end, now)

    async def test_a_statement_stays_as_it_is_while_the_wallet_goes_on(self, app: Session) -> None:
        wallet = await a_wallet(app, "10")
        await all_at_once(app.execute(builders.deposit(wallet.id, "1")) for _ in range(450))
        found = await app.statement(wallet.id)
        versions = []
        async for page in found.pages():
            versions += [line.entry.version for line in page]
            await app.execute(builders.deposit(wallet.id, "5"))
        assert versions == list(range(1, 452))
        assert found.summary.closing_balance == 460

    async def test_statements_of_house_wallets_and_of_what_is_not_there(self, app: Session) -> None:
        wallet = await a_wallet(app, "700")
        one = (await app.statement(house_wallet_id("settlement", RWF))).summary
        assert (one.customer_id, one.closing_balance, one.total_debits) == (None, -700, 700)
        with pytest.raises(WalletNotFound):
            await app.statement(WalletId(uuid4()))
        empty = await app.statement(wallet.id, end=wallet.created_at)
        assert [page async for page in empty.pages()] == []

    async def test_a_customer_reads_statements_of_their_own_wallets(self, app: Session) -> None:
        aline, bosco = await a_customer(app, "700"), await a_customer(app)
        own, other = aline.wallets[0].id, bosco.wallets[0].id
        as_aline = app.as_caller(customer_caller("main", aline.customer.id))
        assert (await as_aline.statement(own)).summary.closing_balance == 700
        for foreign in (other, house_wallet_id("settlement", RWF)):
            with pytest.raises(WalletNotFound):
                await as_aline.statement(foreign)

    async def test_a_period_that_ends_before_it_begins_is_refused(self, app: Session, clock: FrozenClock) -> None:
        wallet = await a_wallet(app, "10")
        now = clock.advance()
        for start, end in ((now, now - MICROSECOND), (None, wallet.created_at - MICROSECOND)):
            with pytest.raises(InvalidRequest) as refused:
                await app.statement(wallet.id, start, end)
            assert [one.field for one in refused.value.errors] == ["to"]


async def _assert_statement(
    app: Session,
    wallet_id: WalletId,
    lines: list[PostedEntry],
    start: datetime | None,
    end: datetime | None,
    now: datetime,
) -> None:
    wallet = await app.wallets.get(wallet_id)
    if end is not None and start is None and end < wallet.created_at:
        with pytest.raises(InvalidRequest):
            await app.statement(wallet_id, start, end)
        return
    found = await app.statement(wallet_id, start, end)
    one = found.summary
    before = [line for line in lines if start is not None and line.posted_at < start]
    expected = [line for line in lines[len(before) :] if end is None or line.posted_at < end]
    amounts = [line.entry.amount_minor for line in expected]
    assert [line async for page in found.pages() for line in page] == expected, (start, end)
    assert (one.wallet_id, one.customer_id, one.currency) == (wallet_id, wallet.customer_id, RWF)
    assert (one.start, one.end, one.created_at) == (start or wallet.created_at, end or now, now)
    assert one.opening_balance == sum(line.entry.amount_minor for line in before)
    assert one.closing_balance == one.opening_balance + sum(amounts)
    assert one.total_credits == sum(amount for amount in amounts if amount > 0)
    assert one.total_debits == -sum(amount for amount in amounts if amount < 0)
    assert (one.credit_count, one.debit_count) == (
        sum(amount > 0 for amount in amounts),
        sum(amount < 0 for amount in amounts),
    )
    assert (one.opening_version, one.closing_version) == (len(before), len(before) + len(expected))
