"""The journal: every posted transaction of a period, with the balances before and after it, for accountants."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import NamedTuple, Protocol

from tekana.domain.identifiers import HouseRole, WalletId
from tekana.domain.money import Currency
from tekana.domain.transaction import Transaction


class JournalWallet(NamedTuple):
    """A wallet with its balances at both ends of the period, in minor units.

    Attributes:
        house: the role of a house wallet; None for a customer's wallet.
        opened_at: the time of its opening.
    """

    wallet_id: WalletId
    house: HouseRole | None
    currency: Currency
    opened_at: datetime
    opening_balance: int
    closing_balance: int


class JournalSnapshot(Protocol):
    """The journal of a period on one snapshot of the ledger. It is read while it is iterated, one method at a time.

    Attributes:
        end: the moment before which the period ends: the end that was asked for, or that of the snapshot.
        start: the moment at which it begins; None for the beginning of the ledger.
    """

    start: datetime | None
    end: datetime

    def wallets(self) -> AsyncIterator[JournalWallet]:
        """Yield the wallets that were opened before the end, in the order of their ids: the house wallets first."""
        ...

    async def count_transactions(self) -> int:
        """Return the number of transactions that `transactions` yields."""
        ...

    def transactions(self) -> AsyncIterator[Transaction]:
        """Yield the transactions that were posted in the period, of all tenants, in the order of posting."""
        ...


class Journal(Protocol):
    """Reads the journal, while the store stays in use."""

    def __call__(self, start: datetime | None, end: datetime | None) -> AbstractAsyncContextManager[JournalSnapshot]:
        """Return a context with the journal of a period, which lasts as long as the journal is read.

        Args:
            start: the moment (aware) from which transactions are in the period; None for the first one.
            end: the moment (aware) before which they are; None for the last one.

        Raises:
            Unavailable: the store cannot be reached.
        """
        ...
