"""`tekana outbox`: show the state of the relay and its parked events, and publish events again."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import wraps
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import rich_click as click

from tekana.application.event_payload import event_payload
from tekana.application.workers.retention import prune
from tekana.bootstrap.audit_records import record_act
from tekana.bootstrap.container import LocalContainer
from tekana.bootstrap.settings import DAYS_MAX
from tekana.cli.options import database_options, settings
from tekana.cli.started_container import started_container
from tekana.ports.outbox import RelayState
from tekana.ports.parked_events import ParkedEvent

_LISTED_MAX = 1000


@click.group
def outbox() -> None:
    """Show the state of the relay and its parked events, and publish events again."""


def _on_outbox(command: Callable[..., Any]) -> Callable[..., Any]:
    """Call the command with a started container for the database of the options."""

    @database_options
    @wraps(command)
    def run(database_url: str | None, data_dir: Path | None, **options: Any) -> None:
        async def work() -> None:
            async with started_container(settings(database_url, data_dir, existing=True)) as container:
                await command(container, **options)

        asyncio.run(work())

    return run


@outbox.command
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@_on_outbox
async def status(container: LocalContainer, as_json: bool) -> None:
    """Show the relay at work, its cursor, and how many events wait and since when."""
    state = await container.outbox().state()
    click.echo(msgspec.json.encode(state._asdict()).decode() if as_json else _format_state(state))


@outbox.command(name="list")
@_on_outbox
async def list_parked(container: LocalContainer) -> None:
    """List the events that the bus rejected, with the reason, and those parked behind them; one JSON object a line."""
    for one in await container.outbox().parked_events.list(_LISTED_MAX):
        click.echo(msgspec.json.encode(_as_object(one)).decode())


@outbox.command
@click.option("--aggregate", "aggregate_id", type=click.UUID, help="Only of this customer, wallet or transaction.")
@_on_outbox
async def redrive(container: LocalContainer, aggregate_id: UUID | None) -> None:
    """Request that the relay publishes the parked events again, in their order."""
    requested = await container.outbox().parked_events.request_retry(aggregate_id)
    await record_act(container.store(), "RetryParkedEvents")
    click.echo(f"tekana: {requested:,} events will be tried once more")


@outbox.command
@click.option(
    "--after", "cursor", metavar="CURSOR", help="Of an event of the feed. [default: from the first that is kept]"
)
@_on_outbox
async def replay(container: LocalContainer, cursor: str | None) -> None:
    """Publish all events after a cursor again. Consumers drop duplicates by their ids."""
    await container.outbox().rewind(cursor)
    await record_act(container.store(), "ReplayEvents")
    click.echo(f"tekana: everything {f'after {cursor}' if cursor else 'that is kept'} will be published again")


@outbox.command
@click.option(
    "--older-than", "days", metavar="DAYS", required=True, type=click.IntRange(0, DAYS_MAX), help="Of what is older."
)
@_on_outbox
async def drop(container: LocalContainer, days: int) -> None:
    """Drop older events that every relay has published, part by part. The feed then begins after them.

    Transactions, balances and the audit are not touched. Ctrl-C stops it between two parts.
    """

    def report(dropped: int) -> None:
        click.echo(f"tekana: {dropped:,} transactions dropped so far", err=True)

    dropped = await prune(container.relayed_store().retention, timedelta(days=days), report)
    await record_act(container.store(), "DropEvents")
    click.echo(f"tekana: the places of {dropped:,} transactions were dropped from the outbox")


def _format_state(state: RelayState) -> str:
    waits = f"{state.unpublished:,} unpublished"
    if state.oldest is not None:
        waits += f", the oldest for {(datetime.now(UTC) - state.oldest).total_seconds():,.1f} s"
    at_work = f"{state.holder} is at work" if state.holder else "no relay is at work"
    return (
        f"{at_work}, in epoch {state.epoch}; {waits}; {state.parked:,} parked; at cursor {state.cursor or 'none yet'}"
    )


def _as_object(one: ParkedEvent) -> dict[str, Any]:
    payload = event_payload(one.feed_event.event)
    return {
        "cursor": one.feed_event.cursor,
        "id": payload.id,
        "type": payload.type,
        "reason": one.reason or "waits behind one that is parked",
        "data": payload.data,
    }
