"""Each field of what audited commands change is shown by the audit log, or named by it, or left out on purpose here."""

from __future__ import annotations

import importlib
import pkgutil
from collections import Counter
from typing import Any, Final

import pytest

import tekana.domain
from tekana.domain.api_keys import API_KEYS, ApiKey
from tekana.domain.approvals import APPROVALS, Approval
from tekana.domain.charging import FEE_SCHEDULES
from tekana.domain.customer import CONTACTS, CUSTOMERS, Customer
from tekana.domain.exchange import RATES
from tekana.domain.fees import FeeSchedule
from tekana.domain.holds import HOLDS
from tekana.domain.lock_set import TERMS, LockKind
from tekana.domain.quotes import QUOTES
from tekana.domain.rates import Rate
from tekana.domain.reversals import ORIGINALS
from tekana.domain.tier_limits import LIMITS, TierLimits
from tekana.domain.wallet import WALLETS, Wallet
from tekana.domain.webhooks import (
    WEBHOOK_ACTIVATIONS,
    WEBHOOK_DELIVERIES,
    WEBHOOK_ENDPOINTS,
    EndpointDelivery,
    WebhookEndpoint,
)

IN_EVERY_ENTRY: Final = frozenset({"id", "tenant", "created_by", "created_at", "updated_at"})
"""What an entry has of its own: resource_id, tenant, subject and at."""

CHANGED: Final[dict[LockKind[Any, Any], tuple[type[Any], frozenset[str]]]] = {
    CUSTOMERS: (Customer, IN_EVERY_ENTRY | {"version"}),
    # Balances are those of the ledger, and `customer_active` is the customer's.
    WALLETS: (
        Wallet,
        IN_EVERY_ENTRY
        | {"house", "customer_active", "ledger_balance", "held", "version", "sequence"}
        | {"tier", "limit_override", "usage", "usage_wallet_id"},
    ),
    # Its limits are shown as text.
    FEE_SCHEDULES: (FeeSchedule, frozenset({"id", "created_by", "created_at"})),
    RATES: (Rate, frozenset({"base", "quote", "version", "valid_from", "set_by"})),
    LIMITS: (TierLimits, frozenset({"limits", "version", "valid_from", "set_by"})),
    API_KEYS: (ApiKey, IN_EVERY_ENTRY | {"secret_hash", "previous_secret_hash", "last_used_at"}),
    # The entries of the request and of the decision have who, when, and the id of the request.
    APPROVALS: (
        Approval,
        frozenset({"id", "asker", "request_id", "asked_at", "expires_at", "decided_by", "decided_at", "sequence"}),
    ),
    # Why and since when it fails is found by dispatchers, not by commands.
    WEBHOOK_ENDPOINTS: (
        WebhookEndpoint,
        IN_EVERY_ENTRY | {"secret", "previous_secret", "disabled_reason", "failing_since"},
    ),
    # A command only has one sent again.
    WEBHOOK_DELIVERIES: (EndpointDelivery, frozenset(EndpointDelivery._fields)),
}
"""The class of each kind of aggregate, and the fields that no entry shows or names."""

WITHOUT_ENTRIES: Final = {CONTACTS, WEBHOOK_ACTIVATIONS, TERMS}
"""What is locked, but not changed by itself."""

IN_THE_LEDGER: Final = {HOLDS, ORIGINALS, QUOTES}
"""What the ledger is the record of, with its events."""


def domain_kinds() -> set[LockKind[Any, Any]]:
    """Return the kinds that the modules of the domain declare."""
    modules = [
        importlib.import_module(f"tekana.domain.{one.name}") for one in pkgutil.iter_modules(tekana.domain.__path__)
    ]
    return {one for module in modules for one in vars(module).values() if isinstance(one, LockKind)}


def test_every_kind_of_aggregate_is_here() -> None:
    assert domain_kinds() == CHANGED.keys() | WITHOUT_ENTRIES | IN_THE_LEDGER


@pytest.mark.parametrize("kind", CHANGED, ids=lambda one: one.name)
def test_every_field_is_shown_or_named_or_left_out(kind: LockKind[Any, Any]) -> None:
    cls, left_out = CHANGED[kind]
    declared = Counter((*getattr(cls, "AUDITED_FIELDS", ()), *getattr(cls, "PERSONAL_FIELDS", ()), *left_out))
    shown_as_text = {one for one in declared if isinstance(getattr(cls, one, None), property)}
    assert set(declared) - shown_as_text == {one for one in cls.__annotations__ if not one.isupper()}
    assert [one for one, count in declared.items() if count > 1] == []
