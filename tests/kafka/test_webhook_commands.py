"""Changes of webhooks over a real broker: in order, executed once for each key, again if they were lost; no secrets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

import tekana
from tekana.application import CreateWebhookEndpoint, RotateWebhookSecret, SendWebhookTest, UpdateWebhookEndpoint
from tekana.domain.caller import LOCAL_OPERATOR
from tekana.testing import builders
from tekana.testing.contracts.helpers import a_wallet
from tekana_httpcore import HttpSender
from tekana_kafka.command_messages import command_message
from tekana_kafka.reply_producer import ReplyProducer
from tekana_memory import MemoryStore
from tests.kafka.consumer import read
from tests.kafka.topology import gateway, opened, readable, sealed, services, until_it_answers
from tests.keys import SHARED_KEYS

pytestmark = pytest.mark.kafka

MEMORY = "memory://"
KEYS = SHARED_KEYS.key_provider_url
URL = "https://93.184.215.14/hooks"
PAGE = tekana.PageRequest()
PARTNER = replace(LOCAL_OPERATOR, subject="a partner")


@pytest.fixture
def bus_url(kafka_address: str, topic_prefix: str) -> str:
    return f"kafka://{kafka_address}?topic_prefix={topic_prefix}&partitions=2"


@pytest.fixture
async def producer(kafka_address: str) -> AsyncIterator[AIOKafkaProducer]:
    producer = AIOKafkaProducer(bootstrap_servers=kafka_address)
    await producer.start()
    yield producer
    await producer.stop()


async def test_a_secret_is_on_the_bus_where_it_is_new_and_nowhere_else(
    bus_url: str, kafka_address: str, topic_prefix: str
) -> None:
    store = MemoryStore(MEMORY)
    async with services(bus_url, MEMORY, store=store), gateway(bus_url) as operator:
        await until_it_answers(operator)
        app = operator.as_caller(PARTNER)
        made = await app.execute(CreateWebhookEndpoint(url=URL))
        rotated = await app.execute(RotateWebhookSecret(endpoint_id=made.id))
        await app.webhooks.get(made.id)
        await app.webhooks.list(PAGE)
        await app.execute(UpdateWebhookEndpoint(endpoint_id=made.id, description="x"))
        await app.execute(SendWebhookTest(endpoint_id=made.id))
        await app.webhooks.deliveries(made.id, PAGE)
    messages = [one for one in await read(kafka_address, topic_prefix) if one.value]
    assert not any(b"whsec_" in one.value for one in messages)
    sealed_topics = ("commands", "queries", "replies")
    values = [opened(one) for one in messages if one.topic.rpartition(".")[2] in sealed_topics]
    for secret in (made.secret, rotated.secret):
        assert secret.startswith("whsec_")
        assert sum(secret.encode() in value for value in values) == 1
    assert sum(b"whsec_" in value for value in values) == 2


async def test_changes_of_one_endpoint_are_made_in_their_order(
    bus_url: str, monkeypatch: pytest.MonkeyPatch, topic_prefix: str, producer: AIOKafkaProducer
) -> None:
    """Though the first ones take longer, as a name that resolves slowly makes them do."""
    check, checked = HttpSender.check, 0

    async def slow(self: HttpSender, url: str) -> None:
        nonlocal checked
        checked += 1
        await asyncio.sleep(0.1 if url.endswith("/first") else 0)
        await check(self, url)

    monkeypatch.setattr(HttpSender, "check", slow)
    store = MemoryStore(MEMORY)
    async with services(bus_url, MEMORY, store=store), gateway(bus_url) as operator:
        await until_it_answers(operator)
        app = operator.as_caller(PARTNER)
        made = await app.execute(CreateWebhookEndpoint(url=URL))
        sent = []
        for number in range(20):
            url = f"{URL}/first" if number == 0 else URL
            command = UpdateWebhookEndpoint(endpoint_id=made.id, url=url, description=str(number))
            message = command_message(command, caller=PARTNER, key=f"{number}", request_id=None)
            topic = f"{topic_prefix}.webhook.commands"
            headers, value = sealed(topic, message.headers, message.value, caller=PARTNER)
            sent.append(await producer.send(topic, value, message.key, headers=headers))
        await asyncio.gather(*sent)
        await app.execute(UpdateWebhookEndpoint(endpoint_id=made.id, url=URL, description="20"))
        assert (await store.webhook_endpoints.get(PARTNER, made.id)).description == "20"
        await asyncio.sleep(0.3)
        assert (await store.webhook_endpoints.get(PARTNER, made.id)).description == "20"
        assert checked >= 21


async def test_what_is_delivered_again_is_done_once(
    bus_url: str, topic_prefix: str, producer: AIOKafkaProducer
) -> None:
    store = MemoryStore(MEMORY)
    async with (
        services(bus_url, MEMORY, store=store, key_provider_url=KEYS),
        gateway(bus_url) as operator,
    ):
        await until_it_answers(operator)
        app = operator.as_caller(PARTNER)
        made = await app.execute(CreateWebhookEndpoint(url=URL))  # without a key of the client's
        topic = f"{topic_prefix}.webhook.commands"
        commands = (CreateWebhookEndpoint(url=URL), RotateWebhookSecret(endpoint_id=made.id))
        for command in commands:
            for _ in range(3):
                key = type(command).__name__
                message = command_message(command, caller=PARTNER, key=key, request_id=None)
                headers, value = sealed(topic, message.headers, message.value, caller=PARTNER)
                await producer.send_and_wait(topic, value, message.key, headers=headers)
        done = await app.submit(RotateWebhookSecret(endpoint_id=made.id), key="RotateWebhookSecret")
        assert done.replayed
        kept = await readable(store, await store.webhook_endpoints.get(PARTNER, made.id))
        assert (kept.secret, kept.previous_secret) == (done.answer.secret, made.secret)
        await app.submit(CreateWebhookEndpoint(url=URL), key="CreateWebhookEndpoint")
        assert len((await store.webhook_endpoints.list(PARTNER, PAGE)).items) == 2


async def test_what_a_service_did_not_finish_is_done_by_the_next(bus_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first one dies after the work, before its reply and the commit. The client gets the answer all the same."""
    store = MemoryStore(MEMORY)
    async with gateway(bus_url) as app:
        waiting = asyncio.create_task(app.as_caller(PARTNER).submit(CreateWebhookEndpoint(url=URL)))
        await asyncio.sleep(0.3)
        with monkeypatch.context() as dying:
            dying.setattr(ReplyProducer, "answer", _no_reply)
            dying.setattr(AIOKafkaConsumer, "commit", _no_commit)
            async with services(bus_url, MEMORY, store=store, roles=("transaction",), key_provider_url=KEYS):
                async with asyncio.timeout(30):
                    while not (await store.webhook_endpoints.list(PARTNER, PAGE)).items:  # noqa: ASYNC110 - no event
                        await asyncio.sleep(0.05)
        assert not waiting.done()
        async with services(bus_url, MEMORY, store=store, roles=("transaction",), key_provider_url=KEYS):
            made = await waiting
            assert made.replayed
            [stored] = (await store.webhook_endpoints.list(PARTNER, PAGE)).items
            assert await readable(store, stored) == made.answer


async def _no_reply(*_: object) -> None:
    return


async def _no_commit(*_: object) -> None:
    return


async def test_money_does_not_wait_for_a_webhook(bus_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    release = asyncio.Event()

    async def hanging(self: HttpSender, url: str) -> None:
        await release.wait()

    monkeypatch.setattr(HttpSender, "check", hanging)
    async with services(bus_url, MEMORY, store=MemoryStore(MEMORY)), gateway(bus_url) as app:
        await until_it_answers(app)
        wallet = await a_wallet(app)
        waiting = asyncio.create_task(app.execute(CreateWebhookEndpoint(url=URL)))
        await asyncio.sleep(0.3)
        async with asyncio.timeout(5):
            await app.execute(builders.deposit(wallet.id, "1"))
        release.set()
        assert (await waiting).url == URL
