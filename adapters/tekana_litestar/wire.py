"""What goes over the wire: the shape of every answer. `to_wire` makes them from the domain.

Amounts are decimal strings in major units, with all the currency's decimals; times are RFC 3339 in UTC. The bodies of
POST routes are the core's own commands; only those that complete a path (`/suspend`) have a shape here.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

import msgspec
from msgspec import UNSET, UnsetType

from tekana.domain.customer import CustomerStatus
from tekana.domain.events import Aggregate, FreezeScope, TransactionType
from tekana.domain.identifiers import HouseRole
from tekana.domain.metadata import Metadata
from tekana.domain.transaction import Direction, TransactionStatus
from tekana.domain.wallet import WalletStatus
from tekana_litestar.problems import Problem

MetadataIn = dict[str, str | int | float | bool | None]


class Body(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What every body that completes a path is."""


class CustomerChanges(Body, frozen=True, kw_only=True):
    """The details to change; the others stay. Null clears one that may be empty; metadata is replaced whole."""

    full_name: str | UnsetType = UNSET
    email: str | UnsetType = UNSET
    phone_number: str | UnsetType = UNSET
    country: str | UnsetType | None = UNSET
    external_id: str | UnsetType | None = UNSET
    metadata: MetadataIn | UnsetType | None = UNSET


class Verification(Body, frozen=True, kw_only=True):
    """To which degree the customer's identity is established."""

    tier: str


class Suspension(Body, frozen=True, kw_only=True):
    """Why the customer's money is stopped."""

    reason: str


class Freeze(Body, frozen=True, kw_only=True):
    """What is stopped, and why."""

    scope: FreezeScope
    reason: str


class Nothing(Body, frozen=True, kw_only=True):
    """No body, or an empty object."""


class Wallet(msgspec.Struct, frozen=True, kw_only=True):
    """Money of one owner in one currency."""

    id: UUID
    customer_id: UUID | None
    house: HouseRole | None
    currency: str
    name: str | None
    status: WalletStatus
    freeze_scope: FreezeScope | None
    freeze_reason: str | None
    ledger_balance: str
    held: str
    available_balance: str
    version: int
    metadata: Metadata | None
    created_at: datetime
    updated_at: datetime


class Customer(msgspec.Struct, frozen=True, kw_only=True):
    """A person who owns wallets."""

    id: UUID
    full_name: str
    email: str
    phone_number: str
    country: str | None
    external_id: str | None
    status: CustomerStatus
    tier: str | None
    suspension_reason: str | None
    metadata: Metadata | None
    version: int
    wallets: tuple[Wallet, ...]
    created_at: datetime
    updated_at: datetime


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One leg of a transaction: a debit takes money out of the wallet, a credit puts it in."""

    wallet_id: UUID
    direction: Direction
    amount: str
    currency: str
    version: int
    ledger_balance_after: str


class WalletEntry(msgspec.Struct, frozen=True, kw_only=True):
    """A line of a wallet's history."""

    version: int
    transaction_id: UUID
    type: TransactionType
    direction: Direction
    amount: str
    currency: str
    ledger_balance_after: str
    description: str | None
    reference: str | None
    posted_at: datetime
    wallet_id: UUID


class Transaction(msgspec.Struct, frozen=True, kw_only=True):
    """A movement of money that was decided: posted with its entries, or rejected with the reason."""

    id: UUID
    type: TransactionType
    status: TransactionStatus
    amount: str
    currency: str
    description: str | None
    reference: str | None
    metadata: Metadata | None
    wallet_id: UUID | None
    from_wallet_id: UUID
    to_wallet_id: UUID
    entries: tuple[Entry, ...]
    rejection_code: str | None
    rejection_detail: str | None
    created_at: datetime
    posted_at: datetime | None
    effective_at: datetime


class BatchResult(msgspec.Struct, frozen=True, kw_only=True):
    """What a movement of a batch led to: the transaction, or the problem that it would have got alone."""

    index: int
    status: int
    transaction: Transaction | UnsetType = UNSET
    problem: Problem | UnsetType = UNSET


class BatchResults(msgspec.Struct, frozen=True, kw_only=True):
    """What a batch led to: a result for each movement, in their order."""

    results: tuple[BatchResult, ...]
    failed_index: int | None


class Balance(msgspec.Struct, frozen=True, kw_only=True):
    """A wallet's ledger balance at a moment, and the version of the last entry posted by then (0: none)."""

    wallet_id: UUID
    at: datetime
    currency: str
    ledger_balance: str
    version: int


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """Something that happened. `sequence` numbers the events of one aggregate, without a gap."""

    cursor: str
    id: str
    type: str
    aggregate: Aggregate
    aggregate_id: UUID
    sequence: int
    occurred_at: datetime
    data: dict[str, Any]
    tenant: str
    caller: str | None
    request_id: str | None


class CustomerPage(msgspec.Struct, frozen=True, kw_only=True):
    """Some customers, in the order in which they registered."""

    items: tuple[Customer, ...]
    next_cursor: str | None


class WalletPage(msgspec.Struct, frozen=True, kw_only=True):
    """Some wallets, in the order in which they were opened."""

    items: tuple[Wallet, ...]
    next_cursor: str | None


class EntryPage(msgspec.Struct, frozen=True, kw_only=True):
    """Some of a wallet's history, the first entry first."""

    items: tuple[WalletEntry, ...]
    next_cursor: str | None


class TransactionPage(msgspec.Struct, frozen=True, kw_only=True):
    """Some transactions, the newest first."""

    items: tuple[Transaction, ...]
    next_cursor: str | None


class EventPage(msgspec.Struct, frozen=True, kw_only=True):
    """Some events, the oldest first."""

    items: tuple[Event, ...]
    next_cursor: str | None


class Alive(msgspec.Struct, frozen=True, kw_only=True):
    """The process serves."""

    status: Literal["alive"] = "alive"


class Ready(msgspec.Struct, frozen=True, kw_only=True):
    """Money can be moved now. `warnings` are for the operator: what else is amiss, if anything."""

    status: Literal["ready"] = "ready"
    warnings: tuple[str, ...] | msgspec.UnsetType = msgspec.UNSET
