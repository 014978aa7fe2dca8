"""Reads from a real replica: it serves queries, and commands use the primary only."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import signal
import socket
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

import httpx
import pytest

from tekana import Settings
from tekana_litestar import create_app
from tekana_postgres.embedded import EmbeddedPostgres
from tekana_postgres.embedded.account import run_as
from tekana_postgres.embedded.programs import find_programs
from tests.environment import environment as clean_environment
from tests.forked import TEKANA, forked
from tests.integration.http_support import (
    assert_problem,
    assert_whole,
    client_of,
    move,
    register,
    started_app,
    wallet_with,
)
from tests.integration.postgres_support import superuser
from tests.keys import BEARER, KEY_FILE
from tests.postgres_data import copy_postgres_data
from tests.postgres_stores import postgres_store


class Replica(NamedTuple):
    """A streaming replica of an embedded PostgreSQL, on its own socket."""

    primary: EmbeddedPostgres
    folder: Path

    @property
    def urls(self) -> Settings:
        """Return settings with the URLs of the primary and the replica."""
        place = f"postgresql+asyncpg://postgres@/postgres?host={quote(str(self.folder))}&port=5432"
        return Settings(database_url=self.primary.start(), read_database_url=place)

    def copy(self) -> None:
        """Copy the primary's data."""
        assert self.primary._use
        source = str(self.primary._use[0].socket_folder)
        words = ["-h", source, "-p", "5432", "-U", "postgres", "-D", "data", "-R", "-c", "fast", "--no-sync"]
        self._run("pg_basebackup", *words)

    def start(self) -> None:
        """Start the replica, and wait until it accepts connections."""
        options = f"--listen_addresses= --port=5432 --unix_socket_directories={self.folder} --fsync=off"
        self._run("pg_ctl", "start", "-w", "-D", "data", "-l", "data/server.log", "-o", options)

    def stop(self) -> None:
        """Stop the replica if it runs."""
        if (self.folder / "data" / "postmaster.pid").exists():
            self._run("pg_ctl", "stop", "-w", "-m", "fast", "-D", "data")

    def _run(self, program: str, *words: str) -> None:
        assert self.primary._use
        home = self.primary._use[0]
        run_as(home.account, [f"{find_programs(home.path, home.account)}/{program}", *words], self.folder)

    @contextlib.asynccontextmanager
    async def replay_paused(self) -> AsyncIterator[None]:
        """Pause the replay of WAL; resume it at the end."""
        assert self.urls.read_database_url
        async with superuser(self.urls.database_url) as connection:
            now = await connection.fetchval("SELECT pg_current_wal_lsn()")
        async with superuser(self.urls.read_database_url) as connection:
            await until(connection, "SELECT pg_last_wal_replay_lsn() >= $1", now)
            await connection.execute("SELECT pg_wal_replay_pause()")
            await until(connection, "SELECT pg_get_wal_replay_pause_state() = 'paused'")
            try:
                yield
            finally:
                await connection.execute("SELECT pg_wal_replay_resume()")


async def until(connection: Any, query: str, *arguments: object) -> None:
    async with asyncio.timeout(30):
        while True:
            if await connection.fetchval(query, *arguments):
                return
            await asyncio.sleep(0.01)


@pytest.fixture(scope="module")
def replica(postgres_data: Path) -> Iterator[Replica]:
    """A migrated primary and its replica."""
    folder = Path(tempfile.mkdtemp(prefix="tekana-replica-", dir="/var/tmp"))
    folder.chmod(0o755)  # so that the account PostgreSQL runs as can enter it
    place = folder / "replica"
    place.mkdir()
    with contextlib.ExitStack() as ending:
        ending.callback(shutil.rmtree, folder, ignore_errors=True)
        copy_postgres_data(postgres_data, folder)
        primary = EmbeddedPostgres(folder)
        ending.callback(primary.stop)
        asyncio.run(postgres_store(primary.start()).migrate())
        assert primary._use
        primary._use[0]._give_away(place)
        made = Replica(primary, place)
        made.copy()
        ending.callback(made.stop)
        made.start()
        yield made


@pytest.fixture
async def client(replica: Replica) -> AsyncIterator[httpx.AsyncClient]:
    """Return a client of an app that reads from the replica; after the test, check that the ledger is whole."""
    async with started_app(create_app(replica.urls)) as app, client_of(app) as made:
        yield made
        await assert_whole(app.state.tekana)


