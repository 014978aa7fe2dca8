"""The event consumer for partners: every event is handled once, and in order per aggregate."""

from __future__ import annotations

import asyncio
import os
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from uuid import UUID

import pytest
from aiokafka import AIOKafkaProducer
from uuid_utils.compat import uuid7

from tekana.domain.errors import Unavailable
from tekana.domain.events import CustomerVerified, Event, aggregate_id, event_id
from tekana.domain.identifiers import CustomerId
from tekana.testing.clock import FrozenClock
from tekana.testing.sample_events import sample_events
from tekana_kafka import EventConsumer, KafkaPublisher, ProcessedEvents, consumer
from tekana_kafka.address import parse_address
from tekana_kafka.cloud_events import message_of
from tekana_kafka.topics import create_missing_topics
from tests.kafka.brokers import Broker
from tests.kafka.consumer import read
from tests.serving import free_port

pytestmark = pytest.mark.kafka

PATIENCE = 120.0


class Service:
    """A partner's service: it records the events that it handled, and can fail."""

    def __init__(self) -> None:
        self.handled: list[Event] = []
        self.failing: dict[str, int] = {}
        self.error: Exception = RuntimeError("no such thing")
        self.sequences: dict[UUID, int] = defaultdict(int)

    async def __call__(self, event: Event) -> None:
        await asyncio.sleep(0)
        if self.failing.get(event_id(event), 0) > 0:
            self.failing[event_id(event)] -= 1
            raise self.error
        self.handled.append(event)
        self.sequences[aggregate_id(event)] = event.sequence

    async def last(self, aggregate_id: UUID) -> int:
        return self.sequences[aggregate_id]


class Bus:
    """The topics of this test."""

    def __init__(self, address: str, prefix: str) -> None:
        self.address, self.prefix = address, prefix
        self.url = f"kafka://{address}?topic_prefix={prefix}&partitions=3"

    async def publish(self, events: Sequence[Event]) -> None:
        publisher = KafkaPublisher(self.url)
        await publisher.publish(events)
        await publisher.stop()

    async def put(self, topic: str, value: bytes | None, key: bytes, headers: list[tuple[str, bytes]]) -> None:
        producer = AIOKafkaProducer(bootstrap_servers=self.address)
        await producer.start()
        await producer.send_and_wait(f"{self.prefix}.{topic}", value, key=key, headers=headers)
        await producer.stop()

    async def letters(self) -> list[dict[str, str]]:
        """Return the headers of the messages on the dead-letter topic, and whether the value is a tombstone."""
        found = [one for one in await read(self.address, self.prefix) if one.topic.endswith(".dead-letters")]
        return [
            {name: value.decode() for name, value in one.headers} | {"tombstone": str(one.value is None)}
            for one in found
        ]

    @asynccontextmanager
    async def consuming(
        self, handle: Callable[[Event], Awaitable[None]], seen: ProcessedEvents | None = None
    ) -> AsyncIterator[EventConsumer]:
        one = EventConsumer(self.url, "a service", handle, seen=seen)
        work = asyncio.create_task(one.run())
        try:
            yield one
        finally:
            one.stop()
            async with asyncio.timeout(PATIENCE):
                await work


@pytest.fixture
def bus(kafka_address: str, topic_prefix: str) -> Bus:
    return Bus(kafka_address, topic_prefix)


@pytest.fixture(autouse=True)
def short_delays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(consumer, "FIRST_PAUSE", 0.005)
    monkeypatch.setattr(consumer, "LONGEST_PAUSE", 0.05)


@pytest.fixture
def needs_quick_groups() -> None:
    if not (os.environ.get("TEKANA_TEST_KAFKA_JARS") or os.environ.get("TEKANA_TEST_KAFKA")):
        pytest.skip("not here: a broker whose consumer groups form at once")


def history(aggregates: int, events: int) -> list[Event]:
    customers = [CustomerId(uuid7()) for _ in range(aggregates)]
    return [
        CustomerVerified(customer_id=one, sequence=sequence, occurred_at=FrozenClock()(), tier="full")
        for sequence in range(1, events + 1)
        for one in customers
    ]


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not condition():  # noqa: ASYNC110 - a service has no event for it
            await asyncio.sleep(0.01)


