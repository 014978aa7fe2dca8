"""Brings a database to a version of the schema, with Alembic."""

from __future__ import annotations

import asyncio
import threading
from functools import cache
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from tekana_postgres.connections import create_engine, translate_errors

_ONE_AT_A_TIME = (
    threading.Lock()
)  # Alembic keeps its context in a global; other processes wait for a lock in the database


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    return config


@cache
def known_revisions() -> frozenset[str]:
    """The revisions of the schema that this version has migrations to."""
    return frozenset(script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions())


@cache
def newest_revision() -> str:
    """The revision of the schema that this version works with."""
    revision = ScriptDirectory.from_config(_config()).get_current_head()
    if revision is None:
        raise RuntimeError("the package has no migrations")
    return revision


async def migrate(url: str, revision: str = "head") -> list[str]:
    """Bring the schema to a revision, up or down ("base" removes everything). Gives the steps taken, by their names.

    Works in a thread of its own, where waiting for another migration holds nobody up.
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
    if revision == "head":
        command.upgrade(config, revision)
    else:
        command.downgrade(config, revision)
    connection.commit()
    return steps
