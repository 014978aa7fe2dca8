"""The audit: every invariant of the ledger, checked on a snapshot of a store."""
