"""The reader of wallets and their history."""

from __future__ import annotations

from collections.abc import Mapping
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
