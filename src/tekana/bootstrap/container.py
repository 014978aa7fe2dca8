"""The dependency injection containers. Building starts and connects nothing; see `lifespan`."""

from __future__ import annotations

import os
import socket
from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from dependency_injector import containers, providers
from uuid_utils.compat import uuid7

from tekana.application import PostingEngine, Tekana
from tekana.application.audit_recorder import AuditRecorder
from tekana.application.authentication import ApiKeyTokens, Authenticator, StoredKeyVerifier
from tekana.application.authentication.secret_hash import SecretHasher
from tekana.application.bus import Gateway
from tekana.application.engine.preparing_engine import PreparingEngine
from tekana.application.secrets.data_keys import DataKeys
from tekana.application.secrets.history_keys import DataKeysOfHistory
from tekana.application.sign_in.all_tokens import AllTokens
from tekana.application.webhooks.endpoint_secrets import EndpointSecrets
from tekana.application.webhooks.stored_secrets import secrets_worker
from tekana.application.webhooks.webhooks import Webhooks
from tekana.application.workers.checkpoints import checkpoint_worker
from tekana.application.workers.hold_expiry import expiry_worker
from tekana.application.workers.relay import relay_worker
from tekana.application.workers.retention import retention_worker
from tekana.application.workers.webhook_dispatcher import WebhookDispatcher, webhook_queue_worker
from tekana.bootstrap.adapters import (
    data_key_store_of,
    find_checkpoints,
    find_gateway,
    find_key_provider,
    find_key_set_reader,
    find_message_sender,
    find_publisher,
    find_sender,
    find_service,
    find_statement_form,
    find_store,
    linked_store_of,
    outbox_of,
    read_outside_issuers,
    relayed_store_of,
    webhook_store_of,
)
from tekana.bootstrap.settings import Settings
from tekana.ports.clock import Clock
from tekana.ports.data_keys import DataKeyStore
from tekana.ports.sign_in_store import SignInStore
from tekana.ports.store import Store

if TYPE_CHECKING:
    from tekana.application.sign_in.customer_sign_in import CustomerSignIn
    from tekana.application.sign_in.issuers import Issuer

BUS = "bus"
"""The name of the relay that publishes to the bus."""

HOLDER = providers.Callable(lambda: f"{socket.gethostname()}:{os.getpid()}")
"""The name of this process as the holder of leases."""


def _keeps_sign_in(store: Store) -> bool:
    return isinstance(store, SignInStore) and isinstance(store, DataKeyStore)


def _build_sign_in(
    store: SignInStore, data_keys: DataKeys, settings: Settings, outside: Sequence[Issuer], **adapters: Any
) -> CustomerSignIn:
    from tekana.application.sign_in.customer_sign_in import TokenSettings, build_sign_in  # noqa: PLC0415 - see below

    # Its libraries take time to load, and are needed where customers sign in only.
    tokens = TokenSettings(settings.token_issuer, settings.token_audience, outside)
    return build_sign_in(store, data_keys, tokens, **adapters)


def _build_remote_sign_in(gateway: Gateway, settings: Settings, clock: Clock | None) -> CustomerSignIn:
    from tekana.application.sign_in.customer_sign_in import TokenSettings, build_remote_sign_in  # noqa: PLC0415

    tokens = TokenSettings(settings.token_issuer, settings.token_audience)
    return build_remote_sign_in(gateway.sign_in, tokens, clock=clock)


# Containers stay synchronous: an async resource would turn every provider that needs it into a Future.


