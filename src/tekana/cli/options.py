"""The flags that several commands share."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

import rich_click as click

from tekana.application.commands.validation import to_time
from tekana.bootstrap import Settings
from tekana.bootstrap.settings import DAYS_MAX, ENVIRONMENTS
from tekana.domain.errors import InvalidRequest

Command = TypeVar("Command", bound=Callable[..., Any])


def moment(text: str) -> datetime:
    """Return a time of the command line: in RFC 3339 form, or a day, which stands for its beginning in UTC.

    Raises:
        BadParameter: it is neither.
    """
    is_day = re.fullmatch(r"\d{4}-\d\d-\d\d", text, re.ASCII)
    try:
        return to_time("time", f"{text}T00:00:00Z" if is_day else text)
    except InvalidRequest as error:
        raise click.BadParameter(error.errors[0].message) from error


def setting(flag: str, **attributes: Any) -> Callable[[Command], Command]:
    """Add a flag with a TEKANA_ variable of the same name for all commands.

    click's `auto_envvar_prefix` would include the name of the command, and add variables for `--json` and `--help`.
    """
    variable = f"TEKANA_{flag.removeprefix('--').replace('-', '_').upper()}"
    return click.option(flag, envvar=variable, show_envvar=True, **attributes)


def database_options(command: Command) -> Command:
    """Add --database-url and --data-dir, the location of the data."""
    url = setting(
        "--database-url",
        metavar="URL",
        help="A database of your own: postgresql+asyncpg://user:password@host/name.",
    )
    folder = setting(
        "--data-dir",
        metavar="DIR",
        type=click.Path(path_type=Path, file_okay=False),
        help="The folder of tekana's own PostgreSQL, which is used without --database-url. "
        "[default: the user's data folder]",
    )
    return url(folder(command))


def environment_option(command: Command) -> Command:
    """Add --env, which in production refuses to start with what is not safe."""
    return setting(
        "--env",
        type=click.Choice(ENVIRONMENTS),
        help="In production, refuse to start with settings or servers that are not safe. [default: development]",
    )(command)


def bus_option(command: Command) -> Command:
    """Add --bus-url, the bus to publish events to."""
    return setting("--bus-url", metavar="URL", help="Where to publish events: kafka://host:9092.")(command)


def retention_option(command: Command) -> Command:
    """Add --keep-events, the retention of published events in the outbox."""
    return setting(
        "--keep-events",
        metavar="DAYS",
        type=click.IntRange(1, DAYS_MAX),
        help="Drop published events that are older from the outbox. [default: never]",
    )(command)


def checkpoint_option(command: Command) -> Command:
    """Add --checkpoint-file, the file for signed checkpoints of history."""
    return setting(
        "--checkpoint-file",
        metavar="FILE",
        type=click.Path(dir_okay=False),
        help="The file for signed checkpoints of history, outside the database. [default: no checkpoints]",
    )(command)


def private_webhooks_option(command: Command) -> Command:
    """Add --webhooks-allow-private, which permits webhooks to private addresses."""
    return setting(
        "--webhooks-allow-private", is_flag=True, help="Send webhooks to private addresses too, and over http://."
    )(command)


def sign_in_options(command: Command) -> Command:
    """Add the flags of customers' sign-in: whose tokens are issued and accepted, and how codes are sent."""
    issuer = setting("--token-issuer", metavar="NAME", help="The `iss` of customers' access tokens. [default: tekana]")
    audience = setting(
        "--token-audience", metavar="NAME", help="The `aud` of customers' access tokens. [default: tekana]"
    )
    outside = setting(
        "--outside-issuers", metavar="FILE", help="A file in JSON with OpenID Connect issuers to accept tokens of."
    )
    sender = setting(
        "--message-sender", metavar="URL", help="What sends one-time codes; console:// prints them. [default: nothing]"
    )
    return issuer(audience(outside(sender(command))))


def time_zone_option(command: Command) -> Command:
    """Add --time-zone, in which the days, weeks and months of limits are counted."""
    return setting(
        "--time-zone",
        metavar="NAME",
        help="Of the days, weeks and months of limits, such as Africa/Kigali. [default: Africa/Kigali]",
    )(command)


def key_provider_option(command: Command) -> Command:
    """Add --key-provider-url, the provider of the master keys."""
    return setting(
        "--key-provider-url",
        metavar="URL",
        help="Where the master keys are: file:///folder/master-keys.json. [default: beside tekana's own PostgreSQL]",
    )(command)


def settings(
    database_url: str | None, data_dir: Path | None, *, existing: bool = False, **more: str | bool | float | None
) -> Settings:
    """Return the settings of the flags.

    Args:
        database_url: the value of --database-url.
        data_dir: the value of --data-dir.
        existing: whether the data folder must already have data.
        more: other settings by their names.

    Raises:
        InvalidRequest: a setting is wrong, or two contradict each other.
    """
    if database_url and data_dir:
        raise click.UsageError("give --database-url or --data-dir, not both")
    if data_dir is not None:
        database_url = f"embedded://{quote(str(data_dir.expanduser().resolve()))}"
    chosen = Settings.from_environment(given={"database_url": database_url, **more})
    if existing and chosen.database_url.startswith("embedded:"):
        return replace(chosen, database_url=f"{chosen.database_url}?existing")
    return chosen
