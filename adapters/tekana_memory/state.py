"""What the store keeps."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from tekana.domain.customer import Contact, Customer
from tekana.domain.events import Event
from tekana.domain.identifiers import CustomerId, TransactionId, WalletId, WebhookDeliveryId, WebhookEndpointId
from tekana.domain.transaction import PostedEntry, Transaction
from tekana.domain.wallet import Wallet
from tekana.domain.webhooks import WebhookDelivery, WebhookEndpoint
from tekana.ports.outbox import ParkedEvent
from tekana.ports.unit_of_work import IdempotencyKey, IdempotencyRecord


@dataclass(slots=True)
class MemoryState:
    """Everything, as of the last unit of work that was saved."""

    customers: dict[CustomerId, Customer] = field(default_factory=dict)
    contacts: dict[Contact, CustomerId] = field(default_factory=dict)
    wallets: dict[WalletId, Wallet] = field(default_factory=dict)
    wallets_of: dict[CustomerId, list[WalletId]] = field(default_factory=lambda: defaultdict(list))
    transactions: dict[TransactionId, Transaction] = field(default_factory=dict)
    entries: dict[WalletId, list[PostedEntry]] = field(default_factory=lambda: defaultdict(list))
    keys: dict[IdempotencyKey, IdempotencyRecord] = field(default_factory=dict)
    outbox: list[Transaction | Event] = field(default_factory=list)
    dropped: int = 0  # so many of the outbox's places are shown to nobody but the audit
    relays: dict[str, RelayRow] = field(default_factory=dict)
    webhook_endpoints: dict[WebhookEndpointId, WebhookEndpoint] = field(default_factory=dict)
    webhook_deliveries: dict[WebhookDeliveryId, WebhookDelivery] = field(default_factory=dict)
    webhook_lines: dict[tuple[WebhookEndpointId, UUID], DeliveryStreamRow] = field(default_factory=dict)


@dataclass(slots=True)
class RelayRow:
    """How far a relay has come. `parked` is by cursor, in order; `asked` names aggregates to be tried once more."""

    holder: str | None = None
    epoch: int = 0
    expires_at: datetime | None = None
    cursor: str | None = None
    parked: dict[tuple[int, int], ParkedEvent] = field(default_factory=dict)
    asked: set[UUID] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class DeliveryStreamRow:
    """The deliveries of one aggregate to one endpoint: when the first of them is due. `claimed`: it is on its way."""

    next_attempt_at: datetime
    claimed: bool = False