def by_aggregate(events: Sequence[Event]) -> dict[UUID, list[Event]]:
    found = defaultdict(list)
    for one in events:
        found[aggregate_id(one)].append(one)
    return dict(found)


async def test_every_event_is_handled_once_and_in_order(bus: Bus) -> None:
    events = history(10, 20)
    await bus.publish(events)
    await bus.publish(sample_events())
    await bus.publish(events[50:])  # published twice, as after a failure
    last = history(1, 1)
    service = Service()
    async with bus.consuming(service):
        await until(lambda: len(service.handled) >= len(events) + len(sample_events()))
        await bus.publish([*events[100:], *last])
        await until(lambda: last[0] in service.handled)
    expected = by_aggregate([*events, *sample_events(), *last])
    assert by_aggregate(service.handled) == expected


@pytest.mark.usefixtures("needs_quick_groups")
async def test_the_next_process_continues_after_the_handled_events(bus: Bus) -> None:
    events = history(5, 10)
    service = Service()
    await bus.publish(events[:25])
    async with bus.consuming(service, service):
        await until(lambda: len(service.handled) == 25)
    await bus.publish(events)
    async with bus.consuming(service, service):
        await until(lambda: len(service.handled) == 50)
    assert by_aggregate(service.handled) == by_aggregate(events)


@pytest.mark.usefixtures("needs_quick_groups")
async def test_a_failed_event_and_its_successors_are_dead_lettered_and_retried(
    bus: Bus, caplog: pytest.LogCaptureFixture
) -> None:
    events = history(3, 6)
    bad = events[6]  # the third event of the first customer
    mine = [one for one in events if aggregate_id(one) == aggregate_id(bad)]
    service = Service()
    service.failing = {event_id(bad): 2 * consumer.TRIES, event_id(events[1]): consumer.TRIES - 1}
    await bus.publish(events)
    for _ in range(2):  # it fails again at the second start
        async with bus.consuming(service, service):
            await until(lambda: len(service.handled) == 2 + 2 * 6)
            await until(lambda: service.failing[event_id(bad)] in (0, consumer.TRIES))
            async with asyncio.timeout(PATIENCE):
                while len(await bus.letters()) < 4:
                    continue  # its successors are dead-lettered after it
        letters = await bus.letters()
        assert [one["ce_id"] for one in letters] == [event_id(one) for one in mine[2:]]
        assert [one["tekana_reason"] for one in letters] == [
            "it fails: RuntimeError",
            *["it waits behind one of the same aggregate that is set aside"] * 3,
        ]
        assert {one["tekana_group"] for one in letters} == {"a service"}
        assert {one["tekana_topic"] for one in letters} == {f"{bus.prefix}.customer"}
    assert "is set aside: it fails: RuntimeError" in caplog.text
    assert "RuntimeError: no such thing" in caplog.text  # with the tries

    service.failing.clear()
    async with bus.consuming(service, service):
        await until(lambda: len(service.handled) == len(events))
        more = history(1, 1)
        await bus.publish(more)
        await until(lambda: more[0] in service.handled)
    assert by_aggregate(service.handled) == by_aggregate([*events, *more])
    assert [one["tombstone"] for one in await bus.letters()] == ["False"] * 4 + ["True"] * 4
    async with bus.consuming(service, service):
        await bus.publish(history(1, 1))
        await until(lambda: len(service.handled) == len(events) + 2)


@pytest.mark.usefixtures("needs_quick_groups")
async def test_unavailable_is_retried_without_delaying_other_aggregates(bus: Bus) -> None:
    events = history(1, 3)
    service = Service()
    service.error = Unavailable("the partner's database is away")
    service.failing = {event_id(events[1]): 3 * consumer.TRIES}
    await bus.publish(events)
    async with bus.consuming(service):
        await until(lambda: len(service.handled) == 3)
    assert service.handled == events
    assert await bus.letters() == []


