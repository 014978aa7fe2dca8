"""The posting engine: groups, limits, and queued commands."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from uuid_utils.compat import uuid7

from tekana import DepositFunds, InvalidRequest, Overloaded, PostingEngine, Tekana, Unavailable, UpdateCustomer, Wallet
from tekana.application import Session
from tekana.application.commands import validation
from tekana.application.engine import posting_engine
from tekana.application.engine.decide import fingerprint
from tekana.domain.caller import LOCAL_OPERATOR
from tekana.domain.errors import invalid
from tekana.ports.unit_of_work import UnitOfWork
from tekana.testing import builders
from tekana.testing.builders import RWF
from tekana.testing.contracts.faults import Failing, Poison, Times
from tekana.testing.contracts.helpers import a_wallet, all_outcomes, kinds
from tekana.testing.contracts.ledger_checks import assert_whole, customers, feed, transactions
from tekana_memory import MemoryStore


class Gate:
    """Units of work that wait until the gate opens, and are counted."""

    def __init__(self, store: MemoryStore) -> None:
        self.store = store
        self.open = asyncio.Event()
        self.open.set()
        self.arrived = asyncio.Event()
        self.begun = 0

    @asynccontextmanager
    async def __call__(self) -> AsyncIterator[UnitOfWork]:
        self.begun += 1
        self.arrived.set()
        await self.open.wait()
        async with self.store.begin() as unit:
            yield unit


Engine = Callable[..., Awaitable[Session]]


@pytest.fixture
async def store() -> AsyncIterator[MemoryStore]:
    store = MemoryStore()
    yield store
    await assert_whole(store)


@pytest.fixture
def gate(store: MemoryStore) -> Gate:
    return Gate(store)


@pytest.fixture
async def engines(store: MemoryStore, gate: Gate) -> AsyncIterator[Callable[..., tuple[PostingEngine, Session]]]:
    made: list[PostingEngine] = []

    def make(begin: object = None, **options: int) -> tuple[PostingEngine, Session]:
        engine = PostingEngine(
            begin or gate, uuid7, default_currency=RWF, new_secret=builders.readable_secret, **options
        )  # type: ignore[arg-type]
        engine.start()
        made.append(engine)
        return engine, Tekana(store, engine).as_caller(LOCAL_OPERATOR)

    yield make
    for engine in made:
        await engine.stop()


def deposits(app: Session, wallet: Wallet, count: int) -> list[asyncio.Task[object]]:
    return [asyncio.create_task(app.execute(builders.deposit(wallet.id, "1"))) for _ in range(count)]  # type: ignore[misc]


async def start_commands(app: Session, gate: Gate, wallet: Wallet, count: int) -> list[asyncio.Task[object]]:
    """Start one command, held at the gate, and `count` commands that wait behind it."""
    gate.open.clear()
    gate.arrived.clear()
    first = deposits(app, wallet, 1)
    await gate.arrived.wait()
    waiting = deposits(app, wallet, count)
    await asyncio.sleep(0)  # each task runs until it waits
    return first + waiting


async def test_commands_that_arrive_during_a_group_form_the_next_one(store, gate, engines) -> None:
    _, app = engines()
    wallet = await a_wallet(app)
    gate.begun = 0
    crowd = await start_commands(app, gate, wallet, 50)
    gate.open.set()
    await asyncio.gather(*crowd)
    assert gate.begun == 2
    assert (await store.wallets(LOCAL_OPERATOR).get(wallet.id)).ledger_balance == 51


async def test_the_size_of_groups_is_limited(store, gate, engines) -> None:
    _, app = engines(largest_group=10)
    wallet = await a_wallet(app)
    gate.begun = 0
    crowd = await start_commands(app, gate, wallet, 25)
    gate.open.set()
    await asyncio.gather(*crowd)
    assert gate.begun == 1 + 3


async def test_commands_over_the_queue_limit_are_refused(store, gate, engines) -> None:
    _, app = engines(largest_group=5, most_groups=1)
    wallet = await a_wallet(app)
    crowd = await start_commands(app, gate, wallet, 8)
    refused = [task for task in crowd if task.done()]
    assert kinds(await all_outcomes(refused)) == ["Overloaded"] * 3
    gate.open.set()
    assert kinds(await all_outcomes(crowd)) == ["Overloaded"] * 3 + ["Transaction"] * 6
    assert (await store.wallets(LOCAL_OPERATOR).get(wallet.id)).ledger_balance == 6
    await app.execute(builders.deposit(wallet.id, "1"))  # the queue has capacity again


async def test_stopping_decides_the_queued_commands(store, gate, engines) -> None:
    engine, app = engines(largest_group=4)
    wallet = await a_wallet(app)
    crowd = await start_commands(app, gate, wallet, 10)
    stopping = asyncio.create_task(engine.stop())
    await asyncio.sleep(0)
    with pytest.raises(Overloaded):
        await app.execute(builders.deposit(wallet.id, "1"))
    gate.open.set()
    await stopping
    assert kinds([task.result() for task in crowd]) == ["Transaction"] * 11
    assert (await store.wallets(LOCAL_OPERATOR).get(wallet.id)).ledger_balance == 11
    await engine.stop()  # repeated calls have no effect


async def test_the_engine_accepts_commands_only_while_it_runs(store, engines) -> None:
    engine, app = engines()
    engine.start()  # repeated calls have no effect
    wallet = await a_wallet(app)
    await engine.stop()
    with pytest.raises(Overloaded):
        await app.execute(builders.deposit(wallet.id, "1"))
    engine.start()
    await app.execute(builders.deposit(wallet.id, "1"))
    assert (await store.wallets(LOCAL_OPERATOR).get(wallet.id)).ledger_balance == 1


async def test_a_preview_stores_nothing(store, engines) -> None:
    _, app = engines()
    wallet = await a_wallet(app, "10")
    before = (
        await customers(store),
        await transactions(store),
        await feed(store),
        await store.wallets(LOCAL_OPERATOR).get(wallet.id),
    )
    assert (await app.preview(builders.withdrawal(wallet.id, "4"))).entries[0].ledger_balance_after == 6
    await app.preview(builders.person())
    await app.preview(builders.freeze(wallet.id))
    after = (
        await customers(store),
        await transactions(store),
        await feed(store),
        await store.wallets(LOCAL_OPERATOR).get(wallet.id),
    )
    assert after == before


async def test_the_number_of_waiting_previews_is_limited(store, gate, engines) -> None:
    _, app = engines()
    wallet = await a_wallet(app, "10")
    gate.open.clear()
    tasks = [asyncio.create_task(app.preview(builders.withdrawal(wallet.id, "4"))) for _ in range(150)]
    await asyncio.sleep(0)
    gate.open.set()
    assert kinds(await all_outcomes(tasks)) == ["Overloaded"] * 50 + ["Transaction"] * 100
    await app.preview(builders.withdrawal(wallet.id, "4"))  # the queue has capacity again


class Uncopyable(Exception):
    def __init__(self, one: str, *, other: str) -> None:
        super().__init__(f"{one} {other}")


class Unreachable(Unavailable):
    def __init__(self, *, host: str) -> None:
        super().__init__(f"cannot reach {host}")


@pytest.mark.parametrize("error", [Uncopyable("a", other="b"), invalid("amount", "is odd"), ZeroDivisionError("x")])
async def test_the_engine_continues_after_any_exception_of_a_store(store, engines, error: Exception) -> None:
    _, app = engines(Failing(store.begin, Poison("bad", error)))
    wallet = await a_wallet(app)
    references = ["good", "bad", "better"]
    outcomes = await all_outcomes(app.execute(builders.deposit(wallet.id, "1", reference=one)) for one in references)
    assert [type(one).__name__ for one in outcomes] == ["Transaction", type(error).__name__, "Transaction"]
    assert (await store.wallets(LOCAL_OPERATOR).get(wallet.id)).ledger_balance == 2


async def test_an_unreachable_store_fails_every_command_of_the_group(store, engines) -> None:
    _, good = engines()
    wallet = await a_wallet(good)
    _, app = engines(Failing(store.begin, Times("begin", Unreachable(host="db"), 3)))
    outcomes = await all_outcomes(app.execute(builders.deposit(wallet.id, "1")) for _ in range(4))
    assert all(isinstance(one, Unavailable) for one in outcomes)
    assert len({id(one) for one in outcomes}) == 4
    await app.execute(builders.deposit(wallet.id, "1"))
    assert (await store.wallets(LOCAL_OPERATOR).get(wallet.id)).ledger_balance == 1


async def test_an_unknown_outcome_asks_for_a_retry_with_the_same_key(store, engines) -> None:
    _, app = engines(Failing(store.begin, Times("begin", Unavailable("no connection"), 3)))
    with pytest.raises(Unavailable, match="retry with the same key"):
        await app.execute(builders.person())


ID = builders.wallet().id
NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)


def fingerprint_of(**fields: object) -> int:
    return fingerprint_of_command(DepositFunds(**({"wallet_id": ID, "amount": "10", "currency": "RWF"} | fields)))  # type: ignore[arg-type]


def fingerprint_of_command(command: Any) -> int:
    return fingerprint(command.NAME, command)


def test_equal_commands_have_equal_fingerprints() -> None:
    assert fingerprint_of() == fingerprint_of()
    assert fingerprint_of(metadata={"a": 1, "b": 2}) == fingerprint_of(metadata={"b": 2, "a": 1})
    earlier = NOON.astimezone(timezone(timedelta(hours=2)))
    assert fingerprint_of(effective_at=NOON) == fingerprint_of(effective_at=earlier)
    assert -(2**63) <= fingerprint_of() < 2**63


def test_different_commands_have_different_fingerprints() -> None:
    customer = builders.customer()
    others = [
        fingerprint_of(),
        fingerprint_of(amount="11"),
        fingerprint_of(currency="UGX"),
        fingerprint_of(description="x"),
        fingerprint_of(reference="x"),
        fingerprint_of(metadata={}),
        fingerprint_of(metadata={"a": 1}),
        fingerprint_of(metadata={"a": 1.0}),
        fingerprint_of(metadata={"a": True}),
        fingerprint_of(metadata={"a": "1"}),
        fingerprint_of(effective_at=NOON),
        fingerprint_of_command(builders.withdrawal(ID, "10")),
        fingerprint_of_command(UpdateCustomer(customer_id=customer.id, full_name="A")),
        fingerprint_of_command(UpdateCustomer(customer_id=customer.id, full_name="A", country=None)),
        fingerprint_of_command(UpdateCustomer(customer_id=customer.id, full_name="A", expected_version=1)),
    ]
    assert len(set(others)) == len(others)


async def test_alive_until_a_group_never_ends(
    engines: Callable[..., tuple[PostingEngine, Session]], store: MemoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(posting_engine, "STALL_SECONDS", 0.2)
    gate = Gate(store)
    engine, app = engines(gate)
    wallet = await a_wallet(app)
    gate.open.clear()
    waiting = deposits(app, wallet, 2)
    await gate.arrived.wait()
    engine.check_alive()
    await asyncio.sleep(0.3)
    with pytest.raises(Unavailable, match="in flight"):
        engine.check_alive()
    gate.open.set()
    await asyncio.gather(*waiting)
    engine.check_alive()
    await engine.stop()
    with pytest.raises(Unavailable):
        engine.check_alive()


async def test_what_is_found_invalid_when_it_is_decided_fails_alone(
    engines: Callable[..., tuple[PostingEngine, Session]], gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its group is neither split nor tried again, and nothing is kept under its key."""
    _, app = engines()
    aline = await app.execute(builders.person())
    monkeypatch.setattr(validation, "WITHDRAWN", frozenset({"KWD"}))
    currencies = ["RWF", "KWD"] * 5
    openings = [builders.open_wallet(aline.customer.id, currency) for currency in currencies]
    before = gate.begun
    outcomes = await all_outcomes(app.submit(one, key=f"key-{place}") for place, one in enumerate(openings))
    assert [type(one).__name__ for one in outcomes] == ["Executed", "InvalidRequest"] * 5
    assert gate.begun == before + 1
    again = await all_outcomes(app.submit(openings[1], key="key-1") for _ in range(2))
    assert kinds(again) == ["InvalidRequest"] * 2
    assert (await app.submit(openings[0], key="key-1")).answer.currency == "RWF"


def test_invalid_requests_are_not_refusals() -> None:
    with pytest.raises(InvalidRequest):
        fingerprint_of(amount="0")
