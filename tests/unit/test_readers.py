"""A reader is declared once: its scope, its checks and its queries over the bus follow from the declaration."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple, Protocol, cast, get_type_hints
from uuid import UUID, uuid4

import pytest

import tekana
from tekana import Caller, Forbidden, InvalidRequest, PageRequest, Session, WalletId
from tekana.application.engine.engine import Engine
from tekana.application.readers import RANGES as RANGE_NAMES
from tekana.domain.identifiers import CustomerId, WebhookEndpointId
from tekana.domain.money import Money
from tekana.ports.customers import CustomerFilter
from tekana.ports.page import Page
from tekana.ports.readers import READERS, Reader, Readers
from tekana.ports.transactions import TransactionFilter
from tekana.testing import builders
from tekana.testing.builders import RWF
from tekana.testing.session import session as a_session
from tekana_kafka import query_messages, service_table
from tekana_memory import MemoryStore

WALLET = UUID("0198d2a0-0000-7000-8000-000000000002")


class GoalFilter(NamedTuple):
    customer_id: CustomerId | None = None
    name: str | None = None


class Goals(Protocol):
    """A toy port."""

    async def get(self, wallet_id: WalletId, times: int = 1) -> str:
        """Return a goal."""
        ...

    async def list(self, which: GoalFilter, page: PageRequest) -> Page[str]:
        """List goals."""
        ...


class MemoryGoals:
    """The toy port's implementation: it returns its arguments."""

    async def get(self, wallet_id: WalletId, times: int = 1) -> str:
        return f"{wallet_id!r} {times}"

    async def list(self, which: GoalFilter, page: PageRequest) -> Page[str]:
        return Page((repr(which), repr(page)), None)


class ReadersWithGoals(Readers, Protocol):
    def goals(self, caller: Caller) -> Goals:
        """Return the reader of goals."""
        ...


class StoreWithGoals(MemoryStore):
    def goals(self, caller: Caller) -> Goals:
        assert isinstance(caller, Caller)
        return MemoryGoals()


class SessionWithGoals(Session):
    __slots__ = ()
    goals = Reader(ReadersWithGoals.goals, scope="audit:read", service="wallet")


@pytest.fixture
def session() -> SessionWithGoals:
    return SessionWithGoals(builders.caller(), StoreWithGoals(), cast("Engine", None))


def test_a_reader_needs_its_scope(session: SessionWithGoals) -> None:
    lacking = Caller("main", "someone", tekana.SCOPES - {"audit:read"})
    with pytest.raises(Forbidden, match="audit:read"):
        _ = SessionWithGoals(lacking, StoreWithGoals(), cast("Engine", None)).goals
    assert session.goals is not None


async def test_identifiers_are_converted_wherever_they_are(session: SessionWithGoals) -> None:
    text: Any = str(WALLET)
    expected = f"{WALLET!r} 1"
    assert await session.goals.get(text) == await session.goals.get(wallet_id=text) == expected
    assert await session.goals.get(text, 2) == await session.goals.get(text, times=2) == f"{WALLET!r} 2"
    which, page = GoalFilter(CustomerId(WALLET), str(WALLET)), PageRequest(3)
    for filtered in (GoalFilter(text, text), which):
        assert (await session.goals.list(filtered, page)).items == (repr(which), repr(page))
    assert (await session.goals.list(GoalFilter(), page=page)).items == (repr(GoalFilter()), repr(page))
    with pytest.raises(InvalidRequest, match="wallet_id"):
        await session.goals.get(cast("WalletId", "x"))
    with pytest.raises(InvalidRequest, match="customer_id"):
        await session.goals.list(GoalFilter(customer_id=cast("CustomerId", 7)), page)


NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
RANGES: list[tuple[str, Any]] = [
    ("start", TransactionFilter(start=NOON, end=NOON - timedelta(microseconds=1))),
    ("start", TransactionFilter(start=NOON.replace(tzinfo=None), end=NOON)),
    ("end", TransactionFilter(end=NOON.replace(tzinfo=None))),
    ("amount_min", TransactionFilter(amount_min=Money(6, RWF), amount_max=Money(5, RWF))),
]


@pytest.mark.parametrize(("field", "which"), RANGES)
async def test_a_reversed_range_in_a_filter_is_refused(field: str, which: TransactionFilter) -> None:
    async with a_session(store=MemoryStore()) as app:
        with pytest.raises(InvalidRequest) as raised:
            await app.transactions.list(which, PageRequest())
        assert [one.field for one in raised.value.errors] == [field]


async def test_a_reversed_range_in_arguments_is_refused() -> None:
    async with a_session(store=MemoryStore()) as app:
        wallet_id = (await app.execute(builders.person())).wallets[0].id
        for bad in (
            app.wallets.entries(wallet_id, PageRequest(), NOON + timedelta(hours=1), NOON),
            app.wallets.entries(wallet_id, page=PageRequest(), end=NOON, start=NOON + timedelta(hours=1)),
        ):
            with pytest.raises(InvalidRequest, match="start: must not be after end"):
                await bad
        for start, end in ((NOON, NOON), (None, NOON), (NOON, None), (None, None)):
            assert (await app.wallets.entries(wallet_id, PageRequest(), start, end)).items == ()


def test_every_pair_of_bounds_of_the_ports_is_checked() -> None:
    """A new argument or field that looks like a bound has to be in RANGES, or not to be one."""
    names = set()
    for reader in READERS:
        for query in reader.queries:
            hints = get_type_hints(vars(reader.port)[query])
            names |= {*hints, *(field for one in hints.values() for field in getattr(one, "_fields", ()))}
    bounds = {name for name in names if re.search(r"(^|_)(start|end|min|max|from|to|since|until|before|after)$", name)}
    assert bounds == {name for pair in RANGE_NAMES for name in pair}


@pytest.fixture
def on_the_bus(monkeypatch: pytest.MonkeyPatch) -> Reader[Goals]:
    reader = SessionWithGoals.goals
    monkeypatch.setitem(service_table.PORTS, reader.name, reader.port)  # type: ignore[arg-type]
    return reader


async def test_its_queries_go_over_the_bus(on_the_bus: Reader[Goals]) -> None:
    assert on_the_bus.queries == ("get", "list")
    query = query_messages._query("goals.list", on_the_bus.service)
    message = query.message(builders.caller(), GoalFilter(name="a house"), PageRequest(2))
    assert message.topic == "wallet"
    assert query.arguments.decode(message.value) == {"which": GoalFilter(name="a house"), "page": PageRequest(2)}
    assert query.answer.decode(query.answer.encode(Page(("one",), None))) == Page(("one",), None)


def test_the_bus_knows_every_query_of_every_reader() -> None:
    queries = {f"{reader.name}.{query}": reader.service for reader in READERS for query in reader.queries}
    assert queries.items() <= service_table.SERVICE_OF.items()
    assert {reader.name for reader in READERS} >= {"customers", "wallets", "transactions", "events"}


@pytest.mark.parametrize("limit", [-1, 0, 201, 10**9, 1.0, "1", None])
async def test_a_page_of_another_size_is_refused(limit: Any) -> None:
    page = PageRequest(limit)
    async with a_session("memory://") as session:
        endpoint = uuid4()
        for read in (
            session.customers.list(CustomerFilter(), page),
            session.transactions.list(TransactionFilter(), page),
            session.events.list(page),
            session.webhooks.list(page),
            session.webhooks.deliveries(WebhookEndpointId(endpoint), page),
        ):
            with pytest.raises(InvalidRequest, match="limit: must be a whole number from 1 to 200"):
                await read
