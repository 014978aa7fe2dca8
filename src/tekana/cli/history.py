"""`tekana history`: seal the rows of an earlier release, and take a checkpoint."""

from __future__ import annotations

import asyncio
from pathlib import Path

import rich_click as click

from tekana.application.workers.checkpoints import take_checkpoint
from tekana.bootstrap import Settings
from tekana.bootstrap.audit_records import record_act
from tekana.cli.options import checkpoint_option, database_options, key_provider_option, settings
from tekana.cli.progress import progress_bar
from tekana.cli.started_container import started_container


@click.group
def history() -> None:
    """Seal the rows of an earlier release, and take checkpoints of history."""


@history.command
@key_provider_option
@database_options
def seal(database_url: str | None, data_dir: Path | None, key_provider_url: str | None) -> None:
    """Link all rows that have no link yet, such as those of an earlier release.

    Run it once, when no process of that release runs any more. From then on, rows without a link are evidence of a
    change: it refuses to run again.
    """
    asyncio.run(_seal(settings(database_url, data_dir, existing=True, key_provider_url=key_provider_url)))


async def _seal(chosen: Settings) -> None:
    async with started_container(chosen) as container:
        with progress_bar("transactions sealed") as progress:
            count = await container.linked_store().history.seal(progress)
        await record_act(container.store(), "SealHistory")
    click.echo(f"tekana: {count:,} transactions were sealed")


@history.command
@checkpoint_option
@key_provider_option
@database_options
def checkpoint(database_url: str | None, data_dir: Path | None, **more: str | None) -> None:
    """Append a signed checkpoint to the file now, as `tekana serve` does every minute."""
    asyncio.run(_checkpoint(settings(database_url, data_dir, existing=True, **more)))


async def _checkpoint(chosen: Settings) -> None:
    async with started_container(chosen) as container:
        number = await take_checkpoint(container.linked_store().history, container.checkpoints())
    click.echo(f"tekana: the last checkpoint is number {number}")
