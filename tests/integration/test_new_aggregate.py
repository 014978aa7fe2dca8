"""A new aggregate, with a command, an event and an answer of its own, needs no change to any file; here pledges."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from operator import attrgetter
from typing import Annotated, Any, ClassVar, NewType
from uuid import UUID

import asyncpg
import pytest
from sqlalchemy import Boolean, Column, Table, Text, Uuid
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateTable

from tekana import CloseWallet
from tekana.application.commands.command import Struct
from tekana.application.event_payload import event_of_payload, event_payload
from tekana.application.event_schema import event_data_schema
from tekana.domain.answers import ANSWERS, AnswerKind
from tekana.domain.book import Book
from tekana.domain.caller import Scope
from tekana.domain.errors import Refused, WalletNotFound
from tekana.domain.event_fields import Amount, CurrencyCode, FieldMeaning
from tekana.domain.events import EVENT_TYPES, RecordedEvent
from tekana.domain.identifiers import WalletId
from tekana.domain.lock_set import LockKind, LockSet
from tekana.domain.money import Currency
from tekana.ports.store import Store
from tekana.testing import builders
from tekana.testing.clock import FrozenClock
from tekana.testing.contracts.fixtures import at_work
from tekana.testing.contracts.helpers import a_customer
from tekana.testing.contracts.ledger_checks import assert_whole, feed
from tekana_litestar import openapi
from tekana_memory import MemoryStore
from tekana_postgres import tables
from tekana_postgres.aggregates import KINDS
from tekana_postgres.aggregates.kind_rows import KindRows
from tekana_postgres.row_locks import RowLock
from tekana_postgres.tables.columns import event_count, moment, reference
from tests.integration.postgres_support import superuser
from tests.postgres_stores import postgres_store

PledgeId = NewType("PledgeId", UUID)


@dataclass(slots=True)
class Pledge:
    """A customer's promise to pay an amount."""

    id: PledgeId
    wallet_id: WalletId
    amount: int
    currency: Currency
    due_at: datetime
    is_open: bool = True
    sequence: int = 1

    @property
    def event_count(self) -> int:
        return self.sequence


PLEDGES = LockKind[PledgeId, Pledge]("pledge", wallets_of=lambda pledge: (pledge.wallet_id,))


@dataclass(frozen=True, slots=True, kw_only=True)
class PledgeMade(RecordedEvent):
    """A customer promised to pay."""

    NAME: ClassVar[str] = "PledgeMade"
    aggregate: ClassVar[str] = "pledge"
    pledge_id: PledgeId
    wallet_id: Annotated[WalletId, FieldMeaning("The wallet that will pay.")]
    amount: Amount
    currency: CurrencyCode
    due_at: Annotated[datetime, FieldMeaning("When it is due.")]
    is_open: bool


class MakePledge(Struct, frozen=True, kw_only=True):
    """Promise to pay."""

    NAME: ClassVar[str] = "tests.MakePledge"
    SCOPE: ClassVar[Scope] = "wallets:write"
    IDS: ClassVar[tuple[str, ...]] = ("wallet_id",)
    REFUSALS: ClassVar[tuple[type[Refused], ...]] = (WalletNotFound,)
    EXAMPLE: ClassVar[Mapping[str, Any]] = {}

    wallet_id: WalletId
    times: int = 1

    def locks(self) -> LockSet:
        return LockSet((self.wallet_id,))

    def decide(self, book: Book) -> Pledge:
        wallet = book.customer_wallet(self.wallet_id)
        due_at = book.now + timedelta(days=30)
        pledge = Pledge(PledgeId(book.new_id()), wallet.id, 500, wallet.currency, due_at, sequence=self.times)
        book.add(PLEDGES, pledge.id, pledge)
        for sequence in range(1, self.times + 1):
            book.record(
                PledgeMade(
                    pledge_id=pledge.id,
                    sequence=sequence,
                    occurred_at=book.now,
                    wallet_id=wallet.id,
                    amount=pledge.amount,
                    currency=wallet.currency,
                    due_at=due_at,
                    is_open=pledge.is_open,
                )
            )
        return pledge


_COLUMNS = ("id", "wallet_id", "amount", "currency", "due_at", "is_open", "sequence")


