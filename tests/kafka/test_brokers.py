"""The brokers of the tests: they start, restart on the same port, and keep confirmed messages if they claim to."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from tests.kafka.brokers import Broker, PipBroker, answers

pytestmark = pytest.mark.kafka


async def test_a_message_is_delivered(kafka_address: str, topic_prefix: str) -> None:
    await _create(kafka_address, topic_prefix)
    await _send(kafka_address, topic_prefix, b"one")
    await _send(kafka_address, topic_prefix, b"two")
    assert await _read(kafka_address, topic_prefix) == [b"one", b"two"]


@pytest.mark.parametrize("end", [Broker.stop, Broker.kill])
async def test_a_broker_restarts_on_the_same_port(
    kafka_broker: Broker, topic_prefix: str, end: Callable[[Broker], None]
) -> None:
    address = kafka_broker.address
    await _create(address, topic_prefix)
    await _send(address, topic_prefix, b"one")
    end(kafka_broker)
    assert not answers(kafka_broker.port)
    kafka_broker.start()
    assert kafka_broker.address == address
    if not kafka_broker.durable:
        await _create(address, topic_prefix)
    await _send(address, topic_prefix, b"two")
    assert await _read(address, topic_prefix) == ([b"one", b"two"] if kafka_broker.durable else [b"two"])


def test_remove_deletes_processes_and_files() -> None:
    broker = PipBroker()
    broker.start()
    assert answers(broker.port)
    broker.remove()
    assert not broker.folder.exists()
    assert not answers(broker.port)


def test_a_broker_that_does_not_start_reports_its_output(monkeypatch: pytest.MonkeyPatch) -> None:
    broker = PipBroker()
    monkeypatch.setattr(broker, "command", lambda: ["sh", "-c", "echo no room; exit 1"])
    with pytest.raises(RuntimeError, match="no room"):
        broker.start()
    broker.remove()


async def _create(address: str, topic: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=address)
    await admin.start()
    try:
        done = await admin.create_topics([NewTopic(topic, num_partitions=1, replication_factor=1)])
        assert [error for _, error, *_ in done.topic_errors] == [0]
    finally:
        await admin.close()


async def _send(address: str, topic: str, value: bytes) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=address, acks="all", enable_idempotence=True)
    await producer.start()
    try:
        await producer.send_and_wait(topic, value)
    finally:
        await producer.stop()


async def _read(address: str, topic: str) -> list[bytes]:
    """Read all messages of the only partition."""
    consumer = AIOKafkaConsumer(bootstrap_servers=address, auto_offset_reset="earliest")
    await consumer.start()
    try:
        partition = TopicPartition(topic, 0)
        consumer.assign([partition])
        end = (await consumer.end_offsets([partition]))[partition]
        return [(await consumer.getone()).value for _ in range(end)]
    finally:
        await consumer.stop()
