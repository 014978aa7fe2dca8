"""The rights of the application: a role for each database, its privileges and its members.

The application uses this role on every connection of a user who is a member of it. The role may insert history, but not
change it. Its name contains that of the database, as roles are common to all databases of a server.
"""

from __future__ import annotations

import hashlib
from typing import Final

import asyncpg
from sqlalchemy import Connection, text

from tekana.domain.errors import Unavailable
from tekana_postgres.tables import metadata
from tekana_postgres.tables.columns import MAY_SELECT

ROLE_PREFIX: Final = "tekana_app"
AUDIT_PREFIX: Final = "tekana_audit"
"""The prefix of the names of these roles. The first versions had a role with just this name for all databases."""

TABLES: Final[dict[str, tuple[str, ...]]] = {
    "alembic_version": MAY_SELECT,
    **{table.name: table.info["rights"] for table in metadata.sorted_tables},
}
"""The privileges on each table, as the table declares them."""
SEQUENCES: Final = {"outbox_position_seq": ("SELECT", "USAGE")}
FUNCTIONS: Final = {"tekana_add_outbox_parts": ("EXECUTE",), "tekana_drop_outbox_part": ("EXECUTE",)}
CLOSED_FUNCTIONS: Final = (*FUNCTIONS, "tekana_attach_outbox_part")
"""The functions with the rights of their owner, which not every user may execute."""

_NAME_BYTES_MAX = 63  # of identifiers in PostgreSQL


def role_name(database: str, prefix: str = ROLE_PREFIX) -> str:
    """Return the name of the role with this prefix in a database; by default the application's."""
    name = f"{prefix}_{database}"
    if len(name.encode()) <= _NAME_BYTES_MAX:
        return name
    digest = hashlib.sha256(database.encode()).hexdigest()[:16]
    return f"{name.encode()[: _NAME_BYTES_MAX - 17].decode(errors='ignore')}_{digest}"


_EXPECTED = ", ".join(
    f"('{kind}', '{name}', '{privilege}')"
    for kind, objects in (("table", TABLES), ("sequence", SEQUENCES), ("function", FUNCTIONS))
    for name, privileges in objects.items()
    for privilege in privileges
)
RIGHTS_COUNT: Final = _EXPECTED.count("(")
"""The number of rights that the application needs."""

_GRANTED = f"""
    expected (kind, name, privilege) AS (
        VALUES {_EXPECTED}
        UNION ALL SELECT 'schema', current_schema(), 'USAGE'
    ),
    objects (kind, name, owner, acl) AS (
        SELECT CASE relkind WHEN 'S' THEN 'sequence' ELSE 'table' END, relname::text, relowner, relacl
        FROM pg_class
        WHERE relnamespace = current_schema()::regnamespace AND (relname IN (SELECT name FROM expected)
              OR oid IN (SELECT relid FROM pg_partition_tree(to_regclass('outbox'))))
          AND relkind IN ('r', 'p', 'S')
        UNION ALL
        SELECT 'table', relname || '.' || attname, relowner, attacl
        FROM pg_attribute JOIN pg_class c ON c.oid = attrelid
        WHERE relnamespace = current_schema()::regnamespace AND relname IN (SELECT name FROM expected)
        UNION ALL
        SELECT 'function', proname::text, proowner, coalesce(proacl, acldefault('f', proowner))
        FROM pg_proc
        WHERE pronamespace = current_schema()::regnamespace
          AND proname IN ('{"', '".join(CLOSED_FUNCTIONS)}')
        UNION ALL
        SELECT 'schema', nspname::text, nspowner, nspacl
        FROM pg_namespace WHERE nspname = current_schema()
    ),
    granted (kind, name, owner, privilege, grantee) AS (
        SELECT kind, name, owner, privilege_type, grantee FROM objects, aclexplode(acl) WHERE grantee <> owner
    ),
    roles (role, role_name) AS (
        SELECT DISTINCT oid, rolname::text FROM granted JOIN pg_roles ON oid = grantee
        WHERE starts_with(rolname, '{ROLE_PREFIX}') AND kind = 'table'
    )
"""

