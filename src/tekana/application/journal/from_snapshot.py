"""The journal and the trial balance of wallets and transactions in memory, for a store without a query language."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import datetime

from tekana.domain.identifiers import WalletId
from tekana.domain.money import Currency
from tekana.domain.transaction import Transaction
from tekana.domain.wallet import Wallet
from tekana.ports.journal import JournalWallet
from tekana.ports.reports import CUSTOMERS, Account, AccountBalance, TrialBalance, in_order


class SnapshotJournal:
    """Implements tekana.ports.journal.JournalSnapshot."""

    def __init__(
        self,
        wallets: Iterable[Wallet],
        transactions: Iterable[Transaction],
        start: datetime | None,
        end: datetime | None,
        now: datetime,
    ) -> None:
        """Create the journal of a period.

        Args:
            wallets, transactions: all of them.
            start, end: as for a Journal.
            now: the time of the snapshot.
        """
        self.start = start
        self.end = now if end is None else end
        self._all = sorted((one for one in transactions if one.entries), key=lambda one: one.id)
        self._wallets = [one for one in wallets if end is None or one.created_at < end]
        self._period = [
            one
            for one in self._all
            if (start is None or one.created_at >= start) and (end is None or one.created_at < end)
        ]

    async def wallets(self) -> AsyncIterator[JournalWallet]:
        before = [one for one in self._all if self.start is not None and one.created_at < self.start]
        opening = _balances(before)
        closing = _balances([*before, *self._period])
        for one in sorted(self._wallets, key=lambda wallet: wallet.id):
            yield JournalWallet(one.id, one.house, one.currency, one.created_at, opening[one.id], closing[one.id])

    async def count_transactions(self) -> int:
        return len(self._period)

    async def transactions(self) -> AsyncIterator[Transaction]:
        for one in self._period:
            yield one


def trial_balance_of(
    wallets: Sequence[Wallet], transactions: Iterable[Transaction], at: datetime | None, now: datetime
) -> TrialBalance:
    """Return the trial balance at a time, or now, of all wallets and transactions."""
    balances = _balances(one for one in transactions if at is None or one.created_at <= at)
    sums: Counter[tuple[Account, Currency]] = Counter()
    counts: Counter[tuple[Account, Currency]] = Counter()
    for wallet in wallets:
        if at is None or wallet.created_at <= at:
            account = wallet.house or CUSTOMERS, wallet.currency
            counts[account] += 1
            sums[account] += balances[wallet.id]
    accounts = [AccountBalance(*account, count, sums[account]) for account, count in counts.items()]
    return TrialBalance(now if at is None else at, in_order(accounts))


def _balances(transactions: Iterable[Transaction]) -> Counter[WalletId]:
    """Return the sum of the entries of each wallet."""
    balances: Counter[WalletId] = Counter()
    for one in transactions:
        for entry in one.entries:
            balances[entry.wallet_id] += entry.amount_minor
    return balances
