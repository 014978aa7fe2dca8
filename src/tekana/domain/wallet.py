"""The wallet: money of one owner in one currency.

open ──> active ──close──> closed (final; needs an empty wallet)
          ^  │ ^              ^
    unfreeze freeze           │
          │  v                │
         frozen ─────close────┘
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, Final, Literal

from tekana.domain.caller import MAIN_TENANT
from tekana.domain.errors import WalletNotActive, WalletNotEmpty
from tekana.domain.events import (
    FreezeScope,
    FundsHeld,
    HoldReleased,
    WalletClosed,
    WalletFrozen,
    WalletOpened,
    WalletUnfrozen,
    WalletUpdated,
)
from tekana.domain.identifiers import HOUSE_ROLES, CustomerId, HouseRole, TransactionId, WalletId, house_wallet_id
from tekana.domain.limits import LimitOverride
from tekana.domain.lock_set import LockKind
from tekana.domain.metadata import Metadata
from tekana.domain.money import Currency
from tekana.domain.usage import Usage
from tekana.domain.wallet_kinds import WalletKind

WalletStatus = Literal["active", "frozen", "closed"]

WALLETS_PER_CUSTOMER_MAX: Final = 200
"""The largest number of wallets of a customer, closed ones included. A command on a customer locks all of them."""


@dataclass(slots=True)
class Wallet:
    """Money of one owner in one currency. Balances are in minor units.

    `ledger_balance` is the sum of the entries, `held` what open holds have left. `version` counts the wallet's entries
    and `sequence` its events, both without a gap. Only `Book.post` and `tekana.domain.holds` change balances.

    A house wallet (`house` names its role) belongs to the operator, has no customer, and may have a negative
    balance. `tenant` and `customer_active` are copies of the customer's tenant and status, so that posting needs the
    lock of one row only; so are `tier` (None for the first) and `limit_override`.

    `kind` says what it may do: see `tekana.domain.wallet_kinds`.

    `usage` is what its customer has used of their limits in the currency. Their first wallet in it has that; any other
    one names the first as its `usage_wallet_id`, and has no usage of its own.
    """

    AUDITED_FIELDS: ClassVar[tuple[str, ...]] = ("customer_id", "currency", "kind", "status", "freeze_scope")
    PERSONAL_FIELDS: ClassVar[tuple[str, ...]] = ("name", "metadata", "freeze_reason")

    id: WalletId
    customer_id: CustomerId | None
    currency: Currency
    created_by: str
    created_at: datetime
    updated_at: datetime
    tenant: str = MAIN_TENANT
    house: HouseRole | None = None
    name: str | None = None
    metadata: Metadata | None = None
    status: WalletStatus = "active"
    freeze_scope: FreezeScope | None = None
    freeze_reason: str | None = None
    customer_active: bool = True
    ledger_balance: int = 0
    held: int = 0
    version: int = 0
    sequence: int = 0
    tier: str | None = None
    limit_override: LimitOverride | None = None
    usage: Usage | None = None
    usage_wallet_id: WalletId | None = None
    kind: WalletKind = "personal"

    @property
    def available_balance(self) -> int:
        """Return the amount that the owner can spend, in minor units."""
        return self.ledger_balance - self.held

    @property
    def event_count(self) -> int:
        """Return the number of the wallet's events."""
        return self.sequence

    @property
    def may_overdraw(self) -> bool:
        """Return whether the balance may be negative: for house wallets only."""
        return self.house is not None

    def open(self) -> WalletOpened:
        """Return the event of a new wallet of a customer."""
        assert self.customer_id is not None  # noqa: S101 - house wallets have no opening event
        self.sequence = 1
        return WalletOpened(
            wallet_id=self.id,
            sequence=1,
            occurred_at=self.updated_at,
            customer_id=self.customer_id,
            currency=self.currency,
            kind=self.kind,
        )

    def update(self, changes: Mapping[str, Any], at: datetime) -> WalletUpdated:
        """Change the name, the metadata or the kind."""
        for name, value in changes.items():
            setattr(self, name, value)
        self._change(at)
        return WalletUpdated(
            wallet_id=self.id, sequence=self.sequence, occurred_at=self.updated_at, changed=tuple(changes)
        )

    def freeze(self, scope: FreezeScope, reason: str, at: datetime) -> WalletFrozen:
        """Stop money from leaving (`debits`), or from leaving and entering (`all`)."""
        self.status = "frozen"
        self.freeze_scope = scope
        self.freeze_reason = reason
        self._change(at)
        return WalletFrozen(wallet_id=self.id, sequence=self.sequence, occurred_at=self.updated_at, scope=scope)

    def unfreeze(self, at: datetime) -> WalletUnfrozen:
        """End the freeze of the wallet."""
        self.status = "active"
        self.freeze_scope = self.freeze_reason = None
        self._change(at)
        return WalletUnfrozen(wallet_id=self.id, sequence=self.sequence, occurred_at=self.updated_at)

    def close(self, at: datetime) -> WalletClosed:
        """Close an empty wallet for good."""
        self.status = "closed"
        self.freeze_scope = self.freeze_reason = None
        self._change(at)
        return WalletClosed(wallet_id=self.id, sequence=self.sequence, occurred_at=self.updated_at)

    def hold(self, hold_id: TransactionId, amount_minor: int, at: datetime) -> FundsHeld:
        """Reserve money for a hold."""
        self.held += amount_minor
        self._change(at)
        return FundsHeld(**self._held_changed(hold_id, amount_minor))

    def release(self, hold_id: TransactionId, amount_minor: int, at: datetime) -> HoldReleased:
        """Reserve money of a hold no more."""
        self.held -= amount_minor
        self._change(at)
        return HoldReleased(**self._held_changed(hold_id, amount_minor))

    def _held_changed(self, hold_id: TransactionId, amount_minor: int) -> dict[str, Any]:
        return {
            "wallet_id": self.id,
            "sequence": self.sequence,
            "occurred_at": self.updated_at,
            "transaction_id": hold_id,
            "amount": amount_minor,
            "currency": self.currency,
            "held_after": self.held,
        }

    def erase(self) -> None:
        """Erase the free text of a closed wallet. It is no event: the customer's erasure is."""
        self.name = self.metadata = None

    def _change(self, at: datetime) -> None:
        """Count an event. `updated_at` never decreases, even if the clock was set back."""
        self.sequence += 1
        self.updated_at = max(at, self.updated_at)

    def require_open(self) -> None:
        """Raise WalletNotActive if the wallet is closed."""
        if self.status == "closed":
            raise WalletNotActive("the wallet is closed")

    def require_moves(self, *, debit: bool) -> None:
        """Raise WalletNotActive if money cannot leave (`debit`) or enter the wallet."""
        if self.status == "active":
            return
        if self.status == "closed" or self.freeze_scope == "all":
            raise WalletNotActive(f"wallet {self.id} is {self.status}")
        if debit:
            raise WalletNotActive(f"wallet {self.id} is frozen: money can come in, not go out")

    def require_empty(self) -> None:
        """Raise WalletNotEmpty if the wallet has a balance or a hold."""
        if self.ledger_balance or self.held:
            raise WalletNotEmpty(f"wallet {self.id} still has money in it: move it out first")


def new_house_wallet(role: HouseRole, currency: Currency, stripe: int = 0, *, created_by: str, at: datetime) -> Wallet:
    """Build an empty house wallet."""
    return Wallet(
        id=house_wallet_id(role, currency, stripe),
        customer_id=None,
        house=role,
        currency=currency,
        name=role,
        created_by=created_by,
        created_at=at,
        updated_at=at,
    )


def house_wallets(currency: Currency, *, created_by: str, at: datetime) -> tuple[Wallet, ...]:
    """Build the first house wallet of each role in a currency, in the order of their ids."""
    return tuple(new_house_wallet(role, currency, created_by=created_by, at=at) for role in HOUSE_ROLES)


WALLETS: Final = LockKind[WalletId, Wallet]("wallet")
