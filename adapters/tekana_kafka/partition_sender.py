"""Messages of a run, partition by partition."""

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
"""The broker looked at what was sent, and will never take it."""

_partition_of: Final = DefaultPartitioner()  # as clients in other languages choose, too


class IndexedMessage(NamedTuple):
    """A message with its place in the run."""

    place: int
    message: Message


class PartitionSender:
    """What of a run goes to one partition, in order: a batch is sent when the one before it has arrived.

    So nothing overtakes a batch that fails. `waiting` is what has not arrived; `refused` is how many of these, the
    first ones, the broker refused as one batch, and `reason` why.
    """

    def __init__(self, topic: str, partition: int) -> None:
        self.waiting: deque[IndexedMessage] = deque()
        self.refused = 0
        self.reason = ""
        self._topic = topic
        self._partition = partition

    async def send(self, producer: AIOKafkaProducer, alone: set[int]) -> None:
        """Send all that waits, until the broker refuses a batch. Messages at the places `alone` get one of their own.

        Raises:
            KafkaError: the broker does not take it now.
        """
        while self.waiting:
            batch = producer.create_batch()
            size = 0
            for place, message in self.waiting:
                if size and place in alone:
                    break
                taken = batch.append(key=message.key, value=message.value, headers=message.headers, timestamp=None)
                if taken is None:
                    break
                size += 1
                if place in alone:
                    break
            batch.close()
            arrived = await producer.send_batch(batch, self._topic, partition=self._partition)
            try:
                await arrived
            except _REFUSALS as refusal:
                self.refused, self.reason = size, f"{type(refusal).__name__}: {refusal.description}"
                return
            for _ in range(size):
                self.waiting.popleft()

    def drop(self, key: bytes) -> None:
        """Send no more of what has this key."""
        self.waiting = deque(one for one in self.waiting if one.message.key != key)


async def partition_senders(
    messages: Iterable[IndexedMessage], address: Address, producer: AIOKafkaProducer
) -> list[PartitionSender]:
    """The lanes of these messages. Those of one key are in one lane, in their order.

    Raises:
        KafkaError: the broker does not tell which partitions there are.
    """
    partitions = {one: sorted(await producer.partitions_for(address.topic(one))) for one in AGGREGATES}
    by_partition: dict[tuple[str, int], PartitionSender] = {}
    for one in messages:
        topic = address.topic(one.message.aggregate)
        partition = _partition_of(one.message.key, partitions[one.message.aggregate], [])
        lane = by_partition.get((topic, partition))
        if lane is None:
            lane = by_partition[topic, partition] = PartitionSender(topic, partition)
        lane.waiting.append(one)
    return list(by_partition.values())
