"""Relays as processes: no event is lost or out of order when relays are killed and the broker is stopped."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tekana.domain.caller import LOCAL_OPERATOR
from tekana.domain.events import event_id
from tekana.ports.outbox import RelayState
from tekana.testing import builders
from tekana.testing.contracts.helpers import a_wallet
from tekana.testing.contracts.ledger_checks import assert_whole, every
from tekana.testing.session import session
from tekana_postgres import PostgresStore
from tests.forked import TEKANA, forked
from tests.kafka.brokers import Broker
from tests.kafka.consumer import document_of, read

pytestmark = pytest.mark.kafka

PATIENCE = 60.0

# The command, made to work with the broker from the wheel.
_RELAY = """
import sys
from tests.kafka import idempotent_on_the_pip_broker
from tekana.cli import main
if sys.argv.pop(1) == "pip":
    idempotent_on_the_pip_broker.install()
main()
"""


class Relays:
    """The relay processes between a database and a broker."""

    def __init__(self, database_url: str, bus_url: str, broker_kind: str) -> None:
        self._words = [sys.executable, "-c", _RELAY, broker_kind, "relay"]
        self._words += ["--database-url", database_url, "--bus-url", bus_url]
        self.running: list[subprocess.Popen[bytes]] = []

    def start(self) -> None:
        self.running.append(subprocess.Popen(self._words, **forked(self._words)))

    def kill(self, pid: int) -> None:
        for process in self.running:
            if process.pid == pid:
                process.kill()
                process.wait()
        self.running = [one for one in self.running if one.returncode is None]

    def stop(self) -> list[int]:
        for process in self.running:
            process.send_signal(signal.SIGTERM)
        return [process.wait(PATIENCE) for process in self.running]


@contextmanager
def running_relays(database_url: str, broker: Broker, topic_prefix: str, number: int) -> Iterator[Relays]:
    bus_url = f"kafka://{broker.address}?topic_prefix={topic_prefix}&partitions=3"
    relays = Relays(database_url, bus_url, "real" if broker.durable else "pip")
    for _ in range(number):
        relays.start()
    try:
        yield relays
    finally:
        assert set(relays.stop()) <= {0, -signal.SIGTERM}  # -SIGTERM if it had not installed its handler yet


async def until_published(store: PostgresStore) -> RelayState:
    """Wait until everything is published."""
    async with asyncio.timeout(PATIENCE):
        while True:
            state = await store.outbox("bus").state()
            if not state.unpublished:
                return state
            await asyncio.sleep(0.05)


async def holder(store: PostgresStore, *, but: int = 0) -> int:
    """Wait until another relay than `but` is active; return its pid."""
    async with asyncio.timeout(PATIENCE):
        while True:
            name = (await store.outbox("bus").state()).holder or ":0"
            if (pid := int(name.rpartition(":")[2])) not in (0, but):
                return pid
            await asyncio.sleep(0.02)


async def assert_all_arrived(store: PostgresStore, broker: Broker, topic_prefix: str) -> None:
    """Assert that the bus has every event and no others, in order per aggregate, duplicates ignored."""
    last: dict[str, int] = defaultdict(int)
    arrived = []
    for record in await read(broker.address, topic_prefix):
        payload = document_of(record)
        if payload.sequence > last[str(payload.aggregate_id)]:
            assert payload.sequence == last[str(payload.aggregate_id)] + 1
            last[str(payload.aggregate_id)] += 1
            arrived.append(payload.id)
    assert sorted(arrived) == sorted(event_id(one.event) for one in await every(store.events(LOCAL_OPERATOR).list))


async def test_killed_relays_lose_no_event(postgres_url: str, kafka_broker: Broker, topic_prefix: str) -> None:
    async with session(postgres_url) as app:
        store = app._store
        assert isinstance(store, PostgresStore)
        one, other = await a_wallet(app, "100000"), await a_wallet(app, "100000")

        async def move(number: int) -> None:
            there = builders.transfer(one.id, other.id, "1") if number % 2 else builders.transfer(other.id, one.id, "1")
            await app.execute(there, key=f"move {number}")

        with running_relays(postgres_url, kafka_broker, topic_prefix, 2) as relays:
            for round_number in range(3):
                pid = await holder(store)
                await asyncio.gather(*(move(100 * round_number + each) for each in range(100)))
                relays.kill(pid)
                await holder(store, but=pid)
                relays.start()
            state = await until_published(store)
            assert state.epoch >= 4
        await assert_all_arrived(store, kafka_broker, topic_prefix)
        await assert_whole(store)
    assert (await _status(postgres_url))["unpublished"] == 0


async def test_a_restart_of_the_broker_loses_no_event(
    postgres_url: str, kafka_broker: Broker, topic_prefix: str
) -> None:
    if not kafka_broker.durable:
        pytest.skip("not here: a broker that keeps its data")
    async with session(postgres_url) as app:
        store = app._store
        assert isinstance(store, PostgresStore)
        with running_relays(postgres_url, kafka_broker, topic_prefix, 2):
            wallet = await a_wallet(app, "100")
            await until_published(store)
            for stop in (kafka_broker.stop, kafka_broker.kill):
                stop()
                for number in range(50):
                    await app.execute(builders.deposit(wallet.id, "1"), key=f"{stop.__name__} {number}")
                kafka_broker.start()
            await until_published(store)
        await assert_all_arrived(store, kafka_broker, topic_prefix)
        await assert_whole(store)


async def _status(database_url: str) -> RelayState:
    words = [*TEKANA, "outbox", "status", "--json", "--database-url", database_url]
    done = await asyncio.to_thread(subprocess.run, words, capture_output=True, check=True, **forked(words))
    found: RelayState = json.loads(done.stdout)
    return found
