"""The example store on SQLite fulfils the store contract, and its file survives a killed process."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import tomllib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tekana_sqlite import SqliteStore

import tekana
from tekana.testing import builders
from tekana.testing.clock import FrozenClock
from tekana.testing.contracts import StoreContract
from tekana.testing.session import session
from tests.environment import environment
from tests.serving import free_port

FOLDER = Path(__file__).parents[2] / "examples" / "bring_your_own_store"

# Deposits one franc at a time, and prints the number of each deposit, until it is killed.
DEPOSIT_FOR_EVER = """
import asyncio, sys, tekana, tekana_sqlite

async def main(url, wallet_id):
    async with tekana.connect(store=tekana_sqlite.SqliteStore(url)) as app:
        operator = app.as_caller(tekana.LOCAL_OPERATOR)
        number = 0
        while True:
            number += 1
            command = tekana.DepositFunds(wallet_id=wallet_id, amount="1", currency="RWF")
            await operator.execute(command, key=f"deposit {number}")
            print(number, flush=True)

from uuid import UUID
asyncio.run(main(sys.argv[1], UUID(sys.argv[2])))
"""

MIGRATE = """
import asyncio, sys, tekana_sqlite

async def main():
    store = tekana_sqlite.SqliteStore(sys.argv[1])
    await store.start()
    print(len(await store.migrate()))
    await store.stop()

asyncio.run(main())
"""


class TestSqliteStore(StoreContract):
    persistent = True

    @pytest.fixture
    async def store(self, clock: FrozenClock, tmp_path: Path) -> AsyncIterator[SqliteStore]:
        store = SqliteStore(f"sqlite://{tmp_path}/wallets.db", clock=clock)
        await store.start()
        await store.migrate()
        yield store
        await store.stop()

    async def another(self, store: SqliteStore) -> SqliteStore:
        return SqliteStore(store.url, clock=store.clock)


async def test_confirmed_deposits_survive_a_killed_process(tmp_path: Path) -> None:
    url = f"sqlite://{tmp_path}/wallets.db"
    wallet = await _new_file_with_a_wallet(url)
    answered = 0
    for round_ in range(1, 3):
        answered = _deposit_until_killed(url, wallet.id, at_least=round_ * 20)
        async with session(store=SqliteStore(url)) as app:
            kept = (await app.wallets.get(wallet.id)).ledger_balance
            assert answered <= kept <= answered + 1  # the last one may be stored without its confirmation
            assert [finding async for finding in app.audit() if not finding.ok] == []
    assert answered >= 40


async def test_of_concurrent_migrations_one_does_the_work(tmp_path: Path) -> None:
    command = [sys.executable, "-c", MIGRATE, f"sqlite://{tmp_path}/wallets.db"]
    processes = [
        await asyncio.create_subprocess_exec(*command, cwd=FOLDER, stdout=asyncio.subprocess.PIPE) for _ in range(3)
    ]
    answers = [(await process.communicate())[0].strip() for process in processes]
    assert sorted(answers) == [b"0"] * 2 + [b"1"]


async def test_a_file_without_tables_is_not_ready(tmp_path: Path) -> None:
    async with tekana.connect(store=SqliteStore(f"sqlite://{tmp_path}/new.db")) as app:
        with pytest.raises(tekana.Unavailable, match="tekana migrate"):
            await app.check_ready()


async def test_a_missing_folder_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(tekana.Unavailable, match="unable to open"):
        await SqliteStore(f"sqlite://{tmp_path}/nowhere/new.db").start()


async def test_the_database_rejects_an_overdraft(tmp_path: Path) -> None:
    store = SqliteStore(f"sqlite://{tmp_path}/wallets.db")
    await _new_file_with_a_wallet(store.url)
    await store.start()
    write = store._writer.rows
    overdrawn = "UPDATE wallets SET body = json_set(body, '$.ledger_balance', -1) WHERE customer_id IS NOT NULL"
    for forbidden in (overdrawn, "UPDATE transactions SET created_at = 0", "DELETE FROM entries", "DELETE FROM outbox"):
        with pytest.raises(tekana.Unavailable, match="SQLite refused the statement"):
            write(forbidden)
    await store.stop()


async def test_the_store_is_found_by_the_scheme_of_its_url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _install(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    async with tekana.connect(f"sqlite://{tmp_path}/wallets.db") as app:
        with pytest.raises(tekana.Unavailable, match="tekana migrate"):
            await app.check_ready()


def test_http_is_not_served_from_a_store_without_data_keys(tmp_path: Path) -> None:
    """No request could be authenticated, so the command says so at its start."""
    _install(tmp_path)
    url = f"sqlite://{tmp_path}/wallets.db"
    command = [sys.executable, "-m", "tekana.cli", "serve", "--database-url", url, "--port", str(free_port())]
    paths = os.pathsep.join([str(tmp_path), str(FOLDER), *sys.path])
    done = subprocess.run(
        command, env=environment() | {"PYTHONPATH": paths}, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 2, done.stderr
    assert "SqliteStore keeps no data keys" in done.stderr
    assert "(Ctrl-C stops)" not in done.stderr


def _install(folder: Path) -> None:
    """Register the store through the entry point of its pyproject.toml, as for an installed package."""
    points = tomllib.loads((FOLDER / "pyproject.toml").read_text())["project"]["entry-points"]
    lines = [f"[{group}]\n{name} = {value}" for group, named in points.items() for name, value in named.items()]
    installed = folder / "tekana_sqlite-1.0.0.dist-info"
    installed.mkdir()
    (installed / "METADATA").write_text("Metadata-Version: 2.1\nName: tekana-sqlite\nVersion: 1.0.0\n")
    (installed / "entry_points.txt").write_text("\n".join(lines))


@pytest.mark.parametrize("run_workers", [False, True])
async def test_a_bus_url_is_refused_for_a_store_without_an_outbox(tmp_path: Path, run_workers: bool) -> None:
    store = SqliteStore(f"sqlite://{tmp_path}/wallets.db")
    with_a_bus = tekana.Settings(database_url=store.url, bus_url="kafka://127.0.0.1:9092")
    with pytest.raises(tekana.InvalidRequest, match="cannot be given with SqliteStore") as refused:
        async with session(with_a_bus, store=store, run_workers=run_workers):
            pass
    assert [error.field for error in refused.value.errors] == ["bus_url"]


async def _new_file_with_a_wallet(url: str) -> tekana.Wallet:
    store = SqliteStore(url)
    await store.start()
    await store.migrate()
    async with session(store=store) as app:
        registered = await app.execute(builders.person())
        await app.execute(builders.deposit(registered.wallets[0].id, "1"), key="deposit 1")
    return registered.wallets[0]


def _deposit_until_killed(url: str, wallet_id: tekana.WalletId, at_least: int) -> int:
    """Return the number of the last confirmed deposit before the process was killed."""
    command = [sys.executable, "-c", DEPOSIT_FOR_EVER, url, str(wallet_id)]
    last = 0
    with subprocess.Popen(command, cwd=FOLDER, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line.endswith("\n"):
                last = int(line)
            if last == at_least:
                process.send_signal(signal.SIGKILL)
    return last
