"""Every publisher keeps the contract, on a real broker where there is one."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

import pytest

from tekana.application.event_payload import EventPayload, event_payload
from tekana.testing.contracts import PublisherContract
from tekana_kafka import KafkaPublisher
from tekana_memory import MemoryPublisher
from tests.kafka.consumer import document_of, read


class TestMemoryPublisher(PublisherContract):
    @pytest.fixture
    def publisher(self) -> MemoryPublisher:
        return MemoryPublisher()

    async def arrived(self, publisher: MemoryPublisher, number: int) -> Sequence[EventPayload]:
        return [event_payload(one) for one in publisher.published]


@pytest.mark.kafka
class TestKafkaPublisher(PublisherContract):
    @pytest.fixture
    async def publisher(self, kafka_address: str, topic_prefix: str) -> AsyncIterator[KafkaPublisher]:
        self.address, self.prefix = kafka_address, topic_prefix
        publisher = KafkaPublisher(f"kafka://{kafka_address}?topic_prefix={topic_prefix}&partitions=3")
        yield publisher
        await publisher.stop()

    async def arrived(self, publisher: KafkaPublisher, number: int) -> Sequence[EventPayload]:
        return [document_of(record) for record in await read(self.address, self.prefix)]
