"""Reading wallets and their history."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple, Protocol

from tekana.domain.identifiers import CustomerId, WalletId
from tekana.domain.money import Currency, Money
from tekana.domain.transaction import PostedEntry
from tekana.domain.wallet import Wallet
from tekana.ports.page import Page, PageRequest


class WalletFilter(NamedTuple):
    """Which wallets: those that match everything given."""

    customer_id: CustomerId | None = None
    currency: Currency | None = None


class BalanceAt(NamedTuple):
    """A wallet's ledger balance at a moment, and the version of the last entry posted by then (0: none)."""

    wallet_id: WalletId
    at: datetime
    ledger_balance: Money
    version: int


class Wallets(Protocol):
    """The wallets as last saved, house wallets included. Safe to use from many tasks at once.

    Every method raises Unavailable if the store cannot be reached.
    """

    async def get(self, wallet_id: WalletId) -> Wallet:
        """Raises WalletNotFound if there is none."""
        ...

    async def list(self, which: WalletFilter, page: PageRequest) -> Page[Wallet]:
        """In the order of their ids, which is the order of opening. Raises InvalidRequest for a bad cursor."""
        ...

    async def entries(self, wallet_id: WalletId, page: PageRequest) -> Page[PostedEntry]:
        """The wallet's history, by version, the first entry first: complete and without a gap.

        Raises WalletNotFound if there is no such wallet; InvalidRequest for a bad cursor.
        """
        ...

    async def balance_at(self, wallet_id: WalletId, at: datetime | None) -> BalanceAt:
        """The ledger balance after everything posted at or before `at` (aware); None stands for now.

        Raises WalletNotFound if there is no such wallet.
        """
        ...
