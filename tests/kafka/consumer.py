"""A consumer of the topics that knows only Kafka and CloudEvents."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from tekana.application.event_payload import EventPayload

AGGREGATES = ("customer", "wallet", "transaction", "approval")


async def read(address: str, topic_prefix: str) -> Sequence[ConsumerRecord]:
    """Read all messages of the topics, each partition in order."""
    partitions = [
        TopicPartition(topic["topic"], one["partition"])
        for topic in await describe_topics(address, topic_prefix)
        for one in topic["partitions"]
    ]
    consumer = AIOKafkaConsumer(bootstrap_servers=address, auto_offset_reset="earliest")
    await consumer.start()
    try:
        consumer.assign(partitions)
        ends = await consumer.end_offsets(partitions)
        found: list[ConsumerRecord] = []
        while len(found) < sum(ends.values()):
            for records in (await consumer.getmany(timeout_ms=1000)).values():
                found += records
        return found
    finally:
        await consumer.stop()


async def describe_topics(address: str, topic_prefix: str) -> Sequence[dict[str, Any]]:
    """Return the broker's description of the topics with this prefix."""
    admin = AIOKafkaAdminClient(bootstrap_servers=address)
    await admin.start()
    try:
        topics = [one for one in await admin.list_topics() if one.startswith(f"{topic_prefix}.")]
        found: Sequence[dict[str, Any]] = await admin.describe_topics(topics)
        return found
    finally:
        await admin.close()


def document_of(record: ConsumerRecord) -> EventPayload:
    """Parse the message."""
    headers = {name: value.decode() for name, value in record.headers}
    assert headers["ce_subject"] == record.key.decode()
    aggregate = record.topic.rpartition(".")[2]
    assert aggregate in AGGREGATES
    return EventPayload(
        id=headers["ce_id"],
        type=headers["ce_type"],
        aggregate=aggregate,  # type: ignore[arg-type]
        aggregate_id=UUID(headers["ce_subject"]),
        sequence=int(headers["ce_sequence"]),
        occurred_at=datetime.fromisoformat(headers["ce_time"]),
        data=json.loads(record.value),
    )
