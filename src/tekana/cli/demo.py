"""`tekana demo`: an example with two customers and their money."""

from __future__ import annotations

import asyncio
from pathlib import Path

import rich_click as click

from tekana.cli.options import database_options, settings


@click.command
@database_options
def demo(database_url: str | None, data_dir: Path | None) -> None:
    """Show a short story: two customers, a deposit, a transfer, a refusal, a hold, a reversal, and the books.

    In memory, unless a database is named. On the same database, a second run changes nothing.
    """
    from tekana.cli.demo_story import show_demo  # noqa: PLC0415 - see there

    chosen = settings(database_url if database_url or data_dir else "memory://", data_dir)
    asyncio.run(show_demo(chosen.database_url))
