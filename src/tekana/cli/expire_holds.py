"""`tekana expire-holds`: release what expired holds have left."""

from __future__ import annotations

import asyncio
from pathlib import Path

import rich_click as click

from tekana.application.workers.hold_expiry import expire_holds as expire_all
from tekana.bootstrap import Settings
from tekana.cli.options import database_options, key_provider_option, settings
from tekana.cli.progress import progress_bar
from tekana.cli.started_container import started_container
from tekana.domain.caller import HOLD_EXPIRY


@click.command(name="expire-holds")
@key_provider_option
@database_options
def expire_holds(database_url: str | None, data_dir: Path | None, key_provider_url: str | None) -> None:
    """End the holds whose time is over, and release what is left of them, as `tekana serve` does every second.

    Each hold expires once, however many processes do this. If it is interrupted, run it again.
    """
    expired = asyncio.run(_expire(settings(database_url, data_dir, existing=True, key_provider_url=key_provider_url)))
    click.echo(f"tekana: {expired:,} holds expired")


async def _expire(chosen: Settings) -> int:
    async with started_container(chosen) as container:
        due, engine = container.store().due_holds, container.engine()
        total = await due.count()
        engine.start()
        try:
            with progress_bar("holds expired") as progress:
                return await expire_all(
                    due, container.core().as_caller(HOLD_EXPIRY), lambda done: progress(done, max(done, total))
                )
        finally:
            await engine.stop()
