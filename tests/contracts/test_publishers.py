"""Every publisher fulfils the contract; KafkaPublisher does so on a real broker."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from tekana.application.event_payload import EventPayload, event_payload
from tekana.domain.events import Event, WalletFrozen
from tekana.testing.contracts import PublisherContract, PublisherFailuresContract
from tekana_kafka import KafkaPublisher
from tekana_kafka import publisher as kafka_publisher
from tekana_memory import MemoryPublisher
from tests.kafka.brokers import Broker
from tests.kafka.consumer import document_of, read
from tests.kafka.topology import REAL


class TestMemoryPublisher(PublisherContract):
    encoded = False

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

    async def bodies(self, publisher: KafkaPublisher, number: int) -> Sequence[bytes]:
        return [record.value for record in await read(self.address, self.prefix)]


@pytest.mark.kafka
class TestKafkaPublisherFailures(PublisherFailuresContract):
    """Failures on a suspended broker. Rejected events need a broker that enforces a maximal message size."""

    can_be_away = True
    can_reject = REAL

    @pytest.fixture
    async def publisher(
        self, kafka_broker: Broker, topic_prefix: str, monkeypatch: pytest.MonkeyPatch
    ) -> AsyncIterator[KafkaPublisher]:
        monkeypatch.setattr(kafka_publisher, "CONFIRM_TIMEOUT", 1.5)
        monkeypatch.setattr(kafka_publisher, "_REQUEST_TIMEOUT", 1.0)
        self.broker, self.prefix = kafka_broker, topic_prefix
        publisher = KafkaPublisher(f"kafka://{kafka_broker.address}?topic_prefix={topic_prefix}&partitions=3")
        yield publisher
        await publisher.stop()

    async def arrived(self, publisher: KafkaPublisher, number: int) -> Sequence[EventPayload]:
        return [document_of(record) for record in await read(self.broker.address, self.prefix)]

    @asynccontextmanager
    async def away(self, publisher: KafkaPublisher) -> AsyncIterator[None]:
        with self.broker.suspended():
            yield

    async def make_unacceptable(self, publisher: KafkaPublisher, event: Event) -> Event:
        assert isinstance(event, WalletFrozen)
        too_large = secrets.token_hex(2 * 1024 * 1024)  # twice as many characters, as they compress to half the size
        return replace(event, scope=too_large)  # type: ignore[arg-type]
