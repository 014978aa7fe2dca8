"""`tekana webhooks`: delivers webhooks, in a process of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import rich_click as click

from tekana.cli.options import (
    database_options,
    environment_option,
    key_provider_option,
    private_webhooks_option,
    settings,
)
from tekana.cli.worker_process import run_worker_process


@click.command
@private_webhooks_option
@key_provider_option
@environment_option
@database_options
def webhooks(webhooks_allow_private: bool, database_url: str | None, data_dir: Path | None, **more: Any) -> None:
    """Deliver webhooks until Ctrl-C or SIGTERM.

    Any number of processes may run: they share the work. `tekana serve` also delivers webhooks.
    """
    chosen = settings(database_url, data_dir, webhooks_allow_private=webhooks_allow_private or None, **more)
    run_worker_process(
        chosen, "webhooks", lambda container: f"delivering webhooks, data in {container.store().location}"
    )
