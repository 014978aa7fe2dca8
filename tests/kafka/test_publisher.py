"""KafkaPublisher on a real broker: the format of messages, and outages and rejections of the broker."""

from __future__ import annotations

import asyncio
import gc
import json
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from itertools import takewhile
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer, ConsumerRecord
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import MessageSizeTooLargeError, OutOfOrderSequenceNumber, ProducerFenced, UnknownProducerId
from uuid_utils.compat import uuid7

from tekana.domain.errors import Unavailable
from tekana.domain.events import CustomerVerified, event_id
from tekana.domain.identifiers import CustomerId
from tekana.testing.clock import FrozenClock
from tekana.testing.sample_events import ALINES_WALLET, sample_events
from tekana_kafka import KafkaPublisher, publisher
from tests.kafka.brokers import Broker
from tests.kafka.consumer import describe_topics, document_of, read
from tests.serving import free_port

pytestmark = pytest.mark.kafka

MakePublisher = Callable[[str], KafkaPublisher]


@pytest.fixture
async def publisher_on(topic_prefix: str) -> AsyncIterator[MakePublisher]:
    """Create publishers on the topics of this test, and stop them."""
    made: list[KafkaPublisher] = []

    def make(address: str) -> KafkaPublisher:
        made.append(KafkaPublisher(f"kafka://{address}?topic_prefix={topic_prefix}&partitions=2"))
        return made[-1]

    yield make
    for one in made:
        await one.stop()


@pytest.fixture
def short_timeouts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shorten the timeouts for an unavailable broker."""
    monkeypatch.setattr(publisher, "CONFIRM_TIMEOUT", 1.5)
    monkeypatch.setattr(publisher, "_REQUEST_TIMEOUT", 1.0)


@pytest.fixture(autouse=True)
def assert_no_unretrieved_errors(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Assert that asyncio logged no unretrieved exception of a task or future."""
    yield
    gc.collect()
    records = [*caplog.get_records("call"), *caplog.get_records("teardown")]
    assert [record.getMessage() for record in records if record.name == "asyncio"] == []


async def test_a_message_has_the_documented_format(
    publisher_on: MakePublisher, kafka_address: str, topic_prefix: str
) -> None:
    await publisher_on(kafka_address).publish(sample_events())
    records = await read(kafka_address, topic_prefix)
    [record] = [one for one in records if header(one, "ce_type") == "WalletCredited"]
    assert record.topic == f"{topic_prefix}.wallet"
    assert record.key.decode() == str(ALINES_WALLET)
    assert {name: value.decode() for name, value in record.headers} == {
        "ce_specversion": "1.0",
        "ce_id": f"{ALINES_WALLET}:2",
        "ce_type": "WalletCredited",
        "ce_source": "/tekana",
        "ce_time": "2026-01-31T12:06:00.002502Z",
        "ce_subject": str(ALINES_WALLET),
        "ce_sequence": "0000000000000000002",
        "ce_tenant": "main",
        "content-type": "application/json",
    }
    assert json.loads(record.value) == {
        "transaction_id": "019c13bd-9e20-7000-8000-00000c4f1a04",
        "transaction_type": "deposit",
        "version": 1,
        "amount": "10000",
        "currency": "RWF",
        "ledger_balance_after": "10000",
    }


async def test_topics_are_created_with_the_configured_partitions(
    publisher_on: MakePublisher, kafka_address: str, topic_prefix: str
) -> None:
    for _ in range(2):  # the second publisher finds existing topics
        await publisher_on(kafka_address).start()
    topics = await describe_topics(kafka_address, topic_prefix)
    assert {one["topic"]: len(one["partitions"]) for one in topics} == {
        f"{topic_prefix}.{aggregate}": 2 for aggregate in ("customer", "wallet", "transaction", "approval")
    }


async def test_a_closed_port_is_unavailable(publisher_on: MakePublisher, short_timeouts: None) -> None:
    port = free_port()
    away = publisher_on(f"127.0.0.1:{port}")
    with pytest.raises(Unavailable, match=f"^Kafka at 127.0.0.1:{port} does not take events now: "):
        await away.start()
    with pytest.raises(Unavailable):
        await away.publish(sample_events())


async def test_a_server_without_responses_is_unavailable(publisher_on: MakePublisher, short_timeouts: None) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:  # connections are accepted, and never read
        port = silent.getsockname()[1]
        with pytest.raises(Unavailable):
            await publisher_on(f"127.0.0.1:{port}").start()


async def test_a_suspended_broker_is_unavailable(
    publisher_on: MakePublisher, kafka_broker: Broker, topic_prefix: str, short_timeouts: None
) -> None:
    bus = publisher_on(kafka_broker.address)
    await bus.start()
    event = verified()
    with kafka_broker.suspended(), pytest.raises(Unavailable):
        await bus.publish([event])
    await bus.publish([event])
    assert event_id(event) in await arrived(kafka_broker.address, topic_prefix)


async def test_publishing_resumes_after_a_restart_of_the_broker(
    publisher_on: MakePublisher, kafka_broker: Broker, topic_prefix: str, short_timeouts: None
) -> None:
    """Whether the broker still knows the producer's id or not."""
    bus = publisher_on(kafka_broker.address)
    one, two, three = verified(), verified(), verified()
    await bus.publish([one])
    kafka_broker.kill()
    with pytest.raises(Unavailable):
        await bus.publish([two])
    with pytest.raises(Unavailable):
        await bus.publish([two])
    kafka_broker.start()
    await bus.publish([two])
    await bus.publish([three])
    expected = [one, two, three] if kafka_broker.durable else [two, three]
    assert await arrived(kafka_broker.address, topic_prefix) == {event_id(event) for event in expected}


