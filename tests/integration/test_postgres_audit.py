"""Each invariant's query catches the bug that was planted for it, and says nothing when there is none."""

from __future__ import annotations

import pytest

from tekana.testing.session import session
from tests.integration.postgres_support import some_history, superuser

_NEW = "01a20000-0000-7000-8000-000000000001"
_OPEN_GUARDS = "ALTER TABLE {0} DISABLE TRIGGER append_only; {1}; ALTER TABLE {0} ENABLE ALWAYS TRIGGER append_only"


def entries(statement: str) -> str:
    """A change of entries by somebody with the right, who put the guard back in place."""
    return _OPEN_GUARDS.format("entries", statement)


def transactions(statement: str) -> str:
    """The same, of transactions."""
    return _OPEN_GUARDS.format("transactions", statement)


def keys(statement: str) -> str:
    """The same, of idempotency keys."""
    return _OPEN_GUARDS.format("idempotency_keys", statement)


def outbox(statement: str) -> str:
    """The same, of the outbox."""
    return _OPEN_GUARDS.format("outbox", statement)


def told(event_type: str, sequence: str, table: str = "wallets", more: str = "") -> str:
    """An event of each customer, or of each customer's wallet, whose number is an expression of the row's columns."""
    condition = "house IS NULL" if table == "wallets" else "true"
    return (
        f"INSERT INTO outbox (event_type, event) SELECT '{event_type}', json_build_object("
        f"'{table[:-1]}_id', id, 'sequence', {sequence}{more}) FROM {table} WHERE {condition};"
    )


_SCOPE = ", 'scope', 'all'"