class LocalContainer(containers.DeclarativeContainer):
    """The container of a process with a database, which executes commands and queries."""

    settings = providers.Dependency(instance_of=Settings)
    clock: providers.Object[Clock | None] = providers.Object(None)  # the store's own, unless a test sets one
    stripe = providers.Object(0)
    new_id = providers.Object(uuid7)
    key_provider = providers.Singleton(find_key_provider, settings)
    store = providers.Singleton(
        find_store,
        settings.provided.database_url,
        clock,
        settings.provided.read_database_url,
        key_provider.provider,
        settings.provided.time_zone,
    )
    readers = providers.Callable(lambda store: store, store)
    data_key_store = providers.Factory(data_key_store_of, store)
    data_keys = providers.Singleton(DataKeys, data_key_store, key_provider, new_id)
    webhook_store = providers.Factory(webhook_store_of, store)
    webhook_sender = providers.Singleton(find_sender, settings.provided.webhooks_allow_private)
    webhooks = providers.Factory(Webhooks, webhook_store)  # called with the caller
    secret_hasher = providers.Singleton(SecretHasher, data_keys.provider)
    key_verifier = providers.Singleton(StoredKeyVerifier, store.provided.credentials, secret_hasher.provided.hash)
    endpoint_secrets = providers.Singleton(EndpointSecrets, data_keys.provider)
    posting_engine = providers.Singleton(
        PostingEngine,
        begin=store.provided.begin,
        new_id=new_id,
        default_currency=settings.provided.currency,
        approval_rules=settings.provided.approval_rules,
        new_secret=endpoint_secrets.provided.new,
        stripe=stripe,
        hash_secret=secret_hasher.provided.hash_loaded,
        keep_customers=providers.Callable(timedelta, settings.provided.keep_customers),
    )
    engine = providers.Singleton(
        PreparingEngine,
        posting_engine,
        webhook_store.provider,
        webhook_sender.provider,
        endpoint_secrets,
        secret_hasher.provided.load,
    )
    webhook_dispatcher = providers.Singleton(
        WebhookDispatcher, webhook_store, webhook_sender, endpoint_secrets, clock=clock
    )
    webhook_secrets = providers.Singleton(secrets_worker, webhook_store.provided.webhook_endpoints, endpoint_secrets)
    webhook_queue = providers.Singleton(webhook_queue_worker, webhook_store, new_id, holder=HOLDER)
    history_keys = providers.Singleton(DataKeysOfHistory, data_keys)
    linked_store = providers.Factory(linked_store_of, store)
    checkpoints = providers.Singleton(find_checkpoints, settings.provided.checkpoint_file, history_keys)
    checkpoint_worker = providers.Singleton(checkpoint_worker, linked_store, checkpoints, holder=HOLDER)
    relayed_store = providers.Factory(relayed_store_of, store)
    outbox = providers.Factory(outbox_of, store, BUS)
    publisher = providers.Singleton(find_publisher, settings.provided.bus_url)
    relay = providers.Singleton(relay_worker, "relay", outbox, publisher, holder=HOLDER)
    retention = providers.Singleton(retention_worker, relayed_store, settings.provided.keep_events, holder=HOLDER)
    # None without a bus, and in a process that is not a service.
    relay_outbox = providers.Callable(
        lambda settings, outbox: None if settings.bus_url is None else outbox(), settings, outbox.provider
    )
    audit_recorder = providers.Singleton(AuditRecorder, store.provided.audit_records, new_id)
    outside_issuers = providers.Singleton(read_outside_issuers, settings.provided.outside_issuers)
    sign_in = providers.Singleton(
        _build_sign_in,
        store,
        data_keys,
        settings,
        outside_issuers,
        sender=providers.Singleton(find_message_sender, settings.provided.message_sender),
        reader=providers.Singleton(find_key_set_reader, outside_issuers),
        clock=clock,
        new_id=new_id,
        audit_recorder=audit_recorder,
    )
    # None if the store does not keep what customers sign in with.
    customer_sign_in = providers.Callable(
        lambda store, sign_in: sign_in() if _keeps_sign_in(store) else None, store, sign_in.provider
    )
    # Without the service, which it serves.
    core = providers.Singleton(
        Tekana,
        store,
        engine,
        webhooks=webhooks.provider,
        key_verifier=key_verifier,
        sign_in=customer_sign_in,
        audit_recorder=audit_recorder,
        find_statement_form=find_statement_form,
        time_zone=settings.provided.time_zone,
    )
    hold_expiry = providers.Singleton(expiry_worker, store, core.provided.as_caller, holder=HOLDER)
    service = providers.Singleton(
        find_service,
        settings.provided.bus_url,
        settings.provided.role,
        settings.provided.bus_secrets,
        core.provided.as_caller,
    )
    role_service = providers.Callable(
        lambda settings, service: None if settings.has_clients else service(), settings, service.provider
    )
    access_tokens = providers.Callable(lambda parts: parts and parts.verifier, customer_sign_in)
    all_tokens = providers.Factory(AllTokens, providers.Factory(ApiKeyTokens, key_verifier), access_tokens, clock)
    authenticator = providers.Singleton(Authenticator, all_tokens)
    app = providers.Singleton(
        Tekana,
        store,
        engine,
        outbox=relay_outbox,
        service=role_service,
        webhooks=webhooks.provider,
        authenticator=authenticator,
        sign_in=customer_sign_in,
        audit_recorder=audit_recorder,
        find_statement_form=find_statement_form,
        time_zone=settings.provided.time_zone,
    )


class GatewayContainer(containers.DeclarativeContainer):
    """The container of a gateway, which sends commands and queries to the services over the bus."""

    settings = providers.Dependency(instance_of=Settings)
    clock: providers.Object[Clock | None] = providers.Object(None)  # the system's, unless a test sets one
    gateway = providers.Singleton(find_gateway, settings.provided.bus_url, settings.provided.bus_secrets)
    readers = gateway.provided.readers
    engine = gateway.provided.engine
    customer_sign_in = providers.Singleton(_build_remote_sign_in, gateway, settings, clock)
    key_tokens = providers.Factory(ApiKeyTokens, gateway.provided.key_verifier)
    all_tokens = providers.Factory(AllTokens, key_tokens, customer_sign_in.provided.verifier, clock)
    authenticator = providers.Singleton(Authenticator, all_tokens)
    audit_recorder = providers.Singleton(AuditRecorder, gateway.provided.audit_records, providers.Object(uuid7))
    app = providers.Singleton(
        Tekana,
        readers,
        engine,
        webhooks=gateway.provided.webhooks,
        authenticator=authenticator,
        sign_in=customer_sign_in,
        audit_recorder=audit_recorder,
        find_statement_form=find_statement_form,
        time_zone=settings.provided.time_zone,
    )


Container = LocalContainer | GatewayContainer
