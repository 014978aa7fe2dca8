"""Post transactions while relays, the broker and the database fail."""

from __future__ import annotations

import asyncio
import itertools
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncpg
import rich_click as click
from sqlalchemy import make_url

import tekana
from benchmarks.bus_check import Tally, check
from benchmarks.processes import ROOT
from tekana_postgres import PostgresStore
from tekana_postgres.embedded import EmbeddedPostgres
from tests.kafka.brokers import ApacheKafka

_MOVERS = 256
_WALLETS = 500
_EVENTS_OF_A_WALLET = 5  # two of its customer's registration, three of its first deposit
_RELAYS = 4  # one is killed every few seconds, and a replacement takes seconds to start
_STEADY = 0.2  # share of the transactions that is measured without failures
_DISTURBED = 90.0  # minimal seconds for the remaining transactions, so that many failures happen meanwhile
_BROKER_AWAY = 3.0
_PATIENCE = 600.0
_RELAY = "SELECT holder, epoch FROM relays WHERE name = 'bus' AND expires_at > clock_timestamp()"
_LEFT = """
SELECT count(*) FROM outbox WHERE position > COALESCE(
    (SELECT split_part(cursor, '.', 1)::bigint FROM relays WHERE name = 'bus'), 0)
"""


class Drill:
    """One run: its database and broker, and its figures."""

    def __init__(self, database_url: str, folder: Path, broker: ApacheKafka) -> None:
        self._url = database_url
        self._folder = folder
        self._broker = broker
        self._bus_url = f"kafka://{broker.address}"
        self._running: list[subprocess.Popen[bytes]] = []
        self.done = 0
        self._outage = False
        self._connection: asyncpg.Connection | None = None
        self.killed = 0
        self.failovers: list[float] = []
        self.engine = self.relay = 0.0
        self.whole = False

    @contextmanager
    def relays(self) -> Iterator[None]:
        """Start the relays, and kill all of them at the end."""
        try:
            yield
        finally:
            for process in self._running:
                process.kill()
            for process in self._running:
                process.wait()

    async def run(self, movements: int) -> Tally:
        """Run the whole drill; return the comparison of bus and outbox."""
        store = PostgresStore(self._url)
        await store.migrate()
        await store.stop()
        async with tekana.connect(self._url) as backend:
            app = backend.as_caller(tekana.LOCAL_OPERATOR)
            wallets = [await _new_wallet(app, number) for number in range(_WALLETS)]
            steady = int(movements * _STEADY)
            begin = time.perf_counter()
            await self._move(app, wallets, steady)
            self.engine = steady / (time.perf_counter() - begin)
            self._log(f"{steady:,} transactions without a relay: {self.engine:,.0f} transfers/s")
            await self._publish_alone(3 * steady + _EVENTS_OF_A_WALLET * _WALLETS)
            disasters = asyncio.create_task(self._cause_failures(movements))
            kills = asyncio.create_task(self._kill_relays())
            await self._move(app, wallets, movements, _DISTURBED)
            await disasters
            kills.cancel()
            await asyncio.gather(kills, return_exceptions=True)
            self._log(f"{movements:,} transactions done; publishing the remaining events")
            await self._until(self._all_published)
            findings = [one async for one in app.audit()]
            self.whole = all(one.ok for one in findings)
            self._log(f"audit: {sum(one.ok for one in findings)} of {len(findings)} invariants hold")
        if self._connection is not None:
            self._connection.terminate()
        self._log("reading the topics")
        return await check(self._url, self._bus_url)

    async def _move(
        self, app: tekana.Session, wallets: list[tekana.WalletId], until: int, seconds: float = 0.0
    ) -> None:
        """Post transactions until there are that many, over at least that many seconds.

        Each is retried until it is answered.
        """
        first, begin = self.done + 1, time.monotonic()
        numbers = itertools.count(first)
        pause = seconds / (until - self.done)

        async def mover() -> None:
            while (number := next(numbers)) <= until:
                await asyncio.sleep(begin + pause * (number - first) - time.monotonic())
                one, other = random.sample(wallets, 2)
                command = tekana.TransferFunds(from_wallet_id=one, to_wallet_id=other, amount="1", currency="RWF")
                while True:
                    try:
                        await app.submit(command, key=f"movement {number}")
                        break
                    except (tekana.Unavailable, tekana.Overloaded):
                        await asyncio.sleep(0.2)
                self.done += 1

        await asyncio.gather(*(mover() for _ in range(_MOVERS)))

    async def _publish_alone(self, events: int) -> None:
        """Measure one relay that publishes that many events while no transactions are posted."""
        self._start_relay()
        await self._until(self._relay_is_active)
        begin = time.perf_counter()
        await self._until(self._all_published)
        self.relay = events / (time.perf_counter() - begin)
        self._log(f"{events:,} events by one relay: {self.relay:,.0f} events/s")

    async def _cause_failures(self, movements: int) -> None:
        """Stop the broker, kill a process of the database, then restart the database, while transactions are posted."""

        async def at(share: float, fail: Callable[[], None], description: str) -> None:
            while self.done < movements * share:  # noqa: ASYNC110 - there is no event to wait for
                await asyncio.sleep(0.05)
            self._log(f"at {self.done:,} transactions: {description}")
            self._outage = True
            await asyncio.to_thread(fail)
            self._outage = False

        await at(0.35, self._stop_broker, f"the broker is stopped for {_BROKER_AWAY:.0f} s")
        await at(0.55, self._kill_backend, "kill -9 of a process of the database")
        await at(0.75, self._kill_database, "the database is stopped without a shutdown, and started again")

    def _stop_broker(self) -> None:
        self._broker.stop()
        time.sleep(_BROKER_AWAY)
        self._broker.start()

    def _kill_backend(self) -> None:
        children = Path("/proc", str(self._postmaster), "task", str(self._postmaster), "children").read_text().split()
        os.kill(int(children[-1]), signal.SIGKILL)

    def _kill_database(self) -> None:
        os.kill(self._postmaster, signal.SIGQUIT)
        again = EmbeddedPostgres(self._folder)
        again.start()
        again.stop()  # this program still uses the server, so it keeps running

    @property
    def _postmaster(self) -> int:
        [file] = self._folder.glob("*/data/postmaster.pid")
        return int(file.read_text().split()[0])

    async def _kill_relays(self) -> None:
        """Kill the active relay once a second; record how long it takes until another one is active.

        The others are not killed: one of them has to take over.
        """
        while len(self._running) < _RELAYS:
            self._start_relay()
        waiting: tuple[float, int] | None = None
        following = time.monotonic() + 1.0
        while True:
            pid, epoch = await self._active_relay()
            now = time.monotonic()
            if self._outage:
                waiting = None  # an outage of the database is not counted as a failover
            elif waiting is not None and pid and epoch > waiting[1]:
                self.failovers.append(now - waiting[0])
                waiting = None
            if now >= following:
                following += 1.0
                for victim in [one for one in self._running if one.pid == pid]:
                    victim.kill()
                    await asyncio.to_thread(victim.wait)
                    self._running.remove(victim)
                    self._start_relay()
                    self.killed += 1
                    waiting = None if self._outage else (now, epoch)
            await asyncio.sleep(0.02)

    def _start_relay(self) -> None:
        words = ["-m", "tekana.cli", "relay", "--database-url", self._url, "--bus-url", self._bus_url]
        # In its own session, so that Ctrl-C reaches only this program, which stops its relays itself.
        self._running.append(
            subprocess.Popen([sys.executable, *words], cwd=ROOT, start_new_session=True, stderr=subprocess.DEVNULL)
        )

    async def _active_relay(self) -> tuple[int, int]:
        """Return the pid and the epoch of the active relay; 0 for none."""
        row = await self._ask(_RELAY)
        return (int(row["holder"].rpartition(":")[2]), row["epoch"]) if row else (0, 0)

    async def _relay_is_active(self) -> bool:
        return (await self._active_relay())[0] > 0

    async def _all_published(self) -> bool:
        row = await self._ask(_LEFT)
        return row is not None and row[0] == 0

    async def _ask(self, question: str) -> asyncpg.Record | None:
        """Return one row of the database; None if there is none or the database is down."""
        url = make_url(self._url)
        try:
            if self._connection is None:
                where = {"user": url.username, "database": url.database, "host": url.query["host"]}
                self._connection = await asyncpg.connect(**where, timeout=5)
            return await self._connection.fetchrow(question, timeout=5)
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError):
            connection, self._connection = self._connection, None
            if connection is not None:
                connection.terminate()
            return None

    async def _until(self, condition: Callable[[], Awaitable[bool]]) -> None:
        async with asyncio.timeout(_PATIENCE):
            while not await condition():  # noqa: ASYNC110 - nor when
                await asyncio.sleep(0.1)

    def _log(self, text: str) -> None:
        click.echo(f"bus: {text}", err=True)


async def _new_wallet(app: tekana.Session, number: int) -> tekana.WalletId:
    person = tekana.RegisterCustomer(
        full_name="A", email=f"a{number}@example.com", phone_number=f"+2507880{number:05d}"
    )
    wallet = (await app.execute(person)).wallets[0].id
    await app.execute(tekana.DepositFunds(wallet_id=wallet, amount="1000000", currency="RWF"), key=f"deposit {number}")
    return wallet
