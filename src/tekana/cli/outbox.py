"""`tekana outbox`: how far the relay is, what it had to set aside, and having things told again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from functools import wraps
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import rich_click as click

from tekana.application.event_payload import event_payload
from tekana.application.workers.relay import prune
from tekana.bootstrap import Settings
from tekana.bootstrap.lifespan import build
from tekana.bootstrap.settings import DAYS_MAX
from tekana.cli.options import settings, where_data_are
from tekana.ports.outbox import Outbox, ParkedEvent, RelayState

_MOST_LISTED = 1000


@click.group
def outbox() -> None:
    """How far the relay is, and what it had to set aside."""


@asynccontextmanager
async def _opened(chosen: Settings) -> AsyncIterator[Outbox]:
    container = build(chosen)
    store = container.store()
    await store.start()
    try:
        await store.check_ready()
        yield container.outbox()
    finally:
        await store.stop()


def _on_outbox(verb: Callable[..., Any]) -> Callable[..., Any]:
    """A command that is given the outbox, and told where the data are."""

    @where_data_are
    @wraps(verb)
    def run(database_url: str | None, data_dir: Path | None, **options: Any) -> None:
        async def work() -> None:
            async with _opened(settings(database_url, data_dir, existing=True)) as opened:
                await verb(opened, **options)

        asyncio.run(work())

    return run


@outbox.command
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@_on_outbox
async def status(opened: Outbox, as_json: bool) -> None:
    """How far the relay is, how much waits and since when, and who is at work."""
    state = await opened.state()
    click.echo(msgspec.json.encode(state._asdict()).decode() if as_json else _in_words(state))


@outbox.command(name="list")
@_on_outbox
async def list_parked(opened: Outbox) -> None:
    """List what the bus never took, with the reason, and what waits behind it; one JSON object a line."""
    for one in await opened.parked(_MOST_LISTED):
        click.echo(msgspec.json.encode(_as_object(one)).decode())


@outbox.command
@click.option("--aggregate", "aggregate_id", type=click.UUID, help="Only of this customer, wallet or transaction.")
@_on_outbox
async def redrive(opened: Outbox, aggregate_id: UUID | None) -> None:
    """Have what was set aside tried once more, in its order, by the relay that is at work."""
    click.echo(f"tekana: {await opened.request_retry(aggregate_id):,} events will be tried once more")


@outbox.command
@click.option(
    "--after", "cursor", metavar="CURSOR", help="Of an event of the feed. [default: from the first that is kept]"
)
@_on_outbox
async def replay(opened: Outbox, cursor: str | None) -> None:
    """Have everything after a cursor published once more. Consumers know the events by their ids."""
    await opened.rewind(cursor)
    click.echo(f"tekana: everything {f'after {cursor}' if cursor else 'that is kept'} will be published again")


@outbox.command
@click.option(
    "--older-than", "days", metavar="DAYS", required=True, type=click.IntRange(0, DAYS_MAX), help="Of what is older."
)
@_on_outbox
async def drop(opened: Outbox, days: int) -> None:
    """Drop what was published everywhere and is older, part by part. The feed then begins after it.

    Transactions, balances and the audit are not touched. Ctrl-C stops it between two parts.
    """
    tell = lambda dropped: click.echo(f"tekana: {dropped:,} transactions dropped so far", err=True)  # noqa: E731
    dropped = await prune(opened, timedelta(days=days), tell)
    click.echo(f"tekana: the places of {dropped:,} transactions were dropped from the outbox")


def _in_words(state: RelayState) -> str:
    waits = f"{state.unpublished:,} unpublished"
    if state.oldest is not None:
        waits += f", the oldest for {(datetime.now(UTC) - state.oldest).total_seconds():,.1f} s"
    at_work = f"{state.holder} is at work" if state.holder else "nobody is at work"
    return (
        f"{at_work}, in epoch {state.epoch}; {waits}; {state.parked:,} parked; at cursor {state.cursor or 'none yet'}"
    )


def _as_object(one: ParkedEvent) -> dict[str, Any]:
    told = event_payload(one.fed.event)
    return {
        "cursor": one.fed.cursor,
        "id": told.id,
        "type": told.type,
        "reason": one.reason or "waits behind one that is parked",
        "data": told.data,
    }
