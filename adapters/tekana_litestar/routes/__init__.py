"""The routes, one file a resource."""

from tekana_litestar.routes import customers, events, health, transactions, wallets

HANDLERS = [
    *customers.HANDLERS,
    *wallets.HANDLERS,
    *transactions.HANDLERS,
    *events.HANDLERS,
    *health.HANDLERS,
]
