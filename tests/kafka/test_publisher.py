"""KafkaPublisher on a real broker: what a message looks like, and what happens when the broker is away or says no."""

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
from tests.kafka.brokers import Broker, free_port
from tests.kafka.consumer import described, document_of, read

pytestmark = pytest.mark.kafka

MakePublisher = Callable[[str], KafkaPublisher]


@pytest.fixture
async def publisher_on(topic_prefix: str) -> AsyncIterator[MakePublisher]:
    """Makes publishers on topics of this test's own, and stops them."""
    made: list[KafkaPublisher] = []

    def make(address: str) -> KafkaPublisher:
        made.append(KafkaPublisher(f"kafka://{address}?topic_prefix={topic_prefix}&partitions=2"))
        return made[-1]

    yield make
    for one in made:
        await one.stop()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A broker that is away is not waited for as long as in life."""
    monkeypatch.setattr(publisher, "CONFIRM_TIMEOUT", 1.5)
    monkeypatch.setattr(publisher, "_REQUEST_TIMEOUT", 1.0)


@pytest.fixture(autouse=True)
def nothing_forgotten(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """asyncio logs the errors of tasks and futures that were not retrieved."""
    yield
    gc.collect()
    records = [*caplog.get_records("call"), *caplog.get_records("teardown")]
    assert [record.getMessage() for record in records if record.name == "asyncio"] == []


async def test_a_message(publisher_on: MakePublisher, kafka_address: str, topic_prefix: str) -> None:
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


async def test_topics_get_as_many_partitions_as_asked(
    publisher_on: MakePublisher, kafka_address: str, topic_prefix: str
) -> None:
    for _ in range(2):  # the second finds them there
        await publisher_on(kafka_address).start()
    topics = await described(kafka_address, topic_prefix)
    assert {one["topic"]: len(one["partitions"]) for one in topics} == {
        f"{topic_prefix}.{aggregate}": 2 for aggregate in ("customer", "wallet", "transaction")
    }


async def test_a_broker_that_is_not_there(publisher_on: MakePublisher, impatient: None) -> None:
    port = free_port()
    away = publisher_on(f"127.0.0.1:{port}")
    with pytest.raises(Unavailable, match=f"^Kafka at 127.0.0.1:{port} does not take events now: "):
        await away.start()
    with pytest.raises(Unavailable):
        await away.publish(sample_events())


async def test_a_broker_that_says_nothing(publisher_on: MakePublisher, impatient: None) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:  # connections are taken, and never read
        port = silent.getsockname()[1]
        with pytest.raises(Unavailable):
            await publisher_on(f"127.0.0.1:{port}").start()


async def test_a_broker_that_hangs(
    publisher_on: MakePublisher, kafka_broker: Broker, topic_prefix: str, impatient: None
) -> None:
    bus = publisher_on(kafka_broker.address)
    await bus.start()
    event = verified()
    with kafka_broker.hanging(), pytest.raises(Unavailable):
        await bus.publish([event])
    await bus.publish([event])
    assert event_id(event) in await arrived(kafka_broker.address, topic_prefix)


async def test_a_broker_that_goes_and_comes_back(
    publisher_on: MakePublisher, kafka_broker: Broker, topic_prefix: str, impatient: None
) -> None:
    """Whether the old producer's numbers mean anything to the new broker or not."""
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


async def test_a_restart_between_two_runs_may_cost_one_try(
    publisher_on: MakePublisher, kafka_broker: Broker, topic_prefix: str, impatient: None
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


async def test_cancelled_and_stopped_while_the_broker_is_away(
    publisher_on: MakePublisher, kafka_broker: Broker
) -> None:
    bus = publisher_on(kafka_broker.address)
    await bus.start()
    kafka_broker.kill()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.3):
            await bus.publish(sample_events())
    async with asyncio.timeout(publisher.CONFIRM_TIMEOUT):
        await bus.stop()


async def test_what_is_too_large_is_rejected_and_stops_no_other(
    publisher_on: MakePublisher, kafka_broker: Broker, topic_prefix: str
) -> None:
    """By a broker's own limit."""
    if not kafka_broker.durable:
        pytest.skip("not here: a broker that minds max.message.bytes")
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka_broker.address)
    await admin.start()
    small = {"max.message.bytes": "1000"}
    await admin.create_topics([NewTopic(f"{topic_prefix}.customer", 1, 1, topic_configs=small)])
    await admin.close()
    events = [verified(tier="x" * size) for size in (1, 1, 1)]
    large = verified(tier="".join(str(uuid7()) for _ in range(60)))  # which does not compress
    rejected = await publisher_on(kafka_broker.address).publish([*events, large, *events])
    assert [(one.event_index, "Size" in one.reason) for one in rejected] == [(3, True)]
    assert await arrived(kafka_broker.address, topic_prefix) == {event_id(event) for event in events}


class Picky(AIOKafkaProducer):  # type: ignore[misc]
    """Refuses every batch with "huge" in it, as a broker would."""

    def create_batch(self) -> Any:
        batch = super().create_batch()
        batch.values = []
        append = batch.append

        def noted(**message: Any) -> Any:
            done = append(**message)
            if done is not None:
                batch.values.append(message["value"])
            return done

        batch.append = noted
        return batch

    async def send_batch(self, batch: Any, topic: str, *, partition: int) -> Any:
        if any(b"huge" in value for value in batch.values):
            refused = asyncio.get_running_loop().create_future()
            refused.set_exception(MessageSizeTooLargeError())
            return refused
        return await super().send_batch(batch, topic, partition=partition)


async def test_refused_batches_are_taken_apart_in_order(
    publisher_on: MakePublisher, kafka_address: str, topic_prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publisher, "AIOKafkaProducer", Picky)
    monkeypatch.setattr(publisher, "_BATCH_BYTES", 2000)  # several to a partition
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
        ]  # the rest would overtake it
        assert [one.id for one in found if one.aggregate_id == customer] == sent


@pytest.mark.parametrize("error", [UnknownProducerId, OutOfOrderSequenceNumber, ProducerFenced])
async def test_a_producer_that_the_broker_knows_no_more_is_replaced(
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
    """An event of a customer, with text of any length in it."""
    return CustomerVerified(
        customer_id=customer_id or CustomerId(uuid7()), sequence=sequence, occurred_at=FrozenClock()(), tier=tier
    )


async def arrived(address: str, topic_prefix: str) -> set[str]:
    """The ids of the events on the bus."""
    return {header(record, "ce_id") for record in await read(address, topic_prefix)}


def header(record: ConsumerRecord, name: str) -> str:
    """A header's text."""
    [value] = [value for one, value in record.headers if one == name]
    text: str = value.decode()
    return text
