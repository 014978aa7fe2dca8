"""Dead letters: messages that a consumer could not handle, on a topic of their own.

A dead letter is a copy of the message, with headers for the consumer group, the original partition and offset, and the
reason. When it is handled later, a message with the same headers and no value closes it. Letters of one partition are
in one partition of this topic, and a group commits the offset before its first open letter, so that a consumer reads
only the necessary part.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections import defaultdict
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from typing import Final, NamedTuple

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError

from tekana_kafka.address import Address
from tekana_kafka.cloud_events import Header
from tekana_kafka.log_limit import limited_logger

_log = limited_logger("tekana.consumer")

_GROUP: Final = "tekana_group"
_TOPIC: Final = "tekana_topic"
_PARTITION: Final = "tekana_partition"
_OFFSET: Final = "tekana_offset"
_REASON: Final = "tekana_reason"
_OURS: Final = frozenset({_GROUP, _TOPIC, _PARTITION, _OFFSET, _REASON})
_POLL_MS: Final = 200
_POLL_RECORDS_MAX: Final = 500


class ReceivedMessage(NamedTuple):
    """A message, with its partition and offset."""

    partition: TopicPartition
    offset: int
    key: bytes
    value: bytes | None
    headers: tuple[Header, ...]


class _Letter(NamedTuple):
    """A record of the topic: a dead letter, or one that closes it."""

    record: ConsumerRecord
    partition: TopicPartition
    offset: int

    @property
    def message(self) -> ReceivedMessage:
        """Return the original message."""
        headers = tuple(one for one in self.record.headers if one[0] not in _OURS)
        return ReceivedMessage(self.partition, self.offset, self.record.key or b"", self.record.value, headers)


class _ClosedLetters:
    """The offsets of closed letters, with eight bytes each."""

    def __init__(self) -> None:
        self._offsets: dict[TopicPartition, array[int]] = defaultdict(lambda: array("q"))

    def add(self, letter: _Letter) -> None:
        """Add a closed letter."""
        self._offsets[letter.partition].append(letter.offset)

    def sort(self) -> None:
        """Sort the offsets. Must be called after `add` and before `has`."""
        self._offsets = {one: array("q", sorted(offsets)) for one, offsets in self._offsets.items()}

    def has(self, letter: _Letter) -> bool:
        """Return whether the letter is closed."""
        offsets = self._offsets.get(letter.partition)
        if offsets is None:
            return False
        index = bisect_left(offsets, letter.offset)
        return index < len(offsets) and offsets[index] == letter.offset


class DeadLetters:
    """The dead letters of one consumer group. All methods may raise KafkaError."""

    def __init__(self, address: Address, group: str) -> None:
        self._address = address
        self._group = group
        self._producer: AIOKafkaProducer | None = None

    async def start(self) -> None:
        """Connect. The topic must exist."""
        producer = AIOKafkaProducer(
            **self._address.client_options(), acks="all", enable_idempotence=True, compression_type="lz4"
        )
        try:
            await producer.start()
        except BaseException:
            await producer.stop()
            raise
        self._producer = producer

    async def stop(self) -> None:
        """Disconnect."""
        producer, self._producer = self._producer, None
        if producer is not None:
            await producer.stop()

    async def add(self, message: ReceivedMessage, reason: str) -> None:
        """Send a message to the dead letters, and wait for the confirmation."""
        headers = [*message.headers, *self._coordinates(message), (_REASON, reason.encode(errors="replace"))]
        await self._send(message, message.value, headers)

    async def close(self, message: ReceivedMessage) -> None:
        """Close the dead letter of a message that was handled."""
        await self._send(message, None, self._coordinates(message))

    async def open_letters(self, partitions: Collection[TopicPartition]) -> AsyncIterator[ReceivedMessage]:
        """Yield the messages of open dead letters from these partitions, those of each key in order.

        The topic is read twice, the first time to find closed letters, so that only one poll is in memory. At the end,
        the group's offset is moved to its first open letter.
        """
        async with self._reader() as reader:
            numbers = await self._numbers()
            topic = [
                self._topic_partition(number) for number in sorted({self._number(one, numbers) for one in partitions})
            ]
            reader.assign(topic)
            starts = {one: await reader.position(one) for one in topic}
            ends = await reader.end_offsets(topic)
            closed = _ClosedLetters()
            async for letter in self._read(reader, ends):
                if letter.record.value is None:
                    closed.add(letter)
            closed.sort()
            for one, start in starts.items():
                reader.seek(one, start)
            first_open = dict(ends)
            async for letter in self._read(reader, ends):
                if letter.record.value is None or closed.has(letter):
                    continue
                source = self._topic_partition(letter.record.partition)
                first_open[source] = min(first_open[source], letter.record.offset)
                if letter.partition in partitions:
                    yield letter.message
            await self._commit(reader, {one: at for one, at in first_open.items() if at > starts[one]})

    async def _read(self, reader: AIOKafkaConsumer, ends: Mapping[TopicPartition, int]) -> AsyncIterator[_Letter]:
        """Yield the group's records from the reader's positions to these ends."""
        left = [one for one in ends if await reader.position(one) < ends[one]]
        while left:
            polled = await reader.getmany(*left, timeout_ms=_POLL_MS, max_records=_POLL_RECORDS_MAX)
            for partition, records in polled.items():
                for record in records:
                    letter = self._letter(record) if record.offset < ends[partition] else None
                    if letter is not None:
                        yield letter
            left = [one for one in left if await reader.position(one) < ends[one]]

    def _letter(self, record: ConsumerRecord) -> _Letter | None:
        """Parse a record of the topic; None if it is of another group, or malformed."""
        headers = dict(record.headers)
        if headers.get(_GROUP) != self._group.encode():
            return None
        try:
            partition = TopicPartition(headers[_TOPIC].decode(), int(headers[_PARTITION]))
            return _Letter(record, partition, int(headers[_OFFSET]))
        except (KeyError, ValueError):
            return None

    async def _commit(self, reader: AIOKafkaConsumer, offsets: Mapping[TopicPartition, int]) -> None:
        try:
            if offsets:
                await reader.commit(dict(offsets))
        except KafkaError as error:
            _log.warning("the offset of dead letters is not committed, more of them will be read again: %r", error)

    @asynccontextmanager
    async def _reader(self) -> AsyncIterator[AIOKafkaConsumer]:
        reader = AIOKafkaConsumer(
            **self._address.client_options(),
            group_id=f"{self._group}.dead-letters",
            enable_auto_commit=False,
            auto_offset_reset="earliest",
        )
        try:
            await reader.start()
            yield reader
        finally:
            await reader.stop()

    async def _numbers(self) -> list[int]:
        numbers: set[int] = await self._connected.partitions_for(self._address.dead_letters)
        return sorted(numbers)

    @staticmethod
    def _number(origin: TopicPartition, numbers: list[int]) -> int:
        """Return the number of the partition for letters from this one."""
        chosen: int = origin.partition % len(numbers)
        return numbers[chosen]

    def _topic_partition(self, number: int) -> TopicPartition:
        return TopicPartition(self._address.dead_letters, number)

    @property
    def _connected(self) -> AIOKafkaProducer:
        if self._producer is None:
            raise RuntimeError("not started")
        return self._producer

    async def _send(self, message: ReceivedMessage, value: bytes | None, headers: list[Header]) -> None:
        number = self._number(message.partition, await self._numbers())
        await self._connected.send_and_wait(
            self._address.dead_letters, value, key=message.key, partition=number, headers=headers
        )

    def _coordinates(self, message: ReceivedMessage) -> list[Header]:
        return [
            (_GROUP, self._group.encode()),
            (_TOPIC, message.partition.topic.encode()),
            (_PARTITION, b"%d" % message.partition.partition),
            (_OFFSET, b"%d" % message.offset),
        ]
