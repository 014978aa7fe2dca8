"""Brings a database to a version of the schema, with Alembic."""

from __future__ import annotations

import threading
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import AsyncEngine

_ONE_AT_A_TIME = (
    threading.Lock()
)  # Alembic keeps its context in a global; other processes wait for a lock in the database


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    return config


def newest_revision() -> str:
    """The revision of the schema that this version works with."""
    revision = ScriptDirectory.from_config(_config()).get_current_head()
    if revision is None:
        raise RuntimeError("the package has no migrations")
    return revision


async def migrate(engine: AsyncEngine, revision: str = "head") -> list[str]:
    """Bring the schema to a revision, up or down ("base" removes everything). Gives the steps taken, by their names."""
    async with engine.connect() as connection:
        return await connection.run_sync(_migrate, revision)


def _migrate(connection: Connection, revision: str) -> list[str]:
    steps: list[str] = []
    config = _config()
    config.attributes["connection"] = connection
    config.attributes["on_step"] = steps.append
    with _ONE_AT_A_TIME:
        if revision == "head":
            command.upgrade(config, revision)
        else:
            command.downgrade(config, revision)
        connection.commit()
    return steps
