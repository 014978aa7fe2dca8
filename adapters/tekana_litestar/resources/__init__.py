"""The resources, one file each: what clients send and get, how it maps to the domain, and the routes."""

from __future__ import annotations

from typing import Final

from tekana_litestar.resources import (
    api_keys,
    approvals,
    audit_log,
    authentication,
    batches,
    customer_export,
    customers,
    events,
    fee_schedules,
    health,
    identities,
    limits,
    metrics,
    outcomes,
    quotes,
    rates,
    recipients,
    reports,
    statements,
    transactions,
    wallet_history,
    wallets,
    webhook_deliveries,
    webhook_endpoints,
)

PROBES: Final = [health.ROUTER, metrics.ROUTER]
"""The routers of every process, also of one without clients."""

ROUTERS: Final = [
    authentication.ROUTER,
    authentication.KEYS_ROUTER,
    authentication.CUSTOMER_ROUTER,
    identities.ROUTER,
    customers.ROUTER,
    limits.ROUTER,
    limits.CUSTOMER_ROUTER,
    rates.ROUTER,
    fee_schedules.ROUTER,
    quotes.ROUTER,
    customer_export.ROUTER,
    wallets.ROUTER,
    wallet_history.ROUTER,
    statements.ROUTER,
    transactions.ROUTER,
    batches.ROUTER,
    outcomes.ROUTER,
    recipients.ROUTER,
    events.ROUTER,
    webhook_endpoints.ROUTER,
    webhook_deliveries.ROUTER,
    api_keys.ROUTER,
    approvals.ROUTER,
    audit_log.ROUTER,
    reports.ROUTER,
    *PROBES,
]
"""The routers of a process with clients."""
