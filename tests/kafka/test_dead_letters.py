"""Dead letters on a real broker: a group reads its own letters once, with bounded memory."""

from __future__ import annotations

import os
import time
import tracemalloc
from collections.abc import AsyncIterator

import pytest
from aiokafka import AIOKafkaProducer, TopicPartition

from tekana_kafka import dead_letters
from tekana_kafka.address import Address
from tekana_kafka.dead_letters import DeadLetters, ReceivedMessage
from tekana_kafka.topics import create_missing_topics

pytestmark = pytest.mark.kafka

MANY = int(os.environ.get("TEKANA_TEST_DEAD_LETTERS", "4000"))
"""The number of letters on the topic, of other groups and of this one."""


@pytest.fixture
def address(kafka_address: str, topic_prefix: str) -> Address:
    return Address((kafka_address,), topic_prefix, 3)


@pytest.fixture
async def letters(address: Address) -> AsyncIterator[DeadLetters]:
    await create_missing_topics(address, 5, dead_letters=True)
    letters = DeadLetters(address, "mine")
    await letters.start()
    yield letters
    await letters.stop()


def message(address: Address, partition: int, offset: int, topic: str = "wallet") -> ReceivedMessage:
    origin = TopicPartition(f"{address.topic_prefix}.{topic}", partition)
    return ReceivedMessage(origin, offset, b"k%d" % (offset % 7), b"value", (("ce_id", b"%d" % offset),))


async def open_of(letters: DeadLetters, *partitions: TopicPartition) -> list[ReceivedMessage]:
    return [one async for one in letters.open_letters(frozenset(partitions))]


async def test_open_letters_are_returned_in_order(address: Address, letters: DeadLetters) -> None:
    mine = [message(address, 1, offset) for offset in range(20)]
    for one in mine:
        await letters.add(one, "a reason \ud800 with a lone surrogate")
    await letters.add(message(address, 1, 3, "transaction"), "another topic's, in the same partition")
    await letters.add(message(address, 2, 3), "another partition's")
    for one in mine[::2]:
        await letters.close(one)
    here = mine[0].partition
    for _ in range(2):
        assert await open_of(letters, here) == mine[1::2]
    for one in mine[1::2]:
        await letters.close(one)
    assert await open_of(letters, here) == []
    topics = [f"{address.topic_prefix}.{one}" for one in ("wallet", "transaction")]
    everywhere = [TopicPartition(topic, number) for topic in topics for number in (1, 2)]
    assert {(one.partition, one.offset) for one in await open_of(letters, *everywhere)} == {
        (TopicPartition(f"{address.topic_prefix}.transaction", 1), 3),
        (TopicPartition(f"{address.topic_prefix}.wallet", 2), 3),
    }


async def test_foreign_messages_on_the_topic_are_skipped(
    address: Address, letters: DeadLetters, kafka_address: str
) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=kafka_address)
    await producer.start()
    for headers in ([], [("tekana_group", b"mine")], [("tekana_group", b"mine"), ("tekana_topic", b"\xff")]):
        await producer.send_and_wait(address.dead_letters, b"x", partition=1, headers=headers)
    await producer.stop()
    one = message(address, 1, 5)
    await letters.add(one, "a reason")
    assert await open_of(letters, one.partition) == [one]


async def test_many_letters_are_read_once_with_bounded_memory(
    address: Address, letters: DeadLetters, kafka_address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Many letters of this group and of another one, handled after a restart."""
    other = DeadLetters(address, "another group")
    producer = AIOKafkaProducer(bootstrap_servers=kafka_address, linger_ms=5, compression_type="lz4")
    await producer.start()
    sent = []
    for number in range(MANY):
        one, group = message(address, 0, number), letters if number % 2 else other
        headers = [*one.headers, *group._coordinates(one)]
        sent.append(await producer.send(address.dead_letters, b"v" * 300, one.key, partition=0, headers=headers))
        if len(sent) == 10_000:
            await sent[-1]
            sent.clear()
    await _end(producer, address)
    polled = 0
    read = dead_letters.DeadLetters._letter

    def counted(self: DeadLetters, record: object) -> object:
        nonlocal polled
        polled += 1
        return read(self, record)

    monkeypatch.setattr(DeadLetters, "_letter", counted)
    here = TopicPartition(f"{address.topic_prefix}.wallet", 0)
    tracemalloc.start()
    began = time.perf_counter()
    found = 0
    async for one in letters.open_letters({here}):
        found += 1
        headers = letters._coordinates(one)
        await producer.send(address.dead_letters, None, one.key, partition=0, headers=headers)
    took, (_, peak) = time.perf_counter() - began, tracemalloc.get_traced_memory()
    await _end(producer, address)
    assert found == MANY // 2
    assert polled == 2 * (MANY + 1)
    print(f"{MANY} letters: {took:.1f} s, at most {peak / 2**20:.0f} MiB")
    assert peak < 64 * 2**20
    assert await open_of(letters, here) == []  # commits the offset after all of them
    tracemalloc.stop()
    polled = 0
    assert await open_of(letters, here) == []
    assert polled == 0
    await producer.stop()
    await other.stop()


async def _end(producer: AIOKafkaProducer, address: Address) -> None:
    """Flush the producer, then send a single message, as the broker from the wheel counts the last batch as one."""
    await producer.flush()
    await producer.send_and_wait(address.dead_letters, b"x", partition=0)
