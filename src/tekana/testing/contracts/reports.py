"""Reports on the whole ledger: the trial balance and the journal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from io import BytesIO

import pytest

from tekana.application import Session
from tekana.application.journal import FORMS
from tekana.domain.caller import SCOPES, Caller
from tekana.domain.errors import Forbidden, InvalidRequest
from tekana.domain.identifiers import WalletId
from tekana.domain.money import Currency
from tekana.domain.transaction import Transaction
from tekana.ports.journal import JournalWallet
from tekana.ports.reports import AccountBalance
from tekana.testing import builders
from tekana.testing.builders import RWF
from tekana.testing.clock import FrozenClock
from tekana.testing.contracts.fixtures import Contract
from tekana.testing.contracts.helpers import a_wallet, all_outcomes

USD = Currency("USD")
MICROSECOND = timedelta(microseconds=1)


class ReportsContract(Contract):
    """The contract of `tekana.ports.reports` and `tekana.ports.journal`."""

    async def test_the_trial_balance_of_an_empty_ledger(self, app: Session, clock: FrozenClock) -> None:
        found = await app.reports.trial_balance()
        assert found.at == clock()
        assert {(one.balance_minor, one.account == "customers") for one in found.accounts} <= {(0, False)}

    async def test_the_trial_balance_at_any_time(self, app: Session, clock: FrozenClock) -> None:
        begin = clock()
        expected: list[tuple[datetime, dict[str, int]]] = []
        rwf, other, usd = await a_wallet(app), await a_wallet(app), await a_wallet(app, currency="USD")
        sums: Counter[str] = Counter()
        for wallet, amount, currency in ((rwf, 700, RWF), (other, 300, RWF), (usd, 1250, USD), (rwf, -50, RWF)):
            clock.advance()
            make = builders.deposit if amount > 0 else builders.withdrawal
            major = f"{abs(amount) / 100:.2f}" if currency == USD else str(abs(amount))
            await app.execute(make(wallet.id, major, currency=currency))
            await app.execute(builders.transfer(rwf.id, other.id, "1"))
            sums[f"customers {currency}"] += amount
            sums[f"settlement {currency}"] -= amount
            expected.append((clock(), {name: value for name, value in sums.items() if value}))
        await all_outcomes([app.execute(builders.withdrawal(rwf.id, "9999"))])
        assert _by_account((await app.reports.trial_balance()).accounts) == expected[-1][1]
        for moment, balances in expected:
            found = await app.reports.trial_balance(moment)
            assert _by_account(found.accounts) == balances
            assert found.at == moment
            assert all(debit == credit for debit, credit in found.totals())
            before = await app.reports.trial_balance(moment - MICROSECOND)
            assert _by_account(before.accounts) != balances
        assert _by_account((await app.reports.trial_balance(begin - timedelta(days=1))).accounts) == {}

    async def test_reports_need_access_to_all_tenants(self, app: Session) -> None:
        partner = app.as_caller(Caller("north", "partner", SCOPES - {"tenants:all"}))
        with pytest.raises(Forbidden):
            _ = partner.reports
        with pytest.raises(Forbidden):
            partner.journal()

    async def test_the_journal_of_any_period(self, app: Session, clock: FrozenClock) -> None:
        one, two = await a_wallet(app), await a_wallet(app)
        made: list[Transaction] = []
        for pause_seconds in (0, 0, 60, 60, 0):
            clock.advance(timedelta(seconds=pause_seconds))
            made.append(await app.execute(builders.deposit(one.id, "5", description='"Lunch"', reference="r-1")))
            made.append(await app.execute(builders.transfer(one.id, two.id, "2")))
            await all_outcomes([app.execute(builders.withdrawal(one.id, "9999"))])
        moments = sorted({transaction.created_at for transaction in made})
        for start in (None, *moments, moments[-1] + MICROSECOND):
            for end in (None, *moments):
                if start is None or end is None or start <= end:
                    await _assert_journal(app, made, start, end)
        with pytest.raises(InvalidRequest):
            app.journal(moments[1], moments[0])

    async def test_each_form_of_the_journal_has_every_entry(self, app: Session) -> None:
        wallet = await a_wallet(app, "700")
        await app.execute(builders.withdrawal(wallet.id, "50", description="=1+1"))
        for write in FORMS.values():
            file = BytesIO()
            async with app.journal() as journal:
                await write(journal, file)
            text = file.getvalue().decode()
            assert text.count(str(wallet.id)) >= 2
            assert "700" in text
            assert ",=1+1" not in text

    async def test_the_journal_before_everything_is_empty(self, app: Session) -> None:
        await a_wallet(app, "700")
        async with app.journal(None, datetime(1990, 1, 1, tzinfo=UTC)) as journal:
            assert [one async for one in journal.transactions()] == []
            assert [one async for one in journal.wallets() if one.house is None] == []


def _by_account(accounts: Sequence[AccountBalance]) -> dict[str, int]:
    return {f"{one.account} {one.currency}": one.balance_minor for one in accounts if one.balance_minor}


def _sums(transactions: Sequence[Transaction]) -> Counter[WalletId]:
    sums: Counter[WalletId] = Counter()
    for one in transactions:
        for entry in one.entries:
            sums[entry.wallet_id] += entry.amount_minor
    return sums


def _balance(one: JournalWallet, side: str) -> int:
    return one.opening_balance if side == "opening" else one.closing_balance


async def _assert_journal(
    app: Session, made: Sequence[Transaction], start: datetime | None, end: datetime | None
) -> None:
    before = [one for one in made if start is not None and one.created_at < start]
    expected = [one for one in made[len(before) :] if end is None or one.created_at < end]
    async with app.journal(start, end) as journal:
        assert [one async for one in journal.transactions()] == expected, (start, end)
        assert await journal.count_transactions() == len(expected)
        wallets = [one async for one in journal.wallets()]
        assert [one.wallet_id for one in wallets] == sorted(one.wallet_id for one in wallets)
        for side, transactions in (("opening", before), ("closing", [*before, *expected])):
            sums = _sums(transactions)
            found = {one.wallet_id: _balance(one, side) for one in wallets if _balance(one, side)}
            assert found == {wallet_id: amount for wallet_id, amount in sums.items() if amount}, side
