"""Holds on PostgreSQL: the audit in SQL finds what is planted, and a killed sweep is completed by the next one."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Final

import pytest

import tekana
from tekana import CaptureHold, Session, VoidHold
from tekana.testing import builders
from tekana.testing.clock import FrozenClock
from tekana.testing.contracts.helpers import all_at_once
from tekana.testing.contracts.holds import a_hold, held_money
from tekana.testing.session import session
from tekana_postgres.embedded import EmbeddedPostgres
from tests.environment import environment
from tests.integration.postgres_support import assert_corruption_breaks, superuser
from tests.integration.test_postgres_audit import outbox, transactions
from tests.postgres_data import copy_postgres_data
from tests.postgres_stores import postgres_store

HOLDS: Final = int(os.environ.get("TEKANA_TEST_EXPIRING_HOLDS", "1000"))
"""How many holds expire while sweeps are killed."""

_TEKANA: Final = (sys.executable, "-m", "tekana_cli")
_ROOT: Final = Path(__file__).parents[2]

_OPEN = "UPDATE holds SET {} WHERE status = 'pending'"
_VOIDED = "UPDATE holds SET {} WHERE status = 'voided'"

CORRUPTIONS: dict[str, tuple[str, set[int]]] = {
    "less held than holds have": (
        "UPDATE wallets SET held = held - 1 WHERE held > 0",
        {4},
    ),
    "a hold of more": (_OPEN.format("amount = amount + 1"), {4}),
    "a hold without its capture": (_OPEN.format("captured = captured - 100, amount = amount - 100"), {4}),
    "more captured than was": (_VOIDED.format("captured = 1"), {4}),
    "a capture of another hold": (
        transactions(
            "UPDATE transactions SET relates_to = (SELECT id FROM holds WHERE status = 'voided') WHERE type = 'capture'"
        ),
        {4, 11},
    ),
    "a capture to another wallet": (
        transactions("UPDATE transactions SET to_wallet_id = gen_random_uuid() WHERE type = 'capture'"),
        {1, 4, 11},
    ),
    "a hold that was lost": ("DELETE FROM holds WHERE status = 'voided'", {4, 9, 10}),
    "an event that says another amount is held": (
        outbox(
            "UPDATE outbox SET event = jsonb_set(event::jsonb, '{held_after}', '1')"
            " WHERE position = (SELECT max(position) FROM outbox WHERE event_type = 'HoldReleased')"
        ),
        {4, 11},
    ),
    "a balance that was less than what was held": (
        outbox(
            "UPDATE outbox SET event = jsonb_set(jsonb_set(event::jsonb, '{held_after}', '9000'), '{amount}', '9000')"
            " WHERE event_type = 'FundsHeld'"
        ),
        {4, 5, 11},
    ),
    "an event of a hold that was lost": (outbox("DELETE FROM outbox WHERE event_type = 'HoldVoided'"), {9, 11, 12}),
    "a change of a hold without its event": (_VOIDED.format("sequence = 3"), {9}),
    "a hold that ended in another way": (_VOIDED.format("status = 'expired', reason = NULL"), {12}),
    "a voided hold that is open again": (_VOIDED.format("status = 'pending', reason = NULL"), {4, 12}),
    "a hold that ended twice": (
        "INSERT INTO outbox (event_type, event) SELECT 'HoldVoided', json_build_object('transaction_id', id,"
        " 'sequence', 3) FROM holds WHERE status = 'voided'; " + _VOIDED.format("sequence = 3"),
        {12},
    ),
    "a hold that was posted": (
        transactions("UPDATE transactions SET type = 'hold' WHERE type = 'transfer'"),
        {1, 11},
    ),
    "a pending transaction that holds nothing": (
        transactions("UPDATE transactions SET status = 'pending', posted_at = NULL WHERE type = 'transfer'"),
        {1, 4, 11},
    ),
}
"""The corruption, and the numbers of the invariants that must be broken: these and no others."""


async def _history(app: Session) -> None:
    """Have one hold that is captured in part and open, one that is voided, and a transfer."""
    money, ended = await held_money(app), await held_money(app)
    await app.execute(money.capture("300", final=False))
    await app.execute(VoidHold(transaction_id=ended.hold.id, reason="cancelled"))
    await app.execute(builders.transfer(ended.payer.id, ended.payee.id, "10"))


@pytest.mark.parametrize(("corruption", "expected"), CORRUPTIONS.values(), ids=CORRUPTIONS.keys())
async def test_a_corruption_of_holds_breaks_exactly_its_invariants(
    postgres_url: str, corruption: str, expected: set[int]
) -> None:
    async with session(postgres_url) as app:
        await _history(app)
        await assert_corruption_breaks(app, postgres_url, corruption, expected)


async def _due_holds(url: str) -> None:
    """Authorize the holds, all of which are due by the database's clock."""
    clock = FrozenClock()
    async with session(url, clock=clock) as app:
        customers = await all_at_once(app.execute(builders.person()) for _ in range(20))
        wallets = [one.wallets[0] for one in customers]
        await app.execute(builders.no_limits())
        await all_at_once(app.execute(builders.deposit(one.id, "1000000")) for one in wallets)
        for begin in range(0, HOLDS, 500):
            await all_at_once(
                app.execute(a_hold(wallets[number % 20], wallets[(number + 1) % 20], "10", expires_in=60))
                for number in range(begin, min(begin + 500, HOLDS))
            )
        clock.advance(timedelta(seconds=1))
        kept = await app.execute(a_hold(wallets[0], wallets[1], "10", expires_in=2_592_000))
        assert kept.status == "pending"