@pytest.mark.usefixtures("needs_quick_groups")
async def test_stopping_does_not_wait_for_retries(bus: Bus) -> None:
    events = history(1, 2)
    service = Service()
    service.error = Unavailable("the partner's database is away")
    service.failing = {event_id(events[1]): 10**9}
    await bus.publish(events)
    async with bus.consuming(service):
        await until(lambda: len(service.handled) == 1)
        await until(lambda: service.failing[event_id(events[1])] < 10**9)
    service.failing.clear()
    async with bus.consuming(service):
        await until(lambda: len(service.handled) >= 2)
    assert service.handled == events  # the first event was committed


@pytest.mark.usefixtures("needs_quick_groups")
async def test_unreadable_messages_are_dead_lettered_and_unknown_types_skipped(
    bus: Bus, caplog: pytest.LogCaptureFixture
) -> None:
    [event] = history(1, 1)
    other = history(1, 1)
    message = message_of(event)
    service = Service()
    unknown = [(name, b"CustomerPainted" if name == "ce_type" else value) for name, value in message.headers]
    await bus.publish([])
    async with bus.consuming(service):
        await bus.publish(other)
        await bus.put("customer", b"{}", message.key, unknown)
        await bus.put("customer", b"no event", b"a key", [])
        await bus.put("customer", message.value, message.key, message.headers)
        await until(lambda: len(service.handled) == 2 and "cannot be read" in caplog.text)
    letters = await bus.letters()
    assert {aggregate_id(one) for one in service.handled} == {aggregate_id(event), aggregate_id(other[0])}
    assert [one["tekana_reason"] for one in letters] == ["it cannot be read: it has no 'ce_type'"]


@pytest.mark.usefixtures("needs_quick_groups")
async def test_topics_that_are_known_after_the_subscription_are_consumed(
    bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def create_nothing(*_: object, **__: object) -> None:
        """Leave the topics to the publisher, as if the broker knew them late."""

    monkeypatch.setattr(consumer, "create_missing_topics", create_nothing)
    monkeypatch.setattr(consumer, "METADATA_AGE_SECONDS", 0.5)
    events, service = history(2, 3), Service()
    async with bus.consuming(service):
        await asyncio.sleep(1)  # it subscribes to topics that do not exist
        await create_missing_topics(parse_address(bus.url), 10, dead_letters=True)
        await bus.publish(events)
        await until(lambda: len(service.handled) >= len(events))
    assert by_aggregate(service.handled) == by_aggregate(events)


@pytest.mark.usefixtures("needs_quick_groups")
async def test_a_rebalance_handles_no_event_twice(bus: Bus) -> None:
    """The processes share no state: the first one commits before it releases its partitions."""
    events = history(12, 30)
    first, second = Service(), Service()
    await bus.publish(events[:120])
    async with bus.consuming(second):
        async with bus.consuming(first):
            await until(lambda: len(first.handled) + len(second.handled) == 120)
            for place in range(120, 240, 12):
                await bus.publish(events[place : place + 12])
            await until(lambda: len(first.handled) + len(second.handled) == 240)
        await bus.publish(events[240:])
        await until(lambda: len(first.handled) + len(second.handled) == 360)
    assert len({event_id(one) for one in first.handled + second.handled}) == 360
    for service in (first, second):
        for mine in by_aggregate(service.handled).values():
            assert mine == sorted(mine, key=lambda one: one.sequence)


async def test_the_consumer_survives_a_restart_of_the_broker(kafka_broker: Broker, topic_prefix: str) -> None:
    if not kafka_broker.durable:
        pytest.skip("not here: a broker that keeps its data")
    bus = Bus(kafka_broker.address, topic_prefix)
    events = history(5, 20)
    service = Service()
    await bus.publish(events[:50])
    async with bus.consuming(service, service):
        await until(lambda: len(service.handled) == 50)
        kafka_broker.kill()
        await asyncio.sleep(1)
        kafka_broker.start()
        await bus.publish(events[50:])
        await until(lambda: len(service.handled) == 100)
    assert by_aggregate(service.handled) == by_aggregate(events)


async def test_an_unreachable_bus_is_unavailable() -> None:
    lost = EventConsumer(f"kafka://127.0.0.1:{free_port()}", "a service", Service())
    with pytest.raises(Unavailable, match="cannot be reached"):
        await lost.run()
