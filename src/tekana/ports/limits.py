"""The reader of limits."""

from __future__ import annotations

from typing import Protocol

from tekana.domain.identifiers import CustomerId
from tekana.domain.limit_rules import CustomerLimits
from tekana.domain.tier_limits import TierLimits


class Limits(Protocol):
    """The limits in force. Reads come from the primary database. Every method may raise Unavailable."""

    async def list(self) -> tuple[TierLimits, ...]:
        """Return the limits of all tiers, by currency, then tier. They are the same for every caller."""
        ...

    async def of_customer(self, customer_id: CustomerId) -> CustomerLimits:
        """Return the limits of a customer, and what is left of them, by the store's clock.

        Raises:
            CustomerNotFound: no customer has this id.
        """
        ...
