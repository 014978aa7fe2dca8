"""Make a service work on the broker from the wheel without joining a consumer group, which takes that broker seconds.

For tests only, and for one process per role: it is assigned all partitions. On Apache Kafka, real groups are used.
"""

from __future__ import annotations

from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition

from tekana_kafka import service


class _TakesEverything(AIOKafkaConsumer):  # type: ignore[misc]
    def subscribe(self, topics: list[str], listener: Any = None) -> None:
        self.assign([TopicPartition(topic, one) for topic in topics for one in self.partitions_for_topic(topic)])


def install() -> None:
    """Assign all partitions to services instead of joining a group. Other consumers are unchanged."""
    service.AIOKafkaConsumer = _TakesEverything  # type: ignore[misc]
