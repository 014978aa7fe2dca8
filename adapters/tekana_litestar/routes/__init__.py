"""The routes, one file a resource."""

from tekana_litestar.routes import batches, customers, events, health, transactions, wallets

HANDLERS = [
    *customers.HANDLERS,
    *wallets.HANDLERS,
    *transactions.HANDLERS,
    *batches.HANDLERS,
    *events.HANDLERS,
    *health.HANDLERS,
]
