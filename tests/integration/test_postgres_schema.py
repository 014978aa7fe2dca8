"""The schema: migrations produce the tables of the code, can be reverted, and may run concurrently."""

from __future__ import annotations

import asyncio
from importlib.resources import files
from typing import Any

from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import NullPool, text
from sqlalchemy.ext.asyncio import create_async_engine

from tekana_postgres import rights
from tekana_postgres.catalogue import SCHEMA_FILE
from tekana_postgres.migrator import migrate
from tekana_postgres.revisions import MIGRATIONS_FOLDER, known_revisions, newest_revision
from tekana_postgres.tables import APPEND_ONLY, metadata
from tests.forked import TEKANA, forked
from tests.integration.write_schema import as_text, reference
from tests.postgres_stores import postgres_store

_VERSIONS = files("tekana_postgres").joinpath("migrations", "versions")
STEPS = sorted(one.name[:4] for one in _VERSIONS.iterdir() if one.name.endswith(".py"))

# Tables of the code, without Alembic's own and without the partitions of the outbox, which change over time.
_TABLES = """SELECT oid FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')
             AND NOT relispartition AND relname <> 'alembic_version'"""
CATALOGUE = {
    "columns": f"""
        SELECT table_name, column_name, data_type, character_maximum_length, is_nullable, column_default, is_identity
        FROM information_schema.columns
        WHERE table_schema = 'public' AND table_name IN (SELECT relname FROM ({_TABLES}) t JOIN pg_class USING (oid))
        ORDER BY table_name, ordinal_position""",
    "constraints": f"""
        SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint
        WHERE conrelid IN ({_TABLES}) AND contype <> 'n'  -- those are compared with the columns
        ORDER BY 1, 2""",
    "indexes": f"""
        SELECT tablename, indexdef FROM pg_indexes
        WHERE schemaname = 'public' AND tablename IN (SELECT relname FROM ({_TABLES}) t JOIN pg_class USING (oid))
        ORDER BY 1, 2""",
    "options": f"""
        SELECT relname, relkind, reloptions FROM pg_class WHERE oid IN ({_TABLES}) ORDER BY 1""",
}


def test_the_revisions_are_those_of_alembic() -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS_FOLDER))
    scripts = ScriptDirectory.from_config(config)
    assert known_revisions() == {script.revision for script in scripts.walk_revisions()}
    assert newest_revision() == scripts.get_current_head()


async def catalogue(url: str) -> dict[str, list[Any]]:
    engine = create_async_engine(url, poolclass=NullPool)
    async with engine.connect() as connection:
        found = {name: [tuple(row) for row in await connection.execute(text(sql))] for name, sql in CATALOGUE.items()}
    await engine.dispose()
    return found


async def test_migrations_produce_the_tables_of_the_code(postgres_url: str, empty_postgres_url: str) -> None:
    engine = create_async_engine(empty_postgres_url, poolclass=NullPool)
    async with engine.begin() as connection:
        await connection.run_sync(metadata.create_all)
    await engine.dispose()
    migrated, created = await catalogue(postgres_url), await catalogue(empty_postgres_url)
    assert len(created["columns"]) > 50
    for what, rows in created.items():
        assert migrated[what] == rows, what


async def test_the_schema_file_matches_the_migrations(postgres_url: str) -> None:
    assert SCHEMA_FILE.read_text("utf-8") == as_text(await reference(postgres_url)), "run `nox -s schema`"


async def test_the_application_may_not_change_history() -> None:
    assert {rights.TABLES[table.name] for table in APPEND_ONLY} == {("SELECT", "INSERT"), ("SELECT",)}


async def test_migrations_can_be_reverted(empty_postgres_url: str) -> None:
    url = empty_postgres_url
    assert await migrate(url) == [f"up {step}" for step in STEPS]
    first = await catalogue(url)
    assert await migrate(url, "base") == [f"down {step}" for step in reversed(STEPS)]
    nothing = await catalogue(url)
    assert [len(rows) for rows in nothing.values()] == [0, 0, 0, 0]
    assert await functions(url) == []
    assert await migrate(url) == [f"up {step}" for step in STEPS]
    assert await catalogue(url) == first
    assert await functions(url) == [
        "tekana_add_outbox_parts",
        "tekana_attach_outbox_part",
        "tekana_drop_outbox_part",
        "tekana_mark_position",
        "tekana_refuse_change",
        "tekana_settled_position",
    ]


async def functions(url: str) -> list[str]:
    engine = create_async_engine(url, poolclass=NullPool)
    async with engine.connect() as connection:
        query = text("SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace ORDER BY 1")
        names = list((await connection.execute(query)).scalars())
    await engine.dispose()
    return names


async def test_concurrent_migrations_run_once(empty_postgres_url: str) -> None:
    command = (*TEKANA, "migrate", "--database-url", empty_postgres_url)
    machines = [
        await asyncio.create_subprocess_exec(
            *command, **forked(command), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
        )
        for _ in range(4)
    ]
    output = [await machine.communicate() for machine in machines]
    assert [machine.returncode for machine in machines] == [0, 0, 0, 0], output
    assert sorted(out.decode() for out, _ in output) == [
        "".join(f"tekana: migrated up {step}\n" for step in STEPS),
        *["tekana: the schema is the newest already\n"] * 3,
    ]
    store = postgres_store(empty_postgres_url)
    await store.check_ready()
    await store.stop()
