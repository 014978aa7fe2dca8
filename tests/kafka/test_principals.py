"""Forged, moved and old principals, and forged replies, over a real broker."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiokafka import AIOKafkaProducer, ConsumerRecord
from cryptography.exceptions import InvalidTag

import tekana
from tekana import LOCAL_OPERATOR
from tekana.application.engine.envelope import Outcome
from tekana.domain.audit_log import Origin
from tekana.domain.caller import Caller
from tekana.ports.audit_log import AuditFilter
from tekana.testing import builders
from tekana.testing.contracts.approval_helpers import adjustment
from tekana.testing.contracts.helpers import a_wallet
from tekana_kafka import message_cipher
from tekana_kafka.command_messages import command_message
from tekana_kafka.message_cipher import MessageCipher
from tekana_kafka.reply_codec import OUTCOME
from tekana_memory import MemoryStore
from tests.kafka.attacks import ATTACKS, OTHER_SECRET, Headers, with_header
from tests.kafka.consumer import read
from tests.kafka.topology import BUS_SECRET, gateway, opened, sealed, services, until_it_answers

pytestmark = pytest.mark.kafka

MEMORY = "memory://"


@pytest.fixture
async def producer(kafka_address: str) -> AsyncIterator[AIOKafkaProducer]:
    producer = AIOKafkaProducer(bootstrap_servers=kafka_address)
    await producer.start()
    yield producer
    await producer.stop()


def deposit(wallet: tekana.Wallet, topic: str, key: str, caller: Caller = LOCAL_OPERATOR) -> tuple[Headers, bytes]:
    """Return the headers and the sealed value of a deposit whose sender reads partition 0 of the replies."""
    message = command_message(builders.deposit(wallet.id, "1"), caller=caller, key=key, request_id=None)
    reply = [("reply-to", b"0"), ("correlation-id", key.encode())]
    return sealed(topic, [*message.headers, *reply], message.value, caller=caller)


async def replies(address: str, topic_prefix: str) -> dict[bytes, ConsumerRecord]:
    """Return the replies by their correlation id."""
    found = [one for one in await read(address, topic_prefix) if one.topic == f"{topic_prefix}.replies"]
    return {dict(one.headers).get("correlation-id", b""): one for one in found}


async def failed_authentications(store: MemoryStore) -> int:
    """Return how many messages the audit log has that were refused for want of a valid principal."""
    found = (
        await store.audit_log(LOCAL_OPERATOR).list(tekana.PageRequest(100), AuditFilter(action="Authenticate"))
    ).items
    assert {(one.subject, one.code, one.address) for one in found} == {("unknown", "unauthenticated", None)}
    return sum(one.occurrences for one in found)


async def test_nothing_is_executed_without_a_valid_principal(
    store: MemoryStore,
    bus_url: str,
    kafka_address: str,
    topic_prefix: str,
    producer: AIOKafkaProducer,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Each attack is refused, logged, replied to, and among the dead letters; the original is executed, once."""
    topic = f"{topic_prefix}.transaction.commands"
    async with services(bus_url, MEMORY, store=store) as behind, gateway(bus_url) as app:
        await until_it_answers(app)
        wallet = await a_wallet(app)
        for attack in ATTACKS:
            headers, value = attack.forge(topic, *deposit(wallet, topic, attack.name))
            await producer.send_and_wait(topic, value, b"k", headers=headers)
        headers, value = deposit(wallet, topic, "valid")
        for added in ([], [], [("request-id", b"")], [("query", b"")]):  # an empty header is as good as none
            await producer.send_and_wait(topic, value, b"k", headers=[*headers, *added])
        # The topic is consumed in order, so everything before this deposit was handled.
        await app.execute(builders.deposit(wallet.id, "100"))
        assert (await behind.wallets.get(wallet.id)).ledger_balance == 101
    assert await failed_authentications(store) == len(ATTACKS)
    letters = [one for one in await read(kafka_address, topic_prefix) if one.topic.endswith("commands.dead-letters")]
    reasons = [dict(one.headers)["dead-reason"].decode() for one in letters]
    assert [attack.name for attack, reason in zip(ATTACKS, reasons, strict=True) if attack.reason not in reason] == []
    lines = [one for one in caplog.records if "refused a message without a valid principal" in one.getMessage()]
    assert len(lines) == len(ATTACKS)
    assert {one.levelname for one in lines} == {"ERROR"}
    answers = await replies(kafka_address, topic_prefix)
    for attack in ATTACKS:
        reply = answers[attack.name.encode()]
        assert dict(reply.headers)["outcome"] == b"error"
        assert b'"code":"unauthenticated"' in (reply.value or b"")
        assert attack.reason.encode() not in (reply.value or b"")
        assert MessageCipher([BUS_SECRET]).open(reply) is None
    assert b'"wallet_id"' not in answers[b"valid"].value
    assert b'"wallet_id"' in opened(answers[b"valid"])