async def test_a_restart_between_runs_fails_at_most_one_attempt(
    publisher_on: MakePublisher, kafka_broker: Broker, topic_prefix: str, short_timeouts: None
) -> None:
    bus = publisher_on(kafka_broker.address)
    await bus.publish([verified()])
    kafka_broker.kill()
    kafka_broker.start()
    event = verified()
    for _ in range(100):
        try:
            await bus.publish([event])
            break
        except Unavailable:
            continue
    assert event_id(event) in await arrived(kafka_broker.address, topic_prefix)


async def test_cancelling_and_stopping_work_during_an_outage(publisher_on: MakePublisher, kafka_broker: Broker) -> None:
    bus = publisher_on(kafka_broker.address)
    await bus.start()
    kafka_broker.kill()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.3):
            await bus.publish(sample_events())
    async with asyncio.timeout(publisher.CONFIRM_TIMEOUT):
        await bus.stop()


async def test_a_too_large_event_is_rejected_and_others_are_sent(
    publisher_on: MakePublisher, kafka_broker: Broker, topic_prefix: str
) -> None:
    """With the broker's own limit."""
    if not kafka_broker.durable:
        pytest.skip("not here: a broker that enforces max.message.bytes")
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka_broker.address)
    await admin.start()
    small = {"max.message.bytes": "1000"}
    await admin.create_topics([NewTopic(f"{topic_prefix}.customer", 1, 1, topic_configs=small)])
    await admin.close()
    events = [verified(tier="x" * size) for size in (1, 1, 1)]
    large = verified(tier="".join(str(uuid7()) for _ in range(60)))  # random text, which does not compress
    rejected = await publisher_on(kafka_broker.address).publish([*events, large, *events])
    assert [(one.event_index, "Size" in one.reason) for one in rejected] == [(3, True)]
    assert await arrived(kafka_broker.address, topic_prefix) == {event_id(event) for event in events}


class RejectingProducer(AIOKafkaProducer):  # type: ignore[misc]
    """Rejects every batch that contains "huge", as a broker does."""

    def create_batch(self) -> Any:
        batch = super().create_batch()
        batch.values = []
        append = batch.append

        def append_and_record(**message: Any) -> Any:
            done = append(**message)
            if done is not None:
                batch.values.append(message["value"])
            return done

        batch.append = append_and_record
        return batch

    async def send_batch(self, batch: Any, topic: str, *, partition: int) -> Any:
        if any(b"huge" in value for value in batch.values):
            refused = asyncio.get_running_loop().create_future()
            refused.set_exception(MessageSizeTooLargeError())
            return refused
        return await super().send_batch(batch, topic, partition=partition)


async def test_rejected_batches_are_split_in_order(
    publisher_on: MakePublisher, kafka_address: str, topic_prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publisher, "AIOKafkaProducer", RejectingProducer)
    monkeypatch.setattr(publisher, "_BATCH_BYTES", 2000)  # several batches per partition
    customers = [CustomerId(uuid7()) for _ in range(5)]
    events = [
        verified(customers[place % 5], sequence=place // 5 + 1, tier="huge" if place in (7, 8, 61) else "full")
        for place in range(100)
    ]
    rejected = await publisher_on(kafka_address).publish(events)
    assert [one.event_index for one in rejected] == [7, 8, 61]
    assert "MessageSizeTooLarge" in rejected[0].reason
    found = [document_of(record) for record in await read(kafka_address, topic_prefix)]
    for customer in customers:
        theirs = [one for one in events if one.customer_id == customer]
        sent = [
            event_id(one) for one in takewhile(lambda one: one.tier != "huge", theirs)
        ]  # the later ones would overtake it
        assert [one.id for one in found if one.aggregate_id == customer] == sent


@pytest.mark.parametrize("error", [UnknownProducerId, OutOfOrderSequenceNumber, ProducerFenced])
async def test_a_producer_with_an_expired_id_is_replaced(
    error: type[Exception],
    publisher_on: MakePublisher,
    kafka_address: str,
    topic_prefix: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made: list[AIOKafkaProducer] = []

    class Forgotten(AIOKafkaProducer):  # type: ignore[misc]
        async def start(self) -> None:
            made.append(self)
            await super().start()

        async def send_batch(self, *arguments: Any, **named: Any) -> Any:
            if len(made) > 1:
                return await super().send_batch(*arguments, **named)
            raise error()

    monkeypatch.setattr(publisher, "AIOKafkaProducer", Forgotten)
    bus, event = publisher_on(kafka_address), verified()
    with pytest.raises(Unavailable):
        await bus.publish([event])
    assert await bus.publish([event]) == []
    assert len(made) == 2
    assert await arrived(kafka_address, topic_prefix) == {event_id(event)}


def verified(customer_id: CustomerId | None = None, sequence: int = 1, tier: str = "full") -> CustomerVerified:
    """Return an event of a customer, with text of any length."""
    return CustomerVerified(
        customer_id=customer_id or CustomerId(uuid7()), sequence=sequence, occurred_at=FrozenClock()(), tier=tier
    )


async def arrived(address: str, topic_prefix: str) -> set[str]:
    """Return the ids of the events on the bus."""
    return {header(record, "ce_id") for record in await read(address, topic_prefix)}


def header(record: ConsumerRecord, name: str) -> str:
    """Return the text of a header."""
    [value] = [value for one, value in record.headers if one == name]
    text: str = value.decode()
    return text
