"""The audit: checks of the ledger's invariants on a snapshot of a store."""