class PledgeRows(KindRows):
    """Implements KindRows for pledges."""

    async def lock(
        self, connection: asyncpg.Connection, ids: Sequence[PledgeId], row_lock: RowLock
    ) -> dict[PledgeId, Pledge]:
        statement = f"SELECT {', '.join(_COLUMNS)} FROM pledges WHERE id = ANY($1) ORDER BY id {row_lock}"
        return {row["id"]: Pledge(**row) for row in await connection.fetch(statement, ids)}

    async def save(
        self, connection: asyncpg.Connection, added: Mapping[PledgeId, Pledge], changed: Mapping[PledgeId, Pledge]
    ) -> None:
        rows = [tuple(getattr(one, name) for name in _COLUMNS) for one in added.values()]
        await connection.copy_records_to_table("pledges", records=rows, columns=_COLUMNS)


@pytest.fixture(autouse=True)
def registered(monkeypatch: pytest.MonkeyPatch) -> None:
    """Register what a release would list: the event, the answer and the rows."""
    monkeypatch.setitem(ANSWERS, Pledge, AnswerKind("Pledge", "pledge", attrgetter("id")))
    monkeypatch.setitem(EVENT_TYPES, PledgeMade.NAME, PledgeMade)
    monkeypatch.setitem(KINDS, PLEDGES.name, PledgeRows())


@pytest.fixture(params=["memory", "postgres"])
async def store(request: pytest.FixtureRequest, postgres_url: str) -> AsyncIterator[Store]:
    if request.param == "memory":
        yield MemoryStore(clock=FrozenClock())
        return
    table = Table(
        "pledges",
        tables.metadata,
        Column("id", Uuid, primary_key=True),
        reference("wallet_id", "wallets.id"),
        *(Column("amount", postgresql.BIGINT), Column("currency", Text), moment("due_at"), Column("is_open", Boolean)),
        event_count("sequence", "pledge"),
    )
    try:
        async with superuser(postgres_url) as connection:
            await connection.execute(str(CreateTable(table).compile(dialect=postgresql.dialect())))
            await connection.execute("GRANT SELECT, INSERT, UPDATE ON pledges TO PUBLIC")
        store = postgres_store(postgres_url, clock=FrozenClock())
        yield store
        await store.stop()
    finally:
        tables.metadata.remove(table)


async def test_its_events_are_published_and_audited(store: Store) -> None:
    async with at_work(store) as app:
        customer = await a_customer(app, "700")
        await app.execute(MakePledge(wallet_id=customer.wallets[0].id))
        [event] = [one for one in await feed(store) if isinstance(one, PledgeMade)]
        payload = event_payload(event)
        assert (payload.aggregate, payload.aggregate_id, payload.data["amount"]) == ("pledge", event.pledge_id, "500")
        assert event_of_payload(payload) == event
        assert (await app.execute(builders.withdrawal(customer.wallets[0].id, "100"))).entries
    await assert_whole(store)


async def test_its_events_are_not_taken_for_those_of_another_aggregate_that_they_name(store: Store) -> None:
    async with at_work(store) as app:
        [wallet] = (await a_customer(app)).wallets
        await app.execute(MakePledge(wallet_id=wallet.id, times=9))
        await app.execute(CloseWallet(wallet_id=wallet.id))
    await assert_whole(store)


async def test_a_missing_event_of_it_is_a_breach(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    async with at_work(store) as app:
        customer = await a_customer(app)
        monkeypatch.setattr(Book, "record", lambda *_: None)
        await app.execute(MakePledge(wallet_id=customer.wallets[0].id))
        assert [one.invariant.number async for one in app.audit() if not one.ok] == [9]


async def test_its_answer_is_stored_under_the_key_and_replayed(store: Store) -> None:
    async with at_work(store) as app:
        [wallet] = (await a_customer(app)).wallets
        made = await app.submit(MakePledge(wallet_id=wallet.id), key="a key")
        again = await app.submit(MakePledge(wallet_id=wallet.id), key="a key")
        assert (made.replayed, again.replayed) == (False, True)
        assert isinstance(again.answer, Pledge)
        assert again.answer == made.answer
        outcome = await app.outcomes.get("a key")
        assert (outcome.resource, outcome.resource_id, outcome.status) == ("pledge", again.answer.id, "succeeded")
    await assert_whole(store)


def test_the_schema_of_its_event_comes_from_the_fields() -> None:
    schema = event_data_schema(PledgeMade.NAME)
    assert schema["properties"]["due_at"] == {"description": "When it is due.", "type": "string", "format": "date-time"}
    assert schema["properties"]["is_open"] == {"type": "boolean"}
    assert schema["properties"]["amount"]["type"] == "string"
    assert list(schema["properties"]) == ["wallet_id", "amount", "currency", "due_at", "is_open"]


def test_a_path_with_its_id_has_an_example() -> None:
    [parameter] = openapi._path_parameters("/v1/pledges/{pledge_id}")
    assert UUID(parameter["example"]).version == 7
