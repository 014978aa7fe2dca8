"""Run by Alembic on the connection of the migrator. One migrator at a time works; others wait for its lock."""

from __future__ import annotations

from typing import Any

from alembic import context
from alembic.runtime.migration import MigrationInfo
from sqlalchemy import text

from tekana_postgres.auditor import grant_auditor_rights
from tekana_postgres.rights import first_role_has_rights, grant_rights

MIGRATION_LOCK = 0x74656B616E61  # "tekana"


def _report(*, step: MigrationInfo, **_: Any) -> None:  # Alembic names the arguments
    context.config.attributes["on_step"](f"{'up' if step.is_upgrade else 'down'} {step.up_revision_id}")


connection = context.config.attributes["connection"]
context.configure(connection=connection, on_version_apply=_report)  # type: ignore[arg-type]
with context.begin_transaction():
    context.execute(text("SET LOCAL statement_timeout = 0"))
    context.execute(text("SET LOCAL lock_timeout = 0"))
    context.execute(text(f"SELECT pg_advisory_xact_lock({MIGRATION_LOCK})"))
    # Without a limit, a change of a busy table would wait behind a long transaction, and all others behind the change.
    context.execute(text("SET LOCAL lock_timeout = '30s'"))
    had_rights = first_role_has_rights(connection)
    context.run_migrations()
    grant_rights(connection, move_members=had_rights)
    grant_auditor_rights(connection)
