"""The topics read with librdkafka, on which the clients of most languages are based."""

from __future__ import annotations

import time

import msgspec
import pytest
from confluent_kafka import OFFSET_BEGINNING, Consumer, Message, TopicPartition

from tekana.domain.events import aggregate_id, event_id
from tekana.testing.sample_events import sample_events
from tekana_kafka import KafkaPublisher
from tekana_kafka.cloud_events import event_of

pytestmark = pytest.mark.kafka

PATIENCE = 60.0


def read_with_librdkafka(address: str, prefix: str, number: int) -> list[Message]:
    consumer = Consumer({"bootstrap.servers": address, "group.id": "another client", "enable.auto.commit": False})
    try:
        topics = [one for name, one in consumer.list_topics(timeout=PATIENCE).topics.items() if name.startswith(prefix)]
        consumer.assign(
            [TopicPartition(one.topic, each, OFFSET_BEGINNING) for one in topics for each in one.partitions]
        )
        found: list[Message] = []
        end = time.monotonic() + PATIENCE
        while len(found) < number and time.monotonic() < end:
            message = consumer.poll(1.0)
            if message is not None:
                assert message.error() is None
                found.append(message)
        assert consumer.poll(0.5) is None
        return found
    finally:
        consumer.close()


async def test_librdkafka_reads_what_was_published(kafka_address: str, topic_prefix: str) -> None:
    publisher = KafkaPublisher(f"kafka://{kafka_address}?topic_prefix={topic_prefix}&partitions=3")
    events = sample_events()
    await publisher.publish(events)
    await publisher.stop()
    messages = read_with_librdkafka(kafka_address, topic_prefix, len(events))
    by_id = {dict(one.headers())["ce_id"].decode(): one for one in messages}
    assert len(messages) == len(by_id)
    for event in events:
        message = by_id[event_id(event)]
        assert message.topic() == f"{topic_prefix}.{event.aggregate}"
        assert message.key().decode() == str(aggregate_id(event))
        assert isinstance(msgspec.json.decode(message.value()), dict)
        assert event_of(message.value(), message.headers()) == event
    for one in {aggregate_id(event) for event in events}:
        mine = [message for message in messages if message.key().decode() == str(one)]
        assert [event_id(event) for event in events if aggregate_id(event) == one] == [
            dict(message.headers())["ce_id"].decode() for message in mine
        ]
