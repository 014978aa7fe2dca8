"""`tekana webhooks`: delivers webhooks, in a process of its own."""

from __future__ import annotations

from pathlib import Path

import rich_click as click

from tekana.cli.options import private_webhooks, settings, where_data_are
from tekana.cli.worker_process import run_worker_process


@click.command
@private_webhooks
@where_data_are
def webhooks(webhooks_allow_private: bool, database_url: str | None, data_dir: Path | None) -> None:
    """Deliver webhooks until Ctrl-C or SIGTERM.

    Run as many as you like: they share the work. `tekana serve` does the same beside serving.
    """
    chosen = settings(database_url, data_dir, webhooks_allow_private=webhooks_allow_private or None)
    run_worker_process(
        chosen, "webhooks", lambda container: f"delivering webhooks, data in {container.store().location}"
    )
