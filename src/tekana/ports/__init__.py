"""What the core asks of the world: Protocols whose docstrings are the contract.

    store          everything an adapter for a database gives: units of work, and the readers below; a gateway has
                   the readers alone
    unit_of_work   how changes are kept: claim, lock, save
    customers, wallets, transactions, events
                   readers: what can be asked, in which order, page by page
    audit          how a store shows that the ledger is whole
    lease          the sole right to do a piece of work, for workers that run in several processes
    outbox         the outbox as a relay reads it; parked_events and retention belong to it
    publisher      the bus that events are put on
    webhook_store  the optional capability of a store to keep webhooks: webhook_endpoints and webhook_deliveries
    webhook_sender what makes the HTTP requests of webhooks
    page           what lists are asked for, and what they answer with
    clock, new_id  time and identity, so that tests can choose them

`tekana.testing.contracts` checks an adapter against them.
"""
