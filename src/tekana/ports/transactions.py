"""The reader of transactions."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple, Protocol

from tekana.domain.events import TransactionType
from tekana.domain.identifiers import CustomerId, TransactionId, WalletId
from tekana.domain.money import Currency, Money
from tekana.domain.transaction import Transaction, TransactionStatus
from tekana.ports.page import Page, PageRequest


class TransactionFilter(NamedTuple):
    """Selects the transactions that match all given fields; None matches any value. Sessions refuse reversed ranges.

    Attributes:
        wallet_id: the payer or the payee.
        customer_id: the customer of the payer or of the payee.
        type, status, reference, currency: compared exactly.
        start, end: the range of `created_at`: `start` inclusive, `end` exclusive.
        amount_min, amount_max: the range of the amount, both inclusive, in their currency.
        metadata: names and values that the metadata have: see `metadata_matches`.
        idempotency_key: the key of the caller's under which it was decided, by itself or in a batch.
    """

    wallet_id: WalletId | None = None
    customer_id: CustomerId | None = None
    type: TransactionType | None = None
    status: TransactionStatus | None = None
    reference: str | None = None
    start: datetime | None = None
    end: datetime | None = None
    currency: Currency | None = None
    amount_min: Money | None = None
    amount_max: Money | None = None
    metadata: Mapping[str, str] | None = None
    idempotency_key: str | None = None


class Transactions(Protocol):
    """The transactions, which never change, as `visible_transaction` shows them. Safe for many tasks at once."""

    async def get(self, transaction_id: TransactionId) -> Transaction:
        """Return a transaction.

        Raises:
            TransactionNotFound: no transaction has this id.
            Unavailable: the store cannot be reached.
        """
        ...

    async def list(self, which: TransactionFilter, page: PageRequest, newest_first: bool = True) -> Page[Transaction]:
        """List transactions in the reverse order of their ids, newest first, or in their order.

        Raises:
            InvalidRequest: the cursor is not one of this list.
            Unavailable: the store cannot be reached.
        """
        ...
