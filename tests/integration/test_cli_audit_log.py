"""What command-line tools change is in the audit log, and the log resists changes."""

import asyncpg
import pytest

import tekana
from tekana import LOCAL_OPERATOR, PageRequest
from tekana.bootstrap.audit_records import record_act
from tekana.cli.migrate import _migrate
from tekana.domain.audit_log import AuditEntry
from tekana.testing.builders import person
from tests.integration.postgres_support import superuser


async def entries(url: str) -> tuple[AuditEntry, ...]:
    async with tekana.connect(url) as app:
        return (await app.as_caller(LOCAL_OPERATOR).audit_log.list(PageRequest(100))).items


async def test_a_migration_is_recorded(empty_postgres_url: str) -> None:
    assert await _migrate(empty_postgres_url) != []
    [entry] = await entries(empty_postgres_url)
    assert (entry.action, entry.outcome, entry.subject, entry.address) == ("MigrateSchema", "done", "local", None)
    assert await _migrate(empty_postgres_url) == []
    assert [one.action for one in await entries(empty_postgres_url)] == ["MigrateSchema", "ReadAuditLog"]


async def test_acts_without_a_command_are_recorded(postgres_url: str) -> None:
    async with tekana.connect(postgres_url) as app:
        await record_act(app._store, "RotateMasterKey")  # type: ignore[arg-type]
    assert [one.action for one in await entries(postgres_url)] == ["RotateMasterKey"]


async def test_entries_cannot_be_changed_or_removed(postgres_url: str) -> None:
    async with tekana.connect(postgres_url) as app:
        await app.as_caller(LOCAL_OPERATOR).execute(person())
    before = await entries(postgres_url)
    assert len(before) == 1
    async with superuser(postgres_url) as connection:
        for statement in (
            "UPDATE audit_log SET subject = 'another'",
            "DELETE FROM audit_log",
            "TRUNCATE audit_log",
        ):
            with pytest.raises(asyncpg.PostgresError):
                await connection.execute(statement)
        rights = await connection.fetch(
            "SELECT DISTINCT privilege_type FROM information_schema.role_table_grants "
            "WHERE table_name = 'audit_log' AND grantee LIKE 'tekana_app%' ORDER BY 1"
        )
        assert [row[0] for row in rights] == ["INSERT", "SELECT"]
    assert (await entries(postgres_url))[0] == before[0]
