"""Write `schema.json` of the PostgreSQL adapter from a newly migrated database; `nox -s schema` runs it."""

from __future__ import annotations

import asyncio
import json
import shutil
import tempfile
from pathlib import Path

import asyncpg

from tekana_postgres.catalogue import SCHEMA_FILE, Catalogue, as_reference, read_catalogue
from tekana_postgres.database_url import parse_database_url
from tekana_postgres.embedded import EmbeddedPostgres
from tests.postgres_stores import postgres_store


async def reference(url: str) -> Catalogue:
    """Describe the schema of a migrated database."""
    connection = await asyncpg.connect(parse_database_url(url).dsn)
    try:
        return as_reference(await read_catalogue(connection))
    finally:
        await connection.close()


def as_text(catalogue: Catalogue) -> str:
    """Return the content of `schema.json`."""
    return json.dumps(catalogue, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


async def _migrate_and_describe(url: str) -> Catalogue:
    store = postgres_store(url)
    await store.migrate()
    await store.stop()
    return await reference(url)


def main() -> None:
    """Start a PostgreSQL, migrate it, and write the file."""
    folder = Path(tempfile.mkdtemp(prefix="tekana-schema-", dir="/var/tmp"))
    folder.chmod(0o755)  # so that the account PostgreSQL runs as can enter it
    try:
        with EmbeddedPostgres(folder, durable=False) as url:
            SCHEMA_FILE.write_text(as_text(asyncio.run(_migrate_and_describe(url))), "utf-8")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
