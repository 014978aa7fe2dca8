"""The ports: Protocols that adapters implement. Their docstrings are the contract.

    store          a database adapter: units of work and readers
    readers        the declarations of all readers; a gateway implements the readers only
    unit_of_work   one database transaction: find keys, lock, save
    customers, wallets, transactions, events, outcomes, limits, rates
                   readers: the queries, the order of their results, and their pages
    audit          checks of the ledger's invariants
    history        the optional capability of a store to link its history, and the log of checkpoints
    lease          the exclusive right to do a piece of work, for workers that run in several processes
    outbox         the outbox as a relay reads it; parked_events and retention belong to it
    publisher      the message bus that events are published to
    webhook_store  the optional capability of a store to save webhooks: webhook_endpoints and webhook_deliveries
    webhook_sender the HTTP client of webhooks
    key_provider   the master keys, which encrypt data keys
    data_keys      the optional capability of a store to save data keys, encrypted
    page           the requests and results of lists
    clock          the present time (Clock) and new identifiers (NewId), which tests can replace

`tekana.testing.contracts` checks an adapter against them.
"""