async def _sweep(url: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *(*_TEKANA, "expire-holds"),
        cwd=_ROOT,
        env=environment(TEKANA_DATABASE_URL=url),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


async def test_sweeps_that_are_killed_expire_each_hold_once(postgres_url: str) -> None:
    await _due_holds(postgres_url)
    async with superuser(postgres_url) as connection:
        # The last one was authorized by a clock that was behind.
        await connection.execute(
            "UPDATE holds SET expires_at = now() + interval '1 day' WHERE id = (SELECT max(id::text)::uuid FROM holds)"
        )
        count = "SELECT count(*) FROM holds WHERE status = 'expired'"
        kills = 0
        for _ in range(3):
            before = await connection.fetchval(count)
            process = await _sweep(postgres_url)
            while await connection.fetchval(count) == before and process.returncode is None:  # noqa: ASYNC110
                await asyncio.sleep(0.001)
            if process.returncode is None:
                process.send_signal(signal.SIGKILL)
            kills += await process.wait() == -signal.SIGKILL
        left = HOLDS - await connection.fetchval(count)
        outputs = [(await (await _sweep(postgres_url)).communicate()) for _ in range(1)]
        both = [await _sweep(postgres_url) for _ in range(2)]
        outputs += await asyncio.gather(*(one.communicate() for one in both))
        assert kills > 0
        assert [out.decode() for out, _ in outputs] == [
            f"tekana: {left:,} holds expired\n",
            *["tekana: 0 holds expired\n"] * 2,
        ], outputs
        assert await connection.fetchval(count) == HOLDS
        events = (
            "SELECT count(*), count(DISTINCT event ->> 'transaction_id') FROM outbox WHERE event_type = 'HoldExpired'"
        )
        assert tuple(await connection.fetchrow(events)) == (HOLDS, HOLDS)
        assert await connection.fetchval("SELECT sum(held) FROM wallets") == 10
    async with session(postgres_url) as app:
        assert [finding async for finding in app.audit() if not finding.ok] == []


@pytest.fixture
def folder(postgres_data: Path) -> Iterator[Path]:
    """Return the data folder of a server of its own, with data that were created before."""
    made = Path(tempfile.mkdtemp(prefix="tekana-holds-", dir="/var/tmp"))
    made.chmod(0o755)  # so that the account PostgreSQL runs as can enter it
    copy_postgres_data(postgres_data, made)
    yield made
    shutil.rmtree(made, ignore_errors=True)


def test_a_sweep_whose_database_is_killed_is_completed_by_the_next_one(folder: Path) -> None:
    count = "SELECT count(*) FROM holds WHERE status = 'expired'"

    async def kill_in_the_middle(url: str) -> None:
        await postgres_store(url).migrate()
        await _due_holds(url)
        [pid_file] = folder.rglob("postmaster.pid")
        async with superuser(url) as connection:
            process = await _sweep(url)
            while await connection.fetchval(count) == 0:  # noqa: ASYNC110
                await asyncio.sleep(0.001)
        os.kill(int(pid_file.read_text("utf-8").split()[0]), signal.SIGKILL)
        _, errors = await process.communicate()
        assert process.returncode == 2, errors

    async def complete(url: str) -> None:
        async with superuser(url) as connection:
            before = await connection.fetchval(count)
            out, _ = await (await _sweep(url)).communicate()
            assert 0 < before < HOLDS
            assert out.decode() == f"tekana: {HOLDS + 1 - before:,} holds expired\n"
            ids = "SELECT event ->> 'transaction_id' FROM outbox WHERE event_type = 'HoldExpired'"
            expired = [row[0] for row in await connection.fetch(ids)]
            assert len(expired) == len(set(expired)) == HOLDS + 1
        async with session(url) as app:
            assert [finding async for finding in app.audit() if not finding.ok] == []

    with EmbeddedPostgres(folder, durable=True) as url:
        asyncio.run(kill_in_the_middle(url))
    with EmbeddedPostgres(folder, durable=True) as url:
        asyncio.run(complete(url))


async def test_many_sweepers_at_once_expire_each_hold_once(postgres_url: str) -> None:
    await _due_holds(postgres_url)
    sweeps = [await _sweep(postgres_url) for _ in range(3)]
    outputs = await asyncio.gather(*(one.communicate() for one in sweeps))
    expired = [int(out.decode().split()[1].replace(",", "")) for out, _ in outputs]
    assert sum(expired) == HOLDS + 1, outputs
    async with session(postgres_url) as app:
        assert [finding async for finding in app.audit() if not finding.ok] == []
        page = await app.transactions.list(tekana.TransactionFilter(status="pending"), tekana.PageRequest())
        assert page.items == ()


async def test_a_capture_of_a_hold_that_is_due_by_the_databases_clock_is_refused(postgres_url: str) -> None:
    async with session(postgres_url) as app:
        money = await held_money(app, expires_in=1)
        await asyncio.sleep(1.1)
        with pytest.raises(tekana.HoldNotOpen):
            await app.execute(CaptureHold(transaction_id=money.hold.id))
