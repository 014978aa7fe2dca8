"""Each invariant's query detects the corruption made for it, and reports nothing on a whole ledger."""

from __future__ import annotations

import pytest
import pytest_asyncio

from tekana.testing.session import session
from tekana_postgres.migrator import migrate
from tekana_postgres.rights import role_name
from tests.integration.postgres_support import assert_corruption_breaks, some_history, superuser

_NEW = "01a20000-0000-7000-8000-000000000001"
_OPEN_GUARDS = "ALTER TABLE {0} DISABLE TRIGGER append_only; {1}; ALTER TABLE {0} ENABLE ALWAYS TRIGGER append_only"


def entries(statement: str) -> str:
    """Return the SQL that changes entries as a superuser, with the trigger disabled meanwhile."""
    return _OPEN_GUARDS.format("entries", statement)


def transactions(statement: str) -> str:
    """Return the same SQL for transactions."""
    return _OPEN_GUARDS.format("transactions", statement)


def keys(statement: str) -> str:
    """Return the same SQL for idempotency keys."""
    return _OPEN_GUARDS.format("idempotency_keys", statement)


def outbox(statement: str) -> str:
    """Return the same SQL for the outbox."""
    return _OPEN_GUARDS.format("outbox", statement)


def event(event_type: str, sequence: str, table: str = "wallets", more: str = "") -> str:
    """Return the SQL that adds an event of each row, whose sequence is an expression of the row's columns."""
    condition = "house IS NULL" if table == "wallets" else "true"
    return (
        f"INSERT INTO outbox (event_type, event) SELECT '{event_type}', json_build_object("
        f"'{table[:-1]}_id', id, 'sequence', {sequence}{more}) FROM {table} WHERE {condition};"
    )


def approval(*decisions: str, status: str = "'pending', NULL, NULL", asker: str = "grace") -> str:
    """Return the SQL that adds an approval that Grace asked for, and its events; without arguments, it was approved."""
    count = len(decisions or ("ApprovalApproved",)) + 1
    rows = enumerate(("ApprovalRequested", *(decisions or ("ApprovalApproved",))), 1)
    events = ", ".join(
        f"('{name}', json_build_object('approval_id', '{_NEW}', 'sequence', {sequence}, 'caller', 'grace'))"
        for sequence, name in rows
    )
    return (
        "INSERT INTO approvals (id, tenant, asker, command, data, asked_at, expires_at, sequence, status, decided_by,"
        f" decided_at) VALUES ('{_NEW}', 'main', '{{\"subject\":\"{asker}\"}}', 'AdjustBalance', '{{}}', now(), now(),"
        f" {count}, {status}); INSERT INTO outbox (event_type, event) VALUES {events}"
    )


_SCOPE = ", 'scope', 'all'"

