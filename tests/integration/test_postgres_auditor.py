"""The auditor's role: the audit works with it, and it can read and change nothing else."""

from __future__ import annotations

import asyncpg
import pytest

import tekana
from tekana.application.audit.checks import INVARIANTS
from tekana.domain.caller import LOCAL_OPERATOR
from tekana.ports.audit import Finding
from tekana.ports.page import PageRequest
from tekana.ports.wallets import WalletFilter
from tekana.testing.session import session
from tekana_postgres.auditor import AUDITED, BREACHES
from tekana_postgres.migrator import migrate
from tekana_postgres.rights import AUDIT_PREFIX, role_name
from tekana_postgres.tables import APPEND_ONLY, metadata
from tests.integration.postgres_support import some_history, superuser
from tests.integration.test_postgres_rights import MigratedDatabase, execute, migrated, other_postgres_url, user

__all__ = ["migrated", "other_postgres_url", "user"]


async def audit(url: str) -> list[Finding]:
    async with tekana.connect(tekana.Settings(database_url=url)) as app:
        return [finding async for finding in app.as_caller(LOCAL_OPERATOR).audit()]


@pytest.fixture
def role(migrated: MigratedDatabase) -> str:
    return role_name(migrated.name, AUDIT_PREFIX)


async def test_the_audit_works_with_the_auditors_role(migrated: MigratedDatabase, role: str, user: str) -> None:
    async with session(migrated.url) as app:
        await some_history(app)
    with pytest.raises(tekana.Unavailable, match="no right to read the tables") as refused:
        await audit(migrated.as_user(user))
    assert str(refused.value.__cause__) == f"GRANT {role} TO {user}"
    await execute(migrated.url, str(refused.value.__cause__))
    with pytest.raises(tekana.Unavailable) as refused:  # an auditor is not to become a writer
        async with session(migrated.as_user(user)) as app:
            await app.wallets.list(WalletFilter(), PageRequest())
    assert str(refused.value.__cause__) == f"{user} audits, and may only read: use the database user of the servers"
    findings = await audit(migrated.as_user(user))
    assert [finding for finding in findings if not finding.ok] == []
    assert len(findings) == len(await audit(migrated.url)) == len(INVARIANTS) + 1  # and that of the schema


async def test_the_auditor_reads_no_secrets_and_changes_nothing(
    migrated: MigratedDatabase, role: str, user: str
) -> None:
    await execute(migrated.url, f"GRANT {role} TO {user}")
    async with superuser(migrated.as_user(user)) as connection:
        for table in metadata.sorted_tables:
            columns = AUDITED.get(table.name, ())
            for column in [one.name for one in table.columns]:
                query = f"SELECT {column} FROM {table.name} LIMIT 0"
                if columns == ("*",) or column in columns:
                    await connection.execute(query)
                else:
                    with pytest.raises(asyncpg.InsufficientPrivilegeError):
                        await connection.execute(query)
            for statement in (f"DELETE FROM {table.name}", f"TRUNCATE {table.name}"):
                with pytest.raises(asyncpg.InsufficientPrivilegeError):
                    await connection.execute(statement)
        for secret in ("key FROM customer_details", "answer FROM idempotency_keys", "secret FROM webhook_endpoints"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(f"SELECT {secret}")


async def test_an_auditor_of_one_database_cannot_read_another(
    migrated: MigratedDatabase, role: str, user: str, other_postgres_url: str
) -> None:
    await migrate(other_postgres_url)
    await execute(migrated.url, f"GRANT {role} TO {user}")
    theirs = MigratedDatabase(other_postgres_url, "", "").as_user(user)
    with pytest.raises(tekana.Unavailable, match="no right to read the tables"):
        await audit(theirs)


async def test_the_application_has_no_right_to_change_history(migrated: MigratedDatabase) -> None:
    for table in APPEND_ONLY:
        for privilege in ("UPDATE", "DELETE", "TRUNCATE"):
            may = await execute(
                migrated.url, f"SELECT has_table_privilege('{migrated.role}', '{table.name}', '{privilege}')"
            )
            assert may is False, (table.name, privilege)


@pytest.mark.parametrize(
    ("grant", "breach"),
    [
        ("SELECT ON webhook_endpoints", "table webhook_endpoints: {} may select it"),
        ("SELECT (key) ON customer_details", "table customer_details.key: {} may select it"),
        ("UPDATE ON wallets", "table wallets: {} may update it"),
    ],
)
async def test_the_audit_reports_further_rights_of_the_auditor(
    migrated: MigratedDatabase, role: str, grant: str, breach: str
) -> None:
    assert await execute(migrated.url, BREACHES) is None
    await execute(migrated.url, f"GRANT {grant} TO {role}")
    assert await execute(migrated.url, BREACHES) == breach.format(role)
    assert [finding.invariant.number for finding in await audit(migrated.url) if not finding.ok] == [14]


async def test_a_second_migration_grants_missing_rights(migrated: MigratedDatabase, role: str, user: str) -> None:
    await execute(migrated.url, f"DROP OWNED BY {role}", f"DROP ROLE {role}")
    assert await migrate(migrated.url) == []
    await execute(migrated.url, f"GRANT {role} TO {user}")
    assert [finding for finding in await audit(migrated.as_user(user)) if not finding.ok] == []
