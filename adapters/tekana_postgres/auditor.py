"""The auditor's role: it may read what the audit reads, and nothing else. `rights.py` has the application's role.

Each database has one, `tekana_audit_<database>`. An audit takes it on its connection if the user is a member of it.
"""

from __future__ import annotations

from typing import Final

import asyncpg
from sqlalchemy import Connection, text

from tekana.domain.errors import Unavailable
from tekana_postgres.rights import AUDIT_PREFIX, MissingGrant, create_role, role_of_database, take_role
from tekana_postgres.tables import metadata
from tekana_postgres.tables.columns import ALL_COLUMNS

AUDITED: Final[dict[str, tuple[str, ...]]] = {
    "alembic_version": ALL_COLUMNS,
    **{table.name: table.info["audited"] for table in metadata.sorted_tables if "audited" in table.info},
}
"""The columns that the auditor may read, by table, as the tables declare them."""

_RELATIONS: Final = tuple(
    name if column == "*" else f"{name}.{column}" for name, columns in AUDITED.items() for column in columns
)
_NAMES: Final = ", ".join(f"('{one}')" for one in _RELATIONS)

BREACHES: Final = f"""
    SELECT format('table %s: %s may %s it', name, rolname, lower(privilege_type))
    FROM (SELECT relname::text AS name, relacl AS acl FROM pg_class
          WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p')
          UNION ALL
          SELECT relname || '.' || attname, attacl FROM pg_attribute JOIN pg_class c ON c.oid = attrelid
          WHERE relnamespace = current_schema()::regnamespace) AS objects, aclexplode(acl)
    JOIN pg_roles r ON r.oid = grantee
    WHERE starts_with(rolname, '{AUDIT_PREFIX}_') AND (privilege_type <> 'SELECT' OR name NOT IN (VALUES {_NAMES}))
"""
"""A query with a row of text for each right on a table that the auditor's role has unnecessarily."""

_ROLE_OF_DATABASE = f"""
    SELECT rolname FROM pg_class, aclexplode(relacl) JOIN pg_roles r ON r.oid = grantee
    WHERE pg_class.oid = to_regclass('entries') AND privilege_type = 'SELECT'
      AND starts_with(rolname, '{AUDIT_PREFIX}_')
"""
_TAKE_ROLE = f"""
    SELECT set_config('search_path', quote_ident(current_schema()), false), set_config('role', rolname, false)
    FROM ({_ROLE_OF_DATABASE} AND pg_has_role(current_user, grantee, 'MEMBER') LIMIT 1) roles
"""
_MISSING_GRANT = f"""
    SELECT format('GRANT %I TO %I', rolname, current_user) FROM ({_ROLE_OF_DATABASE} LIMIT 1) roles
    WHERE NOT has_table_privilege(to_regclass('entries'), 'SELECT')
"""

# Older schemas, which a database may be migrated to, lack tables and columns.
_COLUMNS = "SELECT attname FROM pg_attribute WHERE attrelid = to_regclass(:name) AND attnum > 0 AND NOT attisdropped"


def grant_auditor_rights(connection: Connection) -> None:
    """Create the auditor's role unless it exists, and grant its rights. If it cannot be created, do nothing.

    Args:
        connection: the connection of the migration, in its transaction.
    """
    if connection.execute(text("SELECT to_regclass('outbox')")).scalar_one() is None:
        return
    role = role_of_database(connection, AUDIT_PREFIX, "entries")
    if not create_role(connection, role):
        return
    quote = connection.dialect.identifier_preparer.quote_identifier
    schema = connection.execute(text("SELECT quote_ident(current_schema())")).scalar_one()
    connection.exec_driver_sql(f"GRANT USAGE ON SCHEMA {schema} TO {quote(role)}")
    for name, columns in AUDITED.items():
        found = set(connection.execute(text(_COLUMNS), {"name": name}).scalars())
        granted = [quote(column) for column in columns if column in found]
        if columns == ALL_COLUMNS and found:
            connection.exec_driver_sql(f"GRANT SELECT ON TABLE {quote(name)} TO {quote(role)}")
        elif granted:
            connection.exec_driver_sql(f"GRANT SELECT ({', '.join(granted)}) ON TABLE {quote(name)} TO {quote(role)}")


async def take_auditor_role(connection: asyncpg.Connection) -> None:
    """Switch to the auditor's role on this connection, or to the application's, if its user is a member.

    Raises:
        Unavailable: the user may not read the tables. The cause has the statement that grants it.
    """
    try:
        if await connection.execute(_TAKE_ROLE) != "SELECT 0":
            return
    except asyncpg.InsufficientPrivilegeError:
        return  # a member that may not switch keeps its own role, which has the same rights
    missing = await connection.fetchval(_MISSING_GRANT)
    try:
        await take_role(connection)
    except Unavailable:
        if missing is None:
            raise
        reason = "the database user has no right to read the tables of tekana"
        raise Unavailable(reason) from MissingGrant(missing)
