"""Compare the messages on the bus with the outbox."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator
from typing import NamedTuple

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

from tekana.domain.events import event_id
from tekana_kafka.address import parse_address
from tekana_postgres import PostgresStore

_RUN = 6000  # events read at once


class Tally(NamedTuple):
    """What a consumer reads on the topics, compared with the outbox."""

    events: int
    messages: int
    lost: int
    without_cause: int
    out_of_order: int
    duplicates: int

    @property
    def sound(self) -> bool:
        """Whether the delivery guarantees hold. Duplicates are allowed."""
        return not (self.lost or self.without_cause or self.out_of_order)


async def check(database_url: str, bus_url: str) -> Tally:
    """Read the whole outbox and all topics, and compare them."""
    expected = {one async for one in _outbox_events(database_url)}
    last: dict[str, int] = defaultdict(int)
    arrived = set()
    messages = duplicates = out_of_order = 0
    async for record in _messages(bus_url):
        messages += 1
        headers = dict(record.headers)
        aggregate, sequence = headers["ce_subject"].decode(), int(headers["ce_sequence"])
        if sequence <= last[aggregate]:
            duplicates += 1
            continue
        out_of_order += sequence != last[aggregate] + 1
        last[aggregate] = sequence
        arrived.add(headers["ce_id"].decode())
    lost, without_cause = len(expected - arrived), len(arrived - expected)
    return Tally(len(expected), messages, lost, without_cause, out_of_order, duplicates)


async def _outbox_events(database_url: str) -> AsyncIterator[str]:
    store = PostgresStore(database_url)
    outbox, cursor = store.outbox("check"), None
    while run := await outbox.read(cursor, _RUN):
        for fed in run:
            yield event_id(fed.event)
        cursor = run[-1].cursor
    await store.stop()


async def _messages(bus_url: str) -> AsyncIterator[ConsumerRecord]:
    address = parse_address(bus_url)
    consumer = AIOKafkaConsumer(**address.client_options(), auto_offset_reset="earliest")
    await consumer.start()
    try:
        partitions = [TopicPartition(topic, number) for topic in address.topics for number in range(address.partitions)]
        consumer.assign(partitions)
        ends = await consumer.end_offsets(partitions)
        left = [one for one in partitions if ends[one]]
        while left:
            for records in (await consumer.getmany(timeout_ms=500)).values():
                for record in records:
                    yield record
            left = [one for one in left if await consumer.position(one) < ends[one]]
    finally:
        await consumer.stop()
