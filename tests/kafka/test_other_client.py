"""The topics read and written with librdkafka, on which the clients of most languages are based."""

from __future__ import annotations

import hmac
import secrets
import time

import msgspec
import pytest
from confluent_kafka import OFFSET_BEGINNING, Consumer, Message, Producer, TopicPartition
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES256
from cryptography.hazmat.primitives.ciphers.modes import GCM

from tekana.domain.caller import Caller
from tekana.domain.events import aggregate_id, event_id
from tekana.testing import builders
from tekana.testing.contracts.helpers import a_wallet
from tekana.testing.sample_events import sample_events
from tekana_kafka import KafkaPublisher
from tekana_kafka.cloud_events import event_of
from tekana_memory import MemoryStore
from tests.kafka.consumer import read
from tests.kafka.topology import BUS_SECRET, gateway, services, until_it_answers

pytestmark = pytest.mark.kafka

PATIENCE = 60.0


def read_with_librdkafka(address: str, prefix: str, number: int) -> list[Message]:
    consumer = Consumer({"bootstrap.servers": address, "group.id": "another client", "enable.auto.commit": False})
    try:
        topics = [one for name, one in consumer.list_topics(timeout=PATIENCE).topics.items() if name.startswith(prefix)]
        consumer.assign(
            [TopicPartition(one.topic, each, OFFSET_BEGINNING) for one in topics for each in one.partitions]
        )
        found: list[Message] = []
        end = time.monotonic() + PATIENCE
        while len(found) < number and time.monotonic() < end:
            message = consumer.poll(1.0)
            if message is not None:
                assert message.error() is None
                found.append(message)
        assert consumer.poll(0.5) is None
        return found
    finally:
        consumer.close()


async def test_librdkafka_reads_what_was_published(kafka_address: str, topic_prefix: str) -> None:
    publisher = KafkaPublisher(f"kafka://{kafka_address}?topic_prefix={topic_prefix}&partitions=3")
    events = sample_events()
    await publisher.publish(events)
    await publisher.stop()
    messages = read_with_librdkafka(kafka_address, topic_prefix, len(events))
    by_id = {dict(one.headers())["ce_id"].decode(): one for one in messages}
    assert len(messages) == len(by_id)
    for event in events:
        message = by_id[event_id(event)]
        assert message.topic() == f"{topic_prefix}.{event.aggregate}"
        assert message.key().decode() == str(aggregate_id(event))
        assert isinstance(msgspec.json.decode(message.value()), dict)
        assert event_of(message.value(), message.headers()) == event
    for one in {aggregate_id(event) for event in events}:
        mine = [message for message in messages if message.key().decode() == str(one)]
        assert [event_id(event) for event in events if aggregate_id(event) == one] == [
            dict(message.headers())["ce_id"].decode() for message in mine
        ]


def key_of_message(salt: bytes) -> bytes:
    """Derive the key of a message as the page about commands describes it, without a library for HKDF."""
    extracted = hmac.digest(bytes(32), BUS_SECRET.encode(), "sha256")
    return hmac.digest(extracted, b"tekana bus" + salt + b"\x01", "sha256")


def authenticated_data(topic: str, headers: dict[str, bytes]) -> bytes:
    names = (
        "principal command query idempotency-key request-id deadline time-to-live-ms reply-to correlation-id outcome"
    )
    found = b""
    for part in (topic.encode(), *(headers.get(name, b"") for name in names.split())):
        found += str(len(part)).encode() + b":" + part
    return found


def seal(topic: str, headers: dict[str, bytes], value: bytes) -> bytes:
    salt = secrets.token_bytes(32)
    encryptor = Cipher(AES256(key_of_message(salt)), GCM(bytes(12))).encryptor()
    encryptor.authenticate_additional_data(authenticated_data(topic, headers))
    return b"\x01" + salt + encryptor.update(value) + encryptor.finalize() + encryptor.tag


def open_value(topic: str, headers: dict[str, bytes], sealed: bytes) -> bytes:
    """Return the value of a sealed message. Raises InvalidTag."""
    version, salt, encrypted, tag = sealed[:1], sealed[1:33], sealed[33:-16], sealed[-16:]
    assert version == b"\x01"
    decryptor = Cipher(AES256(key_of_message(salt)), GCM(bytes(12), tag)).decryptor()
    decryptor.authenticate_additional_data(authenticated_data(topic, headers))
    return decryptor.update(encrypted) + decryptor.finalize()


async def test_another_program_seals_a_command_and_opens_its_reply(kafka_address: str, topic_prefix: str) -> None:
    """Sealing and opening are written from the page about commands, with none of the code that they test."""
    bus_url = f"kafka://{kafka_address}?topic_prefix={topic_prefix}&partitions=1"
    payroll = Caller("main", "payroll", frozenset({"transactions:write"}))
    async with services(bus_url, "memory://", store=MemoryStore("memory://")), gateway(bus_url) as app:
        await until_it_answers(app)
        wallet = await a_wallet(app)
        topic = f"{topic_prefix}.transaction.commands"
        claims = {"tenant": "main", "sub": "payroll", "kind": "partner", "scopes": ["transactions:write"]}
        headers = {
            "command": b"DepositFunds",
            "idempotency-key": b"a key",
            "reply-to": b"0",
            "correlation-id": b"mine",
            "principal": msgspec.json.encode(claims | {"iat": int(time.time())}),
        }
        value = msgspec.json.encode({"wallet_id": str(wallet.id), "amount": "1", "currency": "RWF"})
        producer = Producer({"bootstrap.servers": kafka_address})
        producer.produce(topic, seal(topic, headers, value), headers=[*headers.items()])
        assert producer.flush(PATIENCE) == 0
        done = await app.as_caller(payroll).submit(builders.deposit(wallet.id, "1"), key="a key")
        assert done.replayed
    received = [(one.topic, dict(one.headers), one.value) for one in await read(kafka_address, topic_prefix)]
    replies = [one for one in received if one[0] == f"{topic_prefix}.replies"]
    [body] = [open_value(*one) for one in replies if one[1].get("correlation-id") == b"mine"]
    assert msgspec.json.decode(body)["answer"]["id"] == str(done.answer.id)
