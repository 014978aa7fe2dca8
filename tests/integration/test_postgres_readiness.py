"""The readiness check succeeds exactly when transactions can be stored."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

import tekana
from tekana.testing import builders
from tekana.testing.session import session
from tekana_postgres import PostgresStore, readiness
from tekana_postgres.rights import take_role
from tests.integration.postgres_support import superuser
from tests.postgres_stores import postgres_store


@pytest.fixture
async def store(postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[PostgresStore]:
    monkeypatch.setattr(readiness, "_PROBE_INTERVAL_SECONDS", 0.0)
    store = postgres_store(postgres_url)
    yield store
    await store.stop()


async def execute(url: str, statement: str) -> None:
    async with superuser(url) as connection:
        await connection.execute(statement)


async def role_of(url: str) -> str:
    """Return the role that the application works as."""
    async with superuser(url) as connection:
        await take_role(connection)
        role: str = await connection.fetchval("SELECT current_user")
        await connection.execute("RESET ROLE")
    return role


FAULTS = {
    "read-only": ("ALTER DATABASE {name} SET default_transaction_read_only = on", "read-only"),
    "column": ("ALTER TABLE entries RENAME ledger_balance_after TO balance", "ledger_balance_after"),
    "unused column": ("ALTER TABLE customers RENAME tier TO level", "tier"),
    "table": ("ALTER TABLE outbox RENAME TO events", "tekana migrate"),
    "right": ("REVOKE INSERT ON transactions FROM {role}", "permission denied"),
    "update": ("REVOKE UPDATE ON wallets FROM {role}", "permission denied"),
    "room": (
        "CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE disk_full; END $$; "
        "CREATE TRIGGER full_disk BEFORE INSERT ON entries FOR EACH ROW EXECUTE FUNCTION full_disk()",
        "no room",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
async def test_not_ready_while_transactions_cannot_be_stored(
    store: PostgresStore, postgres_url: str, fault: str
) -> None:
    assert not [one for one in await store.check_ready() if "durab" not in one and "fsync" not in one]
    statement, reason = FAULTS[fault]
    name = postgres_url.partition("?")[0].rpartition("/")[2]
    await execute(postgres_url, statement.format(name=name, role=await role_of(postgres_url)))
    await store.stop()  # new settings apply to new connections
    with pytest.raises(tekana.Unavailable, match=r"(?i)reached now|no room|cannot be written|not set up") as raised:
        await store.check_ready()
    assert reason in f"{raised.value} {raised.value.__cause__}"


async def test_ready_with_foreign_alembic_versions(store: PostgresStore, postgres_url: str) -> None:
    await execute(postgres_url, "INSERT INTO alembic_version VALUES ('of another')")
    await store.check_ready()


async def test_ready_with_a_warning_on_a_newer_schema(store: PostgresStore, postgres_url: str) -> None:
    await execute(postgres_url, "UPDATE alembic_version SET version_num = '9999'")
    assert any("at schema 9999, which this version does not know" in one for one in await store.check_ready())


async def test_not_ready_on_an_older_schema(store: PostgresStore, postgres_url: str) -> None:
    await execute(postgres_url, "UPDATE alembic_version SET version_num = '0005'")
    with pytest.raises(tekana.Unavailable, match="run tekana migrate"):
        await store.check_ready()


async def test_the_readiness_check_stores_nothing(store: PostgresStore, postgres_url: str) -> None:
    async with session(postgres_url) as app:
        await app.execute(builders.person())
        for _ in range(3):
            await store.check_ready()
        async with superuser(postgres_url) as connection:
            counts = [
                await connection.fetchval(f"SELECT count(*) FROM {table}")
                for table in ("transactions", "entries", "idempotency_keys", "outbox")
            ]
        assert counts == [0, 0, 1, 2]
        assert [finding async for finding in app.audit() if not finding.ok] == []
