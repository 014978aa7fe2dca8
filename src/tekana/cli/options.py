"""Flags that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

import rich_click as click

from tekana.bootstrap import Settings
from tekana.bootstrap.settings import DAYS_MAX

Command = TypeVar("Command", bound=Callable[..., Any])


def where_data_are(command: Command) -> Command:
    """Add --database-url and --data-dir, as they say where customers, wallets and money are kept."""
    url = click.option(
        "--database-url",
        envvar="TEKANA_DATABASE_URL",
        show_envvar=True,
        metavar="URL",
        help="A database of your own: postgresql+asyncpg://user:password@host/name.",
    )
    folder = click.option(
        "--data-dir",
        envvar="TEKANA_DATA_DIR",
        show_envvar=True,
        metavar="DIR",
        type=click.Path(path_type=Path, file_okay=False),
        help="The folder of tekana's own PostgreSQL, which is used without --database-url. "
        "[default: the user's data folder]",
    )
    return url(folder(command))


def the_bus(command: Command) -> Command:
    """Add --bus-url, as it says where what happens is published."""
    return click.option(
        "--bus-url",
        envvar="TEKANA_BUS_URL",
        show_envvar=True,
        metavar="URL",
        help="Where to publish what happens: kafka://host:9092.",
    )(command)


def kept_events(command: Command) -> Command:
    """Add --keep-events, as it says for how long what was published stays in the outbox."""
    return click.option(
        "--keep-events",
        envvar="TEKANA_KEEP_EVENTS",
        show_envvar=True,
        metavar="DAYS",
        type=click.IntRange(1, DAYS_MAX),
        help="Drop events from the outbox when they were published and are older. [default: never]",
    )(command)


def private_webhooks(command: Command) -> Command:
    """Add --webhooks-allow-private, as it says where webhooks may be sent."""
    return click.option(
        "--webhooks-allow-private",
        envvar="TEKANA_WEBHOOKS_ALLOW_PRIVATE",
        show_envvar=True,
        is_flag=True,
        help="Send webhooks to private addresses too, and over http://.",
    )(command)


def settings(
    database_url: str | None, data_dir: Path | None, *, existing: bool = False, **more: str | bool | int | None
) -> Settings:
    """The settings that the flags ask for; `existing` data are not made if they are not there.

    Raises:
        InvalidRequest: they contradict each other, or one is wrong.
    """
    if database_url and data_dir:
        raise click.UsageError("give --database-url or --data-dir, not both")
    if data_dir is not None:
        database_url = f"embedded://{quote(str(data_dir.expanduser().resolve()))}"
    chosen = Settings.from_environment(given={"database_url": database_url, **more})
    if existing and chosen.database_url.startswith("embedded:"):
        return replace(chosen, database_url=f"{chosen.database_url}?existing")
    return chosen
