"""A reader is declared once: its scope, its checks and its queries over the bus follow from the declaration."""

from __future__ import annotations

import re
from typing import Any, NamedTuple, Protocol, cast, get_type_hints
from uuid import UUID, uuid4

import pytest

import tekana
from tekana import Caller, Forbidden, InvalidRequest, PageRequest, Session, WalletId
from tekana.application.engine.engine import Engine
from tekana.application.readers import AMOUNT_RANGE
from tekana.application.session_reads import Parts
from tekana.domain.identifiers import CustomerId, WebhookEndpointId
from tekana.domain.money import Money
from tekana.ports.customers import CustomerFilter
from tekana.ports.page import Page
from tekana.ports.readers import READERS, Reader, Readers
from tekana.ports.transactions import TransactionFilter
from tekana.testing import builders
from tekana.testing.builders import RWF
from tekana.testing.session import session as a_session
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
    return SessionWithGoals(builders.caller(), Parts(StoreWithGoals(), cast("Engine", None)))


def test_a_reader_needs_its_scope(session: SessionWithGoals) -> None:
    lacking = Caller("main", "someone", tekana.SCOPES - {"audit:read"})
    with pytest.raises(Forbidden, match="audit:read"):
        _ = SessionWithGoals(lacking, Parts(StoreWithGoals(), cast("Engine", None))).goals
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


async def test_a_reversed_range_of_amounts_is_refused() -> None:
    async with a_session(store=MemoryStore()) as app:
        with pytest.raises(
            InvalidRequest, match="amount_min: must be at most amount_max, but 6 RWF is more than 5 RWF"
        ):
            await app.transactions.list(
                TransactionFilter(amount_min=Money(6, RWF), amount_max=Money(5, RWF)), PageRequest()
            )
        equal = TransactionFilter(amount_min=Money(5, RWF), amount_max=Money(5, RWF))
        assert (await app.transactions.list(equal, PageRequest())).items == ()


def test_every_pair_of_amounts_of_the_ports_is_checked() -> None:
    """A new field of a filter that looks like a bound has to be in AMOUNT_RANGE, or not to be one."""
    names = set()
    for reader in READERS:
        for query in reader.queries:
            hints = get_type_hints(vars(reader.port)[query])
            names |= {*hints, *(field for one in hints.values() for field in getattr(one, "_fields", ()))}
    assert {name for name in names if re.search(r"(^|_)(min|max)$", name)} == {*AMOUNT_RANGE}


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
