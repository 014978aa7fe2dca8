"""The example of a consumer: it sends one message for each credit, also when it is killed repeatedly."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tekana.domain.events import Event, WalletCredited
from tekana.testing import builders
from tekana.testing.contracts.helpers import a_wallet
from tekana.testing.contracts.ledger_checks import every
from tekana.testing.session import session
from tekana_kafka import KafkaPublisher

pytestmark = pytest.mark.kafka

EXAMPLE = Path(__file__).parents[2] / "examples" / "notifications"
PATIENCE = 120.0

# The example, made to work with the broker from the wheel.
_NOTIFY = """
import runpy, sys
from tests.kafka import idempotent_on_the_pip_broker
if sys.argv.pop(1) == "pip":
    idempotent_on_the_pip_broker.install()
runpy.run_path(sys.argv.pop(1), run_name="__main__")
"""


class Notifying:
    """The process of the example, and the messages that it has sent."""

    def __init__(self, bus_url: str, file: Path) -> None:
        kind = "real" if os.environ.get("TEKANA_TEST_KAFKA_JARS") or os.environ.get("TEKANA_TEST_KAFKA") else "pip"
        self._words = [sys.executable, "-W", "error", "-c", _NOTIFY, kind, str(EXAMPLE / "notifications.py")]
        self._words += ["--bus-url", bus_url, "--file", str(file)]
        self._file = file
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self._process = subprocess.Popen(self._words)

    def stop(self, number: signal.Signals) -> int:
        assert self._process is not None
        process, self._process = self._process, None
        process.send_signal(number)
        return process.wait(PATIENCE)

    def end(self) -> None:
        if self._process is not None:
            self.stop(signal.SIGKILL)

    def sent(self) -> list[tuple[str, str]]:
        rows = sqlite3.connect(self._file)
        try:
            return rows.execute("SELECT wallet_id, message FROM sent ORDER BY number").fetchall()
        except sqlite3.OperationalError:  # it has not created its table yet
            return []
        finally:
            rows.close()

    async def until_sent(self, number: int) -> None:
        async with asyncio.timeout(PATIENCE):
            while len(self.sent()) < number:  # noqa: ASYNC110 - another process sends
                await asyncio.sleep(0.01)


@pytest.fixture
def bus_url(kafka_address: str, topic_prefix: str) -> str:
    return f"kafka://{kafka_address}?topic_prefix={topic_prefix}&partitions=3"


@pytest.fixture
def notifying(bus_url: str, tmp_path: Path) -> Iterator[Notifying]:
    service = Notifying(bus_url, tmp_path / "notifications.db")
    yield service
    service.end()


async def publish(bus_url: str, events: Sequence[Event]) -> None:
    publisher = KafkaPublisher(bus_url)
    await publisher.publish(events)
    await publisher.stop()


async def test_each_credit_of_the_story_sends_a_message(bus_url: str, notifying: Notifying) -> None:
    async with session("memory://") as app:
        one, other = await a_wallet(app, "1500"), await a_wallet(app)
        await app.execute(builders.transfer(one.id, other.id, "500"), key="1")
        await app.execute(builders.transfer(other.id, one.id, "250"), key="2")
        await app.execute(builders.withdrawal(other.id, "50"), key="3")
        await app.execute(builders.transfer(other.id, one.id, "100"), key="4")
        await publish(bus_url, [fed.event for fed in await every(app.events.list)])
    notifying.start()
    await notifying.until_sent(4)
    assert notifying.stop(signal.SIGTERM) == 0
    story = [message for wallet, message in notifying.sent() if wallet == str(one.id)]
    assert story == (EXAMPLE / "story.txt").read_text().splitlines()
    assert [message for wallet, message in notifying.sent() if wallet == str(other.id)] == [
        "500 RWF came in by transfer. You have 500 RWF."
    ]


async def test_a_killed_consumer_sends_each_message_once(bus_url: str, notifying: Notifying) -> None:
    if not (os.environ.get("TEKANA_TEST_KAFKA_JARS") or os.environ.get("TEKANA_TEST_KAFKA")):
        pytest.skip("not here: a broker whose consumer groups form at once")
    async with session("memory://") as app:
        wallets = [await a_wallet(app, "1000") for _ in range(20)]
        for number in range(1500):
            one, other = wallets[number % 20], wallets[(number * 7 + 3) % 20]
            if one is not other:
                await app.execute(builders.transfer(one.id, other.id, "1"), key=f"move {number}")
        events = [fed.event for fed in await every(app.events.list)]
    expected = [
        (str(event.wallet_id), event.ledger_balance_after) for event in events if isinstance(event, WalletCredited)
    ]
    half = len(events) // 2
    await publish(bus_url, events[:half])
    notifying.start()
    for least in (100, 300):
        await notifying.until_sent(least)
        assert notifying.stop(signal.SIGKILL) == -signal.SIGKILL
        assert len(notifying.sent()) < len(expected)  # killed before the last message
        notifying.start()
    await publish(bus_url, events[half - 1000 :])  # a thousand of them are duplicates
    await notifying.until_sent(len(expected))
    assert notifying.stop(signal.SIGTERM) == 0
    sent = [(wallet, int(message.rpartition("have ")[2].split()[0])) for wallet, message in notifying.sent()]
    for wallet in {wallet for wallet, _ in expected}:
        assert [one for one in sent if one[0] == wallet] == [one for one in expected if one[0] == wallet]
