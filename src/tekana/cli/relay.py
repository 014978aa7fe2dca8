"""`tekana relay`: publishes what happens, in a process of its own."""

from __future__ import annotations

from pathlib import Path

import rich_click as click

from tekana.cli.options import kept_events, settings, the_bus, where_data_are
from tekana.cli.worker_process import run_worker_process


@click.command
@the_bus
@kept_events
@where_data_are
def relay(bus_url: str | None, keep_events: int | None, database_url: str | None, data_dir: Path | None) -> None:
    """Publish what happens until Ctrl-C or SIGTERM.

    Run as many as you like: one works, the others stand by, and take over within seconds.
    """
    chosen = settings(database_url, data_dir, bus_url=bus_url or None, keep_events=keep_events)
    if chosen.bus_url is None:
        raise click.UsageError("say where to publish, with --bus-url or TEKANA_BUS_URL")
    run_worker_process(
        chosen,
        "relay",
        lambda container: f"relaying from {container.store().location} to {container.publisher().location}",
    )
