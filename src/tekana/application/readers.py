"""The readers of a session: they check identifiers, and convert those given as text, for all stores."""

from __future__ import annotations

from datetime import datetime
from typing import Any, TypeVar

from tekana.application.commands.validation import to_id
from tekana.domain.answers import CustomerWithWallets
from tekana.domain.identifiers import CustomerId, TransactionId, WalletId
from tekana.domain.transaction import PostedEntry, Transaction
from tekana.domain.wallet import Wallet
from tekana.ports.customers import CustomerFilter, Customers
from tekana.ports.page import Page, PageRequest
from tekana.ports.transactions import TransactionFilter, Transactions
from tekana.ports.wallets import BalanceAt, WalletFilter, Wallets

_FilterT = TypeVar("_FilterT", WalletFilter, TransactionFilter)


def _with_ids(which: _FilterT, *names: str) -> _FilterT:
    given = {name: getattr(which, name) for name in names}
    ids: dict[str, Any] = {name: to_id(name, value) for name, value in given.items() if value is not None}
    return which._replace(**ids)


class CheckedCustomers:
    """Implements tekana.ports.customers.Customers."""

    __slots__ = ("_customers",)

    def __init__(self, customers: Customers) -> None:
        self._customers = customers

    async def get(self, customer_id: CustomerId) -> CustomerWithWallets:
        return await self._customers.get(CustomerId(to_id("customer_id", customer_id)))

    async def list(self, which: CustomerFilter, page: PageRequest) -> Page[CustomerWithWallets]:
        return await self._customers.list(which, page)


class CheckedWallets:
    """Implements tekana.ports.wallets.Wallets."""

    __slots__ = ("_wallets",)

    def __init__(self, wallets: Wallets) -> None:
        self._wallets = wallets

    async def get(self, wallet_id: WalletId) -> Wallet:
        return await self._wallets.get(WalletId(to_id("wallet_id", wallet_id)))

    async def list(self, which: WalletFilter, page: PageRequest) -> Page[Wallet]:
        return await self._wallets.list(_with_ids(which, "customer_id"), page)

    async def entries(
        self,
        wallet_id: WalletId,
        page: PageRequest,
        start: datetime | None = None,
        end: datetime | None = None,
        newest_first: bool = False,
    ) -> Page[PostedEntry]:
        return await self._wallets.entries(
            WalletId(to_id("wallet_id", wallet_id)), page, start=start, end=end, newest_first=newest_first
        )

    async def balance_at(self, wallet_id: WalletId, at: datetime | None) -> BalanceAt:
        return await self._wallets.balance_at(WalletId(to_id("wallet_id", wallet_id)), at)


class CheckedTransactions:
    """Implements tekana.ports.transactions.Transactions."""

    __slots__ = ("_transactions",)

    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions

    async def get(self, transaction_id: TransactionId) -> Transaction:
        return await self._transactions.get(TransactionId(to_id("transaction_id", transaction_id)))

    async def list(self, which: TransactionFilter, page: PageRequest) -> Page[Transaction]:
        return await self._transactions.list(_with_ids(which, "wallet_id", "customer_id"), page)
