"""`tekana secrets`: rotate the master key, and decrypt what is encrypted in a database."""

from __future__ import annotations

import asyncio
from pathlib import Path

import rich_click as click

from tekana.application.secrets.master_key_rotation import Rotation, rotate_master_key
from tekana.application.webhooks.stored_secrets import decrypt_stored_secrets
from tekana.bootstrap import Settings
from tekana.bootstrap.audit_records import record_act
from tekana.bootstrap.lifespan import build_local
from tekana.cli.options import database_options, key_provider_option, settings
from tekana.domain.errors import invalid
from tekana.ports.key_provider import RotatesMasterKeys
from tekana.ports.store import DecryptsCustomers, RotatesCustomerKeys


@click.group
def secrets() -> None:
    """Rotate the master key, and decrypt what is encrypted in a database."""


@secrets.command(name="rotate-master-key")
@key_provider_option
@database_options
def rotate(database_url: str | None, data_dir: Path | None, key_provider_url: str | None) -> None:
    """Encrypt all data keys with a new master key, and retire the earlier ones.

    Running processes go on meanwhile, without a restart. If it is interrupted, run it again: it completes the rotation.
    """
    done = asyncio.run(_rotate(settings(database_url, data_dir, existing=True, key_provider_url=key_provider_url)))
    click.echo(f"tekana: the master key is {done.active}, {done.wrapped:,} data keys were encrypted with it")
    for master_id in done.retired:
        click.echo(f"tekana: the master key {master_id} is retired")


@secrets.command(name="rotate-customer-keys")
@key_provider_option
@database_options
def rotate_customers(database_url: str | None, data_dir: Path | None, key_provider_url: str | None) -> None:
    """Encrypt the keys of all customers with a new data key, and retire the earlier one.

    Running processes go on meanwhile, without a restart: they use the new one after a minute, for which it waits. If it
    is interrupted, run it again: it completes the rotation.
    """
    chosen = settings(database_url, data_dir, existing=True, key_provider_url=key_provider_url)
    count = asyncio.run(_rotate_customers(chosen))
    click.echo(f"tekana: the keys of {count:,} customers were encrypted with a new data key")


@secrets.command(name="decrypt")
@key_provider_option
@database_options
def decrypt(database_url: str | None, data_dir: Path | None, key_provider_url: str | None) -> None:
    """Store everything readable that is encrypted, as an earlier version of tekana needs it.

    That is the secrets of webhook endpoints and customers' personal data. Stop all processes first, and start none of
    this version afterwards: they encrypt it again. If it is interrupted, run it again.
    """
    count = asyncio.run(_decrypt(settings(database_url, data_dir, existing=True, key_provider_url=key_provider_url)))
    click.echo(f"tekana: the secrets of {count:,} webhook endpoints were decrypted")
    click.echo("tekana: customers' personal data were decrypted")


async def _rotate_customers(chosen: Settings) -> int:
    store = build_local(chosen).store()
    if not isinstance(store, RotatesCustomerKeys):
        raise invalid("database_url", "names a store that encrypts no customers")
    await store.start()
    try:
        count = await store.rotate_customer_keys(lambda line: click.echo(f"tekana: {line}", err=True))
        await record_act(store, "RotateCustomerKeys")
        return count
    finally:
        await store.stop()


async def _decrypt(chosen: Settings) -> int:
    container = build_local(chosen)
    store = container.store()
    await store.start()
    try:
        await record_act(store, "DecryptSecrets")
        endpoints = container.webhook_store().webhook_endpoints
        count = await decrypt_stored_secrets(endpoints, container.endpoint_secrets())
        if isinstance(store, DecryptsCustomers):
            await store.decrypt_customers()
        return count
    finally:
        await store.stop()


async def _rotate(chosen: Settings) -> Rotation:
    container = build_local(chosen)
    provider = container.key_provider()
    if not isinstance(provider, RotatesMasterKeys):
        raise invalid("key_provider_url", "names a key provider that rotates its master key itself")
    store = container.store()
    await store.start()
    try:
        rotation = await rotate_master_key(provider, container.data_key_store().data_keys)
        await record_act(store, "RotateMasterKey")
        return rotation
    finally:
        await store.stop()
