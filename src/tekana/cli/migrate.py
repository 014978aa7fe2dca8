"""`tekana migrate`: migrate a database to the schema of this version."""

from __future__ import annotations

import asyncio
from pathlib import Path

import rich_click as click

from tekana.bootstrap import Settings
from tekana.bootstrap.audit_records import record_act
from tekana.bootstrap.lifespan import build_local
from tekana.cli.options import database_options, key_provider_option, settings, time_zone_option
from tekana.ports.history import LinkedStore
from tekana.ports.store import Store


@click.command
@time_zone_option
@key_provider_option
@database_options
def migrate(
    database_url: str | None, data_dir: Path | None, key_provider_url: str | None, time_zone: str | None
) -> None:
    """Migrate the database to the schema that this version needs.

    Customers' personal data that an earlier version stored readable are encrypted. If that is interrupted, run it
    again: it continues.

    May be run at any time, by any number of processes at once: one does the work. It also grants missing rights to the
    role of the application.

    The migration of a ledger in use gets an entry in the audit log. It needs the key provider for that, but migrates
    without it, too.
    """
    steps = asyncio.run(
        _migrate(settings(database_url, data_dir, key_provider_url=key_provider_url, time_zone=time_zone))
    )
    for step in steps:
        click.echo(f"tekana: migrated {step}")
    if not steps:
        click.echo("tekana: the schema is the newest already")


async def _migrate(chosen: Settings) -> list[str]:
    store = build_local(chosen).store()
    await store.start()
    try:
        steps = await store.migrate()
        if steps:
            try:
                await _record(store)
            except Exception as error:  # such as a user who may migrate, but not add rows or read the key
                click.echo(f"tekana: the migration is not in the audit log: {error}", err=True)
        return steps
    finally:
        await store.stop()


async def _record(store: Store) -> None:
    """Record the migration, with a link.

    If history has no links yet, there is no entry. The first process that serves creates their key; if this one did, on
    another machine, the key could be wrapped with a master key that no server has.
    """
    if isinstance(store, LinkedStore) and not await store.history.heads():
        return
    await record_act(store, "MigrateSchema")
