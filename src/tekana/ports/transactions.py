"""The reader of transactions."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple, Protocol

from tekana.domain.events import TransactionType
from tekana.domain.identifiers import CustomerId, TransactionId, WalletId
from tekana.domain.transaction import Transaction, TransactionStatus
from tekana.ports.page import Page, PageRequest


class TransactionFilter(NamedTuple):
    """Selects the transactions that match all given fields; None matches any value.

    Attributes:
        wallet_id: the payer or the payee.
        customer_id: the customer of the payer or of the payee.
        type, status, reference: compared exactly.
        start, end: the range of `created_at`: `start` inclusive, `end` exclusive.
    """

    wallet_id: WalletId | None = None
    customer_id: CustomerId | None = None
    type: TransactionType | None = None
    status: TransactionStatus | None = None
    reference: str | None = None
    start: datetime | None = None
    end: datetime | None = None


class Transactions(Protocol):
    """The transactions, which never change. Safe to use from many tasks at once."""

    async def get(self, transaction_id: TransactionId) -> Transaction:
        """Return a transaction.

        Raises:
            TransactionNotFound: no transaction has this id.
            Unavailable: the store cannot be reached.
        """
        ...

    async def list(self, which: TransactionFilter, page: PageRequest) -> Page[Transaction]:
        """List transactions in order of their ids, newest first.

        Raises:
            InvalidRequest: the cursor is not one of this list.
            Unavailable: the store cannot be reached.
        """
        ...
