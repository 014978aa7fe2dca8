"""The limits of tiers: the shipped ones, and those that were set since."""

from __future__ import annotations

from msgspec import json

from tekana import Caller, Customer, CustomerId, CustomerLimits, CustomerNotFound, TierLimits, Wallet
from tekana.domain.limit_rules import customer_limits
from tekana.domain.policy import can_access
from tekana.domain.terms import DEFAULT_TIME_ZONES, Terms
from tekana.domain.tier_limits import TierLimitsId, default_tier_limits, in_order, terms_of
from tekana.ports.clock import Clock

from .database import Database
from .fee_schedules import all_fee_schedules
from .rates import latest_rates


def limit_history(database: Database) -> list[TierLimits]:
    """Return every version of the limits of tiers, the oldest first."""
    rows = database.rows("SELECT body FROM limits ORDER BY version")
    return [*default_tier_limits().values(), *(json.decode(body, type=TierLimits) for [body] in rows)]


def limits_in_force(database: Database) -> dict[TierLimitsId, TierLimits]:
    """Return the limits of tiers that are in force, by id."""
    return {one.id: one for one in limit_history(database)}


def current_terms(database: Database) -> Terms:
    """Return the terms in force."""
    rates, fees = latest_rates(database), all_fee_schedules(database)
    return terms_of(limits_in_force(database).values(), DEFAULT_TIME_ZONES, rates.values(), fees.values())


class SqliteLimits:
    """Implements tekana.ports.limits.Limits."""

    def __init__(self, database: Database, clock: Clock, caller: Caller) -> None:
        self._database = database
        self._clock = clock
        self._caller = caller

    async def list(self) -> tuple[TierLimits, ...]:
        with self._database.snapshot():
            return in_order(limits_in_force(self._database).values())

    async def of_customer(self, customer_id: CustomerId) -> CustomerLimits:
        rows = self._database.rows
        with self._database.snapshot():
            for [body] in rows("SELECT body FROM customers WHERE id = ?", customer_id):
                customer = json.decode(body, type=Customer)
                if can_access(self._caller, customer.tenant, customer.id):
                    owned = rows("SELECT body FROM wallets WHERE customer_id = ?", customer_id)
                    wallets = [json.decode(one, type=Wallet) for [one] in owned]
                    return customer_limits(customer, wallets, current_terms(self._database), self._clock())
        raise CustomerNotFound(f"no customer has the id {customer_id}")
