"""The domain model: pure Python, standard library only, no I/O, no clock, no randomness.

Read `events` first for what can happen, `book` for how money moves and `errors` for what can be refused.
`tekana.application.audit.checks` has the invariants.
"""