# Roles with SELECT only, for reports, are allowed. The owner decides on rights on the schema.
BREACHES: Final = f"""
    WITH {_GRANTED}
    SELECT format('%s %s: %s lacks the right to %s', kind, name, role_name, privilege)
    FROM roles CROSS JOIN expected JOIN objects USING (kind, name)
    WHERE NOT EXISTS (SELECT FROM granted g
                      WHERE (g.kind, g.name, g.privilege) = (objects.kind, objects.name, expected.privilege)
                      AND g.grantee IN (role, 0))
    UNION ALL
    SELECT format('%s %s: %s has the right to %s', kind, name, coalesce(rolname, 'PUBLIC'), privilege)
    FROM granted LEFT JOIN pg_roles r ON r.oid = grantee
    WHERE kind <> 'schema' AND privilege <> 'SELECT'
      AND (grantee NOT IN (SELECT role FROM roles)
           OR (granted.kind, granted.name, granted.privilege) NOT IN (SELECT kind, name, privilege FROM expected))
    UNION ALL
    SELECT DISTINCT format('role %s: has all the rights of %s', role_name, o.rolname)
    FROM roles, objects JOIN pg_roles o ON o.oid = owner
    WHERE kind = 'table' AND pg_has_role(role, owner, 'MEMBER')
"""
"""A query with a row of text for each right that the application's role lacks, or that a role has unnecessarily."""

_MISSING = f"""
    WITH {_GRANTED}
    SELECT kind, name, privilege FROM expected JOIN objects USING (kind, name)
    WHERE NOT EXISTS (SELECT FROM granted g
                      WHERE (g.kind, g.name, g.privilege) = (objects.kind, objects.name, expected.privilege)
                      AND g.grantee IN (0, to_regrole(quote_ident(:role))))
"""
_OPEN_FUNCTIONS = f"WITH {_GRANTED} SELECT name FROM granted WHERE kind = 'function' AND grantee = 0"
_FIRST_ROLE_HAS_RIGHTS = (
    f"WITH {_GRANTED} SELECT EXISTS (SELECT FROM granted WHERE grantee = to_regrole('{ROLE_PREFIX}'))"
)

_CREATE_ROLE = """
DO $$
BEGIN
    EXECUTE format('CREATE ROLE %I NOLOGIN', {role});
    EXECUTE format('GRANT %I TO %I', {role}, current_user);
EXCEPTION
    WHEN insufficient_privilege OR duplicate_object OR unique_violation THEN NULL;
END $$
"""

_ROLE_WITH_RIGHTS = """
    SELECT rolname FROM pg_class, aclexplode(relacl) JOIN pg_roles r ON r.oid = grantee
    WHERE pg_class.oid = to_regclass(:table) AND starts_with(rolname, :prefix)
    ORDER BY rolname <> :own, rolname LIMIT 1
"""

_MEMBERS = "SELECT member::regrole::text FROM pg_auth_members WHERE roleid = to_regrole(:role)"


def first_role_has_rights(connection: Connection) -> bool:
    """Return whether the role of the first versions has rights in this database."""
    return bool(connection.execute(text(_FIRST_ROLE_HAS_RIGHTS)).scalar_one())


def grant_rights(connection: Connection, *, move_members: bool) -> None:
    """Create the application's role unless it exists, and grant the missing rights.

    If the user may not create roles, no rights are granted: then only the triggers protect history.

    Args:
        connection: the connection of the migration, in its transaction.
        move_members: whether to make the members of the role of the first versions members of this one.
    """
    if connection.execute(text("SELECT to_regclass('outbox')")).scalar_one() is None:
        return
    quote = connection.dialect.identifier_preparer.quote_identifier
    for function in connection.execute(text(_OPEN_FUNCTIONS)).scalars().all():
        connection.exec_driver_sql(f"REVOKE EXECUTE ON FUNCTION {quote(function)} FROM PUBLIC")
    role = role_of_database(connection, ROLE_PREFIX, "outbox")
    if not create_role(connection, role):
        return
    for kind, name, privilege in connection.execute(text(_MISSING), {"role": role}).all():
        connection.exec_driver_sql(f"GRANT {privilege} ON {kind} {quote(name)} TO {quote(role)}")
    if first_role_has_rights(connection):
        _leave_first_role(connection, quote(role), move_members=move_members)


