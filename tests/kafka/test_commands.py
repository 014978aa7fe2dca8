"""Commands and queries from a gateway to services over a real broker, with one database."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from aiokafka import AIOKafkaProducer, ConsumerRecord
from uuid_utils.compat import uuid7

import tekana
from tekana import Settings
from tekana.domain.caller import LOCAL_OPERATOR
from tekana.domain.identifiers import WalletId
from tekana.domain.money import Money
from tekana.ports.unit_of_work import UnitOfWork
from tekana.ports.webhook_endpoints import ENCRYPTED
from tekana.testing import builders
from tekana.testing.builders import RWF
from tekana.testing.contracts.helpers import a_wallet
from tekana.testing.contracts.ledger_checks import assert_whole, every
from tekana_kafka import deadlines, rpc_client
from tekana_kafka.deadlines import deadline_headers
from tekana_kafka.topics import MESSAGE_BYTES_MAX
from tekana_memory import MemoryStore
from tests.kafka.consumer import read
from tests.kafka.topology import BUS_SECRET, REAL, gateway, opened, readable, sealed, services, until_it_answers
from tests.keys import SHARED_KEYS

pytestmark = pytest.mark.kafka

MEMORY = "memory://"
PARTNER = replace(LOCAL_OPERATOR, subject="a partner")


@pytest.fixture
def bus_url(kafka_address: str, topic_prefix: str) -> str:
    return f"kafka://{kafka_address}?topic_prefix={topic_prefix}&partitions=2"


@pytest.fixture
async def store() -> AsyncIterator[MemoryStore]:
    """The store that the services share; audited at the end."""
    store = MemoryStore(MEMORY)
    yield store
    await assert_whole(store)


async def test_every_query_works_through_a_gateway(store: MemoryStore, bus_url: str) -> None:
    async with services(bus_url, MEMORY, store=store) as behind, gateway(bus_url) as app:
        await until_it_answers(app)
        mine, his = await a_wallet(app, "100"), await a_wallet(app)
        moved = await app.execute(builders.transfer(mine.id, his.id, "30"), key="once")
        again = await app.submit(builders.transfer(mine.id, his.id, "30"), key="once")
        assert again == (moved, True)
        assert await app.transactions.get(moved.id) == moved == await behind.transactions.get(moved.id)
        assert (await app.wallets.get(his.id)).ledger_balance == 30
        assert (await app.wallets.balance_at(mine.id, moved.created_at)).ledger_balance.minor == 70
        assert await every(app.events.list) == await every(behind.events.list)
        found = await app.customers.list(tekana.CustomerFilter(status="active"), tekana.PageRequest(limit=1))
        assert found.items[0].customer.id == mine.customer_id
        assert found.next_cursor is not None
        assert (await app.preview(builders.withdrawal(mine.id, "70"))).status == "posted"
        with pytest.raises(tekana.Unavailable, match="no ledger here"):
            _ = app.audit


async def test_a_service_checks_what_it_is_asked_itself(store: MemoryStore, bus_url: str) -> None:
    """A client of the bus without a gateway gets the refusal of the service."""
    amounts = tekana.TransactionFilter(amount_min=Money(6, RWF), amount_max=Money(5, RWF))
    async with services(bus_url, MEMORY, store=store), gateway(bus_url) as app:
        await until_it_answers(app)
        wallet = await a_wallet(app, "100")
        unchecked = app._store  # not behind the checks of the gateway's session
        for refused, field in (
            (unchecked.transactions(LOCAL_OPERATOR).list(amounts, tekana.PageRequest()), "amount_min"),
            (unchecked.wallets(LOCAL_OPERATOR).entries(wallet.id, tekana.PageRequest(201)), "limit"),
        ):
            with pytest.raises(tekana.InvalidRequest) as raised:
                await refused
            assert [one.field for one in raised.value.errors] == [field]


async def test_a_gateway_is_ready_when_its_bus_is_reachable(bus_url: str) -> None:
    async with tekana.connect(Settings(role="gateway", bus_url=bus_url, bus_secret=BUS_SECRET)) as app:
        assert await app.check_ready() == ()


async def test_webhooks_are_stored_by_the_services(store: MemoryStore, bus_url: str) -> None:
    keys = SHARED_KEYS.key_provider_url
    async with services(bus_url, MEMORY, store=store, key_provider_url=keys) as behind, gateway(bus_url) as app:
        await until_it_answers(app)
        partner = app.as_caller(PARTNER)
        wanted = tekana.CreateWebhookEndpoint(url="https://93.184.215.14/hooks", event_types=("WalletCredited",))
        made, replayed = await partner.submit(wanted, key="the first")
        assert not replayed
        assert await partner.submit(wanted, key="the first") == (made, True)
        stored = await store.webhook_endpoints.get(PARTNER, made.id)
        assert stored.secret.startswith(ENCRYPTED)
        assert await readable(store, stored) == made
        shown = replace(made, secret="")  # its secret is in no reply but the first
        assert await partner.webhooks.get(made.id) == shown
        assert await behind.as_caller(PARTNER).webhooks.get(made.id) == shown
        assert (await partner.webhooks.list(tekana.PageRequest())).items == (shown,)
        update = tekana.UpdateWebhookEndpoint(
            endpoint_id=made.id, status="disabled", event_types=("WalletDebited",), description=None
        )
        changed = await partner.execute(update)
        assert (changed.status, changed.event_types) == ("disabled", ("WalletDebited",))
        assert replace(changed, secret=stored.secret) == await store.webhook_endpoints.get(PARTNER, made.id)
        with pytest.raises(tekana.TekanaError, match="disabled"):
            await partner.execute(tekana.SendWebhookTest(endpoint_id=made.id))
        await partner.execute(tekana.UpdateWebhookEndpoint(endpoint_id=made.id, status="active"))
        sent = await partner.execute(tekana.SendWebhookTest(endpoint_id=made.id))
        assert (await partner.webhooks.deliveries(made.id, tekana.PageRequest())).items == (sent,)
        assert (await partner.execute(tekana.ResendWebhookDelivery(delivery_id=sent.id))).id == sent.id
        rotated = await partner.execute(tekana.RotateWebhookSecret(endpoint_id=made.id))
        assert rotated.previous_secret is None
        kept = await readable(store, await store.webhook_endpoints.get(PARTNER, made.id))
        assert (kept.secret, kept.previous_secret) == (rotated.secret, made.secret)
        with pytest.raises(tekana.InvalidRequest, match="url"):
            await partner.execute(tekana.CreateWebhookEndpoint(url="http://127.0.0.1/hooks"))
        await partner.execute(tekana.DeleteWebhookEndpoint(endpoint_id=made.id))
        with pytest.raises(tekana.WebhookEndpointNotFound):
            await partner.webhooks.get(made.id)


async def test_errors_keep_their_class_and_fields(store: MemoryStore, bus_url: str) -> None:
    async with services(bus_url, MEMORY, store=store), gateway(bus_url) as app:
        await until_it_answers(app)
        wallet = await a_wallet(app)
        for replayed in (False, True):
            with pytest.raises(tekana.InsufficientFunds) as refused:
                await app.execute(builders.withdrawal(wallet.id, "1"), key="too much", request_id=f"r {replayed}")
            assert (refused.value.replayed, refused.value.request_id) == (replayed, "r False")
            assert isinstance(refused.value.transaction, tekana.Transaction)
        with pytest.raises(tekana.IdempotencyKeyReused):
            await app.execute(builders.withdrawal(wallet.id, "2"), key="too much")
        with pytest.raises(tekana.InvalidRequest) as invalid:
            await app.wallets.list(tekana.WalletFilter(), tekana.PageRequest(cursor="nonsense"))
        assert [error.field for error in invalid.value.errors] == ["cursor"]
        with pytest.raises(tekana.WalletNotFound):
            await app.preview(builders.deposit(WalletId(uuid7()), "1"))
        with pytest.raises(tekana.InvalidRequest):
            await app.execute(builders.deposit(wallet.id, "1"), key="a\x1fb")


class SometimesAway(MemoryStore):
    """A store that cannot be reached while it is `away`."""

    away = False

    def begin(self) -> AbstractAsyncContextManager[UnitOfWork]:
        if self.away:
            raise tekana.Unavailable("the database cannot be reached now: no route to db-7")
        return super().begin()


async def test_the_cause_of_a_failure_is_in_the_log_and_not_on_the_bus(
    bus_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    store = SometimesAway()
    async with services(bus_url, MEMORY, store=store), gateway(bus_url) as app:
        await until_it_answers(app)
        wallet = await a_wallet(app)
        store.away = True
        with pytest.raises(tekana.Unavailable) as failed:
            await app.execute(builders.deposit(wallet.id, "1"), key="a key", request_id="find-me")
        store.away = False
        assert "db-7" not in str(failed.value)
        [line] = [one.getMessage() for one in caplog.records if "find-me" in one.getMessage()]
        assert "no route to db-7" in line
        assert (await app.execute(builders.deposit(wallet.id, "1"), key="a key")).status == "posted"


async def test_a_batch_is_sent_as_one_command(store: MemoryStore, bus_url: str) -> None:
    async with services(bus_url, MEMORY, store=store), gateway(bus_url) as app:
        await until_it_answers(app)
        wallet = await a_wallet(app)
        largest = tekana.Batch(
            mode="atomic",
            transactions=tuple(builders.deposit(wallet.id, "1", description="x" * 500) for _ in range(1000)),
        )
        done = await app.submit_batch(largest, key="many")
        assert {one.status for one in done.transactions} == {"posted"}
        assert (await app.submit_batch(largest, key="many")).replayed
        assert (await app.wallets.get(wallet.id)).ledger_balance == 1000


async def test_commands_of_one_wallet_stay_in_order(store: MemoryStore, bus_url: str) -> None:
    async with services(bus_url, MEMORY, store=store), gateway(bus_url) as app:
        await until_it_answers(app)
        await app.execute(builders.no_limits())
        mine, his = await a_wallet(app, "1000000"), await a_wallet(app)
        moved = await asyncio.gather(
            *(app.execute(builders.transfer(mine.id, his.id, str(1 + each)), key=f"{each}") for each in range(1200))
        )
        versions = [one.entries[0].version for one in moved]
        assert versions == sorted(versions)


async def test_commands_of_one_poll_are_one_group(store: MemoryStore, bus_url: str, topic_prefix: str) -> None:
    """Commands that wait on the topics when a service starts are decided in one unit of work."""
    async with services(bus_url, MEMORY, store=store) as behind:
        wallet = await a_wallet(behind)
    begun = 0
    begin = store.begin

    def counted() -> Any:
        nonlocal begun
        begun += 1
        return begin()

    async with gateway(bus_url) as app:
        waiting = [
            asyncio.create_task(app.execute(builders.deposit(wallet.id, "1"), key=f"{each}")) for each in range(100)
        ]
        await asyncio.sleep(0.5)  # until they are on the bus
        store.begin = counted  # type: ignore[method-assign]
        async with services(bus_url, MEMORY, store=store, roles=("transaction",)):
            await asyncio.gather(*waiting)
    assert begun <= 2  # one per poll; the two partitions of the topic are fetched separately


async def test_gateways_receive_only_their_own_replies(store: MemoryStore, bus_url: str) -> None:
    one_partition = bus_url.replace("partitions=2", "partitions=1")
    async with (
        services(one_partition, MEMORY, store=store),
        gateway(one_partition) as here,
        gateway(one_partition) as there,
    ):
        await until_it_answers(here)
        mine, his = await a_wallet(here), await a_wallet(there)
        answers = await asyncio.gather(
            *(app.wallets.get(each.id) for _ in range(50) for app, each in ((here, mine), (there, his)))
        )
        assert [answer.id for answer in answers] == [mine.id, his.id] * 50


async def test_a_missing_reply_is_an_unknown_outcome(
    store: MemoryStore, bus_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with services(bus_url, MEMORY, store=store) as behind:
        wallet = await a_wallet(behind)
    deposit = builders.deposit(wallet.id, "5")
    async with gateway(bus_url) as app:
        with monkeypatch.context() as impatient:
            impatient.setattr(rpc_client, "REPLY_TIMEOUT", 0.5)
            with pytest.raises(tekana.Unavailable, match="retry with the same key"):
                await app.execute(deposit, key="late")
        async with services(bus_url, MEMORY, store=store) as behind:
            await until_it_answers(app)
            assert (
                await behind.wallets.get(wallet.id)
            ).ledger_balance == 0  # it arrived after its deadline, so it was not executed
            posted = await app.execute(deposit, key="late")
            assert await app.submit(deposit, key="late") == (posted, True)
            assert (await behind.wallets.get(wallet.id)).ledger_balance == 5


async def test_a_copy_of_a_command_that_was_not_begun_is_not_executed(
    store: MemoryStore, bus_url: str, kafka_address: str, topic_prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who can write to the topic needs no secret for a copy, which the broker stamps anew."""
    monkeypatch.setattr(deadlines, "CLOCKS_SECONDS_MAX", 0.0)
    async with services(bus_url, MEMORY, store=store) as behind:
        wallet = await a_wallet(behind)
    async with gateway(bus_url) as app:
        with monkeypatch.context() as impatient:
            impatient.setattr(rpc_client, "REPLY_TIMEOUT", 0.5)
            with pytest.raises(tekana.Unavailable):
                await app.execute(builders.deposit(wallet.id, "5"), key="late")
        await asyncio.sleep(1.0)
        topic = f"{topic_prefix}.transaction.commands"
        [late] = [one for one in await read(kafka_address, topic_prefix) if one.topic == topic]
        async with services(bus_url, MEMORY, store=store) as behind:
            await until_it_answers(app)
            producer = AIOKafkaProducer(bootstrap_servers=kafka_address)
            await producer.start()
            await producer.send_and_wait(topic, late.value, late.key, partition=late.partition, headers=[*late.headers])
            await producer.stop()
            await app.execute(builders.deposit(wallet.id, "1"))  # in the same partition, after the copy
            assert (await behind.wallets.get(wallet.id)).ledger_balance == 1


