"""The command queue: batches are taken completely, and do not delay single commands."""

from __future__ import annotations

import asyncio
import sys

import pytest

from tekana import Batch, BatchOutcome, Overloaded, Unavailable
from tekana.application.commands.batch import BATCH_SIZE_MAX
from tekana.application.engine.command_queue import CommandQueue, QueuedBatch, QueuedCommand
from tekana.application.engine.envelope import Envelope, estimate_bytes
from tekana.domain.book import Book
from tekana.domain.caller import LOCAL_OPERATOR, MAIN_TENANT
from tekana.ports.unit_of_work import IdempotencyKey
from tekana.testing import builders
from tekana.testing.contracts.faults import Failing, Point
from tekana.testing.contracts.helpers import a_wallet, all_outcomes, kinds
from tekana_memory import MemoryStore
from tests.unit.test_posting_engine import engines, gate, start_commands, store

__all__ = ["engines", "gate", "store"]

COMMAND = builders.deposit(builders.wallet().id, "1")


def single(number: int) -> QueuedCommand:
    return QueuedCommand(
        IdempotencyKey(MAIN_TENANT, "a test", f"single {number}"),
        0,
        Envelope(COMMAND, builders.caller("a test")),
        asyncio.Future(),
    )


def batch_commands(name: str, size: int) -> list[QueuedCommand]:
    batch = QueuedBatch(IdempotencyKey(MAIN_TENANT, "a test", name), 0, builders.independent(*[COMMAND] * size))
    return [
        single(0)._replace(key=IdempotencyKey(MAIN_TENANT, "a test", name), batch=batch, place=place)
        for place in range(size)
    ]


def sizes_of(group: list[QueuedCommand]) -> dict[str, int]:
    """Return the number of commands in the group by batch, and of single ones."""
    names = [one.key.key if one.batch else "single" for one in group]
    return {name: names.count(name) for name in dict.fromkeys(names)}


async def test_single_commands_wait_for_at_most_one_group_of_batches() -> None:
    queue = CommandQueue(largest_group=10, most_groups=20)
    for number in range(5):
        queue.put_batch(batch_commands(f"large {number}", BATCH_SIZE_MAX))
    for number in range(15):
        queue.put(single(number))
    assert len(queue) == 5 * BATCH_SIZE_MAX + 15
    assert sizes_of(queue.take_group()) == {"single": 10, "large 0": BATCH_SIZE_MAX}
    queue.put(single(15))
    assert sizes_of(queue.take_group()) == {"single": 6, "large 1": BATCH_SIZE_MAX}
    assert sizes_of(queue.take_group()) == {"large 2": BATCH_SIZE_MAX}
    assert len(queue) == 2 * BATCH_SIZE_MAX


async def test_small_batches_share_a_group_and_none_is_split() -> None:
    queue = CommandQueue(largest_group=10, most_groups=20)
    for name, size in [("a", 300), ("b", 600), ("c", 101), ("d", 1)]:
        queue.put_batch(batch_commands(name, size))
    assert sizes_of(queue.take_group()) == {"a": 300, "b": 600}  # d waits behind c
    assert sizes_of(queue.take_group()) == {"c": 101, "d": 1}
    assert (queue.take_group(), len(queue)) == ([], 0)


async def test_the_queue_is_bounded_by_bytes() -> None:
    """Ten thousand commands with the maximal metadata would take a gigabyte."""
    queue = CommandQueue(largest_group=500, most_groups=20)
    metadata = {f"name {number:02}": chr(233) * 500 for number in range(50)}
    large = builders.deposit(builders.wallet().id, "1", metadata=metadata)
    size = estimate_bytes(large)
    assert size > sum(sys.getsizeof(value) for value in metadata.values())
    accepted = 0
    while queue.can_accept():
        queue.put(single(0)._replace(bytes=size))
        accepted += 1
    assert 100 * 2**20 <= accepted * size <= 101 * 2**20
    assert queue.can_accept_batch(1000)  # batches have a separate limit
    queue.put_batch([one._replace(bytes=101 * 2**20) for one in batch_commands("large", 1)])
    assert not queue.can_accept_batch(1)
    taken = 0
    while queue:
        taken += len(queue.take_group())
    assert taken == accepted + 1
    assert queue.can_accept()
    assert queue.can_accept_batch(1000)


