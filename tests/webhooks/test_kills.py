"""Dispatchers as processes, killed in the middle of their work: every event arrives, each wallet's in order.

At most the run of a stream that a killed process was sending is repeated.
"""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

import tekana
from tekana.application import CreateWebhookEndpoint
from tekana.application.workers.webhook_dispatcher import RUN_LENGTH_MAX
from tekana.domain.caller import LOCAL_OPERATOR
from tekana.domain.events import event_id
from tekana.testing import builders
from tekana.testing.contracts.helpers import a_wallet
from tekana.testing.contracts.ledger_checks import assert_whole, every
from tekana.testing.receiver import receiving
from tekana.testing.session import session
from tekana_postgres import PostgresStore
from tests.forked import forked
from tests.webhooks.support import sequences, until

KILLS = 3

# The command, whose claims expire sooner.
_COMMAND = """
from tekana.application.workers import webhook_dispatcher
webhook_dispatcher.CLAIM_SECONDS = 2.0
from tekana.cli import main
main()
"""


class Processes:
    """Processes that deliver webhooks out of a database."""

    def __init__(self, database_url: str) -> None:
        self._words = [sys.executable, "-c", _COMMAND, "webhooks", "--webhooks-allow-private"]
        self._words += ["--database-url", database_url]
        self.running: list[subprocess.Popen[bytes]] = []

    def start(self) -> None:
        self.running.append(subprocess.Popen(self._words, **forked(self._words)))

    def kill_oldest(self) -> None:
        process = self.running.pop(0)
        process.kill()
        process.wait()

    def stop(self) -> list[int]:
        for process in self.running:
            process.send_signal(signal.SIGTERM)
        return [process.wait(30) for process in self.running]


@pytest.fixture
def processes(postgres_url: str) -> Iterator[Processes]:
    made = Processes(postgres_url)
    yield made
    assert set(made.stop()) <= {0, -signal.SIGTERM}  # the latter, of one that had hardly begun


async def test_dispatchers_that_are_killed(postgres_url: str, processes: Processes) -> None:
    async with session(postgres_url) as app, receiving() as receiver:
        store = app._store
        assert isinstance(store, PostgresStore)
        settings = tekana.Settings(database_url=postgres_url, webhooks_allow_private=True)
        async with session(settings) as owner:
            await owner.execute(CreateWebhookEndpoint(url=receiver.url))
        one, other = await a_wallet(app, "100000"), await a_wallet(app, "100000")
        processes.start()
        processes.start()

        async def move(number: int) -> None:
            there = builders.transfer(one.id, other.id, "1") if number % 2 else builders.transfer(other.id, one.id, "1")
            await app.execute(there, key=f"move {number}")

        for round_number in range(KILLS):
            seen = len(receiver.received)
            await asyncio.gather(*(move(50 * round_number + each) for each in range(50)))
            await until(lambda seen=seen: len(receiver.received) > seen + 10)  # type: ignore[misc]
            processes.kill_oldest()
            processes.start()
        wanted = {event_id(fed.event) for fed in await every(store.events(LOCAL_OPERATOR).list)}
        async with asyncio.timeout(90):
            while {one["id"] for one in receiver.events} != wanted:  # noqa: ASYNC110 - there is no event to wait for
                await asyncio.sleep(0.1)
        for arrived in sequences(receiver.events).values():
            first_time = list(dict.fromkeys(arrived))
            assert first_time == list(range(1, len(first_time) + 1))
            assert len(arrived) - len(first_time) <= KILLS * RUN_LENGTH_MAX
        assert all(one.headers["webhook-id"] == one.event["id"] for one in receiver.received)
        await assert_whole(store)
