"""Sessions: the scopes of a caller, the record of caller and request, and the caller's idempotency keys."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any, ClassVar

import msgspec
import pytest

import tekana
from tekana import Caller, Command, Forbidden, Session, Tekana, Unavailable
from tekana.application.commands import COMMANDS
from tekana.application.commands.money.wallet_fields import BetweenWallets
from tekana.domain.book import Book
from tekana.domain.caller import PART_OF, Scope
from tekana.domain.errors import Refused
from tekana.domain.transaction import Transaction
from tekana.testing import builders
from tekana.testing.contracts.helpers import a_wallet, all_outcomes, kinds
from tekana.testing.contracts.ledger_checks import assert_whole, feed
from tekana.testing.session import session
from tekana_memory import MemoryStore

EVERYTHING = tekana.PageRequest(limit=200)


@pytest.fixture
async def store() -> AsyncIterator[MemoryStore]:
    store = MemoryStore()
    yield store
    await assert_whole(store)


@pytest.fixture
async def app(store: MemoryStore) -> AsyncIterator[Session]:
    async with session(store=store) as app:
        yield app


def caller_with(*scopes: Scope) -> Caller:
    return replace(builders.caller(), scopes=frozenset(scopes))


def caller_without(scope: Scope) -> Caller:
    return replace(builders.caller(), scopes=tekana.SCOPES - {scope, PART_OF.get(scope)})


def some(kind: type[Command[Any]]) -> Any:
    example = {**dict.fromkeys(getattr(kind, "IDS", ()), builders.wallet().id), **kind.EXAMPLE}
    if "url" in example:
        example["url"] = "https://93.184.215.14/hooks"  # a name would have to be resolved
    return msgspec.convert(example, kind)


@pytest.mark.parametrize("kind", [*COMMANDS.values(), tekana.Batch])
async def test_a_command_needs_its_scope_and_no_other(store: MemoryStore, app: Session, kind: Any) -> None:
    command = some(kind)
    scopes = {kind.SCOPE, *(one.SCOPE for one in getattr(command, "transactions", ()))}
    lacking, having = app.as_caller(caller_without(kind.SCOPE)), app.as_caller(caller_with(*scopes))
    ways: list[Callable[[Session], Awaitable[object]]] = [lambda session: session.submit_batch(command, key="a key")]
    if kind is not tekana.Batch:
        ways = [
            lambda session: session.execute(command, key="a key"),
            lambda session: session.submit(command, key="a key"),
            lambda session: session.preview(command),
        ]
    refused = await all_outcomes([way(lacking) for way in ways])
    assert kinds(refused) == ["Forbidden"] * len(ways)
    assert all(kind.SCOPE in str(one) for one in refused)
    assert store._state.keys == {}
    allowed = await all_outcomes([way(having) for way in ways])
    assert all(not isinstance(one, Forbidden) for one in allowed)
    assert len(store._state.keys) == (1 if kind is not tekana.Batch else 1 + len(command.transactions))


READERS: dict[str, Scope] = {
    "customers": "customers:read",
    "wallets": "wallets:read",
    "transactions": "transactions:read",
    "events": "events:read",
    "webhooks": "webhooks:read",
    "audit": "audit:read",
}


@pytest.mark.parametrize("reader", READERS)
async def test_a_reader_needs_its_scope_and_no_other(app: Session, reader: str) -> None:
    with pytest.raises(Forbidden, match=READERS[reader]):
        getattr(app.as_caller(caller_without(READERS[reader])), reader)
    # The audit is of all tenants.
    having = caller_with(READERS[reader], *(["tenants:all"] if reader == "audit" else []))
    assert getattr(app.as_caller(having), reader) is not None


async def test_a_batch_needs_the_scope_of_each_of_its_commands(store: MemoryStore, app: Session) -> None:
    batch = some(tekana.Batch)  # of a deposit and a transfer
    sender = app.as_caller(caller_with("transactions:send"))
    assert kinds(await all_outcomes([sender.submit_batch(batch, key="a key")])) == ["Forbidden"]
    assert store._state.keys == {}


async def test_a_session_can_open_a_session_of_another_caller(app: Session) -> None:
    other = app.as_caller(tekana.LOCAL_OPERATOR).as_caller(builders.caller("partner 2"))
    assert (await other.execute(builders.person())).customer.created_by == "partner 2"


async def test_caller_and_request_id_are_recorded(store: MemoryStore, app: Session) -> None:
    one, two = (app.as_caller(builders.caller(name)) for name in ("partner 1", "partner 2"))
    wallet = (await one.execute(builders.person(), request_id="request 1")).wallets[0]
    deposit = await two.execute(builders.deposit(wallet.id), request_id="request 2")
    [refused] = await all_outcomes([two.execute(builders.withdrawal(wallet.id, "9999"), request_id="request 3")])
    assert isinstance(refused, Refused)
    assert isinstance(refused.transaction, Transaction)
    for transaction, request_id in ((deposit, "request 2"), (refused.transaction, "request 3")):
        recorded = transaction.tenant, transaction.created_by, transaction.request_id
        assert recorded == ("main", "partner 2", request_id)
    assert [(event.NAME, event.tenant, event.caller, event.request_id) for event in await feed(store)] == [
        ("CustomerRegistered", "main", "partner 1", "request 1"),
        ("WalletOpened", "main", "partner 1", "request 1"),
        ("FundsDeposited", "main", "partner 2", "request 2"),
        ("WalletDebited", "main", "partner 2", "request 2"),
        ("WalletCredited", "main", "partner 2", "request 2"),
        ("TransactionRejected", "main", "partner 2", "request 3"),
    ]


async def test_items_of_a_batch_are_recorded_with_the_batchs_caller(store: MemoryStore, app: Session) -> None:
    wallet = await a_wallet(app.as_caller(tekana.LOCAL_OPERATOR))
    partner = app.as_caller(builders.caller("partner 1"))
    deposits = builders.deposit(wallet.id), builders.deposit(wallet.id)
    for batch in (builders.atomic(*deposits), builders.independent(*deposits)):
        for one in (await partner.submit_batch(batch, request_id=batch.mode)).transactions:
            assert (one.created_by, one.request_id) == ("partner 1", batch.mode)


async def test_a_key_belongs_to_its_caller(app: Session) -> None:
    one, two = (app.as_caller(builders.caller(name)) for name in ("partner 1", "partner 2"))
    wallet = await a_wallet(one)
    answers = [await session.submit(builders.deposit(wallet.id), key="a key") for session in (one, two, one, two)]
    assert [answer.replayed for answer in answers] == [False, False, True, True]
    assert answers[0].answer.id != answers[1].answer.id
    assert [answer.answer for answer in answers[:2]] == [answer.answer for answer in answers[2:]]


class PayTwice(BetweenWallets, frozen=True, kw_only=True, tag_field="type", tag="transfer"):
    """A faulty command: it posts two transactions, and returns one of them."""

    NAME: ClassVar[str] = "PayTwice"
    EXAMPLE: ClassVar[Mapping[str, Any]] = {}

    def decide(self, book: Book) -> Transaction:
        super().decide(book)
        return super().decide(book)


async def test_a_command_that_posts_another_transaction_fails(store: MemoryStore, app: Session) -> None:
    operator = app.as_caller(tekana.LOCAL_OPERATOR)
    one, two = await a_wallet(operator, "1000"), await a_wallet(operator)
    twice = PayTwice(from_wallet_id=one.id, to_wallet_id=two.id, amount="1", currency="RWF")
    for _ in range(2):  # nothing is stored under the key either
        with pytest.raises(TypeError, match="PayTwice posted a transaction that is not its answer"):
            await operator.execute(twice, key="a key")
    assert (await operator.wallets.get(one.id)).ledger_balance == 1000
    assert (await operator.execute(builders.transfer(one.id, two.id), key="a key")).status == "posted"


async def test_a_gateway_without_webhooks_or_a_ledger_raises_unavailable(store: MemoryStore) -> None:
    class Gateway:
        pass

    session = Tekana(Gateway(), Gateway()).as_caller(tekana.LOCAL_OPERATOR)  # type: ignore[arg-type]
    with pytest.raises(Unavailable, match="webhooks"):
        _ = session.webhooks
    with pytest.raises(Unavailable, match="ledger"):
        _ = session.audit