# The corruption, and the numbers of the invariants that must be broken: these and no others.
CORRUPTIONS: dict[str, tuple[str, set[int]]] = {
    "a transaction's amount changed": (
        transactions("UPDATE transactions SET amount = amount + 1 WHERE status = 'posted'"),
        {1, 11},
    ),
    "an amount changed": (entries("UPDATE entries SET amount = amount + 1 WHERE version = 2"), {1, 2, 11, 13, 21}),
    "an entry lost": (
        entries(
            "DELETE FROM entries WHERE (wallet_id, version) IN (SELECT id, version FROM wallets WHERE version = 2"
            " AND house IS NULL LIMIT 1)"
        ),
        {1, 2, 3, 9, 11, 13},
    ),
    "a balance after that is wrong": (
        entries("UPDATE entries SET ledger_balance_after = ledger_balance_after + 1 WHERE version = 1"),
        {2, 11},
    ),
    "the closing balance of a month's statement": (
        entries("UPDATE entries SET ledger_balance_after = ledger_balance_after + 1 WHERE version = 2"),
        {2, 11, 21},
    ),
    "an entry in another month's statement": (
        entries("UPDATE entries SET posted_at = posted_at - interval '2 months' WHERE version = 2"),
        {1, 3, 11, 13, 21},
    ),
    "details lost": ("DELETE FROM customer_details WHERE NOT closed", {20}),
    "details without a customer": (
        "INSERT INTO customer_details (id, closed, version) VALUES (gen_random_uuid(), false, 1)",
        {20},
    ),
    "an erased customer with details": ("UPDATE customers SET erased_at = now() WHERE status = 'active'", {20}),
    "details that were erased": (
        "UPDATE customer_details SET key = NULL, details = NULL, index_key_id = NULL WHERE NOT closed",
        {20},
    ),
    "details of an earlier version": ("UPDATE customer_details SET version = version - 1 WHERE NOT closed", {20}),
    "a balance changed": ("UPDATE wallets SET ledger_balance = ledger_balance + 5 WHERE house IS NULL", {2, 21}),
    "a version skipped": (
        "UPDATE wallets SET version = version + 1, sequence = sequence + 1 WHERE version = 2",
        {3, 9},
    ),
    "a version missing in history": (
        entries("UPDATE entries SET version = 9, sequence = 9 WHERE version = 2"),
        {3, 10, 11},
    ),
    "times that run backwards": (
        entries("UPDATE entries SET posted_at = posted_at - interval '1 day' WHERE version = 2"),
        {1, 3, 11, 13, 21},
    ),
    "a time that differs from the id": (
        "WITH lie AS (INSERT INTO transactions SELECT overlay(id::text PLACING '00000' FROM 32)::uuid, type, status,"
        " amount, currency, from_wallet_id, to_wallet_id, description, reference, metadata, rejection, created_by,"
        " created_at + interval '1 microsecond' FROM transactions WHERE status = 'rejected' RETURNING id),"
        " key AS (INSERT INTO idempotency_keys SELECT gen_random_uuid(), 1, id, NULL FROM lie)"
        " INSERT INTO outbox (transaction_id) SELECT id FROM lie",
        {11},
    ),
    "money held without a hold": ("UPDATE wallets SET held = 1 WHERE house IS NULL AND ledger_balance > 0", {4}),
    "a balance below zero": (
        "ALTER TABLE wallets DROP CONSTRAINT ck_wallets_available_balance; "
        "UPDATE wallets SET ledger_balance = -1 WHERE house IS NULL AND version = 2",
        {2, 5, 14, 21},
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
    "a transaction without an event": (
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
    "an event of an unknown type": (
        f"INSERT INTO outbox (event_type, event) VALUES ('Unknown', json_build_object('customer_id', '{_NEW}',"
        " 'sequence', 1))",
        {9},
    ),
    "an event stored twice": (
        "INSERT INTO outbox (event_type, event) SELECT event_type, event FROM outbox WHERE event_type = 'WalletOpened'"
        " LIMIT 1",
        {9, 10},
    ),
    "events out of order": (
        outbox("UPDATE outbox SET position = -position WHERE transaction_id IS NOT NULL"),
        {10, 11},
    ),
    "a change without an event": ("UPDATE customers SET version = version + 1", {9, 20}),
    "a trigger disabled": ("ALTER TABLE entries DISABLE TRIGGER append_only", {11, 14}),
    "a closed customer with an open wallet": ("UPDATE customers SET status = 'closed'", {12, 20}),
    "money that went to another wallet than the transaction says": (
        transactions(
            "UPDATE transactions SET to_wallet_id = (SELECT id FROM wallets WHERE house = 'fees' LIMIT 1)"
            " WHERE type = 'transfer' AND status = 'posted'"
        ),
        {1, 11},
    ),
    "the same of a transaction with details": (
        transactions(
            "UPDATE transactions SET details = '{}', to_wallet_id = (SELECT id FROM wallets WHERE house = 'fees'"
            " LIMIT 1) WHERE type = 'transfer' AND status = 'posted'"
        ),
        {1, 11},
    ),
    "an adjustment that is not against the suspense wallet": (
        transactions(
            "UPDATE transactions SET type = 'adjustment', details = '{\"reason\": \"x\"}'"
            " WHERE type = 'transfer' AND status = 'posted'"
        ),
        {1, 11, 13},
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
    "a rejected transaction stored twice": (
        "INSERT INTO outbox (transaction_id) SELECT id FROM transactions WHERE status = 'rejected'",
        {9},
    ),
    "one transaction stored twice, another never": (
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
        f"{event('CustomerVerified', 'version + 2', 'customers')} UPDATE customers SET version = version + 1",
        {10, 20},
    ),
    "a frozen wallet with status active": (
        f"{event('WalletFrozen', 'sequence + 1', more=_SCOPE)}"
        " UPDATE wallets SET sequence = sequence + 1 WHERE house IS NULL",
        {12},
    ),
    "an unfrozen wallet with status frozen": (
        f"{event('WalletFrozen', 'sequence + 1', more=_SCOPE)} {event('WalletUnfrozen', 'sequence + 2')}"
        " UPDATE wallets SET sequence = sequence + 2, status = 'frozen', freeze_scope = 'all' WHERE house IS NULL",
        {12},
    ),
    "a closed wallet that is unfrozen": (
        f"{event('WalletClosed', 'sequence + 1')} {event('WalletUnfrozen', 'sequence + 2')}"
        " UPDATE wallets SET sequence = sequence + 2 WHERE house IS NULL",
        {12},
    ),
    "a closed customer that is reactivated": (
        f"{event('CustomerClosed', 'version + 1', 'customers')}"
        f" {event('CustomerReactivated', 'version + 2', 'customers')} UPDATE customers SET version = version + 2",
        {12, 20},
    ),
    "a deposit that is not from the settlement wallet": (
        "UPDATE wallets SET house = 'suspense' WHERE house = 'settlement'",
        {1},
    ),
    "a wallet frozen without an event": (
        "UPDATE wallets SET status = 'frozen', freeze_scope = 'all' WHERE house IS NULL",
        {12},
    ),
    "a customer suspended without an event": (
        "UPDATE customers SET status = 'suspended'; UPDATE wallets SET customer_active = false WHERE house IS NULL",
        {12},
    ),
    "a wallet given to another customer": (
        "UPDATE wallets SET customer_id = (SELECT max(id::text)::uuid FROM customers) WHERE house IS NULL",
        {12, 13},
    ),
    "a wallet that disagrees with its customer": (
        "UPDATE wallets SET customer_active = false WHERE house IS NULL",
        {12},
    ),
    "a wallet without a customer": (
        "UPDATE wallets SET customer_id = gen_random_uuid() WHERE house IS NULL AND version = 2",
        {12},
    ),
    "an approved request that is pending again": (approval(), {12}),
    "a request that was decided twice": (
        approval("ApprovalApproved", "ApprovalApproved", status="'approved', 'henry', now()"),
        {12},
    ),
    "a request of another asker": (
        approval("ApprovalApproved", status="'approved', 'henry', now()", asker="henry"),
        {12},
    ),
    "a usage that is not what was moved": ("UPDATE wallets SET usage = NULL WHERE usage IS NOT NULL", {13}),
    "a movement above the limit of then": (
        _OPEN_GUARDS.format("limits", "UPDATE limits SET largest_transaction = 1"),
        {11, 13},
    ),
    "more in a month than the limit of then": (
        _OPEN_GUARDS.format("limits", "UPDATE limits SET monthly_incoming_amount = 2"),
        {11, 13},
    ),
    "a wallet of another tier than its customer": ("UPDATE wallets SET tier = '3' WHERE house IS NULL", {13}),
    "an override that its customer does not have": (
        """UPDATE wallets SET limit_override = '["RWF",[],"x","2099-01-01T00:00:00Z"]' WHERE house IS NULL""",
        {13},
    ),
    "a wallet that shares the usage of another customer's": (
        "UPDATE wallets SET usage_wallet_id = (SELECT max(id::text)::uuid FROM wallets WHERE house IS NULL)"
        " WHERE house IS NULL AND id <> (SELECT max(id::text)::uuid FROM wallets WHERE house IS NULL)",
        {13},
    ),
    "an entry after the wallet was closed": (
        "INSERT INTO outbox (event_type, event) SELECT 'WalletClosed', json_build_object('wallet_id', id,"
        " 'sequence', 2) FROM wallets WHERE house IS NULL AND version = 2 LIMIT 1",
        {9, 10, 12},
    ),
}


_PART = "(SELECT relid FROM pg_partition_tree('outbox') WHERE isleaf ORDER BY relid::text LIMIT 1)"

# Changes of the schema that leave every row unchanged, and the breach that the audit reports.
TAMPERED: dict[str, tuple[str, str]] = {
    "a trigger function that does nothing": (
        "CREATE OR REPLACE FUNCTION tekana_refuse_change() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RETURN coalesce(NEW, OLD); END $$",
        "function tekana_refuse_change(): is ",
    ),
    "a trigger that calls another function": (
        "CREATE FUNCTION harmless() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$; "
        "CREATE OR REPLACE TRIGGER append_only BEFORE UPDATE OR DELETE ON entries FOR EACH ROW "
        "EXECUTE FUNCTION harmless(); ALTER TABLE entries ENABLE ALWAYS TRIGGER append_only",
        "trigger entries.append_only: is ",
    ),
    "a trigger on fewer statements": (
        "CREATE OR REPLACE TRIGGER append_only BEFORE DELETE ON entries FOR EACH ROW "
        "EXECUTE FUNCTION tekana_refuse_change(); ALTER TABLE entries ENABLE ALWAYS TRIGGER append_only",
        "trigger entries.append_only: is ",
    ),
    "a trigger with a condition": (
        "CREATE OR REPLACE TRIGGER append_only BEFORE UPDATE OR DELETE ON entries FOR EACH ROW WHEN (OLD.amount > 0) "
        "EXECUTE FUNCTION tekana_refuse_change(); ALTER TABLE entries ENABLE ALWAYS TRIGGER append_only",
        "trigger entries.append_only: is ",
    ),
    "a partition of the outbox without its trigger": (
        f"DO $$ BEGIN EXECUTE format('DROP TRIGGER append_only_truncate ON %s', {_PART}); END $$",
        "part outbox_part_1 append_only_truncate: is missing",
    ),
    "another trigger": (
        "CREATE FUNCTION other() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.amount := 1; RETURN NEW; END $$; "
        "CREATE TRIGGER other BEFORE INSERT ON entries FOR EACH ROW EXECUTE FUNCTION other()",
        "trigger entries.other: is not one of tekana's",
    ),
    "a rule that discards inserts": (
        "CREATE RULE swallow AS ON INSERT TO entries DO INSTEAD NOTHING",
        "rule entries.swallow: is not one of tekana's",
    ),
    "a policy that hides rows": (
        "ALTER TABLE entries ENABLE ROW LEVEL SECURITY; CREATE POLICY hide ON entries USING (amount > 0)",
        "policy entries.hide: is not one of tekana's",
    ),
    "a child table": (
        "CREATE TABLE more () INHERITS (customers)",
        "child table customers.more: is not one of tekana's",
    ),
    "a dropped primary key": ("ALTER TABLE wallets DROP CONSTRAINT pk_wallets", "constraint wallets.pk_wallets: is mi"),
    "a dropped check": (
        "ALTER TABLE wallets DROP CONSTRAINT ck_wallets_available_balance",
        "constraint wallets.ck_wallets_available_balance: is missing",
    ),
    "a check that is weaker": (
        "ALTER TABLE wallets DROP CONSTRAINT ck_wallets_held; "
        "ALTER TABLE wallets ADD CONSTRAINT ck_wallets_held CHECK (held >= -5)",
        "constraint wallets.ck_wallets_held: is ",
    ),
    "a check that is not validated": (
        "ALTER TABLE wallets DROP CONSTRAINT ck_wallets_held; "
        "ALTER TABLE wallets ADD CONSTRAINT ck_wallets_held CHECK (held >= 0) NOT VALID",
        "constraint wallets.ck_wallets_held: is ",
    ),
    "a dropped unique index": (
        "DROP INDEX uq_customer_details_email_index",
        "index customer_details.uq_customer_details_email_index: is missing",
    ),
    "a dropped index": ("DROP INDEX ix_entries_transaction_id", "index entries.ix_entries_transaction_id: is missing"),
    "an index that is not valid": (
        "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'ix_entries_transaction_id'::regclass",
        "index entries.ix_entries_transaction_id: is ",
    ),
    "a column that may be NULL": (
        "ALTER TABLE entries ALTER amount DROP NOT NULL",
        "column entries.amount: is 'bigint', and has to be 'bigint, not null'",
    ),
    "a column of another type": (
        "ALTER TABLE parked_events ALTER reason TYPE varchar(10)",
        "column parked_events.reason: is ",
    ),
    "a default that was dropped": ("ALTER TABLE outbox ALTER position DROP DEFAULT", "column outbox.position: is "),
    "a dropped column": ("ALTER TABLE approvals DROP COLUMN reason", "column approvals.reason: is missing"),
    "a table that a crash empties": ("ALTER TABLE entries SET UNLOGGED", "table entries: is 'table, not logged"),
    "a sequence with another increment": (
        "ALTER SEQUENCE outbox_position_seq INCREMENT BY -1",
        "sequence outbox_position_seq: is ",
    ),
    "a function with other rights": (
        "ALTER FUNCTION tekana_drop_outbox_part SECURITY INVOKER",
        "function tekana_drop_outbox_part(older_than interval): is ",
    ),
    "a function with another search path": (
        "ALTER FUNCTION tekana_drop_outbox_part SET search_path = pg_temp, public",
        "function tekana_drop_outbox_part(older_than interval): is ",
    ),
    "a dropped function": ("DROP FUNCTION tekana_mark_position", "function tekana_mark_position(): is missing"),
    "the right to change history": ("GRANT UPDATE ON entries TO {role}", "has the right to UPDATE"),
    "the right to change a column": ("GRANT UPDATE (amount) ON entries TO {role}", "table entries.amount: "),
    "the right to truncate a partition": ("GRANT TRUNCATE ON outbox_part_1 TO {role}", "has the right to TRUNCATE"),
    "a right of PUBLIC": ("GRANT INSERT ON entries TO PUBLIC", "table entries: PUBLIC has the right to INSERT"),
    "a function executable by PUBLIC": (
        "GRANT EXECUTE ON FUNCTION tekana_drop_outbox_part TO PUBLIC",
        "function tekana_drop_outbox_part: PUBLIC has the right to EXECUTE",
    ),
    "a right that is missing": ("REVOKE INSERT ON entries FROM {role}", "lacks the right to INSERT"),
    "superuser rights": ("ALTER ROLE {role} SUPERUSER", "has all the rights of "),
}


@pytest_asyncio.fixture
async def migrated_postgres_url(empty_postgres_url: str) -> str:
    """Return the URL of a database with its own role; the databases of other tests share one."""
    await migrate(empty_postgres_url)
    return empty_postgres_url


@pytest.mark.parametrize(("tampered", "message"), TAMPERED.values(), ids=TAMPERED.keys())
async def test_a_changed_schema_is_reported(migrated_postgres_url: str, tampered: str, message: str) -> None:
    async with superuser(migrated_postgres_url) as connection:
        role = role_name(await connection.fetchval("SELECT current_database()"))
        assert await _breaches(migrated_postgres_url) == {}
        await connection.execute(tampered.replace("{role}", role))
    broken = await _breaches(migrated_postgres_url)
    assert any(message in breach for breach in broken[14]), broken
    assert broken.keys() <= {11, 14}


async def test_permitted_additions_are_no_breach(postgres_url: str) -> None:
    """The operator may add indexes, and roles with read access."""
    async with superuser(postgres_url) as connection:
        await connection.execute("CREATE INDEX mine ON transactions (created_at)")
        await connection.execute("CREATE ROLE reports_of_a_test")
        await connection.execute("GRANT SELECT ON ALL TABLES IN SCHEMA public TO reports_of_a_test")
        try:
            assert await _breaches(postgres_url) == {}
        finally:
            await connection.execute("DROP OWNED BY reports_of_a_test")
            await connection.execute("DROP ROLE reports_of_a_test")


async def _breaches(url: str) -> dict[int, tuple[str, ...]]:
    async with session(url) as app:
        return {finding.invariant.number: finding.breaches async for finding in app.audit() if not finding.ok}


@pytest.mark.parametrize(("corruption", "expected"), CORRUPTIONS.values(), ids=CORRUPTIONS.keys())
async def test_a_corruption_breaks_exactly_its_invariants(
    postgres_url: str, corruption: str, expected: set[int]
) -> None:
    async with session(postgres_url) as app:
        await some_history(app)
        await assert_corruption_breaks(app, postgres_url, corruption, expected)


async def test_all_breaches_are_counted_and_the_first_are_listed(postgres_url: str) -> None:
    async with session(postgres_url) as app:
        aline, _ = await some_history(app)
        async with superuser(postgres_url) as connection:
            await connection.execute(
                "INSERT INTO idempotency_keys SELECT gen_random_uuid(), 1, gen_random_uuid(), NULL"
                " FROM generate_series(1, 50)"
            )
        [broken] = [finding async for finding in app.audit() if not finding.ok]
        assert (broken.breach_count, len(broken.breaches)) == (50, 20)
        assert aline.customer.status == "active"
