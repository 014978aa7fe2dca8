"""The composition root: what is built from what. Building touches nothing outside; see `lifespan`."""

from __future__ import annotations

import os
import socket

from dependency_injector import containers, providers
from uuid_utils.compat import uuid7

from tekana.application import PostingEngine, Tekana
from tekana.application.relay import Relay
from tekana.bootstrap.adapters import find_publisher, find_store, outbox_of, watched_outbox
from tekana.bootstrap.settings import Settings
from tekana.ports.clock import Clock

BUS = "bus"
"""The name of the relay that publishes on the bus."""


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
    outbox = providers.Factory(outbox_of, store, BUS)
    publisher = providers.Singleton(find_publisher, settings.provided.bus_url)
    relay = providers.Singleton(Relay, outbox, publisher, holder=f"{socket.gethostname()}:{os.getpid()}")
    watched = providers.Factory(watched_outbox, store, settings.provided.bus_url, BUS)
    app = providers.Singleton(Tekana, store, engine, watched)
