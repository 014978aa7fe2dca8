"""The database rejects changes that break the rules of the core: append-only tables, checks, unique indexes."""

from __future__ import annotations

import asyncpg
import pytest

from tekana.testing.session import session
from tekana_postgres.rights import ROLE_PREFIX, take_role
from tests.integration.postgres_support import some_history, superuser
from tests.postgres_stores import postgres_store

HISTORY_CHANGES = {
    "an entry changed": "UPDATE entries SET amount = amount + 1",
    "an entry removed": "DELETE FROM entries WHERE version = 1",
    "all entries removed": "TRUNCATE entries",
    "a transaction changed": "UPDATE transactions SET amount = 1",
    "a transaction removed": "DELETE FROM transactions",
    "all transactions removed": "TRUNCATE transactions",
    "a key changed": "UPDATE idempotency_keys SET fingerprint = 1",
    "a key removed": "DELETE FROM idempotency_keys",
    "an event changed": "UPDATE outbox SET position = position + 100",
    "an event removed": "DELETE FROM outbox",
}

RULE_VIOLATIONS = {
    "a balance below zero": "UPDATE wallets SET ledger_balance = -1 WHERE house IS NULL",
    "more held than there is": "UPDATE wallets SET held = ledger_balance + 1 WHERE house IS NULL",
    "a closed wallet with money": "UPDATE wallets SET status = 'closed' WHERE ledger_balance > 0",
    "an unknown status": "UPDATE wallets SET status = 'asleep'",
    "frozen without a scope": "UPDATE wallets SET status = 'frozen'",
    "a wallet without a customer": "UPDATE wallets SET customer_id = NULL",
    "personal data without a key": "UPDATE customer_details SET key = NULL",
    "a transaction amount of zero": """
        INSERT INTO transactions SELECT gen_random_uuid(), type, status, 0, currency, from_wallet_id, to_wallet_id,
            description, reference, metadata, rejection, created_by, created_at, posted_at, effective_at
        FROM transactions LIMIT 1""",
    "an entry amount of zero": """
        INSERT INTO entries
            (wallet_id, version, sequence, transaction_id, amount, currency, ledger_balance_after, posted_at)
        SELECT wallet_id, version + 100, sequence + 100, transaction_id, 0, currency, ledger_balance_after, posted_at
        FROM entries LIMIT 1""",
}

DUPLICATES = {
    "a version": "INSERT INTO entries SELECT * FROM entries LIMIT 1",
    "a transaction": "INSERT INTO transactions SELECT * FROM transactions LIMIT 1",
    "a key": "INSERT INTO idempotency_keys SELECT * FROM idempotency_keys LIMIT 1",
    "an email": """
        INSERT INTO customer_details (id, email_index, closed, version)
        SELECT gen_random_uuid(), email_index, false, 1 FROM customer_details LIMIT 1""",
}


@pytest.mark.parametrize("statement", HISTORY_CHANGES.values(), ids=HISTORY_CHANGES.keys())
async def test_history_is_append_only_for_a_superuser(postgres_url: str, statement: str) -> None:
    async with session(postgres_url) as app:
        await some_history(app)
        async with superuser(postgres_url) as connection:
            for role in ("origin", "replica"):  # the trigger also fires for sessions in the role of a replica
                await connection.execute(f"SET session_replication_role = {role}")
                with pytest.raises(asyncpg.RestrictViolationError, match="never changed nor removed"):
                    await connection.execute(statement)
        assert [finding async for finding in app.audit() if not finding.ok] == []


@pytest.mark.parametrize("statement", HISTORY_CHANGES.values(), ids=HISTORY_CHANGES.keys())
async def test_the_application_has_no_right_to_change_history(postgres_url: str, statement: str) -> None:
    async with superuser(postgres_url) as connection:
        await take_role(connection)
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(statement)


async def test_the_application_uses_the_role_without_the_right(postgres_url: str) -> None:
    store = postgres_store(postgres_url)
    async with store.begin() as unit:
        assert (await unit._connection.fetchval("SELECT current_user")).startswith(f"{ROLE_PREFIX}_")
    await store.stop()


@pytest.mark.parametrize("statement", RULE_VIOLATIONS.values(), ids=RULE_VIOLATIONS.keys())
async def test_constraints_enforce_the_rules_of_the_core(postgres_url: str, statement: str) -> None:
    async with session(postgres_url) as app:
        await some_history(app)
        async with superuser(postgres_url) as connection:
            with pytest.raises(asyncpg.CheckViolationError):
                await connection.execute(statement)


@pytest.mark.parametrize("statement", DUPLICATES.values(), ids=DUPLICATES.keys())
async def test_unique_indexes_reject_duplicates(postgres_url: str, statement: str) -> None:
    async with session(postgres_url) as app:
        await some_history(app)
        async with superuser(postgres_url) as connection:
            with pytest.raises(asyncpg.UniqueViolationError):
                await connection.execute(statement)
