"""Limits, as they are read."""

from __future__ import annotations

from tekana.domain.caller import Caller
from tekana.domain.errors import CustomerNotFound
from tekana.domain.identifiers import CustomerId
from tekana.domain.limit_rules import CustomerLimits, customer_limits
from tekana.domain.policy import can_access
from tekana.domain.tier_limits import TierLimits, in_order
from tekana.ports.clock import Clock
from tekana_memory.state import MemoryState


class MemoryLimits:
    """Implements tekana.ports.limits.Limits."""

    def __init__(self, state: MemoryState, clock: Clock, caller: Caller) -> None:
        self._state = state
        self._clock = clock
        self._caller = caller

    async def list(self) -> tuple[TierLimits, ...]:
        return in_order(self._state.tier_limits.values())

    async def of_customer(self, customer_id: CustomerId) -> CustomerLimits:
        state = self._state
        customer = state.customers.get(customer_id)
        if customer is None or not can_access(self._caller, customer.tenant, customer.id):
            raise CustomerNotFound(f"no customer has the id {customer_id}")
        wallets = [state.wallets[one] for one in state.wallets_of[customer_id]]
        return customer_limits(customer, wallets, state.terms, self._clock())
