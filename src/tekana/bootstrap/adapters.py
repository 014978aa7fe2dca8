"""Building adapters: stores and buses from their URL, whose scheme is the name of their entry point."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from inspect import signature
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from tekana.application.bus import Gateway, Service
from tekana.application.journal import FORMS as JOURNAL_FORMS
from tekana.application.journal import WriteJournal
from tekana.application.session import Session
from tekana.bootstrap.data_folder import default_data_dir
from tekana.bootstrap.entry_points import MissingAdapter, load
from tekana.bootstrap.settings import Settings
from tekana.domain.caller import Caller
from tekana.domain.errors import Unavailable, invalid
from tekana.domain.terms import DEFAULT_TIME_ZONE
from tekana.ports.clock import Clock
from tekana.ports.data_keys import DataKeyStore
from tekana.ports.history import CheckpointLog, HistoryKeys, LinkedStore
from tekana.ports.key_provider import KeyProvider
from tekana.ports.key_set_reader import KeySetReader
from tekana.ports.message_sender import MessageSender
from tekana.ports.outbox import Outbox, RelayedStore
from tekana.ports.publisher import Publisher
from tekana.ports.readers import ServiceName
from tekana.ports.statement_form import StatementForm
from tekana.ports.store import Store
from tekana.ports.webhook_sender import WebhookSender
from tekana.ports.webhook_store import WebhookStore

if TYPE_CHECKING:
    from tekana.application.sign_in.issuers import Issuer

_KEY_FILE = "master-keys.json"


def find_store(
    url: str,
    clock: Clock | None,
    read_url: str | None = None,
    key_provider: Callable[[], KeyProvider] | None = None,
    time_zone: str = DEFAULT_TIME_ZONE,
) -> Store:
    """Build the store for a URL. It is not started yet.

    Args:
        url: the URL of the database; its scheme is the name of the entry point.
        clock: replaces the store's clock, for tests.
        read_url: the URL of a replica to read from, if any.
        key_provider: returns the provider of the master keys, for a store that encrypts what it keeps.
        time_zone: that of the days, weeks and months of limits.

    Raises:
        MissingAdapter: no store is installed for the URL's scheme.
        InvalidRequest: the store cannot read from a replica, or has the default time zone only.
    """
    scheme = url.partition("://")[0]
    factory = load("tekana.stores", scheme)
    taken = signature(factory).parameters
    options: dict[str, Any] = {"clock": clock}
    if "key_provider" in taken:
        options["key_provider"] = key_provider
    if "time_zone" in taken:
        options["time_zone"] = time_zone
    elif time_zone != DEFAULT_TIME_ZONE:
        raise invalid("time_zone", f"cannot be given with {scheme}://, which counts days in {DEFAULT_TIME_ZONE}")
    if read_url is not None:
        if "read_url" not in taken:
            raise invalid("read_database_url", f"cannot be given with {scheme}://, which has no replicas")
        options["read_url"] = read_url
    return require_store(factory(url, **options))


def require_store(store: object) -> Store:
    """Return the object as a Store.

    Raises:
        MissingAdapter: it does not implement tekana.ports.store.Store.
    """
    if not isinstance(store, Store):
        raise MissingAdapter(f"{type(store).__name__} is no tekana store: it lacks a part of tekana.ports.store.Store")
    return store


def relayed_store_of(store: Store) -> RelayedStore:
    """Return the store as a RelayedStore.

    Raises:
        InvalidRequest: it has no outbox that relays can publish.
    """
    if not isinstance(store, RelayedStore):
        raise invalid("bus_url", f"cannot be given with {type(store).__name__}, whose events cannot be relayed")
    return store


def outbox_of(store: Store, relay: str) -> Outbox:
    """Return the store's outbox for the relay of this name.

    Raises:
        InvalidRequest: the store has no outbox that relays can publish.
    """
    return relayed_store_of(store).outbox(relay)


def find_publisher(url: str) -> Publisher:
    """Build the publisher for a URL. It is not started yet.

    Raises:
        MissingAdapter: no publisher is installed for the URL's scheme.
        InvalidRequest: the publisher does not support a part of the URL.
    """
    publisher = load("tekana.publishers", url.partition("://")[0])(url)
    if not isinstance(publisher, Publisher):
        raise MissingAdapter(f"{type(publisher).__name__} is no tekana publisher: see tekana.ports.publisher")
    return publisher


def find_gateway(url: str, secrets: Sequence[str]) -> Gateway:
    """Build the gateway for the bus at this URL. It is not started yet.

    Args:
        url: the URL of the bus.
        secrets: the first one seals messages, all open replies.

    Raises:
        MissingAdapter: no gateway is installed for the URL's scheme.
        InvalidRequest: the gateway does not support a part of the URL.
    """
    gateway = load("tekana.gateways", url.partition("://")[0])(url, secrets)
    if not isinstance(gateway, Gateway):
        raise MissingAdapter(f"{type(gateway).__name__} is no tekana gateway: see tekana.application.bus")
    return gateway


def find_service(
    url: str, name: ServiceName, secrets: Sequence[str], as_caller: Callable[[Caller, str | None], Session]
) -> Service:
    """Build a service for the bus at this URL. It is not started yet.

    Args:
        url: the URL of the bus.
        name: the name of the service.
        secrets: all open messages, the first one seals replies.
        as_caller: returns the session of a caller, in which their commands and queries are executed.

    Raises:
        MissingAdapter: no service is installed for the URL's scheme.
        InvalidRequest: the service does not support a part of the URL.
    """
    service = load("tekana.services", url.partition("://")[0])(url, name, secrets, as_caller)
    if not isinstance(service, Service):
        raise MissingAdapter(f"{type(service).__name__} is no tekana service: see tekana.application.bus")
    return service


def webhook_store_of(store: Store) -> WebhookStore:
    """Return the store as a WebhookStore.

    Raises:
        MissingAdapter: it does not store webhooks.
    """
    if not isinstance(store, WebhookStore):
        raise MissingAdapter(f"{type(store).__name__} keeps no webhooks: see tekana.ports.webhook_store")
    return store


def data_key_store_of(store: Store) -> DataKeyStore:
    """Return the store as a DataKeyStore.

    Raises:
        MissingAdapter: it does not store data keys.
    """
    if not isinstance(store, DataKeyStore):
        without = "without which there are no API keys, no sign-in and no webhooks"
        raise MissingAdapter(f"{type(store).__name__} keeps no data keys, {without}: see tekana.ports.data_keys")
    return store


def find_key_provider(settings: Settings) -> KeyProvider:
    """Build the key provider of the settings. It does no I/O yet.

    Raises:
        MissingAdapter: no key provider is installed for the URL's scheme, or a library that it needs is not.
        InvalidRequest: the key provider does not support a part of the URL.
    """
    url = settings.key_provider_url or _default_key_provider_url(settings.database_url)
    provider = load("tekana.key_providers", url.partition("://")[0])(url)
    if not isinstance(provider, KeyProvider):
        raise MissingAdapter(f"{type(provider).__name__} is no tekana key provider: see tekana.ports.key_provider")
    return provider


def _default_key_provider_url(database_url: str) -> str:
    """Return the URL of the key file beside the data that tekana keeps on this machine."""
    parts = urlsplit(database_url)
    if parts.scheme == "memory":
        return "memory://"
    if parts.scheme == "embedded" and parts.path:
        return f"file://{parts.path}/{_KEY_FILE}"
    return f"file://{quote(str(default_data_dir()))}/{_KEY_FILE}"


def linked_store_of(store: Store) -> LinkedStore:
    """Return the store as a LinkedStore.

    Raises:
        InvalidRequest: its history cannot be linked.
    """
    if not isinstance(store, LinkedStore):
        raise invalid("database_url", f"names {type(store).__name__}, whose history is not linked")
    return store


def find_checkpoints(path: str | None, keys: HistoryKeys) -> CheckpointLog:
    """Build the log of checkpoints in a file.

    Raises:
        MissingAdapter: a library for signatures is not installed.
        InvalidRequest: no file is given.
    """
    if path is None:
        raise invalid("checkpoint_file", "is needed: it names the file outside the database")
    log: CheckpointLog = load("tekana.checkpoints", "file")(path, keys)
    return log


def find_sender(allow_private: bool) -> WebhookSender:
    """Build the sender of webhooks.

    Args:
        allow_private: whether it may send to private addresses, and over http://.

    Raises:
        MissingAdapter: no sender is installed.
    """
    sender: WebhookSender = load("tekana.senders", "https")(allow_private=allow_private)
    return sender


def find_statement_form(name: str) -> type[StatementForm]:
    """Find the form of statements of this name.

    Raises:
        Unavailable: it is not installed, or a library that it needs is not.
    """
    try:
        form: type[StatementForm] = load("tekana.statement_forms", name)
    except MissingAdapter as error:
        raise Unavailable(f"this server writes no statements as {name}: {error}") from error
    return form


def find_journal_form(name: str) -> WriteJournal:
    """Find the form of the journal of this name. Raises MissingAdapter if it is not installed."""
    form: WriteJournal = JOURNAL_FORMS.get(name) or load("tekana.journal_forms", name)
    return form


def find_message_sender(url: str | None) -> MessageSender | None:
    """Build the sender of one-time codes for a URL; None without one.

    Raises:
        MissingAdapter: no sender is installed for the URL's scheme.
        InvalidRequest: the sender does not support a part of the URL.
    """
    if url is None:
        return None
    sender = load("tekana.message_senders", url.partition("://")[0])(url)
    if not isinstance(sender, MessageSender):
        raise MissingAdapter(f"{type(sender).__name__} is no tekana message sender: see tekana.ports.message_sender")
    return sender


def read_outside_issuers(path: str | None) -> Sequence[Issuer]:
    """Read the file of the outside issuers. Raises InvalidRequest if it cannot be read, or is malformed."""
    if path is None:
        return ()
    from tekana.application.sign_in.issuers import read_issuers  # noqa: PLC0415 - its libraries take time to load

    try:
        return read_issuers(Path(path).read_bytes())
    except OSError as error:
        raise invalid("outside_issuers", f"cannot be read: {error.strerror}") from None


def find_key_set_reader(issuers: Sequence[Issuer]) -> KeySetReader | None:
    """Build the reader of the keys of outside issuers; None if there are none. Raises MissingAdapter."""
    if not issuers:
        return None
    reader: KeySetReader = load("tekana.key_set_readers", "https")()
    return reader
