"""The revisions of the schema. They are read from the names of the migrations: the import of Alembic takes 0.1 s."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Final

MIGRATIONS_FOLDER: Final = Path(__file__).parent / "migrations"


@cache
def known_revisions() -> frozenset[str]:
    """Return the revisions of the schema with migrations in this version."""
    return frozenset(file.name.partition("_")[0] for file in (MIGRATIONS_FOLDER / "versions").glob("[0-9]*_*.py*"))


@cache
def newest_revision() -> str:
    """Return the revision of the schema that this version needs."""
    return max(known_revisions())
