"""Finds adapters: stores and buses by the scheme of their URL, servers by name, all through entry points.

A third party adds a store with a line in the `tekana.stores` group of its own package; this repo needs no change.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import entry_points
from inspect import signature
from typing import Any

from tekana.application.bus import Gateway, Service, ServiceName
from tekana.application.engine.engine import Engine
from tekana.application.webhooks.webhooks import Webhooks
from tekana.domain.errors import TekanaError, invalid
from tekana.ports.clock import Clock
from tekana.ports.outbox import Outbox, RelayedStore
from tekana.ports.publisher import Publisher
from tekana.ports.store import Readers, Store
from tekana.ports.webhook_sender import WebhookSender
from tekana.ports.webhook_store import WebhookStore

# Others have the name of their extra.
_EXTRAS = {"postgresql": "postgres", "postgresql+asyncpg": "postgres", "https": "webhooks"}


class MissingAdapter(TekanaError):
    """No adapter for this is installed, or a library that it needs is not. Says what to install."""

    code = "missing_adapter"


def find_store(url: str, clock: Clock | None, read_url: str | None = None) -> Store:
    """Build the store for a URL. It is not started yet. `read_url` names a replica for it to read from.

    Raises:
        MissingAdapter: none is installed for the URL's scheme.
        InvalidRequest: it cannot read from a replica.
    """
    scheme = url.partition("://")[0]
    factory = load("tekana.stores", scheme)
    if read_url is None:
        return require_store(factory(url, clock=clock))
    try:
        signature(factory).bind(url, clock=clock, read_url=read_url)
    except TypeError:
        raise invalid("read_database_url", f"cannot be given with {scheme}://, which has no replicas") from None
    return require_store(factory(url, clock=clock, read_url=read_url))


def require_store(store: object) -> Store:
    """The store, if it is one.

    Raises:
        MissingAdapter: it lacks a part of what every store gives.
    """
    if not isinstance(store, Store):
        raise MissingAdapter(f"{type(store).__name__} is no tekana store: it lacks a part of tekana.ports.store.Store")
    return store


def relayed_store_of(store: Store) -> RelayedStore:
    """Return the store, if it has an outbox that relays can publish.

    Raises:
        InvalidRequest: it has none.
    """
    if not isinstance(store, RelayedStore):
        raise invalid("bus_url", f"cannot be given with {type(store).__name__}, whose events cannot be relayed")
    return store


def outbox_of(store: Store, relay: str) -> Outbox:
    """Return the store's outbox for the relay of this name.

    Raises:
        InvalidRequest: the store has none.
    """
    return relayed_store_of(store).outbox(relay)


def find_publisher(url: str) -> Publisher:
    """Build the publisher for a URL. It is not started yet.

    Raises:
        MissingAdapter: none is installed for the URL's scheme.
        InvalidRequest: the URL says more than the scheme's publisher understands.
    """
    publisher = load("tekana.publishers", url.partition("://")[0])(url)
    if not isinstance(publisher, Publisher):
        raise MissingAdapter(f"{type(publisher).__name__} is no tekana publisher: see tekana.ports.publisher")
    return publisher


def find_gateway(url: str) -> Gateway:
    """Build the gateway's end of the bus at this URL. It is not started yet.

    Raises:
        MissingAdapter: none is installed for the URL's scheme.
        InvalidRequest: the URL says more than the scheme's gateway understands.
    """
    gateway = load("tekana.gateways", url.partition("://")[0])(url)
    if not isinstance(gateway, Gateway):
        raise MissingAdapter(f"{type(gateway).__name__} is no tekana gateway: see tekana.application.bus")
    return gateway


def find_service(
    url: str, name: ServiceName, engine: Engine, readers: Readers, webhooks: Callable[[], Webhooks]
) -> Service:
    """Build a service's end of the bus at this URL, over what does its work. It is not started yet.

    Raises:
        MissingAdapter: none is installed for the URL's scheme.
        InvalidRequest: the URL says more than the scheme's service understands.
    """
    service = load("tekana.services", url.partition("://")[0])(url, name, engine, readers, webhooks)
    if not isinstance(service, Service):
        raise MissingAdapter(f"{type(service).__name__} is no tekana service: see tekana.application.bus")
    return service


def webhook_store_of(store: Store) -> WebhookStore:
    """The store, if it keeps webhooks.

    Raises:
        MissingAdapter: it does not.
    """
    if not isinstance(store, WebhookStore):
        raise MissingAdapter(f"{type(store).__name__} keeps no webhooks: see tekana.ports.webhook_store")
    return store


def find_sender(allow_private: bool) -> WebhookSender:
    """Build what sends webhooks.

    Raises:
        MissingAdapter: it is not installed.
    """
    sender: WebhookSender = load("tekana.senders", "https")(allow_private=allow_private)
    return sender


def load(group: str, name: str) -> Any:
    """What the entry point of this group and name stands for.

    Raises:
        MissingAdapter: there is no such entry point, or its libraries are not installed.
    """
    found = list(entry_points(group=group, name=name))
    if not found:
        known = sorted({point.name for point in entry_points(group=group)})
        raise MissingAdapter(f"no adapter for {name!r} is installed; there are: {', '.join(known)}")
    try:
        return found[0].load()
    except ImportError as error:
        extra = _EXTRAS.get(name, name)
        raise MissingAdapter(f"{name!r} needs more libraries ({error}): pip install 'tekana[{extra}]'") from error
    except AttributeError as error:
        raise MissingAdapter(f"{name!r} is installed, but not whole ({error}): install it again") from error