# What was planted, and the numbers of the invariants that must break: these and no others.
PLANTED: dict[str, tuple[str, set[int]]] = {
    "a transaction's amount changed": (
        transactions("UPDATE transactions SET amount = amount + 1 WHERE status = 'posted'"),
        {1, 11},
    ),
    "an amount changed": (entries("UPDATE entries SET amount = amount + 1 WHERE version = 2"), {1, 2, 11}),
    "an entry lost": (
        entries(
            "DELETE FROM entries WHERE (wallet_id, version) IN (SELECT id, version FROM wallets WHERE version = 2"
            " AND house IS NULL LIMIT 1)"
        ),
        {1, 2, 3, 9, 11},
    ),
    "a balance after that is wrong": (
        entries("UPDATE entries SET ledger_balance_after = ledger_balance_after + 1 WHERE version = 1"),
        {2, 11},
    ),
    "a balance changed": ("UPDATE wallets SET ledger_balance = ledger_balance + 5 WHERE house IS NULL", {2}),
    "a version skipped": (
        "UPDATE wallets SET version = version + 1, sequence = sequence + 1 WHERE version = 2",
        {3, 9},
    ),
    "a version missing in history": (
        entries("UPDATE entries SET version = 9, sequence = 9 WHERE version = 2"),
        {3, 10, 11},
    ),
    "history that runs backwards": (
        entries("UPDATE entries SET posted_at = posted_at - interval '1 day' WHERE version = 2"),
        {1, 3, 11},
    ),
    "a moment that is not that of the id": (
        "WITH lie AS (INSERT INTO transactions SELECT overlay(id::text PLACING '00000' FROM 32)::uuid, type, status,"
        " amount, currency, from_wallet_id, to_wallet_id, description, reference, metadata, rejection, created_by,"
        " created_at + interval '1 microsecond' FROM transactions WHERE status = 'rejected' RETURNING id),"
        " key AS (INSERT INTO idempotency_keys SELECT gen_random_uuid(), 1, id, NULL FROM lie)"
        " INSERT INTO outbox (transaction_id) SELECT id FROM lie",
        {11},
    ),
    "money held by nobody": ("UPDATE wallets SET held = 1 WHERE house IS NULL AND ledger_balance > 0", {4}),
    "a balance below zero": (
        "ALTER TABLE wallets DROP CONSTRAINT ck_wallets_available_balance; "
        "UPDATE wallets SET ledger_balance = -1 WHERE house IS NULL AND version = 2",
        {2, 5},
    ),
    "a balance that was below zero": (
        entries("UPDATE entries SET ledger_balance_after = -1 WHERE version = 1 AND amount > 0"),
        {2, 5, 11},
    ),
    "an entry in another currency": (entries("UPDATE entries SET currency = 'USD' WHERE version = 1"), {1, 6, 11}),
    "a key without its transaction": (
        f"INSERT INTO idempotency_keys VALUES (gen_random_uuid(), 1, '{_NEW}', NULL)",
        {7},
    ),
    "a transaction without its key": (
        keys(
            "DELETE FROM idempotency_keys WHERE ctid = (SELECT ctid FROM idempotency_keys"
            " WHERE transaction_id IS NOT NULL LIMIT 1)"
        ),
        {7, 11},
    ),
    "two keys for one transaction": (
        "INSERT INTO idempotency_keys SELECT gen_random_uuid(), 1, transaction_id, NULL FROM idempotency_keys"
        " WHERE transaction_id IS NOT NULL LIMIT 1",
        {7},
    ),
    "a transaction that nobody is told of": (
        outbox(
            "DELETE FROM outbox WHERE position = (SELECT max(position) FROM outbox WHERE transaction_id IN"
            " (SELECT id FROM transactions WHERE status = 'rejected'))"
        ),
        {9, 11},
    ),
    "an event lost in the middle": (
        outbox(
            "DELETE FROM outbox WHERE position = (SELECT min(position) FROM outbox WHERE transaction_id IS NOT NULL)"
        ),
        {9, 10, 11},
    ),
    "an event without a cause": (f"INSERT INTO outbox (transaction_id) VALUES ('{_NEW}')", {9}),
    "an event told twice": (
        "INSERT INTO outbox (event_type, event) SELECT event_type, event FROM outbox WHERE event_type = 'WalletOpened'"
        " LIMIT 1",
        {9, 10},
    ),
    "events out of order": (
        outbox("UPDATE outbox SET position = -position WHERE transaction_id IS NOT NULL"),
        {10, 11},
    ),
    "a change that nobody is told of": ("UPDATE customers SET version = version + 1", {9}),
    "a guard taken away": ("ALTER TABLE entries DISABLE TRIGGER append_only", {11}),
    "a closed customer with an open wallet": ("UPDATE customers SET status = 'closed'", {12}),
    "money that went to another wallet than the transaction says": (
        transactions(
            "UPDATE transactions SET to_wallet_id = (SELECT id FROM wallets WHERE house = 'fees' LIMIT 1)"
            " WHERE type = 'transfer' AND status = 'posted'"
        ),
        {1, 11},
    ),
    "an entry of no transaction": (
        transactions("DELETE FROM transactions WHERE type = 'deposit'"),
        {1, 7, 9, 11},
    ),
    "entries of a rejected transaction": (
        entries(
            "UPDATE entries SET transaction_id = (SELECT id FROM transactions WHERE status = 'rejected')"
            " WHERE transaction_id = (SELECT id FROM transactions WHERE type = 'withdrawal')"
        ),
        {1, 11},
    ),
    "a posted transaction without entries": (
        "WITH lie AS (INSERT INTO transactions SELECT overlay(id::text PLACING '00000' FROM 32)::uuid, type, status,"
        " amount, currency, from_wallet_id, to_wallet_id, description, reference, metadata, rejection, created_by,"
        " created_at, posted_at FROM transactions WHERE type = 'transfer' AND status = 'posted' RETURNING id),"
        " key AS (INSERT INTO idempotency_keys SELECT gen_random_uuid(), 1, id, NULL FROM lie)"
        " INSERT INTO outbox (transaction_id) SELECT id FROM lie",
        {1},
    ),
    "a rejected transaction told twice": (
        "INSERT INTO outbox (transaction_id) SELECT id FROM transactions WHERE status = 'rejected'",
        {9},
    ),
    "one transaction told twice, another never": (
        outbox(
            "UPDATE outbox SET transaction_id = (SELECT id FROM transactions WHERE status = 'rejected')"
            " WHERE transaction_id = (SELECT id FROM transactions WHERE type = 'withdrawal')"
        ),
        {9, 11},
    ),
    "an event of a wallet that is not there": (
        "INSERT INTO outbox (event_type, event)"
        " VALUES ('WalletUnfrozen', json_build_object('wallet_id', gen_random_uuid(), 'sequence', 1))",
        {9},
    ),
    "a customer's events with a gap": (
        f"{told('CustomerVerified', 'version + 2', 'customers')} UPDATE customers SET version = version + 1",
        {10},
    ),
    "a wallet that does not know of its freeze": (
        f"{told('WalletFrozen', 'sequence + 1', more=_SCOPE)}"
        " UPDATE wallets SET sequence = sequence + 1 WHERE house IS NULL",
        {12},
    ),
    "a wallet that stayed frozen": (
        f"{told('WalletFrozen', 'sequence + 1', more=_SCOPE)} {told('WalletUnfrozen', 'sequence + 2')}"
        " UPDATE wallets SET sequence = sequence + 2, status = 'frozen', freeze_scope = 'all' WHERE house IS NULL",
        {12},
    ),
    "a closed wallet that lives on": (
        f"{told('WalletClosed', 'sequence + 1')} {told('WalletUnfrozen', 'sequence + 2')}"
        " UPDATE wallets SET sequence = sequence + 2 WHERE house IS NULL",
        {12},
    ),
    "a closed customer who comes back": (
        f"{told('CustomerClosed', 'version + 1', 'customers')}"
        f" {told('CustomerReactivated', 'version + 2', 'customers')} UPDATE customers SET version = version + 2",
        {12},
    ),
    "a deposit from nowhere": (
        "UPDATE wallets SET house = 'suspense' WHERE house = 'settlement'",
        {1},
    ),
    "a wallet frozen by nobody": (
        "UPDATE wallets SET status = 'frozen', freeze_scope = 'all' WHERE house IS NULL",
        {12},
    ),
    "a customer suspended by nobody": (
        "UPDATE customers SET status = 'suspended', suspension_reason = 'x';"
        " UPDATE wallets SET customer_active = false WHERE house IS NULL",
        {12},
    ),
    "a wallet given to another customer": (
        "UPDATE wallets SET customer_id = (SELECT max(id::text)::uuid FROM customers) WHERE house IS NULL",
        {12},
    ),
    "a wallet that disagrees with its customer": (
        "UPDATE wallets SET customer_active = false WHERE house IS NULL",
        {12},
    ),
    "a wallet of nobody": (
        "UPDATE wallets SET customer_id = gen_random_uuid() WHERE house IS NULL AND version = 2",
        {12},
    ),
    "an entry after the end": (
        "INSERT INTO outbox (event_type, event) SELECT 'WalletClosed', json_build_object('wallet_id', id,"
        " 'sequence', 2) FROM wallets WHERE house IS NULL AND version = 2 LIMIT 1",
        {9, 10, 12},
    ),
}


