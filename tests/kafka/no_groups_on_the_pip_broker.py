"""Lets a service work on the broker out of the wheel without joining a group, which takes that broker seconds.

For tests alone, and for one process per role: it is given all partitions at once. On Apache Kafka, groups are real.
"""

from __future__ import annotations

from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition


def _take_everything(consumer: AIOKafkaConsumer, topics: list[str], listener: Any = None) -> None:
    consumer.assign([TopicPartition(topic, one) for topic in topics for one in consumer.partitions_for_topic(topic)])


def install() -> None:
    """Have consumers take all partitions where they would join a group."""
    AIOKafkaConsumer.subscribe = _take_everything