async def test_commands_without_metadata_are_bounded_by_their_number() -> None:
    queue = CommandQueue(largest_group=500, most_groups=20)
    for _ in range(10_000):
        assert queue.can_accept()
        queue.put(single(0)._replace(bytes=estimate_bytes(COMMAND)))
    assert not queue.can_accept()


async def test_a_thousand_commands_are_one_group(store, gate, engines) -> None:
    _, app = engines()
    wallet = await a_wallet(app)
    gate.begun = 0
    await app.submit_batch(batch_of(1000, wallet.id))
    assert gate.begun == 1
    assert (await store.wallets(LOCAL_OPERATOR).get(wallet.id)).ledger_balance == 1000


async def test_a_full_queue_refuses_a_batch_at_once(store, gate, engines) -> None:
    _, app = engines(largest_group=5, most_groups=1)
    wallet = await a_wallet(app)
    crowd = await start_commands(app, gate, wallet, 5)
    with pytest.raises(Overloaded):
        await app.execute(builders.deposit(wallet.id, "1"))
    fits = asyncio.create_task(
        app.submit_batch(batch_of(BATCH_SIZE_MAX - 6, wallet.id))
    )  # batches have a separate limit
    await asyncio.sleep(0)
    with pytest.raises(Overloaded):
        await app.submit_batch(batch_of(7, wallet.id), key="a key")
    small = asyncio.create_task(app.submit_batch(batch_of(6, wallet.id), key="a key"))
    await asyncio.sleep(0)
    gate.open.set()
    assert not (await small).replayed  # nothing of the refused batch was executed
    assert kinds(await all_outcomes([fits, *crowd])) == ["BatchOutcome"] + ["Transaction"] * 6
    assert (await store.wallets(LOCAL_OPERATOR).get(wallet.id)).ledger_balance == BATCH_SIZE_MAX + 6


async def test_single_commands_pass_batches_in_flight(store, gate, engines) -> None:
    _, app = engines()
    wallet = await a_wallet(app)
    gate.open.clear()
    batches = [asyncio.create_task(app.submit_batch(batch_of(BATCH_SIZE_MAX, wallet.id))) for _ in range(5)]
    for _ in range(10):  # iterations of the event loop until the first groups are at the gate
        await asyncio.sleep(0)
    gate.begun = 0
    single = await start_commands(app, gate, wallet, 3)
    for _ in range(10):
        await asyncio.sleep(0)
    assert gate.begun == 1  # one group of single commands passes; the others wait for it
    gate.open.set()
    assert kinds(await all_outcomes([*single, *batches])) == ["BatchOutcome"] * 5 + ["Transaction"] * 4
    assert (await store.wallets(LOCAL_OPERATOR).get(wallet.id)).ledger_balance == 5 * BATCH_SIZE_MAX + 4


async def test_cancelled_callers_do_not_cancel_their_commands(store, gate, engines) -> None:
    engine, app = engines()
    wallet = await a_wallet(app)
    gate.open.clear()
    leaving = [
        asyncio.create_task(app.execute(builders.deposit(wallet.id, "1"), key=f"key {number}"))
        for number in range(1000)
    ]
    await asyncio.sleep(0)
    for task in leaving:
        task.cancel()
    gate.open.set()
    await all_outcomes(leaving)
    assert all(task.cancelled() for task in leaving)
    assert not (await app.submit(builders.deposit(wallet.id, "1"), key="the next")).replayed
    await engine.stop()  # returns when no command waits
    assert (await store.wallets(LOCAL_OPERATOR).get(wallet.id)).ledger_balance == 1001


