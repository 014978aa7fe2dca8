"""Messages that a consumer could not deal with, on a topic of their own.

A letter is the message as it came, with who set it aside, where it was and why in headers more. When it is dealt with
after all, a message with the same headers and no value takes it back. So the topic itself tells what is still open.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final, NamedTuple

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord, TopicPartition

from tekana_kafka.address import Address
from tekana_kafka.cloud_events import Header

_GROUP: Final = "tekana_group"
_TOPIC: Final = "tekana_topic"
_PARTITION: Final = "tekana_partition"
_OFFSET: Final = "tekana_offset"
_REASON: Final = "tekana_reason"
_OURS: Final = frozenset({_GROUP, _TOPIC, _PARTITION, _OFFSET, _REASON})
_WAIT_MS: Final = 200


class Received(NamedTuple):
    """A message, and where it was."""

    partition: TopicPartition
    offset: int
    key: bytes
    value: bytes | None
    headers: tuple[Header, ...]


class DeadLetters:
    """Those of one group of consumers. What fails raises KafkaError."""

    def __init__(self, address: Address, group: str) -> None:
        self._address = address
        self._group = group
        self._producer: AIOKafkaProducer | None = None

    async def start(self) -> None:
        """Connect. The topic has to be there."""
        producer = AIOKafkaProducer(
            bootstrap_servers=list(self._address.servers), acks="all", enable_idempotence=True, compression_type="lz4"
        )
        try:
            await producer.start()
        except BaseException:
            await producer.stop()
            raise
        self._producer = producer

    async def stop(self) -> None:
        """Let go of the connections."""
        producer, self._producer = self._producer, None
        if producer is not None:
            await producer.stop()

    async def add(self, message: Received, reason: str) -> None:
        """Set a message aside; it is confirmed when this returns."""
        await self._send(message, message.value, [*message.headers, *self._where(message), (_REASON, reason.encode())])

    async def take_back(self, message: Received) -> None:
        """It was dealt with."""
        await self._send(message, None, self._where(message))

    async def waiting(self, partitions: Collection[TopicPartition]) -> Sequence[Received]:
        """What came from these partitions and is not dealt with, each key's in order."""
        found: dict[tuple[TopicPartition, int], Received] = {}
        for record in await self._all():
            said = dict(record.headers)
            origin = TopicPartition(said[_TOPIC].decode(), int(said[_PARTITION]))
            if said[_GROUP].decode() != self._group or origin not in partitions:
                continue
            place = origin, int(said[_OFFSET])
            if record.value is None:
                found.pop(place, None)
            else:
                headers = tuple(one for one in record.headers if one[0] not in _OURS)
                found.setdefault(place, Received(*place, record.key or b"", record.value, headers))
        return list(found.values())

    async def _all(self) -> Sequence[ConsumerRecord]:
        reader = AIOKafkaConsumer(bootstrap_servers=list(self._address.servers), auto_offset_reset="earliest")
        try:
            await reader.start()
            numbers = await self._connected.partitions_for(self._address.dead_letters)
            topic = [TopicPartition(self._address.dead_letters, number) for number in sorted(numbers)]
            reader.assign(topic)
            ends = await reader.end_offsets(topic)
            found: list[ConsumerRecord] = []
            left = [one for one in topic if ends[one]]
            while left:
                for records in (await reader.getmany(timeout_ms=_WAIT_MS)).values():
                    found += records
                left = [one for one in left if await reader.position(one) < ends[one]]
            return found
        finally:
            await reader.stop()

    @property
    def _connected(self) -> AIOKafkaProducer:
        if self._producer is None:
            raise RuntimeError("not started")
        return self._producer

    async def _send(self, message: Received, value: bytes | None, headers: list[Header]) -> None:
        topic = self._address.dead_letters
        await self._connected.send_and_wait(topic, value, key=message.key, headers=headers)

    def _where(self, message: Received) -> list[Header]:
        return [
            (_GROUP, self._group.encode()),
            (_TOPIC, message.partition.topic.encode()),
            (_PARTITION, b"%d" % message.partition.partition),
            (_OFFSET, b"%d" % message.offset),
        ]
