"""A gateway and the services in one process; they share only the database."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace

from aiokafka import ConsumerRecord
from uuid_utils.compat import uuid7

import tekana
from tekana import Settings
from tekana.application import Session
from tekana.application.secrets.data_keys import DataKeys
from tekana.application.webhooks.endpoint_secrets import EndpointSecrets
from tekana.bootstrap.adapters import find_key_provider
from tekana.domain.caller import LOCAL_OPERATOR, Caller
from tekana.ports.clock import Clock
from tekana.ports.readers import ServiceName
from tekana.ports.store import Store
from tekana.ports.webhook_store import WebhookStore
from tekana.testing.session import session
from tekana_kafka.cloud_events import Header
from tekana_kafka.message_cipher import MessageCipher
from tests.kafka import no_groups_on_the_pip_broker
from tests.keys import SHARED_KEYS

REAL = any(name in os.environ for name in ("TEKANA_TEST_KAFKA_JARS", "TEKANA_TEST_KAFKA"))
"""Whether the broker is Apache Kafka, whose consumer groups form at once."""

BUS_SECRET = "the secret that the gateways and services of tests share"  # noqa: S105 - of no other system

SERVICES: tuple[ServiceName, ...] = ("customer", "wallet", "transaction")


@asynccontextmanager
async def services(
    bus_url: str,
    database_url: str,
    *,
    store: Store | None = None,
    clock: Clock | None = None,
    roles: Sequence[ServiceName] = SERVICES,
    webhooks_allow_private: bool = False,
    approvals: str | None = None,
    keep_customers: int = 1825,
    outside_issuers: str | None = None,
    key_provider_url: str | None = None,
) -> AsyncIterator[Session]:
    """Start the services; yield a session of the last one, to read the ledger."""
    if not REAL:
        no_groups_on_the_pip_broker.install()
    async with AsyncExitStack() as running:
        for role in roles:
            settings = Settings(
                role=role,
                bus_url=bus_url,
                bus_secret=BUS_SECRET,
                database_url=database_url,
                webhooks_allow_private=webhooks_allow_private,
                approvals=approvals,
                keep_customers=keep_customers,
                message_sender="memory://",
                outside_issuers=outside_issuers,
                key_provider_url=key_provider_url,
            )
            app = await running.enter_async_context(session(settings, store=store, clock=clock, run_workers=True))
        yield app


async def readable(store: WebhookStore, endpoint: tekana.WebhookEndpoint) -> tekana.WebhookEndpoint:
    """Return a stored endpoint with its secrets decrypted, of services with SHARED_KEYS."""
    data_keys = DataKeys(store, find_key_provider(SHARED_KEYS), uuid7)
    return await EndpointSecrets(lambda: data_keys).decrypted(endpoint)


def sealed(
    topic: str, headers: Sequence[Header], value: bytes | None, *, caller: Caller = LOCAL_OPERATOR
) -> tuple[list[Header], bytes]:
    """Return the headers of a message with its principal, and its sealed value."""
    return MessageCipher([BUS_SECRET]).seal_request(caller, topic, headers, value or b"")


def opened(record: ConsumerRecord) -> bytes:
    """Return the value of a sealed message; of a dead letter, that of the message as it came."""
    origin = dict(record.headers).get("dead-from", record.topic.encode()).decode().partition("/")[0]
    value = MessageCipher([BUS_SECRET]).open(replace(record, topic=origin))
    assert value is not None
    return value


@asynccontextmanager
async def gateway(bus_url: str) -> AsyncIterator[Session]:
    """Yield a session of a gateway, without HTTP."""
    async with session(Settings(role="gateway", bus_url=bus_url, bus_secret=BUS_SECRET)) as app:
        yield app


async def until_it_answers(app: Session) -> None:
    """Wait until the services answer the gateway: their consumer groups take time to form."""
    for ask in (app.customers.get, app.wallets.get, app.transactions.get):
        while True:
            try:
                await ask(uuid7())  # type: ignore[operator]
            except tekana.NotFound:
                break
            except tekana.Unavailable:
                continue
