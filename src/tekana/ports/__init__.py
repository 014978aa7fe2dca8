"""What the core asks of the world: Protocols whose docstrings are the contract.

    store          everything an adapter for a database gives: units of work, and the readers below; a gateway has
                   the readers alone
    unit_of_work   how changes are kept: claim, lock, save
    customers, wallets, transactions, events
                   readers: what can be asked, in which order, page by page
    audit          how a store shows that the ledger is whole
    publisher      the bus that events are put on
    webhook_store  the optional capability of a store to keep webhooks: webhook_endpoints and webhook_deliveries
    webhook_sender what makes the HTTP requests of webhooks
    clock, new_id  time and identity, so that tests can choose them

`tekana.testing.contracts` checks an adapter against them.
"""
