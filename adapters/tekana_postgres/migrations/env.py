"""Run by Alembic. The migrator hands over a connection; one migrator at a time works, the others wait for it."""

from __future__ import annotations

from typing import Any

from alembic import context
from alembic.runtime.migration import MigrationInfo
from sqlalchemy import text

MIGRATION_LOCK = 0x74656B616E61  # "tekana"


def _tell(*, step: MigrationInfo, **_: Any) -> None:  # called with the names of the arguments
    context.config.attributes["on_step"](f"{'up' if step.is_upgrade else 'down'} {step.up_revision_id}")


context.configure(connection=context.config.attributes["connection"], on_version_apply=_tell)  # type: ignore[arg-type]
with context.begin_transaction():
    context.execute(text("SET LOCAL statement_timeout = 0"))
    context.execute(text("SET LOCAL lock_timeout = 0"))
    context.execute(text(f"SELECT pg_advisory_xact_lock({MIGRATION_LOCK})"))
    # Without a limit, a change of a busy table would wait behind a long transaction, and everybody behind the change.
    context.execute(text("SET LOCAL lock_timeout = '30s'"))
    context.run_migrations()
