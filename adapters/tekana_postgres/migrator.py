"""Migration of a database to a version of the schema, with Alembic."""

from __future__ import annotations

import asyncio
import threading

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.util import CommandError
from sqlalchemy import Connection

from tekana.domain.errors import Unavailable
from tekana_postgres.connections import create_engine, translate_errors
from tekana_postgres.revisions import MIGRATIONS_FOLDER, known_revisions, newest_revision

# Alembic has a global context. Other processes wait for a lock in the database.
_ONE_AT_A_TIME = threading.Lock()


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS_FOLDER))
    return config


def _newer(revision: str) -> Unavailable:
    return Unavailable(
        f"the database is at schema {revision}, which is newer than {newest_revision()}, the newest that this version "
        "of tekana knows: install the version that migrated it"
    )


async def migrate(url: str, revision: str = "head") -> list[str]:
    """Migrate the schema up or down to a revision, and return the names of the migrations that ran.

    Runs in a thread of its own, so that waiting for another migration does not block the event loop.

    Args:
        url: the database's URL.
        revision: the revision, or "head"; "base" removes everything.

    Raises:
        Unavailable: the database cannot be reached, or its schema is newer than this version.
        InvalidRequest: the URL is malformed.
    """
    return await asyncio.to_thread(_migrate_in_thread, url, revision)


def _migrate_in_thread(url: str, revision: str) -> list[str]:
    with _ONE_AT_A_TIME:
        return asyncio.run(_connect_and_migrate(url, revision))


async def _connect_and_migrate(url: str, revision: str) -> list[str]:
    engine = create_engine(url)
    try:
        with translate_errors():
            async with engine.connect() as connection:
                return await connection.run_sync(_migrate, revision)
    finally:
        await engine.dispose()


def _migrate(connection: Connection, revision: str) -> list[str]:
    steps: list[str] = []
    config = _config()
    config.attributes["connection"] = connection
    config.attributes["on_step"] = steps.append
    try:
        (command.upgrade if revision == "head" else command.downgrade)(config, revision)
    except CommandError:
        present = MigrationContext.configure(connection).get_current_revision()
        if present is None or present in known_revisions():
            raise
        raise _newer(present) from None
    connection.commit()
    return steps
