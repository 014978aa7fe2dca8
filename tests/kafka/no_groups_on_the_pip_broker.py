"""Lets a service work on the broker out of the wheel without joining a group, which takes that broker seconds.

For tests alone, and for one process per role: it is given all partitions at once. On Apache Kafka, groups are real.
"""

from __future__ import annotations

from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition

from tekana_kafka import service


class _TakesEverything(AIOKafkaConsumer):  # type: ignore[misc]
    def subscribe(self, topics: list[str], listener: Any = None) -> None:
        self.assign([TopicPartition(topic, one) for topic in topics for one in self.partitions_for_topic(topic)])


def install() -> None:
    """Have services take all partitions where they would join a group. No other consumers change."""
    service.AIOKafkaConsumer = _TakesEverything  # type: ignore[misc]
