"""The reader of wallets and their history."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple, Protocol

from tekana.domain.identifiers import CustomerId, WalletId
from tekana.domain.money import Currency, Money
from tekana.domain.transaction import PostedEntry
from tekana.domain.wallet import Wallet, WalletStatus
from tekana.ports.page import Page, PageRequest


class WalletFilter(NamedTuple):
    """Selects the wallets that match all given fields; None matches any value.

    Attributes:
        customer_id, currency, status: compared exactly.
        metadata: names and values that the metadata have: see `metadata_matches`.
    """

    customer_id: CustomerId | None = None
    currency: Currency | None = None
    status: WalletStatus | None = None
    metadata: Mapping[str, str] | None = None


class BalanceAt(NamedTuple):
    """A wallet's ledger balance at a time.

    Attributes:
        wallet_id: the wallet.
        at: the time, aware.
        ledger_balance: the balance after all entries posted at or before `at`.
        version: the version of the last of these entries; 0 if there are none.
    """

    wallet_id: WalletId
    at: datetime
    ledger_balance: Money
    version: int


class StatementSummary(NamedTuple):
    """What a wallet's statement of a period says beside its entries. Amounts are in minor units.

    Attributes:
        wallet_id: the wallet.
        customer_id: its customer; None for a house wallet.
        currency: its currency.
        start: the moment from which entries are in the period, aware.
        end: the moment before which they are in the period, aware.
        created_at: the moment at which the statement was made. Entries that are posted later are not in it.
        opening_balance: the ledger balance after the last entry before the period.
        closing_balance: the ledger balance after the last entry of the period.
        total_credits, total_debits: the sums of what entered and of what left the wallet, both positive.
        credit_count, debit_count: the number of these entries.
        opening_version: the version of the last entry before the period; 0 if there is none.
        closing_version: the version of the last entry of the period; the opening version if there is none.
    """

    wallet_id: WalletId
    customer_id: CustomerId | None
    currency: Currency
    start: datetime
    end: datetime
    created_at: datetime
    opening_balance: int
    closing_balance: int
    total_credits: int
    total_debits: int
    credit_count: int
    debit_count: int
    opening_version: int
    closing_version: int

    @classmethod
    def of(
        cls,
        wallet: Wallet,
        history: Sequence[PostedEntry],
        start: datetime | None,
        end: datetime | None,
        now: datetime,
    ) -> StatementSummary:
        """Return the summary of a wallet with this whole history, by version, for a store without a query language."""
        low = 0 if start is None else bisect_left(history, start, key=_posted_at)
        high = len(history) if end is None else max(low, bisect_left(history, end, key=_posted_at))
        amounts = [line.entry.amount_minor for line in history[low:high]]
        entered, left = [one for one in amounts if one > 0], [-one for one in amounts if one < 0]
        return cls(
            wallet_id=wallet.id,
            customer_id=wallet.customer_id,
            currency=wallet.currency,
            start=wallet.created_at if start is None else start,
            end=now if end is None else end,
            created_at=now,
            opening_balance=history[low - 1].entry.ledger_balance_after if low else 0,
            closing_balance=history[high - 1].entry.ledger_balance_after if high else 0,
            total_credits=sum(entered),
            total_debits=sum(left),
            credit_count=len(entered),
            debit_count=len(left),
            opening_version=low,
            closing_version=high,
        )


def _posted_at(line: PostedEntry) -> datetime:
    return line.posted_at


class Wallets(Protocol):
    """The wallets as last saved, house wallets included for callers of all tenants. Safe for many tasks.

    Every method raises Unavailable if the store cannot be reached.
    """

    async def get(self, wallet_id: WalletId) -> Wallet:
        """Return a wallet.

        Raises:
            WalletNotFound: no wallet has this id.
        """
        ...

    async def list(self, which: WalletFilter, page: PageRequest, newest_first: bool = False) -> Page[Wallet]:
        """List wallets in order of their ids, which is the order of opening, or in the reverse order.

        Raises:
            InvalidRequest: the cursor is not one of this list.
        """
        ...

    async def entries(
        self,
        wallet_id: WalletId,
        page: PageRequest,
        start: datetime | None = None,
        end: datetime | None = None,
        newest_first: bool = False,
    ) -> Page[PostedEntry]:
        """Return the wallet's history, by version: complete and without a gap.

        Args:
            wallet_id: the wallet.
            page: the page. A cursor is the version of the last entry before it, whatever the period.
            start: only entries posted at this moment (aware) or later.
            end: only entries posted before this moment (aware). Sessions refuse one before `start`.
            newest_first: whether the last entry comes first.

        Raises:
            WalletNotFound: there is no such wallet.
            InvalidRequest: the cursor is bad.
        """
        ...

    async def balance_at(self, wallet_id: WalletId, at: datetime | None) -> BalanceAt:
        """Return the ledger balance at a time.

        Args:
            wallet_id: the wallet.
            at: an aware datetime, inclusive; None means now.

        Raises:
            WalletNotFound: no wallet has this id.
        """
        ...

    async def statement(
        self, wallet_id: WalletId, start: datetime | None = None, end: datetime | None = None
    ) -> StatementSummary:
        """Return the balances and totals of a period, all of one snapshot of the wallet and its entries.

        Entries never change, so the versions in the summary name the entries of that snapshot for ever.

        Args:
            wallet_id: the wallet.
            start: the moment (aware) from which entries are in the period; None for that of the wallet's opening.
            end: the moment (aware) before which they are, not before `start`; None for all entries until now.

        Raises:
            WalletNotFound: there is no such wallet.
        """
        ...
