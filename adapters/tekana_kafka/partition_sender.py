"""The sender of the messages of a run to one partition, in order."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Final, NamedTuple

from aiokafka import AIOKafkaProducer
from aiokafka.errors import (
    InvalidTimestampError,
    MessageSizeTooLargeError,
    PolicyViolationError,
    RecordListTooLargeError,
)
from aiokafka.partitioner import DefaultPartitioner

from tekana_kafka.address import AGGREGATES, Address
from tekana_kafka.cloud_events import Message

_REFUSALS: Final = (MessageSizeTooLargeError, RecordListTooLargeError, InvalidTimestampError, PolicyViolationError)
"""The errors with which the broker rejects a batch for good."""

_partition_of: Final = DefaultPartitioner()  # the same as in clients of other languages


class IndexedMessage(NamedTuple):
    """A message with its position in the run."""

    position: int
    message: Message


class PartitionSender:
    """Sends messages to one partition: each batch after the confirmation of the previous one, which keeps the order.

    `waiting` has the unconfirmed messages. If the broker rejected a batch, it had the first `refused` of them, and
    `reason` is why.
    """

    def __init__(self, topic: str, partition: int) -> None:
        self.waiting: deque[IndexedMessage] = deque()
        self.refused = 0
        self.reason = ""
        self._topic = topic
        self._partition = partition

    async def send(self, producer: AIOKafkaProducer, alone: set[int]) -> None:
        """Send all waiting messages, until the broker rejects a batch.

        Args:
            producer: the connected producer.
            alone: the positions of messages to send in batches of their own.

        Raises:
            KafkaError: the broker does not accept a batch now.
        """
        while self.waiting:
            batch = producer.create_batch()
            size = 0
            for position, message in self.waiting:
                if size and position in alone:
                    break
                added = batch.append(key=message.key, value=message.value, headers=message.headers, timestamp=None)
                if added is None:
                    break
                size += 1
                if position in alone:
                    break
            batch.close()
            confirmed = await producer.send_batch(batch, self._topic, partition=self._partition)
            try:
                await confirmed
            except _REFUSALS as refusal:
                self.refused, self.reason = size, f"{type(refusal).__name__}: {refusal.description}"
                return
            for _ in range(size):
                self.waiting.popleft()

    def drop(self, key: bytes) -> None:
        """Remove the waiting messages with this key."""
        self.waiting = deque(one for one in self.waiting if one.message.key != key)


async def partition_senders(
    messages: Iterable[IndexedMessage], address: Address, producer: AIOKafkaProducer
) -> list[PartitionSender]:
    """Build a sender for each partition of these messages. Messages with the same key are in one sender, in order.

    Raises:
        KafkaError: the partitions are unknown, as the broker does not answer.
    """
    partitions = {one: sorted(await producer.partitions_for(address.topic(one))) for one in AGGREGATES}
    by_partition: dict[tuple[str, int], PartitionSender] = {}
    for one in messages:
        topic = address.topic(one.message.aggregate)
        partition = _partition_of(one.message.key, partitions[one.message.aggregate], [])
        sender = by_partition.get((topic, partition))
        if sender is None:
            sender = by_partition[topic, partition] = PartitionSender(topic, partition)
        sender.waiting.append(one)
    return list(by_partition.values())
