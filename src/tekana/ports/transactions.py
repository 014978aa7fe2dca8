"""Reading transactions."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple, Protocol

from tekana.domain.events import TransactionType
from tekana.domain.identifiers import CustomerId, TransactionId, WalletId
from tekana.domain.transaction import Transaction, TransactionStatus
from tekana.ports.page import Page, PageRequest


class TransactionFilter(NamedTuple):
    """Which transactions: those that match everything given.

    A transaction is a wallet's, or a customer's, if money was to leave or enter there. `start` is inclusive and `end`
    exclusive, and both are about `created_at`.
    """

    wallet_id: WalletId | None = None
    customer_id: CustomerId | None = None
    type: TransactionType | None = None
    status: TransactionStatus | None = None
    reference: str | None = None
    start: datetime | None = None
    end: datetime | None = None


class Transactions(Protocol):
    """The transactions as saved: they never change. Safe to use from many tasks at once."""

    async def get(self, transaction_id: TransactionId) -> Transaction:
        """Raises TransactionNotFound if there is none; Unavailable if the store cannot be reached."""
        ...

    async def list(self, which: TransactionFilter, page: PageRequest) -> Page[Transaction]:
        """In the order of their ids, the newest first.

        Raises InvalidRequest for a bad cursor; Unavailable if the store cannot be reached.
        """
        ...
