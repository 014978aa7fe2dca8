"""The state of the store."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from tekana.application.audit.snapshot import CountsEvents
from tekana.domain.api_keys import API_KEYS, ApiKey
from tekana.domain.audit_log import AuditEntry
from tekana.domain.charging import FEE_SCHEDULES
from tekana.domain.credentials import Credential, OneTimeCode
from tekana.domain.customer import CUSTOMERS, Customer
from tekana.domain.events import Event
from tekana.domain.exchange import RATES
from tekana.domain.fees import FeeSchedule
from tekana.domain.identifiers import (
    ApiKeyId,
    CustomerId,
    FeeScheduleId,
    TransactionId,
    WalletId,
    WebhookDeliveryId,
    WebhookEndpointId,
)
from tekana.domain.identities import Identity
from tekana.domain.lock_set import Ref
from tekana.domain.rates import Rate, RateId
from tekana.domain.refresh_families import RefreshFamily
from tekana.domain.reversals import ORIGINALS, Original
from tekana.domain.signing_keys import SigningKey
from tekana.domain.terms import BEGINNING, DEFAULT_TIME_ZONE, Terms, TimeZoneSetting
from tekana.domain.tier_limits import LIMITS, TierLimits, TierLimitsId, default_tier_limits, terms_of
from tekana.domain.transaction import PostedEntry, Transaction
from tekana.domain.wallet import WALLETS, Wallet
from tekana.domain.webhooks import (
    WEBHOOK_DELIVERIES,
    WEBHOOK_ENDPOINTS,
    EndpointDelivery,
    WebhookDelivery,
    WebhookEndpoint,
)
from tekana.ports.data_keys import DataKeyId, WrappedDataKey
from tekana.ports.parked_events import ParkedEvent
from tekana.ports.unit_of_work import IdempotencyKey, IdempotencyRecord


@dataclass(slots=True)
class SignInState:
    """What customers sign in with, by ids."""

    credentials: dict[CustomerId, Credential] = field(default_factory=dict)
    families: dict[UUID, RefreshFamily] = field(default_factory=dict)
    codes: dict[UUID, OneTimeCode] = field(default_factory=dict)
    keys: dict[int, SigningKey] = field(default_factory=dict)
    identities: dict[UUID, Identity] = field(default_factory=dict)

    def end_families(self, customer_id: CustomerId) -> None:
        """End all refresh families of a customer."""
        for one in self.families.values():
            if one.customer_id == customer_id and not one.ended:
                self.families[one.id] = one.end()

    def erase(self, customer_id: CustomerId) -> None:
        """Remove everything of a customer."""
        self.credentials.pop(customer_id, None)
        for kept in (self.families, self.codes, self.identities):
            for one in [one for one in kept.values() if one.customer_id == customer_id]:
                del kept[one.id]


@dataclass(slots=True)
class MemoryState:
    """The data of the store, as of the last saved unit of work.

    Attributes:
        items: the lockable items, by kind's name, then by id.
        dropped: the number of rows of the outbox that only the audit reads.
        key_uses: the time of the last recorded use of each API key.
        time_zone: that of the days, weeks and months of limits.
        limit_history: every version of the limits of tiers.
        rate_history: every version of the rates.
        terms: the terms in force.
        webhook_passed: the last position of the outbox when an endpoint was activated.
    """

    items: dict[str, dict[Any, Any]] = field(default_factory=lambda: defaultdict(dict))
    wallets_of: dict[CustomerId, list[WalletId]] = field(default_factory=lambda: defaultdict(list))
    transactions: dict[TransactionId, Transaction] = field(default_factory=dict)
    entries: dict[WalletId, list[PostedEntry]] = field(default_factory=lambda: defaultdict(list))
    keys: dict[IdempotencyKey, IdempotencyRecord] = field(default_factory=dict)
    outbox: list[Transaction | Event] = field(default_factory=list)
    dropped: int = 0
    leases: dict[str, LeaseRow] = field(default_factory=dict)
    relays: dict[str, RelayRow] = field(default_factory=dict)
    data_keys: dict[DataKeyId, WrappedDataKey] = field(default_factory=dict)
    key_uses: dict[ApiKeyId, datetime] = field(default_factory=dict)
    audit_log: dict[UUID, AuditEntry] = field(default_factory=dict)
    webhook_passed: dict[WebhookEndpointId, int] = field(default_factory=dict)
    webhook_deliveries: dict[WebhookDeliveryId, WebhookDelivery] = field(default_factory=dict)
    webhook_sequences: set[tuple[WebhookEndpointId, UUID, int]] = field(default_factory=set)
    webhook_streams: dict[tuple[WebhookEndpointId, UUID], DeliveryStreamRow] = field(default_factory=dict)
    sign_in: SignInState = field(default_factory=SignInState)
    time_zone: str = DEFAULT_TIME_ZONE
    limit_history: list[TierLimits] = field(default_factory=list)
    rate_history: list[Rate] = field(default_factory=list)
    terms: Terms = field(init=False)

    def __post_init__(self) -> None:
        self.save_terms(default_tier_limits(), {}, {})

    def save_terms(
        self,
        limits: Mapping[TierLimitsId, TierLimits],
        rates: Mapping[RateId, Rate],
        fees: Mapping[FeeScheduleId, FeeSchedule],
    ) -> None:
        """Put limits of tiers, rates and fee schedules in force."""
        if not limits and not rates and not fees:
            return
        self.tier_limits.update(limits)
        self.limit_history += limits.values()
        self.items[RATES.name].update(rates)
        self.rate_history += rates.values()
        self.items[FEE_SCHEDULES.name].update(fees)
        time_zones = (TimeZoneSetting(BEGINNING, self.time_zone),)
        items, of_tiers = self.items, self.tier_limits.values()
        self.terms = terms_of(of_tiers, time_zones, items[RATES.name].values(), items[FEE_SCHEDULES.name].values())

    @property
    def tier_limits(self) -> dict[TierLimitsId, TierLimits]:
        """The limits of tiers in force, by id."""
        return self.items[LIMITS.name]

    @property
    def customers(self) -> dict[CustomerId, Customer]:
        """The customers by id."""
        return self.items[CUSTOMERS.name]

    @property
    def wallets(self) -> dict[WalletId, Wallet]:
        """The wallets by id, house wallets included."""
        return self.items[WALLETS.name]

    @property
    def webhook_endpoints(self) -> dict[WebhookEndpointId, WebhookEndpoint]:
        """The webhook endpoints by id."""
        return self.items[WEBHOOK_ENDPOINTS.name]

    @property
    def api_keys(self) -> dict[ApiKeyId, ApiKey]:
        """The API keys by id."""
        return self.items[API_KEYS.name]

    def others_with_events(self) -> Iterator[CountsEvents]:
        """Yield the items that count their events, but no customers and wallets."""
        for kind, items in self.items.items():
            if kind not in (CUSTOMERS.name, WALLETS.name):
                yield from (one for one in items.values() if isinstance(one, CountsEvents))

    def find(self, ref: Ref) -> Any:
        """Return what a reference names; None if there is none."""
        if ref.kind == WEBHOOK_DELIVERIES:
            delivery = self.webhook_deliveries.get(ref.id)
            return delivery and EndpointDelivery(delivery, self.webhook_endpoints[delivery.endpoint_id])
        if ref.kind == ORIGINALS and ref.id in self.transactions:
            return self.items[ORIGINALS.name].get(ref.id) or Original(transaction=self.transactions[ref.id])
        return self.items[ref.kind.name].get(ref.id)

    def wallets_locked_with(self, ref: Ref) -> Iterable[WalletId]:
        """Return the wallets to lock with an item: those of a customer, for example."""
        if ref.kind == CUSTOMERS:
            return self.wallets_of[ref.id]
        return () if ref.kind.wallets_of is None else ref.kind.wallets_of(self.find(ref))


@dataclass(slots=True)
class LeaseRow:
    """A lease: its last holder and epoch, and the time of its end; None after a release."""

    holder: str | None = None
    epoch: int = 0
    expires_at: datetime | None = None


@dataclass(slots=True)
class RelayRow(LeaseRow):
    """A relay's lease and cursor. `parked` is by position; `retry_requested` has ids of aggregates."""

    cursor: str | None = None
    parked: dict[tuple[int, int], ParkedEvent] = field(default_factory=dict)
    retry_requested: set[UUID] = field(default_factory=set)


def position_of(cursor: str) -> tuple[int, int]:
    """Parse a cursor: a position in the outbox, and the index of the event at it."""
    position, _, index = cursor.partition(".")
    return int(position), int(index)


@dataclass(slots=True)
class DeliveryStreamRow:
    """The pending deliveries of one aggregate to one endpoint, by sequence, and when the first of them is due.

    claimed: a dispatcher is sending it.
    """

    next_attempt_at: datetime
    claimed: bool = False
    pending: dict[int, WebhookDeliveryId] = field(default_factory=dict)