@pytest.mark.parametrize(("planted", "expected"), PLANTED.values(), ids=PLANTED.keys())
async def test_a_planted_bug_is_found(postgres_url: str, planted: str, expected: set[int]) -> None:
    async with session(postgres_url) as app:
        await some_history(app)
        assert {finding.invariant.number async for finding in app.audit() if not finding.whole} == set()
        async with superuser(postgres_url) as connection:
            await connection.execute(planted)
            await connection.execute("SELECT pg_stat_force_next_flush()")  # what was changed is counted a second later
        broken = [finding async for finding in app.audit() if not finding.whole]
        assert {finding.invariant.number for finding in broken} == expected
        for finding in broken:
            assert 0 < len(finding.breaches) <= finding.breach_count


async def test_breaches_are_counted_and_only_some_are_shown(postgres_url: str) -> None:
    async with session(postgres_url) as app:
        aline, _ = await some_history(app)
        async with superuser(postgres_url) as connection:
            await connection.execute(
                "INSERT INTO idempotency_keys SELECT gen_random_uuid(), 1, gen_random_uuid(), NULL"
                " FROM generate_series(1, 50)"
            )
        [broken] = [finding async for finding in app.audit() if not finding.whole]
        assert (broken.breach_count, len(broken.breaches)) == (50, 20)
        assert aline.customer.status == "active"