async def read_state(client: httpx.AsyncClient, wallet: str) -> tuple[str, str, int, int]:
    """Read the wallet's balance from two routes, and the numbers of its entries and posted transactions."""
    return (
        (await client.get(f"/v1/wallets/{wallet}")).json()["ledger_balance"],
        (await client.get(f"/v1/wallets/{wallet}/balance")).json()["ledger_balance"],
        len((await client.get(f"/v1/wallets/{wallet}/entries")).json()["items"]),
        len((await client.get(f"/v1/transactions?wallet_id={wallet}&status=posted")).json()["items"]),
    )


async def test_the_replica_serves_reads_and_the_primary_commands(client: httpx.AsyncClient, replica: Replica) -> None:
    wallet = await wallet_with(client, "1000")
    withdrawal = {"type": "withdrawal", "wallet_id": wallet, "amount": "600", "currency": "RWF"}
    async with replica.replay_paused():
        feed = (await client.get("/v1/events?limit=200")).json()["items"]
        taken = await move(client, withdrawal, "once")
        assert taken.status_code == 201
        assert await read_state(client, wallet) == ("1000", "1000", 1, 1)  # unchanged, as the replica is paused
        assert (await client.get(f"/v1/transactions/{taken.json()['id']}")).status_code == 404
        assert (await client.get(f"/v1/customers/{(await register(client))['id']}")).status_code == 404

        # Commands, dry runs and replays use the primary, which has the new state.
        assert_problem(await move(client, withdrawal), 422, "insufficient_funds")
        preview = await client.post("/v1/transactions?dry_run=true", json=withdrawal)
        assert_problem(preview, 422, "insufficient_funds")
        again = await move(client, withdrawal, "once")
        assert (again.json(), again.headers["idempotency-replayed"]) == (taken.json(), "true")
        events = (await client.get("/v1/events?limit=200")).json()["items"][len(feed) :]
        assert "FundsWithdrawn" in {one["type"] for one in events}
    async with asyncio.timeout(30):
        while True:
            if await read_state(client, wallet) == ("400", "400", 2, 2):
                break
            await asyncio.sleep(0.01)


async def test_without_the_replica_commands_work_and_reads_are_unavailable(
    client: httpx.AsyncClient, replica: Replica
) -> None:
    wallet = await wallet_with(client, "1000")
    assert (await client.get("/health/ready")).json() == {"status": "ready"}
    await asyncio.to_thread(replica.stop)
    try:
        assert_problem(await client.get(f"/v1/wallets/{wallet}"), 503, "unavailable")
        assert_problem(await client.get("/v1/transactions"), 503, "unavailable")
        body = {"type": "withdrawal", "wallet_id": wallet, "amount": "600", "currency": "RWF"}
        assert (await move(client, body)).status_code == 201
        assert (await client.get("/v1/events")).status_code == 200
        ready = await client.get("/health/ready")
        assert (ready.status_code, ready.json()["status"]) == (200, "ready")
        assert "the replica does not answer" in ready.json()["warnings"][0]
    finally:
        await asyncio.to_thread(replica.start)
    assert (await client.get(f"/v1/wallets/{wallet}")).status_code == 200  # nothing was restarted
    assert (await client.get("/health/ready")).json() == {"status": "ready"}


async def test_each_of_several_workers_reads_from_the_replica(replica: Replica) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
    urls = replica.urls
    assert urls.read_database_url
    environment = clean_environment()
    words = ["serve", "--port", str(port), "--workers", "2", "--database-url", urls.database_url]
    async with replica.replay_paused():
        more = {"TEKANA_READ_DATABASE_URL": urls.read_database_url, "TEKANA_KEY_FILE": str(KEY_FILE)}
        command = [*TEKANA, *words]
        options = forked(command, environment | more)
        server = await asyncio.create_subprocess_exec(*command, **options, stderr=asyncio.subprocess.PIPE)
        try:
            async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", headers=BEARER) as http:
                end = time.monotonic() + 60
                while True:
                    with contextlib.suppress(httpx.TransportError):
                        assert (await http.get("/health/ready")).json() == {"status": "ready"}
                        break
                    assert server.returncode is None
                    assert time.monotonic() < end
                    await asyncio.sleep(0.05)
                customer = await register(http)
            for _ in range(20):  # each on a new connection, which either worker may accept
                async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", headers=BEARER) as http:
                    assert (await http.get(f"/v1/customers/{customer['id']}")).status_code == 404
        finally:
            server.send_signal(signal.SIGTERM)
            _, log = await server.communicate()
    assert server.returncode == 0
    assert b"WARNING" not in log
