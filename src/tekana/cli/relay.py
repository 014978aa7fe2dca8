"""`tekana relay`: publish events, in a process of its own."""

from __future__ import annotations

from pathlib import Path

import rich_click as click

from tekana.cli.options import bus_option, database_options, environment_option, retention_option, settings
from tekana.cli.worker_process import run_worker_process


@click.command
@bus_option
@retention_option
@environment_option
@database_options
def relay(
    bus_url: str | None, keep_events: int | None, env: str | None, database_url: str | None, data_dir: Path | None
) -> None:
    """Publish events until Ctrl-C or SIGTERM.

    Any number of processes may run: one publishes, the others are on standby and take over within seconds.
    """
    chosen = settings(database_url, data_dir, bus_url=bus_url or None, keep_events=keep_events, env=env)
    if chosen.bus_url is None:
        raise click.UsageError("say where to publish, with --bus-url or TEKANA_BUS_URL")
    run_worker_process(
        chosen,
        "relay",
        lambda container: f"relaying from {container.store().location} to {container.publisher().location}",
    )
