"""What a wallet is: pure Python, standard library only, no I/O, no clock, no randomness.

Read `events` first to see what can happen, `book` to see how money moves, `errors` to see what can be refused,
and `invariants` for what must never break.
"""