def role_of_database(connection: Connection, prefix: str, table: str) -> str:
    """Return the role with a prefix that has rights on a table; if none has, the one that is to have them.

    A copy of a database (CREATE DATABASE … TEMPLATE), or a renamed one, uses the role of the original, of which the
    users are members.
    """
    own = role_name(connection.execute(text("SELECT current_database()")).scalar_one(), prefix)
    known = {"table": table, "prefix": f"{prefix}_", "own": own}
    found: str | None = connection.execute(text(_ROLE_WITH_RIGHTS), known).scalar()
    return own if found is None else found


def create_role(connection: Connection, role: str) -> bool:
    """Create a role unless it exists. Return whether it exists now: the user may have no right to create roles."""
    if not _exists(connection, role):
        literal = "'" + role.replace("'", "''") + "'"
        connection.exec_driver_sql(_CREATE_ROLE.format(role=literal))
    return _exists(connection, role)


def _exists(connection: Connection, role: str) -> bool:
    found = connection.execute(text("SELECT to_regrole(quote_ident(:role)) IS NOT NULL"), {"role": role})
    return bool(found.scalar_one())


def _leave_first_role(connection: Connection, role: str, *, move_members: bool) -> None:
    members = connection.execute(text(_MEMBERS), {"role": ROLE_PREFIX}).scalars().all() if move_members else ()
    for member in members:
        connection.exec_driver_sql(f"GRANT {role} TO {member}")
    schema = connection.execute(text("SELECT quote_ident(current_schema())")).scalar_one()
    for objects in ("TABLES", "SEQUENCES", "FUNCTIONS"):
        connection.exec_driver_sql(f"REVOKE ALL ON ALL {objects} IN SCHEMA {schema} FROM {ROLE_PREFIX}")
    connection.exec_driver_sql(f"REVOKE ALL ON SCHEMA {schema} FROM {ROLE_PREFIX}")


# The search path is resolved first: afterwards, "$user" in it would be the role. The role is the one with the rights:
# see `role_of_database`.
_TAKE_ROLE = f"""
    SELECT set_config('search_path', quote_ident(current_schema()), false), set_config('role', rolname, false)
    FROM (
        SELECT rolname FROM pg_class, aclexplode(relacl) JOIN pg_roles r ON r.oid = grantee
        WHERE pg_class.oid = to_regclass('outbox') AND privilege_type = 'INSERT'
          AND starts_with(rolname, '{ROLE_PREFIX}') AND pg_has_role(current_user, grantee, 'MEMBER')
        ORDER BY rolname = '{ROLE_PREFIX}' LIMIT 1
    ) roles
"""
_MISSING_GRANT = f"""
    SELECT coalesce(
        (SELECT format('%I audits, and may only read: use the database user of the servers', current_user)
         FROM pg_roles WHERE starts_with(rolname, '{AUDIT_PREFIX}_') AND pg_has_role(current_user, oid, 'MEMBER')
         LIMIT 1),
        (SELECT format('GRANT %I TO %I', rolname, current_user)
         FROM pg_class, aclexplode(relacl) JOIN pg_roles r ON r.oid = grantee
         WHERE pg_class.oid = to_regclass('outbox') AND privilege_type = 'INSERT'
           AND starts_with(rolname, '{ROLE_PREFIX}')
         ORDER BY rolname = '{ROLE_PREFIX}' LIMIT 1),
        format('the tables are those of %s, and %s is another user',
               (SELECT relowner::regrole FROM pg_class WHERE oid = to_regclass('outbox')), current_user)
    )
    WHERE to_regclass('outbox') IS NOT NULL AND NOT has_table_privilege('outbox', 'INSERT')
"""


async def take_role(connection: asyncpg.Connection) -> None:
    """Switch to the application's role on this connection, if its user is a member.

    Raises:
        Unavailable: the user has no rights on the tables. The cause has the statement that grants them.
    """
    try:
        if await connection.execute(_TAKE_ROLE) != "SELECT 0":
            return
    except asyncpg.InsufficientPrivilegeError:
        return  # a member that may not switch keeps its own role, which has the same rights
    missing = await connection.fetchval(_MISSING_GRANT)
    if missing is not None:
        raise Unavailable("the database user has no right to work with the tables of tekana") from MissingGrant(missing)


class MissingGrant(Exception):
    """Contains the statement that grants the missing rights to the user of a connection, or why there is none."""
