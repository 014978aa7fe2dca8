"""Retention of topics: set at creation, and shortened on existing topics that keep data longer."""

from __future__ import annotations

import asyncio

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import UnknownTopicOrPartitionError

from tekana_kafka import topics
from tekana_kafka.address import Address
from tekana_kafka.service_table import COMMANDS, SERVICES
from tests.kafka.topology import REAL

pytestmark = pytest.mark.kafka

HOUR_MS = 3_600_000


@pytest.fixture
def address(kafka_address: str, topic_prefix: str) -> Address:
    return Address((kafka_address,), topic_prefix, 1)


async def settings(address: Address, topic: str) -> dict[str, str]:
    admin = AIOKafkaAdminClient(bootstrap_servers=list(address.servers))
    await admin.start()
    try:
        while True:
            try:
                return {name: value for name, (value, _) in (await topics._settings(admin, topic)).items()}
            except UnknownTopicOrPartitionError:  # created, but not known to every broker yet
                await asyncio.sleep(0.1)
    finally:
        await admin.close()


async def test_topics_with_personal_data_have_a_short_retention(address: Address) -> None:
    await topics.create_missing_command_topics(address, 5)
    await topics.create_missing_topics(address, 5, dead_letters=True)
    hours = {address.commands(one): 24 for one in COMMANDS} | {address.queries(one): 1 for one in SERVICES}
    hours |= {address.replies: 1, address.dead_commands: 24 * 7}
    for topic, kept in hours.items():
        found = await settings(address, topic)
        assert found["retention.ms"] == str(kept * HOUR_MS), topic
        assert int(found["segment.ms"]) <= min(kept, 24) * HOUR_MS, topic
        assert (found["cleanup.policy"], found["message.timestamp.type"]) == ("delete", "LogAppendTime")
        assert found["max.message.bytes"] == str(topics.MESSAGE_BYTES_MAX)
    assert (await settings(address, address.dead_letters))["retention.ms"] == str(24 * 90 * HOUR_MS)


async def test_only_services_change_existing_topics(address: Address, caplog: pytest.LogCaptureFixture) -> None:
    """A shorter retention set by the operator stays, as do other settings."""
    admin = AIOKafkaAdminClient(bootstrap_servers=list(address.servers))
    await admin.start()
    before = {
        address.commands("customer"): {"retention.ms": "-1", "max.message.bytes": "1234567"},
        address.replies: {"retention.ms": "60000", "segment.ms": "60000", "message.timestamp.type": "LogAppendTime"},
    }
    await admin.create_topics([NewTopic(name, 1, 1, topic_configs=one) for name, one in before.items()])
    await admin.close()
    await topics.create_missing_command_topics(address, 5)
    assert (await settings(address, address.commands("customer")))["retention.ms"] == "-1"
    for _ in range(2):
        await topics.create_missing_command_topics(address, 5, align=True)
        async with asyncio.timeout(30):  # the controller of Apache Kafka confirms a change before the broker shows it
            while REAL and (await settings(address, address.commands("customer")))["retention.ms"] == "-1":
                pass
    if not REAL:
        assert f"the retention of {address.commands('customer')} was not checked" in caplog.text
        pytest.skip("not here: a broker that can change topics")
    found = await settings(address, address.commands("customer"))
    assert (found["retention.ms"], found["max.message.bytes"]) == (str(24 * HOUR_MS), "1234567")
    assert (found["segment.ms"], found["message.timestamp.type"]) == (str(HOUR_MS), "LogAppendTime")
    assert (await settings(address, address.replies))["retention.ms"] == "60000"
    assert caplog.text.count("changed settings of the topic") == 1


async def test_a_topic_without_read_access_is_only_logged(address: Address, caplog: pytest.LogCaptureFixture) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=list(address.servers))
    await admin.start()
    try:
        await topics._align(admin, [topics._Topic(address.replies, 1, topics.QUERIES_AND_REPLIES)])
    finally:
        await admin.close()
    assert f"the retention of {address.replies} was not checked" in caplog.text