async def test_a_cancelled_caller_does_not_cancel_its_batch(store, gate, engines) -> None:
    _, app = engines()
    wallet = await a_wallet(app)
    crowd = await start_commands(app, gate, wallet, 1)
    left = asyncio.create_task(app.submit_batch(batch_of(5, wallet.id), key="a key"))
    await asyncio.sleep(0)
    left.cancel()
    gate.open.set()
    await all_outcomes([left, *crowd])
    assert left.cancelled()
    done = await app.submit_batch(batch_of(5, wallet.id), key="a key")
    assert done.replayed
    assert (await store.wallets(LOCAL_OPERATOR).get(wallet.id)).ledger_balance == 7


async def test_stopping_decides_the_queued_batches(store, gate, engines) -> None:
    engine, app = engines()
    wallet = await a_wallet(app)
    crowd = await start_commands(app, gate, wallet, 1)
    batches = [asyncio.create_task(app.submit_batch(batch_of(BATCH_SIZE_MAX, wallet.id))) for _ in range(3)]
    await asyncio.sleep(0)
    stopping = asyncio.create_task(engine.stop())
    gate.open.set()
    await stopping
    assert kinds([task.result() for task in (*crowd, *batches)]) == ["BatchOutcome"] * 3 + ["Transaction"] * 2
    assert (await store.wallets(LOCAL_OPERATOR).get(wallet.id)).ledger_balance == 3002


@pytest.mark.parametrize("alone_before", [0, 1, 2, 7])
async def test_a_failed_group_is_split_but_no_atomic_batch(
    store: MemoryStore, gate, engines, alone_before: int
) -> None:
    _, app = engines()
    wallet = await a_wallet(app)
    sizes: list[set[str | None]] = []

    def fault(point: Point, what: object) -> None:
        if point == "save" and isinstance(what, Book):
            references = {one.request.reference for one in what.transactions}
            sizes.append(references)
            if "bad" in references:
                raise ValueError("planted")

    _, failing = engines(Failing(gate, fault))
    gate.open.clear()
    first = asyncio.create_task(failing.execute(builders.deposit(wallet.id, "1")))
    await gate.arrived.wait()
    atomic = [builders.deposit(wallet.id, "1", reference=f"atomic {number}") for number in range(5)]
    independent = [builders.deposit(wallet.id, "1", reference=name) for name in ("good", "bad", "better")]
    tasks = [
        *(asyncio.create_task(failing.execute(builders.deposit(wallet.id, "1"))) for _ in range(alone_before)),
        asyncio.create_task(failing.submit_batch(builders.atomic(*atomic))),
        asyncio.create_task(failing.submit_batch(builders.independent(*independent))),
    ]
    await asyncio.sleep(0)
    gate.open.set()
    *of_singles, of_atomic, of_independent = await all_outcomes([*tasks])
    assert kinds([await first, *of_singles]) == ["Transaction"] * (1 + alone_before)
    assert isinstance(of_atomic, BatchOutcome)
    assert isinstance(of_independent, Unavailable)
    whole = {one.reference for one in atomic}
    assert [references & whole for references in sizes if references & whole not in (set(), whole)] == []
    assert (await store.wallets(LOCAL_OPERATOR).get(wallet.id)).ledger_balance == 1 + alone_before + 5 + 2


async def test_a_callers_key_never_equals_the_key_of_a_batch_item(engines) -> None:
    _, app = engines()
    wallet = await a_wallet(app)
    await app.submit_batch(batch_of(1, wallet.id), key="a key")
    outcomes = await all_outcomes(
        [
            app.submit(builders.deposit(wallet.id, "1"), key="a key\x1f0"),
            app.submit_batch(batch_of(1, wallet.id), key="a key\x1f0"),
        ]
    )
    assert kinds(outcomes) == ["InvalidRequest"] * 2


def batch_of(size: int, wallet_id: object) -> Batch:
    return builders.independent(*[builders.deposit(wallet_id, "1") for _ in range(size)])  # type: ignore[arg-type]