async def test_the_documented_example_seals_commands_and_opens_replies(
    store: MemoryStore, bus_url: str, kafka_address: str, topic_prefix: str, producer: AIOKafkaProducer
) -> None:
    page = (Path(__file__).parents[2] / "docs" / "reference" / "commands.md").read_text("utf-8")
    documented: dict[str, Any] = {}
    for block in re.findall(r"^```python\n(.*?)^```$", page, re.MULTILINE | re.DOTALL):
        exec(block, documented)  # noqa: S102 - it is our own
    topic = f"{topic_prefix}.transaction.commands"
    async with services(bus_url, MEMORY, store=store), gateway(bus_url) as app:
        await until_it_answers(app)
        wallet = await a_wallet(app)
        value = msgspec.json.encode({"wallet_id": wallet.id, "amount": "1", "currency": "RWF"})
        headers = {"command": b"DepositFunds", "idempotency-key": b"a key", "reply-to": b"0", "correlation-id": b"mine"}
        sealed_value = documented["seal_command"](BUS_SECRET, topic, headers, value)
        await producer.send_and_wait(topic, sealed_value, headers=[*headers.items()])
        payroll = Caller("main", "payroll", frozenset({"transactions:write"}))
        done = await app.as_caller(payroll).submit(builders.deposit(wallet.id, "1"), key="a key")
        assert (done.replayed, done.answer.created_by) == (True, "payroll")
        reply = (await replies(kafka_address, topic_prefix))[b"mine"]
    received = dict(reply.headers)
    open_value = documented["open_value"]
    answer = msgspec.json.decode(open_value(BUS_SECRET, reply.topic, received, reply.value))
    assert answer["answer"]["id"] == str(done.answer.id)
    for secret, headers in ((OTHER_SECRET, received), (BUS_SECRET, received | {"outcome": b"error"})):
        with pytest.raises(InvalidTag):
            open_value(secret, reply.topic, headers, reply.value)
    assert documented["AUTHENTICATED"] == message_cipher.AUTHENTICATED_HEADERS


async def test_a_query_without_a_valid_principal_is_not_answered(
    store: MemoryStore, bus_url: str, kafka_address: str, topic_prefix: str, producer: AIOKafkaProducer
) -> None:
    topic = f"{topic_prefix}.wallet.queries"
    ask = [("query", b"wallets.list"), ("reply-to", b"0")]
    async with services(bus_url, MEMORY, store=store), gateway(bus_url) as app:
        await until_it_answers(app)
        wallet = await a_wallet(app)
        value = b'{"which":{},"page":{}}'
        plain = [*ask, ("correlation-id", b"plain"), ("caller", b"local")]
        await producer.send_and_wait(topic, value, headers=plain)
        mine, sealed_value = sealed(topic, [*ask, ("correlation-id", b"mine")], value)
        await producer.send_and_wait(topic, sealed_value, headers=with_header(mine, "correlation-id", b"elsewhere"))
        await producer.send_and_wait(topic, sealed_value, headers=mine)
        answers: dict[bytes, ConsumerRecord] = {}
        while not {b"plain", b"elsewhere", b"mine"} <= answers.keys():
            answers = await replies(kafka_address, topic_prefix)
    assert await failed_authentications(store) == 2
    assert str(wallet.id).encode() in opened(answers[b"mine"])
    for refused in (b"plain", b"elsewhere"):
        assert b'"code":"unauthenticated"' in (answers[refused].value or b"")


