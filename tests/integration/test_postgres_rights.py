"""The application's rights are limited to its database, and one GRANT gives them to a user."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Iterator
from typing import Any, NamedTuple

import asyncpg
import pytest
import pytest_asyncio
from sqlalchemy import make_url

import tekana
from tekana.testing import builders
from tekana.testing.session import session
from tekana_postgres.migrator import migrate
from tekana_postgres.rights import AUDIT_PREFIX, BREACHES, FUNCTIONS, SEQUENCES, TABLES, role_name
from tests.conftest import _database, _maintain
from tests.integration.postgres_support import superuser
from tests.postgres_stores import postgres_store


class MigratedDatabase(NamedTuple):
    """A migrated database: its URL, its name, and the application's role in it."""

    url: str
    name: str
    role: str

    def as_user(self, user: str) -> str:
        return make_url(self.url).set(username=user).render_as_string(hide_password=False)


@pytest.fixture
def other_postgres_url(postgres_server: str) -> Iterator[str]:
    name = f"tekana_{uuid.uuid4().hex[:12]}"
    _maintain(postgres_server, f"CREATE DATABASE {name}")
    yield _database(postgres_server, name)
    _maintain(postgres_server, f"DROP DATABASE {name} WITH (FORCE)")
    _maintain(postgres_server, f"DROP ROLE IF EXISTS {role_name(name)}, {role_name(name, AUDIT_PREFIX)}")


@pytest_asyncio.fixture
async def migrated(empty_postgres_url: str) -> MigratedDatabase:
    await migrate(empty_postgres_url)
    name = make_url(empty_postgres_url).database
    assert name
    return MigratedDatabase(empty_postgres_url, name, role_name(name))


@pytest_asyncio.fixture
async def user(postgres_server: str) -> AsyncIterator[str]:
    """A user that may connect, with no other rights."""
    name = f"user_{uuid.uuid4().hex[:12]}"
    async with superuser(postgres_server) as connection:
        await connection.execute(f"CREATE ROLE {name} LOGIN")
    yield name
    async with superuser(postgres_server) as connection:
        await connection.execute(f"DROP ROLE {name}")


@pytest_asyncio.fixture
async def first_role(postgres_server: str) -> AsyncIterator[str]:
    """The role of the first versions, shared by all databases of a server."""
    async with superuser(postgres_server) as connection:
        await connection.execute("CREATE ROLE tekana_app")
    yield "tekana_app"
    async with superuser(postgres_server) as connection:
        await connection.execute("DROP ROLE tekana_app")


async def execute(url: str, *statements: str) -> Any:
    """Execute the statements, and return the value of the last."""
    async with superuser(url) as connection:
        return [await connection.fetchval(one) for one in statements][-1]


async def test_a_user_of_one_database_cannot_read_another(
    migrated: MigratedDatabase, other_postgres_url: str, user: str
) -> None:
    await migrate(other_postgres_url)
    await execute(migrated.url, f"GRANT {migrated.role} TO {user}")
    async with session(migrated.as_user(user)) as app:
        await app.execute(builders.person())
    theirs = make_url(other_postgres_url).set(username=user).render_as_string(hide_password=False)
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await execute(theirs, "SELECT count(*) FROM customers")


async def test_a_migrated_copy_uses_the_role_of_the_original(
    migrated: MigratedDatabase, postgres_server: str, user: str
) -> None:
    audit_role, name = role_name(migrated.name, AUDIT_PREFIX), f"{migrated.name}_copy"
    await execute(  # as an earlier version, which had no such tables
        migrated.url,
        f"REVOKE ALL ON data_keys FROM {migrated.role}",
        f"REVOKE ALL ON audit_log FROM {audit_role}",
        f"GRANT {migrated.role} TO {user}",
    )
    await execute(postgres_server, f"CREATE DATABASE {name} TEMPLATE {migrated.name}")
    try:
        copy = MigratedDatabase(_database(postgres_server, name), name, migrated.role)
        await migrate(copy.url)
        async with session(copy.as_user(user)) as app:
            await app.execute(builders.person())
        for role, table in ((migrated.role, "data_keys"), (audit_role, "audit_log")):
            assert await execute(copy.url, f"SELECT has_any_column_privilege('{role}', '{table}', 'SELECT')")
        new = f"'{role_name(name)}', '{role_name(name, AUDIT_PREFIX)}'"
        assert await execute(copy.url, f"SELECT count(*) FROM pg_roles WHERE rolname IN ({new})") == 0
    finally:
        await execute(postgres_server, f"DROP DATABASE {name} WITH (FORCE)")


