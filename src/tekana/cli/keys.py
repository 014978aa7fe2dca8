"""`tekana keys`: create, list, rotate and revoke API keys, on the database itself."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import fields
from functools import wraps
from pathlib import Path
from typing import Any, Final, cast
from uuid import UUID

import msgspec
import rich_click as click

from tekana.application import IssuedKey, KeyProperties, RevokeApiKey, Session, create_api_key, rotate_api_key
from tekana.bootstrap import Settings, connect
from tekana.cli.options import database_options, key_provider_option, settings
from tekana.domain.api_keys import ApiKey, ApiKeyKind
from tekana.domain.caller import LOCAL_OPERATOR, ROLES, Role, Scope
from tekana.domain.errors import invalid
from tekana.domain.identifiers import ApiKeyId
from tekana.ports.page import PAGE_SIZE_MAX, PageRequest

_OPERATORS: Final[tuple[Role, ...]] = ("administrator", "finance", "support")
"""The roles of the operator's staff."""


@click.group
def keys() -> None:
    """Create, list, rotate and revoke API keys."""


def _on_keys(command: Callable[..., Any]) -> Callable[..., Any]:
    """Call the command with the local operator's session on the database of the options."""

    @key_provider_option
    @database_options
    @wraps(command)
    def run(database_url: str | None, data_dir: Path | None, key_provider_url: str | None, **options: Any) -> None:
        async def work() -> None:
            chosen = settings(database_url, data_dir, key_provider_url=key_provider_url)
            if chosen.database_url.startswith("memory:"):
                raise invalid("database_url", "must not be memory://, whose keys end with the process that has them")
            # Only what finds and reads the data: keys can be made whatever the servers' other settings are.
            own = Settings(database_url=chosen.database_url, key_provider_url=chosen.key_provider_url)
            async with connect(own) as app:
                await app.check_ready()
                await command(app.as_caller(LOCAL_OPERATOR), **options)

        asyncio.run(work())

    return run


@keys.command
@click.option("--name", required=True, help="What the key is for.")
@click.option(
    "--role",
    type=click.Choice(["operator", "partner", *_OPERATORS]),
    required=True,
    help="Who uses the key: a partner, or an operator, who has all scopes or those of a role of the staff.",
)
@click.option("--scopes", metavar="SCOPES", help="What the key may do, with commas between. [default: all of the role]")
@click.option("--tenant", help="The tenant of a partner. [default: a new one]")
@click.option("--expires-at", metavar="TIME", help="When it ends, such as 2030-01-31T12:00:00Z. [default: never]")
@click.option(
    "--acts-as-local",
    "acts_as_creator",
    is_flag=True,
    help="Continue the idempotency keys and webhooks of a release without authentication.",
)
@_on_keys
async def create(session: Session, role: str, scopes: str | None, **properties: Any) -> None:
    """Create a key, and print it on standard output. It cannot be shown again."""
    named: tuple[Scope, ...] | None = None if scopes is None else tuple(cast("list[Scope]", scopes.split(",")))
    of_role = tuple(ROLES[role]) if named is None and role in _OPERATORS else named
    kind: ApiKeyKind = "partner" if role == "partner" else "operator"
    _print_text(await create_api_key(session, KeyProperties(kind=kind, scopes=of_role, **properties)))


@keys.command(name="list")
@_on_keys
async def list_keys(session: Session) -> None:
    """List the keys, one JSON object a line, without their secrets."""
    cursor: str | None = None
    while True:
        page = await session.api_keys.list(PageRequest(PAGE_SIZE_MAX, cursor))
        for key in page.items:
            click.echo(msgspec.json.encode(_as_object(key)).decode())
        cursor = page.next_cursor
        if cursor is None:
            return


@keys.command
@click.argument("key_id", type=click.UUID)
@_on_keys
async def rotate(session: Session, key_id: UUID) -> None:
    """Give a key a new secret, and print the key. The previous one is valid for 24 hours more."""
    _print_text(await rotate_api_key(session, ApiKeyId(key_id)))


@keys.command
@click.argument("key_id", type=click.UUID)
@_on_keys
async def revoke(session: Session, key_id: UUID) -> None:
    """Revoke a key. No server accepts it for longer than 5 seconds."""
    await session.execute(RevokeApiKey(key_id=ApiKeyId(key_id)))
    click.echo(f"tekana: the key {key_id} is revoked", err=True)


def _print_text(issued: IssuedKey) -> None:
    click.echo(issued.text)
    click.echo(f"tekana: the key {issued.key.id} of the tenant {issued.key.tenant} cannot be shown again", err=True)


def _as_object(key: ApiKey) -> dict[str, object]:
    hidden = ("secret_hash", "previous_secret_hash")
    return {one.name: getattr(key, one.name) for one in fields(key) if one.name not in hidden}
