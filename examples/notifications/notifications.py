"""A notification service: one message for each credit to a customer's wallet. None is missing, and none comes twice.

    tekana serve --bus-url kafka://127.0.0.1:9092                                      # in one terminal
    python examples/notifications/notifications.py --bus-url kafka://127.0.0.1:9092    # in another

A sent message is a row in a table, written in the same transaction as the sequence of the event: both are stored, or
neither. So the service can be killed at any time and restarted. Several processes on one file share the work.
"""

from __future__ import annotations

import asyncio
import signal
import sqlite3
from pathlib import Path
from uuid import UUID

import rich_click as click

from tekana import Money, Unavailable
from tekana.domain.events import Event, WalletCredited, aggregate_id
from tekana_kafka import EventConsumer

TABLES = """
CREATE TABLE IF NOT EXISTS seen (aggregate_id TEXT PRIMARY KEY, sequence INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS sent (number INTEGER PRIMARY KEY, wallet_id TEXT NOT NULL, message TEXT NOT NULL);
"""
SEE = """
INSERT INTO seen VALUES (?, ?) ON CONFLICT DO UPDATE SET sequence = excluded.sequence WHERE sequence < excluded.sequence
"""
SEND = "INSERT INTO sent (wallet_id, message) VALUES (?, ?)"


class Notifications:
    """The sent messages, and the sequence of the last event of each wallet: in one file, so in one transaction."""

    def __init__(self, file: Path) -> None:
        self._rows = sqlite3.connect(file)
        self._rows.executescript(TABLES)

    async def last(self, aggregate_id: UUID) -> int:
        """Return the sequence of the last handled event of an aggregate, as the consumer needs it."""
        found = self._rows.execute("SELECT sequence FROM seen WHERE aggregate_id = ?", (str(aggregate_id),)).fetchone()
        return found[0] if found else 0

    async def handle(self, event: Event) -> None:
        """Send the message of an event, unless the event was handled before."""
        try:
            with self._rows:
                newer = self._rows.execute(SEE, (str(aggregate_id(event)), event.sequence)).rowcount
                if newer and isinstance(event, WalletCredited) and event.transaction_type != "withdrawal":
                    self._rows.execute(SEND, (str(event.wallet_id), message(event)))
        except sqlite3.OperationalError as error:  # another process writes, or the disk is full: temporary
            raise Unavailable(str(error)) from error


def message(event: WalletCredited) -> str:
    """Return the message to the customer. Credits of withdrawals are on the operator's own wallet, and get none."""
    amount, balance = (Money(minor, event.currency) for minor in (event.amount, event.ledger_balance_after))
    return f"{amount} came in by {event.transaction_type}. You have {balance}."


@click.command
@click.option("--bus-url", required=True, envvar="TEKANA_BUS_URL", help="Where tekana publishes.")
@click.option("--file", default="notifications.db", type=click.Path(path_type=Path), show_default=True)
def main(bus_url: str, file: Path) -> None:
    """Notify until Ctrl-C or SIGTERM."""
    asyncio.run(_notify(bus_url, Notifications(file)))


async def _notify(bus_url: str, notifications: Notifications) -> None:
    consumer = EventConsumer(bus_url, "notifications", notifications.handle, seen=notifications, aggregates=("wallet",))
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, consumer.stop)
    await consumer.run()


if __name__ == "__main__":
    main()
