"""The routes, one file a resource."""

from tekana_litestar.routes import batches, customers, events, health, metrics, transactions, wallets, webhooks

PROBES = [*health.HANDLERS, *metrics.HANDLERS]
"""What every process answers, also one that has no clients."""

HANDLERS = [
    *customers.HANDLERS,
    *wallets.HANDLERS,
    *transactions.HANDLERS,
    *batches.HANDLERS,
    *events.HANDLERS,
    *webhooks.HANDLERS,
    *PROBES,
]