async def test_the_error_for_a_missing_grant_names_it(migrated: MigratedDatabase, user: str) -> None:
    store = postgres_store(migrated.as_user(user))
    with pytest.raises(tekana.Unavailable, match="no right to work with the tables") as refused:
        await store.check_ready()
    await store.stop()
    assert user not in str(refused.value)  # HTTP clients see this message
    assert str(refused.value.__cause__) == f"GRANT {migrated.role} TO {user}"
    await execute(migrated.url, str(refused.value.__cause__))
    store = postgres_store(migrated.as_user(user))
    await store.check_ready()
    await store.stop()


async def grant_rights_as_in_the_first_versions(migrated: MigratedDatabase) -> None:
    """Give the rights only to the role of the first versions."""
    await execute(
        migrated.url,
        *(
            f"GRANT {privilege} ON {kind} {name} TO tekana_app"
            for kind, objects in (("TABLE", TABLES), ("SEQUENCE", SEQUENCES), ("FUNCTION", FUNCTIONS))
            for name, privileges in objects.items()
            for privilege in privileges
        ),
        f"DROP OWNED BY {migrated.role}",
        f"DROP ROLE {migrated.role}",
    )


async def test_a_database_of_the_first_versions_gets_its_own_role(
    migrated: MigratedDatabase, first_role: str, user: str
) -> None:
    await grant_rights_as_in_the_first_versions(migrated)
    await execute(migrated.url, f"GRANT {first_role} TO {user}")
    async with session(migrated.as_user(user)) as app:  # works before the migration
        await app.execute(builders.person())
    assert await migrate(migrated.url) == []
    assert await execute(migrated.url, f"SELECT pg_has_role('{user}', '{migrated.role}', 'MEMBER')")
    assert not await execute(migrated.url, f"SELECT has_table_privilege('{first_role}', 'customers', 'SELECT')")
    assert await execute(migrated.url, BREACHES) is None
    async with session(migrated.as_user(user)) as app:
        await app.execute(builders.person())


async def test_members_of_the_first_role_get_no_rights_in_a_new_database(
    empty_postgres_url: str, first_role: str, user: str
) -> None:
    await execute(empty_postgres_url, f"GRANT {first_role} TO {user}")
    await migrate(empty_postgres_url)
    theirs = make_url(empty_postgres_url).set(username=user).render_as_string(hide_password=False)
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await execute(theirs, "SELECT count(*) FROM customers")
    assert await execute(empty_postgres_url, BREACHES) is None


async def test_migrate_works_for_an_owner_that_may_not_create_roles(empty_postgres_url: str, user: str) -> None:
    name = make_url(empty_postgres_url).database
    await execute(empty_postgres_url, f"ALTER DATABASE {name} OWNER TO {user}")
    theirs = make_url(empty_postgres_url).set(username=user).render_as_string(hide_password=False)
    assert len(await migrate(theirs)) >= 6
    async with session(theirs) as app:
        await app.execute(builders.person())
        assert [finding async for finding in app.audit() if not finding.ok] == []
    await execute(empty_postgres_url, f"REASSIGN OWNED BY {user} TO current_user")


@pytest.mark.parametrize("name", ["wallets", "w" * 52, "w" * 53, "é" * 31])
def test_the_role_name_is_within_the_length_limit(name: str) -> None:
    role = role_name(name)
    assert role.startswith(f"tekana_app_{name[:10]}")
    assert len(role.encode()) <= 63
    assert role_name(f"{name[:-1]}x") != role