async def test_a_gateway_with_a_slow_clock_is_not_late(
    store: MemoryStore, bus_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its deadlines have passed on the services' clock, and its requests are executed nevertheless."""
    if not REAL:
        pytest.skip("not here: a broker that stamps the messages that it receives")
    past = ("deadline", (datetime.now(UTC) - timedelta(minutes=1)).isoformat().encode())
    monkeypatch.setattr(rpc_client, "deadline_headers", lambda wait: [past, deadline_headers(wait)[1]])
    async with services(bus_url, MEMORY, store=store), gateway(bus_url) as app:
        await until_it_answers(app)
        wallet = await a_wallet(app, "5")
        assert (await app.wallets.get(wallet.id)).ledger_balance == 5


async def test_a_gateway_without_a_bus_is_unavailable() -> None:
    async with tekana.connect(
        Settings(role="gateway", bus_url="kafka://127.0.0.1:1", bus_secret=BUS_SECRET)
    ) as nowhere:
        with pytest.raises(tekana.Overloaded, match="nothing was begun"):
            await nowhere.as_caller(LOCAL_OPERATOR).wallets.get(WalletId(uuid7()))
        with pytest.raises(tekana.Unavailable, match="does not answer"):
            await nowhere.check_ready()


def command(**headers: str) -> list[tuple[str, bytes]]:
    """Return the headers of a command of a client without a gateway, with some changed."""
    usual = {"command": "DepositFunds", "idempotency-key": str(uuid7())}
    return [(name.replace("_", "-"), value.encode()) for name, value in {**usual, **headers}.items()]


async def test_malformed_commands_are_dead_lettered_and_delay_no_other(
    store: MemoryStore, bus_url: str, kafka_address: str, topic_prefix: str
) -> None:
    async with services(bus_url, MEMORY, store=store), gateway(bus_url) as app:
        await until_it_answers(app)
        wallet = await a_wallet(app)
        good = f'{{"wallet_id":"{wallet.id}","amount":"1","currency":"RWF"}}'.encode()
        ask = {"reply_to": "0", "correlation_id": "mine"}
        nonsense: list[tuple[bytes | None, list[tuple[str, bytes]]]] = [
            (good, []),
            (good, command(command="Rob")),
            (good, command(command="RegisterCustomer")),
            (good, [one for one in command() if one[0] != "idempotency-key"]),
            (good, [*command(), ("idempotency-key", b"\xff")]),
            (good.replace(b'"1"', b"1"), command()),
            (good.replace(b'"1"', b'"-1"'), command(**ask)),
            (b"\xff\x00", command()),
            (None, command(reply_to="7777", correlation_id="nowhere")),
            (b"[" * 5000, command()),
        ]
        producer = AIOKafkaProducer(bootstrap_servers=kafka_address)
        await producer.start()
        topic = f"{topic_prefix}.transaction.commands"

        async def send(topic: str, value: bytes | None, key: bytes | None, headers: list[tuple[str, bytes]]) -> None:
            complete, sealed_value = sealed(topic, headers, value, caller=PARTNER)
            await producer.send_and_wait(topic, sealed_value, key, headers=complete)

        for value, headers in nonsense:
            await send(topic, value, b"k", headers)
        await send(topic, good, b"k", command(idempotency_key="no reply"))
        for value, query in ((b"[]", b"wallets.steal"), (b"[]", b"wallets.get"), (b"[" * 5000, b"wallets.get")):
            await send(f"{topic_prefix}.wallet.queries", value, None, [("query", query)])
        await producer.stop()
        letters = await _until_there(kafka_address, topic_prefix, "commands.dead-letters", len(nonsense) + 3)
        replies = await _until_there(kafka_address, topic_prefix, "replies", 1)
        # A command without a reply topic is executed too; a repetition with its key is a replay.
        done = await app.as_caller(PARTNER).submit(builders.deposit(wallet.id, "1"), key="no reply")
        assert done.replayed
        assert (await app.wallets.get(wallet.id)).ledger_balance == 1
    assert all(dict(one.headers)["dead-reason"] for one in letters)
    assert {opened(one) for one in letters} >= {value or b"" for value, _ in nonsense}
    assert not any(good in one.value for one in letters)
    [reply] = [opened(one) for one in replies if dict(one.headers).get("correlation-id") == b"mine"]
    assert b'"error":"InvalidRequest"' in reply
    assert b'{"field":"amount",' in reply
    assert {one.key or None for one in letters} == {None}  # a sender's key may contain personal data


async def test_a_message_that_is_too_large_for_a_dead_letter_delays_no_other(
    store: MemoryStore, bus_url: str, kafka_address: str, topic_prefix: str
) -> None:
    """With two more headers it would be larger than a message may be. Its sender needs no secret."""
    large = b"x" * (MESSAGE_BYTES_MAX - 150)
    async with services(bus_url, MEMORY, store=store), gateway(bus_url) as app:
        await until_it_answers(app)
        wallet = await a_wallet(app)
        producer = AIOKafkaProducer(bootstrap_servers=kafka_address, max_request_size=2 * MESSAGE_BYTES_MAX)
        await producer.start()
        topics = [f"{topic_prefix}.{name}" for name in ("transaction.commands", "wallet.queries")]
        sent = [await producer.send_and_wait(topic, large, partition=part) for topic in topics for part in (0, 1)]
        await producer.stop()
        async with asyncio.timeout(30):
            await app.execute(builders.deposit(wallet.id, "1"))
            assert (await app.wallets.get(wallet.id)).ledger_balance == 1
        letters = await _until_there(kafka_address, topic_prefix, "commands.dead-letters", len(sent))
    headers = [dict(one.headers) for one in letters]
    assert {one["dead-from"] for one in headers} == {
        f"{one.topic}/{one.partition}/{one.offset}".encode() for one in sent
    }
    assert all(one["dead-reason"].startswith(b"it is not sealed") for one in headers)
    assert {one.value for one in letters} == {None}


async def test_the_reason_of_a_dead_letter_has_no_data_of_the_message(
    store: MemoryStore, bus_url: str, kafka_address: str, topic_prefix: str
) -> None:
    """The reason is a header, which is not encrypted."""
    name = "Canaria Quetzalcoatl"
    body = {"full_name": name, "email": "canary@example.com", "phone_number": "+250788424242"}
    async with services(bus_url, MEMORY, store=store), gateway(bus_url) as app:
        await until_it_answers(app)
        wallet = await a_wallet(app)
        freeze = {"wallet_id": str(wallet.id), "scope": name, "reason": "fraud"}
        producer = AIOKafkaProducer(bootstrap_servers=kafka_address)
        await producer.start()
        for topic, header, value in (
            ("wallet.commands", ("command", b"FreezeWallet"), freeze),
            ("customer.commands", ("command", b"RegisterCustomer"), body | {name: 1}),
            ("customer.commands", ("command", b"RegisterCustomer"), body | {"currency": "Cana"}),
            ("wallet.queries", ("query", b"wallets.list"), {name: 1}),
        ):
            key = ("idempotency-key", str(uuid7()).encode())
            headers, sealed_value = sealed(f"{topic_prefix}.{topic}", [header, key], msgspec.json.encode(value))
            await producer.send_and_wait(f"{topic_prefix}.{topic}", sealed_value, headers=headers)
        await producer.stop()
        letters = await _until_there(kafka_address, topic_prefix, "commands.dead-letters", 4)
    reasons = [dict(one.headers)["dead-reason"].decode() for one in letters]
    assert not [one for one in reasons if "Cana" in one]


async def _until_there(address: str, topic_prefix: str, topic: str, number: int) -> list[ConsumerRecord]:
    """Wait until the topic has that many messages, and return them."""
    async with asyncio.timeout(60):
        while True:
            found = [one for one in await read(address, topic_prefix) if one.topic == f"{topic_prefix}.{topic}"]
            if len(found) >= number:
                return found


async def test_services_of_one_group_share_the_partitions(store: MemoryStore, bus_url: str) -> None:
    """A service joins and another stops during deposits: polled commands are finished, each is executed once."""
    if not REAL:
        pytest.skip("not here: a broker whose groups form within seconds")
    async with services(bus_url, MEMORY, store=store), gateway(bus_url) as app:
        await until_it_answers(app)
        wallets = [await a_wallet(app) for _ in range(10)]

        async def deposits(number: int) -> None:
            for each in range(50):
                await app.execute(builders.deposit(wallets[number].id, "1"), key=f"{number} {each}")
                await asyncio.sleep(0.1)

        moving = [asyncio.create_task(deposits(number)) for number in range(10)]
        await asyncio.sleep(0.5)
        async with services(bus_url, MEMORY, store=store, roles=("transaction",)):
            await asyncio.sleep(3)  # until the partitions are rebalanced
        await asyncio.gather(*moving)
        assert [(await app.wallets.get(one.id)).version for one in wallets] == [50] * 10