async def test_a_forged_reply_is_ignored(
    store: MemoryStore,
    bus_url: str,
    kafka_address: str,
    topic_prefix: str,
    producer: AIOKafkaProducer,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """An attacker who reads and writes all topics replies to a deposit before the service does."""
    async with gateway(bus_url) as app, services(bus_url, MEMORY, store=store) as behind:
        await until_it_answers(app)
        wallet = await a_wallet(app)
        earlier = await app.execute(builders.deposit(wallet.id, "7"), key="earlier")
        valid = [one for one in await read(kafka_address, topic_prefix) if one.topic == f"{topic_prefix}.replies"][-1]
        assert opened(valid)
    body = OUTCOME.encode(Outcome(earlier, False))
    async with gateway(bus_url) as app:
        task = app.enqueue(builders.deposit(wallet.id, "1"), key="real")
        topic = f"{topic_prefix}.transaction.commands"
        asked: list[ConsumerRecord] = []
        while not asked:
            asked = [
                one
                for one in await read(kafka_address, topic_prefix)
                if one.topic == topic and dict(one.headers)["idempotency-key"] == b"real"
            ]
        to = ("correlation-id", dict(asked[0].headers)["correlation-id"])
        forged: list[tuple[bytes | None, Headers]] = [
            (body, [("outcome", b"answer"), to]),
            (b"\x01" + b"\xff" * 100, [("outcome", b"answer"), to]),
            (valid.value, with_header(list(valid.headers), *to)),
            (b'{"error":"Forbidden","code":"forbidden","detail":"x"}', [("outcome", b"error"), to]),
        ]
        headers = [("outcome", b"answer"), to]
        forged.append((MessageCipher([OTHER_SECRET]).seal(f"{topic_prefix}.replies", headers, body), headers))
        for value, headers in forged:
            await producer.send_and_wait(f"{topic_prefix}.replies", value, partition=0, headers=headers)
        async with services(bus_url, MEMORY, store=store) as behind:
            outcome = await task
            assert outcome.answer != earlier
            assert outcome.answer == await behind.transactions.get(outcome.answer.id)
    assert sum("ignored a reply that is not sealed validly" in one.getMessage() for one in caplog.records) == len(
        forged
    )


async def test_the_address_of_the_client_reaches_the_audit_log(store: MemoryStore, bus_url: str) -> None:
    """It travels in the principal, and is optional there."""
    async with services(bus_url, MEMORY, store=store), gateway(bus_url) as app:
        await until_it_answers(app)
        wallet = await a_wallet(app)
        session = app.as_caller(LOCAL_OPERATOR, Origin("192.0.2.9"))
        await session.execute(builders.freeze(wallet.id), request_id="over the bus")
        entries = (await app.audit_log.list(tekana.PageRequest(100))).items
        freeze = next(one for one in entries if one.action == "FreezeWallet")
        assert (freeze.address, freeze.request_id, freeze.subject) == ("192.0.2.9", "over the bus", "local")
        batch = builders.independent(adjustment(wallet.id))
        await session.submit_batch(batch, request_id="a batch")
        adjusted = (await app.audit_log.list(tekana.PageRequest(100))).items[-2:]
        assert [(one.action, one.address, one.request_id) for one in adjusted if one.action == "AdjustBalance"] == [
            ("AdjustBalance", "192.0.2.9", "a batch")
        ]
        register = next(one for one in entries if one.action == "RegisterCustomer")
        assert register.address is None
