"""The resources, one file each: what clients send and see of it, how that comes of the domain, and its routes."""

from __future__ import annotations

from typing import Final

from tekana_litestar.resources import (
    batches,
    customers,
    events,
    health,
    metrics,
    outcomes,
    recipients,
    transactions,
    wallet_history,
    wallets,
    webhook_deliveries,
    webhook_endpoints,
)

PROBES: Final = [health.ROUTER, metrics.ROUTER]
"""What every process serves, also one that has no clients."""

ROUTERS: Final = [
    customers.ROUTER,
    wallets.ROUTER,
    wallet_history.ROUTER,
    transactions.ROUTER,
    batches.ROUTER,
    outcomes.ROUTER,
    recipients.ROUTER,
    events.ROUTER,
    webhook_endpoints.ROUTER,
    webhook_deliveries.ROUTER,
    *PROBES,
]
