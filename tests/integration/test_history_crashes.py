"""Chains stay whole with several writers at once, when they are killed in the middle, and when units of work fail."""

from __future__ import annotations

import asyncio
import random
import signal
import sys
from pathlib import Path

import tekana
from tekana.application.engine.decide import fingerprint
from tekana.domain.errors import Conflict
from tekana.domain.lock_set import merge
from tekana.ports.unit_of_work import IdempotencyKey, IdempotencyRecord
from tekana.testing import builders
from tekana.testing.contracts.helpers import book_on
from tests.forked import forked
from tests.integration.history_support import GivenKeys, chain_breaches, chain_findings, linked_session, linked_store
from tests.integration.postgres_support import some_history, superuser

_WRITER = """
import asyncio, random, sys, uuid
import tekana
from tekana.testing import builders
from tekana.testing.session import session
from tests.integration.history_support import linked_store
from tests.integration.test_linked_audit_log import refused_entry

async def main(url, wallets):
    store = linked_store(url)
    async with session(store=store) as app:
        async def move():
            mine, his = random.sample(wallets, 2)
            try:
                what = random.random()
                if what < 0.1:
                    await app.execute(builders.person())
                elif what < 0.3:
                    await store.audit_records.append([refused_entry(), refused_entry()])
                else:
                    await app.execute(builders.transfer(mine, his, "1"), key=uuid.uuid4().hex)
            except (tekana.Refused, tekana.Unavailable):
                pass

        async def keep_moving():
            while True:
                await move()

        await move()
        print("begun", flush=True)  # its chain has a link
        await asyncio.gather(*(keep_moving() for _ in range(20)))

asyncio.run(main(sys.argv[1], [tekana.WalletId(uuid.UUID(one)) for one in sys.argv[2:]]))
"""
_ROOT = Path(__file__).parents[2]


async def _kill_a_writer(url: str, wallets: list[str]) -> None:
    words = [sys.executable, "-c", _WRITER, url, *wallets]
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*words, **forked(words), cwd=_ROOT, stdout=pipe)
    assert process.stdout is not None
    assert await process.stdout.readline() == b"begun\n"
    await asyncio.sleep(random.uniform(0.2, 1.0))
    process.send_signal(signal.SIGKILL)
    assert await process.wait() == -signal.SIGKILL


async def test_writers_that_are_killed_leave_whole_chains(postgres_url: str) -> None:
    async with linked_session(postgres_url) as app:
        people = await some_history(app)
        wallets = [str(one.wallets[0].id) for one in people]
        for _ in range(2):
            await asyncio.gather(*(_kill_a_writer(postgres_url, wallets) for _ in range(3)))
        await app.execute(builders.deposit(people[0].wallets[0].id, "1"))
        assert [finding async for finding in app.audit() if not finding.ok] == []
    assert await chain_breaches(postgres_url) == {}
    async with superuser(postgres_url) as connection:
        chains = await connection.fetchval("SELECT count(DISTINCT chain) FROM history_links")
        count = await connection.fetchval("SELECT count(*) FROM transactions")
        appended = await connection.fetchval("SELECT count(*) FROM audit_log WHERE action = 'ReadAuditLog'")
    assert chains >= 7
    assert appended > 6
    assert count > 20


async def test_a_unit_of_work_that_fails_takes_no_number(postgres_url: str) -> None:
    """Two processes use one wallet at once: units that were read without locks fail, and are done again."""
    async with linked_session(postgres_url) as one, linked_session(postgres_url) as other:
        aline, bosco = await some_history(one)
        mine, his = aline.wallets[0].id, bosco.wallets[0].id

        async def move(app: tekana.Session) -> None:
            for _ in range(40):
                await app.execute(builders.transfer(mine, his, "1"))

        await asyncio.gather(move(one), move(other))
    assert await chain_breaches(postgres_url) == {}


async def test_a_chain_goes_on_after_a_conflict(postgres_url: str) -> None:
    async with linked_session(postgres_url) as app:
        aline, bosco = await some_history(app)
    store = linked_store(postgres_url)
    mine, his = aline.wallets[0].id, bosco.wallets[0].id

    async def move(key: str, *, after: bool) -> None:
        command = builders.transfer(mine, his, "1")
        name = IdempotencyKey("main", "test", key)
        async with store.begin() as unit:
            read = await unit.read_unlocked({name}, merge([command.locks()], 0))
            if after:
                await move(f"{key} before", after=False)
            book = book_on(read.state)
            answer = command.decide(book)
            await unit.save(book, {name: IdempotencyRecord(fingerprint(command.NAME, command), answer)})

    await move("first", after=False)
    try:
        await move("second", after=True)
    except Conflict:
        pass
    else:
        raise AssertionError("the unit of work was saved")
    await move("third", after=False)
    await store.stop()
    assert await chain_breaches(postgres_url) == {}
    async with superuser(postgres_url) as connection:
        chains = await connection.fetchval("SELECT count(DISTINCT chain) FROM history_links")
    assert chains == 2  # one of the session, and one of the store, which went on after the conflict


async def test_a_large_batch_with_events_beside_it_is_linked(postgres_url: str) -> None:
    """The rows of large batches are written by COPY, unless there are events, whose positions the link has."""
    async with linked_session(postgres_url) as app:
        aline, bosco = await some_history(app)
        await app.execute(builders.deposit(aline.wallets[0].id, "10000"))
        moves = [builders.transfer(aline.wallets[0].id, bosco.wallets[0].id, "1") for _ in range(600)]
        batch = tekana.Batch(mode="independent", transactions=tuple(moves[:500]))
        await asyncio.gather(
            app.submit_batch(batch, key="batch"),
            app.submit_batch(tekana.Batch(mode="independent", transactions=tuple(moves)), key="another"),
            app.execute(builders.person()),
            *(app.execute(builders.transfer(bosco.wallets[0].id, aline.wallets[0].id, "1")) for _ in range(50)),
        )
        await app.submit_batch(tekana.Batch(mode="independent", transactions=tuple(moves)), key="alone")
    findings = await chain_findings(postgres_url, GivenKeys())
    assert [finding.breaches for finding in findings if not finding.ok] == []
    assert findings[0].checked > 1_700 * 2
