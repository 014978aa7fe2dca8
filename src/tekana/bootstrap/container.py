"""The composition root: what is built from what. Building touches nothing outside; see `lifespan`."""

from __future__ import annotations

import os
import socket

from dependency_injector import containers, providers
from uuid_utils.compat import uuid7

from tekana.application import PostingEngine, Tekana
from tekana.application.webhooks.webhooks import Webhooks
from tekana.application.workers.relay import Relay
from tekana.application.workers.webhook_dispatcher import WebhookDispatcher
from tekana.bootstrap.adapters import (
    find_gateway,
    find_publisher,
    find_sender,
    find_service,
    find_store,
    outbox_of,
    watched_outbox,
    webhook_store_of,
)
from tekana.bootstrap.settings import SERVICES, Settings
from tekana.ports.clock import Clock

BUS = "bus"
"""The name of the relay that publishes on the bus."""

HOLDER = providers.Callable(lambda: f"{socket.gethostname()}:{os.getpid()}")
"""What this process is called where it holds a lease."""


class Container(containers.DeclarativeContainer):
    """Kept synchronous: an async resource would turn every provider that needs it into a Future."""

    settings = providers.Dependency(instance_of=Settings)
    clock: providers.Object[Clock | None] = providers.Object(None)  # the store's own, unless a test brings one
    new_id = providers.Object(uuid7)
    store = providers.Singleton(find_store, settings.provided.database_url, clock, settings.provided.read_database_url)
    engine = providers.Singleton(
        PostingEngine,
        begin=store.provided.begin,
        new_id=new_id,
        default_currency=settings.provided.currency,
    )
    webhook_store = providers.Factory(webhook_store_of, store)
    webhook_sender = providers.Singleton(find_sender, settings.provided.webhooks_allow_private)
    webhooks = providers.Singleton(Webhooks, webhook_store, webhook_sender, new_id)
    webhook_dispatcher = providers.Singleton(
        WebhookDispatcher, webhook_store, webhook_sender, new_id, holder=HOLDER, clock=clock
    )
    outbox = providers.Factory(outbox_of, store, BUS)
    publisher = providers.Singleton(find_publisher, settings.provided.bus_url)
    relay = providers.Singleton(Relay, outbox, publisher, holder=HOLDER, keep_days=settings.provided.keep_events)
    gateway = providers.Singleton(find_gateway, settings.provided.bus_url)
    service = providers.Singleton(
        find_service, settings.provided.bus_url, settings.provided.role, engine, store, webhooks.provider
    )
    # What the role calls for: a gateway has neither a store nor an engine of its own.
    readers = providers.Selector(
        settings.provided.role, gateway=gateway.provided.readers, **dict.fromkeys(("all", *SERVICES), store)
    )
    deciding = providers.Selector(
        settings.provided.role, gateway=gateway.provided.engine, **dict.fromkeys(("all", *SERVICES), engine)
    )
    watched = providers.Selector(
        settings.provided.role,
        gateway=providers.Object(None),
        **dict.fromkeys(("all", *SERVICES), providers.Factory(watched_outbox, store, settings.provided.bus_url, BUS)),
    )
    served = providers.Selector(
        settings.provided.role,
        **dict.fromkeys(("all", "gateway"), providers.Object(None)),
        **dict.fromkeys(SERVICES, service),
    )
    delivered = providers.Selector(
        settings.provided.role,
        gateway=providers.Callable(lambda gateway: lambda: gateway.webhooks, gateway),
        **dict.fromkeys(("all", *SERVICES), webhooks.provider),
    )
    app = providers.Singleton(Tekana, readers, deciding, outbox=watched, service=served, webhooks=delivered)
