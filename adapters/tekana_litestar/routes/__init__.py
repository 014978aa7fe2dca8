"""The routes, one file a resource."""

from tekana_litestar.routes import batches, customers, events, health, transactions, wallets, webhooks

HANDLERS = [
    *customers.HANDLERS,
    *wallets.HANDLERS,
    *transactions.HANDLERS,
    *batches.HANDLERS,
    *events.HANDLERS,
    *webhooks.HANDLERS,
    *health.HANDLERS,
]
