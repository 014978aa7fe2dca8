"""A killed database loses no confirmed transaction, and service resumes by itself when it is running again."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

import tekana
from tekana.testing import builders
from tekana.testing.session import session
from tekana_postgres.embedded import EmbeddedPostgres
from tekana_postgres.embedded_store import EmbeddedPostgresStore
from tests.postgres_data import copy_postgres_data
from tests.postgres_stores import key_file


@pytest.fixture
def folder(postgres_data: Path) -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="tekana-outage-", dir="/var/tmp"))
    folder.chmod(0o755)
    copy_postgres_data(postgres_data, folder)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def kill_server(folder: Path) -> None:
    """Kill the postmaster with SIGKILL."""
    [pid_file] = folder.glob("*/data/postmaster.pid")
    os.kill(int(pid_file.read_text().split()[0]), signal.SIGKILL)


async def until_ready(store: EmbeddedPostgresStore) -> None:
    async with asyncio.timeout(30):
        while True:
            try:
                await store.check_ready()
            except tekana.Unavailable:
                await asyncio.sleep(0.05)
            else:
                return


async def test_a_database_killed_during_deposits_loses_none(folder: Path) -> None:
    store = EmbeddedPostgresStore(f"embedded://{folder}", key_provider=key_file)
    async with session(store=store) as app:
        aline = await app.execute(builders.person())
        mine = aline.wallets[0].id
        answered: dict[str, tekana.Transaction] = {}

        async def deposit(key: str) -> None:
            try:
                answered[key] = await app.execute(builders.deposit(mine, "1"), key=key)
            except tekana.Unavailable as error:
                assert "retry with the same key" in str(error)

        keys = [str(number) for number in range(3_000)]
        crowd = [asyncio.create_task(deposit(key)) for key in keys]
        await asyncio.wait(crowd, return_when=asyncio.FIRST_COMPLETED)
        await asyncio.to_thread(kill_server, folder)
        await asyncio.gather(*crowd)
        before = dict(answered)
        assert 0 < len(before) < len(keys)
        with EmbeddedPostgres(folder):  # the server is started again, the application is not
            await until_ready(store)
            await asyncio.gather(*(deposit(key) for key in keys))
            assert len(answered) == len(keys)
            assert {
                key: answered[key] for key in before
            } == before  # confirmed deposits are stored, and not executed again
            assert (await app.wallets.get(mine)).ledger_balance == len(keys)
            assert [finding async for finding in app.audit() if not finding.ok] == []


async def test_the_embedded_server_is_started_again_when_it_dies(folder: Path) -> None:
    store = EmbeddedPostgresStore(f"embedded://{folder}", key_provider=key_file)
    async with session(store=store) as app:
        aline = await app.execute(builders.person())
        await app.execute(builders.deposit(aline.wallets[0].id, "7"), key="before")
        await asyncio.to_thread(kill_server, folder)
        await until_ready(store)
        assert (await app.submit(builders.deposit(aline.wallets[0].id, "7"), key="before")).replayed
        assert [finding async for finding in app.audit() if not finding.ok] == []


async def test_a_command_waits_for_a_wallet_locked_elsewhere(folder: Path) -> None:
    store = EmbeddedPostgresStore(f"embedded://{folder}", key_provider=key_file)
    async with session(store=store) as app:
        aline = await app.execute(builders.person())
        async with store.begin() as elsewhere:  # another unit of work has locked the wallet
            await elsewhere.lock(builders.deposit(aline.wallets[0].id).locks())
            waiting = asyncio.create_task(app.execute(builders.deposit(aline.wallets[0].id, "7"), key="waits"))
            await asyncio.sleep(0)
        assert (await waiting).status == "posted"
        assert [finding async for finding in app.audit() if not finding.ok] == []
