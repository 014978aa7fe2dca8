"""The revisions of the schema. They are read from the names of the migrations: the import of Alembic takes 0.1 s."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Final

from tekana.domain.errors import Unavailable

MIGRATIONS_FOLDER: Final = Path(__file__).parent / "migrations"


@cache
def known_revisions() -> frozenset[str]:
    """Return the revisions of the schema with migrations in this version."""
    return frozenset(file.name.partition("_")[0] for file in (MIGRATIONS_FOLDER / "versions").glob("[0-9]*_*.py*"))


@cache
def newest_revision() -> str:
    """Return the revision of the schema that this version needs."""
    return max(known_revisions())


def check_revisions(found: Sequence[str]) -> list[str]:
    """Check that this version supports the schema, and return a warning if it does not know it.

    Args:
        found: the revisions of the database. There may also be revisions of another program.

    Raises:
        Unavailable: the schema is too old.
    """
    newest = newest_revision()
    if newest in found:
        return []
    shown = ", ".join(found) or "none"
    if not found or not known_revisions().isdisjoint(found):
        raise Unavailable(f"the database is at schema {shown}, not {newest}: run tekana migrate")
    return [f"the database is at schema {shown}, which this version does not know: its own is {newest}"]
